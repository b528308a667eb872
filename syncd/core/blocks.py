"""Which blocks a provider's calendars want, and the fewest writes that make it so.

A busy interval wants one block in each other calendar that holds no appointment of that booking.
Bookings of exactly one interval share a block. Blocks that syncd made are never sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from syncd.core.inputs import CalendarState
from syncd.core.observation import expected_value, has_other_time, has_pending_change, truncate
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

Interval = tuple[datetime, datetime]

NO_BUFFERS: Mapping[str, Buffer] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OurBlock:
    """A block that syncd made, and the bookings it serves.

    ``untouchable``: not to be touched, because a person has moved it, and that is to stand (a
    release), or is still to be decided on. Where it stands it serves as well as any other.
    """

    record: TrackedEvent
    bookings: frozenset[str]
    untouchable: bool = False

    @property
    def interval(self) -> Interval | None:
        """Where syncd means it to be."""
        value = expected_value(self.record) or self.record.observed
        if self.untouchable:
            value = self.record.observed
        return value.interval if value else None

    @property
    def exists(self) -> bool:
        """Whether it is still there, as far as anybody saw."""
        return self.record.observed is not None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What one calendar needs: writes, and links that change without a write.

    ``links`` maps a standing block's event id to the bookings that it serves from now on; ``lost``
    are records of blocks that are gone and served by nothing; ``found`` are those of blocks that
    stand where they are wanted, though syncd does not know that it brought them there.
    ``intervals`` are those that the calendar should close, with the bookings that want it.
    ``adopted`` are the orphans that became ours; ``refused`` are the conflicts because of which
    blocks cover no buffer.
    """

    operations: tuple[Operation, ...] = ()
    links: tuple[tuple[str, frozenset[str]], ...] = ()
    lost: tuple[TrackedEvent, ...] = ()
    found: tuple[TrackedEvent, ...] = ()
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
    """The intervals that this calendar should close, each with the bookings that want it.

    ``claims`` are the values of held conflicts: every claimed interval stays closed. ``others`` are
    events of this calendar that need no block on top: somebody else's blocks, and appointments that
    are still to be matched. ``released`` are the bookings that a person wants open here.
    ``buffers`` are what a block covers beside a meeting, by booking.
    """
    others = [r for r in others if r.observed is not None and r.observed.busy]
    taken = {record.observed.interval for record in others if record.observed is not None}
    # Somebody else's block of the meeting's time alone does not cover the buffers.
    meetings = {r.observed.interval for r in others if r.observed and r.kind is Kind.APPOINTMENT}
    standing = {
        r.observed.interval
        for records in appointments.values()
        for r in records
        if r.system == calendar.system and r.observed and r.observed.busy
    }
    wanted: dict[Interval, set[str]] = defaultdict(set)
    for booking in bookings:
        here = [r for r in appointments.get(booking.id, ()) if r.system == calendar.system]
        held = claims.get(booking.id)
        if here and held is None:
            continue
        # While it is held, a calendar that has the meeting closes what the others claim, too.
        shown = {r.observed.interval for r in here if r.observed and r.observed.busy} | meetings
        if not calendar.trusted:
            # What vanished or moved there may stand where it was all the same.
            shown |= {r.base.interval for r in here if r.base}
        agreed = () if here or booking.id in released else (booking.agreed,)
        # A claimed time is closed by any appointment that takes all of it.
        claimed = [v for v in held or () if truncate(v, calendar.grain).interval not in standing]
        values = (*agreed, *claimed)
        buffer = buffers.get(booking.id, NO_BUFFER)
        for value in values:
            interval = truncate(buffer.expand(value), calendar.grain).interval
            if not value.busy or interval in taken:
                continue
            # Nothing is made for an interval that has ended.
            if interval[1] > now and truncate(value, calendar.grain).interval not in shown:
                wanted[interval].add(booking.id)
    return dict(wanted)


