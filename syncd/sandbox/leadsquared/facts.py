"""What no document tells of a LeadSquared account: each test and each simulated day chooses.

Where the platform notes leave a fact open, the emulator takes by default the answer that the
documents suggest, or the one that asks more of a client. Anchors such as (#users) are sections of
docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from syncd.sandbox.leadsquared import fields
from syncd.sandbox.leadsquared.records import Status, Task

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

USUAL_LENGTH = timedelta(hours=1)
"""How long everything is that people enter in an account whose rows carry no end."""


class Facts:
    """The knobs of an account.

    - ``rate_spelling``: "429", "403" or "200", how too many calls are refused (#rate-limits);
    - ``largest_page``: more rows are not given, whatever PageSize says (#listing-appointments);
    - ``lists_completed``, ``lists_cancelled``: whether lists show such appointments (#status);
    - ``date_zone``: in which zone a bare date begins, "" for the account's (#listing-appointments);
    - ``rows_carry_owner``: whether rows name their owner's address, or only the owner's id;
    - ``rows_carry_end``: whether rows have an EndDate. Where they have none, everything that people
      enter has `USUAL_LENGTH`, and people move it as it is: no client could see anything else;
    - ``completing_changes_end``: whether a completed task shows the time of its completion as its
      end, even if that is before its start;
    - ``writes_whole_series``: a time update of one task of a recurrence moves all of them alike;
    - ``refuses_overlaps``: whether a create onto taken time fails where the type allows no
      conflicts (#busy-tasks);
    - ``deletes_later``: whether a deletion is only accepted, and done like a time update
      (#deleting);
    - ``most_bulk_rows``: a time update or bulk cancel of more rows is refused
      (#moving-appointments);
    - ``refuses_rows``: an update or cancellation with any of these tasks is refused as a whole, and
      none of them is deleted; ``refuses_unknown_rows``: one with a task that is not there is, too;
    - ``home_host``: the account lives there, so that all other hosts refuse it, in words that name
      the right one (#hosts);
    - ``shows_conflicts``: whether task types tell Allow Conflicts, which no document shows
      (#task-types);
    - ``slot_names``: what the two ends of a free slot are called (#free-slots);
    - ``refuses_unknown_users``: whether a list for an address that nobody has is refused
      (#listing-appointments);
    - ``cancel_path``: where the bulk cancel is; ``cancel_answer``: what is there: "" cancels as a
      queued job, "bare" and "odd" do so and answer with less than is documented, "nothing" says so
      and changes nothing, "html", "error", "forbidden" and "unknown" are another thing altogether;
    - ``phone_spelling``: "digits", or "dashed" as one tenant wants it (#leads).
    """

    rate_spelling = "429"
    largest_page = 1000
    lists_completed = True
    lists_cancelled = True
    date_zone = ""
    rows_carry_owner = True
    rows_carry_end = True
    completing_changes_end = False
    writes_whole_series = False
    refuses_overlaps = False
    deletes_later = False
    most_bulk_rows = 1000
    refuses_rows: frozenset[str] = frozenset()
    refuses_unknown_rows = False
    home_host = ""
    shows_conflicts = False
    slot_names = ("StartTime", "EndTime")
    refuses_unknown_users = False
    cancel_path = "Task.svc/BulkCancelAppointments"
    cancel_answer = ""
    phone_spelling = "digits"
    usual_job_seconds = 0.3

    def as_shown(self, task: Task, shown: dict[str, Any]) -> dict[str, Any]:
        """Return a row with what rows of this account carry."""
        if self.completing_changes_end and task.status is Status.COMPLETE and task.completed_at:
            shown["EndDate"] = f"{task.completed_at:%Y-%m-%d %H:%M:%S}"
        if not self.rows_carry_end:
            del shown["EndDate"]
        if not self.rows_carry_owner:
            del shown["OwnerEmailAddress"]
        return shown

    def check_rows(self, ids: Collection[str], there: Collection[str]) -> None:
        """Refuse a bulk call for its size, or because of one of its rows. Raises Refusal.

        ``there`` are those that are not deleted.
        """
        if len(ids) > self.most_bulk_rows:
            fields.refuse(fields.BAD_INPUT, "Too many tasks in one request")
        if not self.refuses_rows.isdisjoint(ids):
            fields.refuse(fields.BAD_INPUT, "One of these items cannot be changed")
        if self.refuses_unknown_rows and len(there) < len(ids):
            fields.refuse(fields.NO_ENTITY, "Task does not exist in the system")

    def end_by_hand(self, start: datetime, end: datetime, before: Task | None = None) -> datetime:
        """Return the end of what a person enters, or moves from where it was before."""
        if self.rows_carry_end:
            return end
        return start + (before.end - before.start if before else USUAL_LENGTH)
