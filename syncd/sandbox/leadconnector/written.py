"""What a request makes of an appointment of a location, besides what it names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.sandbox.damage import damaged_meeting

if TYPE_CHECKING:
    from syncd.sandbox.leadconnector.location import Location
    from syncd.sandbox.leadconnector.records import Meeting


def write_meeting(location: Location, meeting: Meeting) -> None:
    """Keep what a request made of an appointment.

    Of a series all instances change alike, if ``writes_whole_series``: nothing is known of it.
    """
    before = location.meetings.get(meeting.id)
    if before is not None:
        moved = (meeting.start, meeting.end) != (before.start, before.end)
        damage = location.update_damage if moved else location.status_damage
        if damage is not None:
            location.damaged.add(meeting.id)
        users = location.calendars[meeting.calendar].users
        meeting = damaged_meeting(meeting, damage, users, location.calendars)
        if not set(before.hosts) <= {meeting.user, *meeting.hosts}:
            location.damaged.add(meeting.id)  # No request can name hosts, so none meant that.
    location.meetings.put(meeting.id, meeting)
    location.carried = frozenset()
    if not (location.writes_whole_series and before is not None and meeting.series):
        return
    by, longer = meeting.start - before.start, meeting.end - before.end
    for other in location.instances(meeting.series):
        if other.id != meeting.id:
            changed = replace(
                other,
                start=other.start + by,
                end=other.end + longer,
                status=meeting.status if meeting.status != before.status else other.status,
                updated_at=meeting.updated_at,
            )
            location.meetings.put(other.id, changed)
            location.carried |= {other.id}
