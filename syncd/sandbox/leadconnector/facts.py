"""What no document tells of a location: each test and each simulated day chooses.

Anchors such as (#blocks) are sections of docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.leadconnector.records import Calendar, Meeting


class Facts:
    """The knobs of a location, of either version.

    - ``update_replaces``: what an update of an appointment leaves out is reset
      (#writing-appointments); otherwise it stays as it was. ``block_update_replaces``: the same of
      a block's title;
    - ``blocks_by_id``: a block is answered by its id, where v2 reads appointments
      (#reading-one-event);
    - ``second_delete``: the status that answers the deletion of a deleted block;
    - ``block_closes_calendars``: a user's block closes the slots of the user's calendars, except of
      those that ignore blocks (`Calendar.ignores_blocks`); otherwise of none;
    - ``group_lists_all``: a list by group shows all calendars of the group; otherwise the one that
      was added last is missing;
    - ``version_v3``: the calls for calendars accept the header ``Version: v3``;
    - ``lists_service_bookings``: lists show what was booked through a service menu;
    - ``writes_whole_series``: an update of one instance of a series changes all of them alike;
    - ``hosts_listed``: the list of a further host's user shows the meeting; ``users_name_owner``:
      its ``users`` name the assigned user, too; ``update_drops_hosts``: an update loses the others;
    - ``refuses_unknown_users``, ``refuses_unknown_groups``: a list for a user, or for a group or
      team, that is not there is refused.
    """

    carried: frozenset[str] = frozenset()
    """The instances that the last write to another one changed along with it."""

    update_replaces = True
    block_update_replaces = True
    blocks_by_id = False
    second_delete = 400
    block_closes_calendars = True
    group_lists_all = True
    version_v3 = True
    lists_service_bookings = False
    writes_whole_series = False
    hosts_listed = False
    users_name_owner = True
    update_drops_hosts = False
    refuses_unknown_users = False
    refuses_unknown_groups = False

    calendars: dict[str, Calendar]

    def is_listed(self, meeting: Meeting) -> bool:
        """Return whether lists show such an appointment at all."""
        return not meeting.deleted and (self.lists_service_bookings or not meeting.service)

    def listed_group(self, calendar: str) -> str:
        """Return the group whose lists show a calendar; '' for none."""
        group = self.calendars[calendar].group
        members = [each.id for each in self.calendars.values() if each.group == group]
        return group if self.group_lists_all or calendar != members[-1] else ""

    def listed_as(self, meeting: Meeting, user: str) -> str:
        """Return whose meeting it is to a list that asks for this user."""
        if not self.calendars[meeting.calendar].shows_user:
            return ""
        return user if self.hosts_listed and user in meeting.hosts else meeting.user
