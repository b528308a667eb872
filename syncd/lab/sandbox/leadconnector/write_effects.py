"""Store an appointment that a request wrote, with the side effects that the knobs select."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.lab.sandbox.damage import damaged_meeting

if TYPE_CHECKING:
    from syncd.lab.sandbox.leadconnector.location import LocationState
    from syncd.lab.sandbox.leadconnector.records import Meeting


def apply_write(location: LocationState, meeting: Meeting) -> None:
    """Store an appointment as a request wrote it, with damage to its other fields.

    With ``writes_whole_series`` all instances of the appointment's series change in the same way;
    no document says whether the platform does that.
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
            location.damaged.add(
                meeting.id
            )  # No request can set hosts, so no client intended this.
    location.meetings.put(meeting.id, meeting)
    location.changed_with_series = frozenset()
    if not (location.writes_whole_series and before is not None and meeting.series):
        return
    start_shift, end_shift = meeting.start - before.start, meeting.end - before.end
    for other in location.instances(meeting.series):
        if other.id != meeting.id:
            changed = replace(
                other,
                start=other.start + start_shift,
                end=other.end + end_shift,
                status=meeting.status if meeting.status != before.status else other.status,
                updated_at=meeting.updated_at,
            )
            location.meetings.put(other.id, changed)
            location.changed_with_series |= {other.id}
