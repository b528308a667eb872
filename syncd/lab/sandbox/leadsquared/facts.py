"""Undocumented behaviour of a LeadSquared account; each test and each simulated day chooses it.

Where the platform notes leave a fact open, the default is what the documents suggest, or the harder
case for a client. Anchors such as (#users) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from syncd.lab.sandbox.leadsquared import fields
from syncd.lab.sandbox.leadsquared.records import TaskRecord, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

USUAL_LENGTH = timedelta(hours=1)
"""The length of everything that people enter in an account whose rows have no end."""


class AccountFacts:
    """The knobs of an account.

    - ``rate_spelling``: "429", "403" or "200", the status of a rate-limit refusal (#rate-limits);
    - ``largest_page``: the maximum number of rows per page, regardless of PageSize
      (#listing-appointments);
    - ``lists_completed``, ``lists_cancelled``: lists include such appointments (#status);
    - ``date_zone``: the time zone of a bare date's midnight, "" for the account's
      (#listing-appointments);
    - ``rows_carry_owner``: rows contain their owner's e-mail address; otherwise only the owner's
      id;
    - ``rows_carry_end``: rows have an EndDate. If not, everything that people enter has
      `USUAL_LENGTH`, and people do not change it: a client could not see a different length;
    - ``completing_changes_end``: the end of a completed task is the time of its completion, even
      before its start;
    - ``writes_whole_series``: a time update of one task of a recurrence moves all of them;
    - ``refuses_overlaps``: a create that overlaps fails if the type allows no conflicts
      (#busy-tasks);
    - ``deletes_later``: a deletion is only queued, like a time update (#deleting);
    - ``most_bulk_rows``: a time update or bulk cancel of more rows is refused
      (#moving-appointments);
    - ``refuses_rows``: an update or cancellation with any of these tasks is refused as a whole, and
      these tasks are never deleted; ``refuses_unknown_rows``: the same for a call with an unknown
      task;
    - ``home_host``: the account's host. All other hosts refuse it and name the right one (#hosts);
    - ``shows_conflicts``: task types contain Allow Conflicts, which no document shows
      (#task-types);
    - ``slot_names``: the field names for the start and end of a free slot (#free-slots);
    - ``refuses_unknown_users``: a list for an unknown e-mail address is refused
      (#listing-appointments);
    - ``cancel_path``: the path of the bulk cancel; ``cancel_answer``: what happens there. ""
      cancels as a queued job; "bare" and "odd" do so with a response shorter than documented;
      "nothing" reports success and changes nothing; "html", "error", "forbidden" and "unknown" are
      answers of something else;
    - ``phone_spelling``: "digits", or "dashed" as one tenant requires (#leads).
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

    def adjust_row(self, task: TaskRecord, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with only the fields that rows of this account have."""
        if self.completing_changes_end and task.status is TaskStatus.COMPLETE and task.completed_at:
            row["EndDate"] = f"{task.completed_at:%Y-%m-%d %H:%M:%S}"
        if not self.rows_carry_end:
            del row["EndDate"]
        if not self.rows_carry_owner:
            del row["OwnerEmailAddress"]
        return row

    def check_rows(self, ids: Collection[str], existing: Collection[str]) -> None:
        """Refuse a bulk call for its size or for one of its rows. Raises `RefusalError`.

        ``ids`` are the ids in the request, ``existing`` those of them whose tasks exist and are not
        deleted.
        """
        if len(ids) > self.most_bulk_rows:
            fields.refuse(fields.BAD_INPUT, "Too many tasks in one request")
        if not self.refuses_rows.isdisjoint(ids):
            fields.refuse(fields.BAD_INPUT, "One of these items cannot be changed")
        if self.refuses_unknown_rows and len(existing) < len(ids):
            fields.refuse(fields.NO_ENTITY, "Task does not exist in the system")

    def end_by_hand(
        self, start: datetime, end: datetime, before: TaskRecord | None = None
    ) -> datetime:
        """Return the end of an appointment that a person enters, or moves from ``before``."""
        if self.rows_carry_end:
            return end
        return start + (before.end - before.start if before else USUAL_LENGTH)
