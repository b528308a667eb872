"""Compute which intervals a calendar must block, and the fewest writes that do it.

A busy interval needs one block in each of the provider's calendars that has no appointment of that
booking. Bookings with exactly the same interval share a block. A block that syncd made is never the
reason for another block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from syncd.core.event_state.observation import expected_value, has_other_time, has_pending_change
from syncd.core.inputs import CalendarState
from syncd.model import (
    NO_BUFFER,
    Action,
    Booking,
    Buffer,
    Conflict,
    Kind,
    Operation,
    Replica,
    Role,
    Status,
    TrackedEvent,
    Value,
)
from syncd.model.intervals import Interval, overlap, truncate

NO_BUFFERS: Mapping[str, Buffer] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OurBlock:
    """A block that syncd made, and the bookings that it serves.

    ``bookings``: the ids of the bookings. ``untouchable``: syncd neither moves nor removes the
    block now, because a rule released the block, or a manual edit of the block is not decided yet.
    The block takes up the time at which it is shown.
    """

    record: TrackedEvent
    bookings: frozenset[str]
    untouchable: bool = False

    @property
    def interval(self) -> Interval | None:
        """The interval at which syncd expects the block; the shown one if it is untouchable."""
        value = expected_value(self.record) or self.record.observed
        if self.untouchable:
            value = self.record.observed
        return value.interval if value else None

    @property
    def exists(self) -> bool:
        """True if the block is not proven to be gone."""
        return self.record.observed is not None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What one calendar needs: writes, and links that change without a write.

    - ``operations``: the writes.
    - ``links``: (event id of an existing block, ids of the bookings that it serves from now on).
    - ``gone``: the blocks that are proven to be gone and no longer serve any booking.
    - ``already_there``: the blocks that are at a wanted interval although no write that put them
      there was confirmed.
    - ``wanted``, ``open``: how many intervals must be blocked, and how many of these are not
      blocked yet.
    - ``intervals``: the intervals that must be blocked, each with the bookings that need the block.
    - ``adopted``: the orphans that became ours.
    - ``refused``: the conflicts because of which blocks are planned without buffers.
    """

    operations: tuple[Operation, ...] = ()
    links: tuple[tuple[str, frozenset[str]], ...] = ()
    gone: tuple[TrackedEvent, ...] = ()
    already_there: tuple[TrackedEvent, ...] = ()
    wanted: int = 0
    open: int = 0
    intervals: Mapping[Interval, AbstractSet[str]] = field(default_factory=dict)
    adopted: tuple[TrackedEvent, ...] = ()
    refused: tuple[Conflict, ...] = ()


def wanted_blocks(
    calendar: CalendarState,
    bookings: Iterable[Booking],
    appointments: Mapping[str, Sequence[TrackedEvent]],
    claims: Mapping[str, Sequence[Value]],
    others: Iterable[TrackedEvent],
    now: datetime,
    released: AbstractSet[str] = frozenset(),
    buffers: Mapping[str, Buffer] = NO_BUFFERS,
) -> dict[Interval, set[str]]:
    """Return the intervals that this calendar must block, each with the bookings that need it.

    - ``appointments``: the appointments of each booking that count as the meeting.
    - ``claims``: the values of held conflicts; each of these intervals must be blocked.
    - ``others``: events of this calendar that already take up their time: blocks that somebody on
      the platform made, and appointments that are not matched yet.
    - ``now``: no block is planned for an interval that is over.
    - ``released``: the bookings that need no block in this calendar.
    - ``buffers``: the time that a block covers before and after a meeting, by booking.
    """
    others = [r for r in others if r.observed is not None and r.observed.busy]
    taken = {record.observed.interval for record in others if record.observed is not None}
    # Only an appointment covers its buffers; a block that is not ours covers just its own time.
    unmatched_meetings = {
        r.observed.interval for r in others if r.observed and r.kind is Kind.APPOINTMENT
    }
    appointment_intervals = {
        r.observed.interval
        for records in appointments.values()
        for r in records
        if r.system == calendar.system and r.observed and r.observed.busy
    }
    wanted: dict[Interval, set[str]] = defaultdict(set)
    for booking in bookings:
        here = [r for r in appointments.get(booking.id, ()) if r.system == calendar.system]
        claimed_values = claims.get(booking.id)
        if here and claimed_values is None:
            continue
        # During a conflict, a calendar that has the meeting also blocks the claims of the others.
        shown = {
            r.observed.interval for r in here if r.observed and r.observed.busy
        } | unmatched_meetings
        if not calendar.trusted:
            # An event that vanished or moved there may still be where it was.
            shown |= {r.base.interval for r in here if r.base}
        agreed = () if here or booking.id in released else (booking.agreed,)
        # An appointment with exactly the claimed interval takes up that time.
        claimed = [
            v
            for v in claimed_values or ()
            if truncate(v, calendar.grain).interval not in appointment_intervals
        ]
        values = (*agreed, *claimed)
        buffer = buffers.get(booking.id, NO_BUFFER)
        for value in values:
            interval = truncate(buffer.expand(value), calendar.grain).interval
            if not value.busy or interval in taken:
                continue
            # No block is created for an interval that is over.
            if interval[1] > now and truncate(value, calendar.grain).interval not in shown:
                wanted[interval].add(booking.id)
    return dict(wanted)


