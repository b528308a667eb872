"""Compute the blocks of a provider that may have several meetings at once, such as equipment.

A time must be blocked if at least as many meetings take place as the provider has units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from syncd.core.blocks.wanted import NO_BUFFERS
from syncd.core.inputs import CalendarState
from syncd.model import NO_BUFFER, Booking, Buffer, TrackedEvent, Value
from syncd.model.intervals import Interval, overlap, sweep, truncate


def blocks_at_capacity(
    calendar: CalendarState,
    bookings: Iterable[Booking],
    appointments: Mapping[str, Sequence[TrackedEvent]],
    claims: Mapping[str, Sequence[Value]],
    units: int,
    now: datetime,
    buffers: Mapping[str, Buffer] = NO_BUFFERS,
) -> dict[Interval, set[str]]:
    """Return the intervals that this calendar must block, each with the bookings that need it.

    ``units`` is how many meetings the provider may have at one time. The other parameters are as in
    `blocks.wanted_blocks`. While ``units`` or more of the meetings are in this calendar itself, the
    platform closes the time, and no block is needed. All values that a held conflict claims count.
    """
    uses: list[tuple[Value, str, bool]] = []
    for booking in bookings:
        here = any(r.system == calendar.system for r in appointments.get(booking.id, ()))
        buffer = buffers.get(booking.id, NO_BUFFER)
        values = map(buffer.expand, (booking.agreed, *claims.get(booking.id, ())))
        uses += [(truncate(v, calendar.grain), booking.id, here) for v in values if v.busy]

    def is_full(at: datetime) -> bool | None:
        running = {(b, here) for v, b, here in uses if v.start <= at < v.end}
        return (len(running) >= units and sum(here for _, here in running) < units) or None

    wanted: dict[Interval, set[str]] = defaultdict(set)
    for start, end, _ in sweep((edge for v, _, _ in uses for edge in v.interval), is_full):
        if end > now:
            span = (start, end)
            wanted[span] |= {b for v, b, _ in uses if overlap(v.interval, span)}
    return dict(wanted)
