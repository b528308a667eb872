"""Widen blocks by the buffers of the calendars on which a meeting is booked.

Only blocks have buffers. A meeting's own time, its twins and the match by equal start and end do
not. A value read from a block is turned back into the meeting's time here.
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
    workspace: Workspace, calendars: Mapping[str, CalendarState], booking: Booking, system: str
) -> Buffer:
    """Return the buffer that a block for a booking covers in a system.

    The calendars of that system itself add their buffers on their own, so they do not count. If
    several other calendars have the meeting, the longest buffer on each side counts.
    """
    buffer = NO_BUFFER
    if booking.kind is not Kind.APPOINTMENT:
        return buffer
    for record in workspace.appointments(booking.id):
        calendar = calendars.get(record.system)
        if calendar is None or record.system == system or record.observed is None:
            continue
        buffer = buffer.widest(calendar.buffers.get(record.service or "", NO_BUFFER))
    return buffer


def buffers_of(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    bookings: Iterable[Booking],
    system: str,
) -> Mapping[str, Buffer]:
    """Return the buffers that blocks cover in a system, by booking.

    Bookings without a buffer are left out.
    """
    if not any(calendar.buffers for calendar in calendars.values()):
        return {}
    pairs = ((b.id, buffer_of(workspace, calendars, b, system)) for b in bookings)
    return {booking: buffer for booking, buffer in pairs if buffer}


def without_buffers(
    workspace: Workspace,
    wanted: Mapping[tuple[datetime, datetime], AbstractSet[str]],
    refused: Iterable[tuple[datetime, datetime]],
) -> set[str]:
    """Return the bookings whose blocks must cover no buffer, given the intervals that were refused.

    A neighbour's buffer must not overlap the time of such a meeting either, so the neighbour loses
    its buffer too. A neighbour whose own time overlaps keeps its buffer: to drop it would free
    nothing.
    """
    unbuffered: set[str] = set()
    added = {booking for interval in refused for booking in wanted[interval]}
    while added:
        unbuffered |= added
        meeting_times = [workspace.bookings[booking].agreed for booking in added]
        added = {
            booking
            for (start, end), serves in wanted.items()
            for booking in serves
            if any(
                time.start < end
                and start < time.end
                and not workspace.bookings[booking].agreed.overlaps(time)
                for time in meeting_times
            )
        } - unbuffered
    return unbuffered


def as_meeting(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    booking: Booking,
    record: TrackedEvent,
) -> TrackedEvent:
    """Return our block with its values turned into the time of its meeting."""
    buffer = (
        buffer_of(workspace, calendars, booking, record.system)
        if record.created_by_us
        else NO_BUFFER
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