def plan_blocks(
    provider: str,
    calendar: CalendarState,
    wanted: Mapping[Interval, set[str]],
    blocks: Sequence[OurBlock],
    now: datetime,
) -> BlockPlan:
    """Plan the fewest writes that turn the existing ``blocks`` into the ``wanted`` ones.

    A block is replaced if the platform keeps another end than the end that was written. The new
    block is created first and the old block removed in the next cycle, so the time is never open.
    """
    operations: list[Operation] = []
    links: list[tuple[str, frozenset[str]]] = []
    gone: list[TrackedEvent] = []
    already_there: list[TrackedEvent] = []
    # An untouchable block takes up its time, but is not linked or moved.
    taken = {block.interval for block in blocks if block.untouchable}
    unblocked = {each: frozenset(serves) for each, serves in wanted.items() if each not in taken}
    surplus: list[OurBlock] = []
    created: list[Interval] = []
    for block in sorted((block for block in blocks if not block.untouchable), key=_keep_first):
        interval = block.interval
        if not block.exists:
            # Proven to be gone. If its interval must still be blocked, a new block is created.
            gone.append(block.record)
        elif interval is not None and interval in unblocked and not has_other_time(block.record):
            # Its expected interval is wanted: keep it, or move it back there.
            serves = unblocked.pop(interval)
            if serves != block.bookings:
                links.append((block.record.id, serves))
            if has_pending_change(block.record):
                operations.append(_move(provider, calendar, block, interval, serves, "restore"))
        elif _is_past(block, now):
            # Blocks in the past are not removed.
            continue
        else:
            surplus.append(block)
    for interval, serves in sorted(unblocked.items()):
        in_place = next((block for block in surplus if _shown(block) == interval), None)
        if in_place is not None:
            # A write with a lost response, or a manual edit, moved it there: nothing to write.
            surplus.remove(in_place)
            already_there.append(in_place.record)
            links.append((in_place.record.id, serves))
            continue
        movable = next((b for b in surplus if b.bookings & serves and _can_move(b, interval)), None)
        if movable is not None:
            # The booking that this block serves moved, so the block moves as well.
            surplus.remove(movable)
            reason = "follows its booking"
            operations.append(_move(provider, calendar, movable, interval, serves, reason))
        else:
            operations.append(_create(provider, calendar, interval, serves))
            created.append(interval)
    operations.extend(
        _remove(provider, calendar, block)
        for block in surplus
        if not _covers_part_of(block, created)
    )
    return BlockPlan(
        tuple(operations),
        tuple(links),
        tuple(gone),
        tuple(already_there),
        wanted=len(wanted),
        open=len(unblocked) - len(already_there),
    )


def _shown(block: OurBlock) -> Interval | None:
    seen = block.record.observed
    return seen.interval if seen is not None else None


def _can_move(block: OurBlock, interval: Interval) -> bool:
    """Return true if an update can move the block to ``interval``.

    If the platform kept another end than the written one, only a move without a change of length
    is possible.
    """
    shown = _shown(block)
    if shown is None or not has_other_time(block.record):
        return True
    return shown[1] - shown[0] == interval[1] - interval[0]


def _covers_part_of(block: OurBlock, made: Iterable[Interval]) -> bool:
    """Return true if the old block must stay for now, as it covers part of a new block's time.

    ``made`` are the intervals of the new blocks, which do not exist yet.
    """
    shown = _shown(block)
    return (
        shown is not None
        and has_other_time(block.record)
        and any(overlap(shown, interval) for interval in made)
    )


def _keep_first(block: OurBlock) -> tuple[bool, bool, str]:
    # Existing blocks first, so that neither a deleted block, nor a block that somebody on the
    # platform moved away, is chosen for an interval that another block already has.
    return (not block.exists, has_pending_change(block.record), block.record.id)


def _is_past(block: OurBlock, now: datetime) -> bool:
    seen = block.record.observed
    return seen is not None and seen.end <= now


def _block_value(interval: Interval) -> Value:
    return Value(interval[0], interval[1], Status.CONFIRMED)


def _create(
    provider: str, calendar: CalendarState, interval: Interval, serves: frozenset[str]
) -> Operation:
    return Operation(
        action=Action.CREATE_BLOCK,
        system=calendar.system,
        provider=provider,
        kind=Kind.BLOCK,
        event=None,
        before=None,
        after=_block_value(interval),
        bookings=tuple(sorted(serves)),
        reason="busy elsewhere",
    )


def _move(
    provider: str,
    calendar: CalendarState,
    block: OurBlock,
    interval: Interval,
    serves: frozenset[str],
    reason: str,
) -> Operation:
    return Operation(
        action=Action.MOVE_BLOCK,
        system=calendar.system,
        provider=provider,
        kind=Kind.BLOCK,
        event=block.record.id,
        before=block.record.observed,
        after=_block_value(interval),
        bookings=tuple(sorted(serves)),
        key=block.record.key,
        reason=reason,
    )


def _remove(provider: str, calendar: CalendarState, block: OurBlock) -> Operation:
    return Operation(
        action=Action.REMOVE_BLOCK,
        system=calendar.system,
        provider=provider,
        kind=Kind.BLOCK,
        event=block.record.id,
        before=block.record.observed,
        after=None,
        bookings=tuple(sorted(block.bookings)),
        key=block.record.key,
        reason="no meeting needs this block any more",
    )


def our_blocks(
    records: Iterable[TrackedEvent],
    replicas: Iterable[Replica],
    system: str,
    untouchable: AbstractSet[str] = frozenset(),
) -> list[OurBlock]:
    """Return the blocks that syncd made in one calendar, with the bookings that they serve.

    ``untouchable`` are the ids of blocks that must not be written to now.
    """
    serves: dict[str, set[str]] = defaultdict(set)
    released: set[str] = set()
    for replica in replicas:
        if replica.system == system and replica.role is Role.RELEASED:
            released.add(replica.event)
        elif replica.system == system:
            serves[replica.event].add(replica.booking)
    return [
        OurBlock(
            record, frozenset(serves.get(record.id, set())), record.id in released | untouchable
        )
        for record in records
        if record.created_by_us and record.system == system and not record.over
    ]
