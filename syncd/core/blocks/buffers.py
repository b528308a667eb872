"""Widen blocks by the buffers of the calendars on which a meeting is booked.

Only blocks cover buffers; a meeting's own time, its twins and the match by equal start and end do
not. `as_meeting` turns the value of a block back into the meeting's time.
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
    """Return the buffer that a block for ``booking`` covers in ``system``.

    The platform itself adds the buffers of calendars of ``system``, so those do not count. If
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
    """Return the bookings whose blocks must be planned without a buffer.

    Used when the platform refused blocks because their buffers overlap other events.

    - ``wanted``: the intervals to block, buffers included, with the bookings that need each block.
    - ``refused``: those intervals of ``wanted`` that the platform refused.

    A neighbouring meeting's buffer must not overlap the time of such a meeting either, so the
    neighbour loses its buffer too. A neighbour whose own time overlaps keeps its buffer: without
    the buffer, the times would still overlap.
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
    """Return ``record`` with each value of our block turned into the time of its meeting.

    Used when a booking follows a block that somebody on the platform moved. An event that is not
    ours is returned unchanged.
    """
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
