"""Undocumented behaviour of a location; each test and each simulated day chooses it.

Anchors such as (#blocks) are sections of docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.lab.sandbox.leadconnector.records import CalendarRecord, Meeting


class LocationFacts:
    """The knobs of a location, v2 or v1.

    - ``update_replaces``: an update of an appointment resets the fields that it omits
      (#writing-appointments); otherwise they stay. ``block_update_replaces``: the same for a
      block's title;
    - ``blocks_by_id``: a read of an appointment by id also finds blocks (#reading-one-event);
    - ``second_delete``: the status that answers the deletion of a deleted block;
    - ``block_closes_calendars``: a user's block closes the slots of the user's calendars, except
      those with `CalendarRecord.ignores_blocks`; otherwise a block closes no slots;
    - ``group_lists_all``: a list by group shows all calendars of the group; otherwise the list
      omits the calendar that was added last;
    - ``version_v3``: the calls for calendars accept the header ``Version: v3``;
    - ``lists_service_bookings``: lists include bookings of service menus;
    - ``writes_whole_series``: an update of one instance of a series changes all instances;
    - ``hosts_listed``: the list of a further host's user includes the meeting;
      ``users_name_owner``: a meeting's ``users`` include the assigned user; ``update_drops_hosts``:
      an update removes the further hosts;
    - ``refuses_unknown_users``, ``refuses_unknown_groups``: a list for an unknown user, or for an
      unknown group or team, is refused.
    """

    changed_with_series: frozenset[str] = frozenset()
    """Ids of the other instances of the series that the last write also changed."""

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

    calendars: dict[str, CalendarRecord]

    def is_listed(self, meeting: Meeting) -> bool:
        """Return true if lists include this appointment."""
        return not meeting.deleted and (self.lists_service_bookings or not meeting.service)

    def listed_group(self, calendar: str) -> str:
        """Return the group whose lists include a calendar; '' for none."""
        group = self.calendars[calendar].group
        members = [each.id for each in self.calendars.values() if each.group == group]
        return group if self.group_lists_all or calendar != members[-1] else ""

    def listed_as(self, meeting: Meeting, user: str) -> str:
        """Return the user under whom a list for ``user`` shows this meeting; '' for none."""
        if not self.calendars[meeting.calendar].shows_user:
            return ""
        return user if self.hosts_listed and user in meeting.hosts else meeting.user