def plan_blocks(
    provider: str,
    calendar: CalendarState,
    wanted: Mapping[Interval, set[str]],
    own: Sequence[OurBlock],
    now: datetime,
) -> BlockPlan:
    """Turn wanted intervals and standing blocks into the fewest writes.

    A block that did not get the end that an update sent is replaced: the new one is made before the
    old one is removed, in the next cycle, so that no time is open in between.
    """
    operations: list[Operation] = []
    links: list[tuple[str, frozenset[str]]] = []
    lost: list[TrackedEvent] = []
    found: list[TrackedEvent] = []
    # What is not to be touched closes its time for whoever wants it; but nobody links or moves it.
    closed = {block.interval for block in own if block.untouchable}
    missing = {each: frozenset(serves) for each, serves in wanted.items() if each not in closed}
    spare: list[OurBlock] = []
    made: list[Interval] = []
    for block in sorted((block for block in own if not block.untouchable), key=_age):
        interval = block.interval
        if not block.exists:
            # Gone, and proven so: if its interval is still wanted, it is made again.
            lost.append(block.record)
        elif interval is not None and interval in missing and not has_other_time(block.record):
            # It stands for a wanted interval: keep it, or put it back where it belongs.
            serves = missing.pop(interval)
            if serves != block.bookings:
                links.append((block.record.id, serves))
            if has_pending_change(block.record):
                operations.append(_move(provider, calendar, block, interval, serves, "restore"))
        elif _over(block, now):
            # Its time has passed: history is left as it is.
            continue
        else:
            spare.append(block)
    for interval, serves in sorted(missing.items()):
        here = next((block for block in spare if _shown(block) == interval), None)
        if here is not None:
            # A write whose answer was lost has brought it there, or a person has: nothing to do.
            spare.remove(here)
            found.append(here.record)
            links.append((here.record.id, serves))
            continue
        mover = next((b for b in spare if b.bookings & serves and _can_move(b, interval)), None)
        if mover is not None:
            # A booking that this block served has moved: the block moves along.
            spare.remove(mover)
            reason = "follows its booking"
            operations.append(_move(provider, calendar, mover, interval, serves, reason))
        else:
            operations.append(_create(provider, calendar, interval, serves))
            made.append(interval)
    operations.extend(
        _remove(provider, calendar, block) for block in spare if not _stands_in(block, made)
    )
    return BlockPlan(
        tuple(operations),
        tuple(links),
        tuple(lost),
        tuple(found),
        wanted=len(wanted),
        open=len(missing) - len(found),
    )


def _shown(block: OurBlock) -> Interval | None:
    seen = block.record.observed
    return seen.interval if seen is not None else None


def _can_move(block: OurBlock, interval: Interval) -> bool:
    """Whether an update may bring a block there: one that kept its length keeps it again."""
    shown = _shown(block)
    if shown is None or not has_other_time(block.record):
        return True
    return shown[1] - shown[0] == interval[1] - interval[0]


def _stands_in(block: OurBlock, made: Iterable[Interval]) -> bool:
    """Whether a block closes a part of what a new one is to close, until that one stands."""
    shown = _shown(block)
    return (
        shown is not None
        and has_other_time(block.record)
        and any(start < shown[1] and shown[0] < end for start, end in made)
    )


def _age(block: OurBlock) -> tuple[bool, bool, str]:
    # Standing ones first, so that a gone block never takes the place of its standing duplicate, nor
    # one that a person moved away that of the one that was made because of it.
    return (not block.exists, has_pending_change(block.record), block.record.id)


def _over(block: OurBlock, now: datetime) -> bool:
    seen = block.record.observed
    return seen is not None and seen.end <= now


def _busy(interval: Interval) -> Value:
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
        after=_busy(interval),
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
        after=_busy(interval),
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
        reason="nothing is busy there any more",
    )


def our_blocks(
    records: Iterable[TrackedEvent],
    replicas: Iterable[Replica],
    system: str,
    left: AbstractSet[str] = frozenset(),
) -> list[OurBlock]:
    """The blocks that syncd made in one calendar, with the bookings they are linked to.

    ``left`` are those that a person has moved, and that are not to be touched now.
    """
    serves: dict[str, set[str]] = defaultdict(set)
    released: set[str] = set()
    for replica in replicas:
        if replica.system == system and replica.role is Role.RELEASED:
            released.add(replica.event)
        elif replica.system == system:
            serves[replica.event].add(replica.booking)
    return [
        OurBlock(record, frozenset(serves.get(record.id, set())), record.id in released | left)
        for record in records
        if record.created_by_us and record.system == system and not record.over
    ]
