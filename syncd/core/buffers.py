"""How far blocks reach beyond a meeting: the buffers of the calendars that it is booked on.

Only blocks are widened. The meeting's own time, its twins and the match by equal start and end know
nothing of buffers: what is read from a block is put back into the meeting's time here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from syncd.core.inputs import CalendarState
from syncd.core.workspace import Workspace
from syncd.model import NO_BUFFER, Booking, Buffer, Kind, TrackedEvent, Value


def buffer_of(
    draft: Workspace, calendars: Mapping[str, CalendarState], booking: Booking, system: str
) -> Buffer:
    """The buffer that a block for a booking covers in a system.

    The system's own calendars keep their buffers by themselves. Of several calendars that show the
    meeting the longest buffer on each side counts.
    """
    found = NO_BUFFER
    if booking.kind is not Kind.APPOINTMENT:
        return found
    for record in draft.appointments(booking.id):
        calendar = calendars.get(record.system)
        if calendar is None or record.system == system or record.observed is None:
            continue
        found = found.widest(calendar.buffers.get(record.service or "", NO_BUFFER))
    return found


def buffers_of(
    draft: Workspace,
    calendars: Mapping[str, CalendarState],
    bookings: Iterable[Booking],
    system: str,
) -> Mapping[str, Buffer]:
    """The buffers that blocks cover in a system, by booking; those without one are left out."""
    if not any(calendar.buffers for calendar in calendars.values()):
        return {}
    found = ((b.id, buffer_of(draft, calendars, b, system)) for b in bookings)
    return {booking: buffer for booking, buffer in found if buffer}


def without_buffers(
    draft: Workspace,
    wanted: Mapping[tuple[datetime, datetime], AbstractSet[str]],
    refused: Iterable[tuple[datetime, datetime]],
) -> set[str]:
    """The bookings whose blocks cover no buffer, as a system refuses these of the wanted intervals.

    A neighbour's buffer must not be in the way of a meeting's own time either. One whose own
    time is in the way keeps its buffer: without it there would be no more room.
    """
    plain: set[str] = set()
    more = {booking for interval in refused for booking in wanted[interval]}
    while more:
        plain |= more
        times = [draft.bookings[booking].agreed for booking in more]
        more = {
            booking
            for (start, end), serves in wanted.items()
            for booking in serves
            if any(
                time.start < end
                and start < time.end
                and not draft.bookings[booking].agreed.overlaps(time)
                for time in times
            )
        } - plain
    return plain


def as_meeting(
    draft: Workspace, calendars: Mapping[str, CalendarState], booking: Booking, record: TrackedEvent
) -> TrackedEvent:
    """Return a block of ours with the time of the meeting that it stands for."""
    buffer = (
        buffer_of(draft, calendars, booking, record.system) if record.created_by_us else NO_BUFFER
    )
    if not buffer:
        return record
    return replace(
        record,
        observed=_within(buffer, record.observed),
        base=_within(buffer, record.base),
        written=_within(buffer, record.written),
        before_write=_within(buffer, record.before_write),
    )


def _within(buffer: Buffer, value: Value | None) -> Value | None:
    return buffer.shrink(value) if value is not None else None
