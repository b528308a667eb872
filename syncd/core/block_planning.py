"""What one calendar is to close: its blocks, with what else stands there, and what persons want."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from syncd.core import rejected_writes
from syncd.core.blocks import BlockPlan, Interval, OurBlock, our_blocks, plan_blocks, wanted_blocks
from syncd.core.buffers import buffers_of, without_buffers
from syncd.core.capacity import blocks_at_capacity
from syncd.core.guard_stops import stopped_bookings, vacated_intervals
from syncd.core.inputs import CalendarState
from syncd.core.observation import expected_value, has_other_time, has_pending_change
from syncd.core.ownership import Ownership, adopt, may_adopt
from syncd.core.workspace import Workspace, is_foreign_block
from syncd.model import (
    Action,
    Booking,
    Id,
    IntentState,
    Operation,
    Replica,
    Role,
    TrackedEvent,
    Value,
)

_CHANGES = {Action.MOVE_APPOINTMENT, Action.SET_STATUS}

_UNBUFFERED = "the time is closed without its buffer: the system refuses a block that covers it"


@dataclass(frozen=True, slots=True)
class BlockPlanningInput:
    """What the blocks of all calendars of a provider are planned from.

    ``claims`` are the values that held conflicts claim, by booking; ``unmatched`` the appointments
    that are still to be matched; ``untouchable`` the blocks, by event id, that are to stay.
    ``changes`` are what appointments are changed to now.
    ``capacity`` is how many meetings the provider may have at one time. ``orphans`` are blocks that
    become ours where they are wanted, if ``ownership`` allows it; ``new_id`` names the journal rows
    that prove it.
    """

    calendars: Mapping[str, CalendarState]
    claims: Mapping[str, Sequence[Value]]
    unmatched: Sequence[TrackedEvent]
    untouchable: AbstractSet[str]
    capacity: int
    orphans: Sequence[TrackedEvent]
    ownership: Ownership
    new_id: Callable[[], str]
    changes: Mapping[Id, Value] = field(default_factory=dict)


def plan_calendar(
    workspace: Workspace, calendar: CalendarState, what: BlockPlanningInput
) -> BlockPlan:
    """Plan one calendar's blocks, and take over the links that need no write.

    What is planned in a calendar that cannot be written to now is to wait.
    """
    empty = vacated_intervals(workspace, calendar.system, what.changes)
    claims, now = {**what.claims, **empty}, workspace.now
    bookings = _meant_for(workspace, what.calendars, calendar.system)
    holding = {
        booking: [
            _after(r, what.changes)
            for r in workspace.appointments(booking)
            if booking not in empty and holds_meeting(r, workspace, booking, calendar)
        ]
        for booking in workspace.bookings
    }
    others = _others(workspace, calendar, what)
    left_be = suppressed_bookings(workspace, calendar.system)
    released = _released(workspace, calendar.system)
    buffers = buffers_of(workspace, what.calendars, bookings, calendar.system)

    def beside(
        there: Sequence[TrackedEvent], let_be: AbstractSet[str] = frozenset()
    ) -> dict[Interval, set[str]]:
        if what.capacity > 1:
            uses = [b for b in bookings if b.id not in let_be]
            return blocks_at_capacity(calendar, uses, holding, claims, what.capacity, now, buffers)
        return wanted_blocks(calendar, bookings, holding, claims, there, now, let_be, buffers)

    def asked(there: Sequence[TrackedEvent]) -> dict[Interval, set[str]]:
        found = beside(there, released)
        return {
            interval: serves - left_be for interval, serves in found.items() if serves - left_be
        }

    adopted: list[TrackedEvent] = []
    orphans = [r for r in what.orphans if r.system == calendar.system]
    if orphans and calendar.writable:
        alone = asked([r for r in others if r not in orphans])
        adopted = _adopt_orphans(workspace, calendar.system, what, alone)
    # An orphan closes its time, but where a block of ours does, ours is the one that stays.
    ours = _closed_by_ours(workspace, calendar.system)
    others = [r for r in others if r not in orphans or _interval(r) not in ours]
    wanted = asked(others)
    refused = rejected_writes.rejected_times(workspace, calendar.system, wanted) if buffers else {}
    if refused:
        # The platform takes no block over what stands in a buffer: better one without it.
        plain = without_buffers(workspace, wanted, refused)
        buffers = {booking: buffer for booking, buffer in buffers.items() if booking not in plain}
        wanted = asked(others)
    stay = left_be | stopped_bookings(workspace, beside=calendar.system)
    own = [
        block
        for block in _staying(workspace, calendar.system, what.untouchable)
        if block.interval in wanted or not block.bookings & stay
    ]
    blocks = plan_blocks(workspace.state.provider, calendar, wanted, own, now)
    blocks = replace(
        blocks,
        intervals=beside(others),
        adopted=tuple(adopted),
        refused=tuple(replace(c, held=False, note=_UNBUFFERED) for c in refused.values()),
    )
    if not calendar.writable:
        return replace(blocks, operations=()) if calendar.read_only else blocks
    _take_over(workspace, calendar.system, blocks)
    return blocks


def _take_over(workspace: Workspace, system: str, blocks: BlockPlan) -> None:
    """Take over the links that a plan changes without a write."""
    for event, serves in blocks.links:
        _relink_block(workspace, system, event, serves)
    for record in blocks.found:
        workspace.accept(record)
    for record in blocks.lost:
        for replica in [r for r in workspace.replicas() if _is(r, record)]:
            workspace.unlink(replica)
        workspace.accept(record)


def _others(
    workspace: Workspace, calendar: CalendarState, what: BlockPlanningInput
) -> list[TrackedEvent]:
    """Return what closes time in a calendar and is not ours.

    What a system says that is not believed or stopped is not decided on, but the time is taken.
    """
    stopped = [r for r in workspace.stopped.values() if r.system == calendar.system and r.observed]
    return stopped + [
        record
        for record in workspace.records.values()
        if record.system == calendar.system
        and (is_foreign_block(record) or record in what.unmatched or not calendar.trusted)
        and not record.created_by_us
        and not (record.over)
    ]


def _released(workspace: Workspace, system: str) -> set[str]:
    """Return the bookings whose block in a system a person wants as it is."""
    return {
        r.booking for r in workspace.replicas() if r.role is Role.RELEASED and r.system == system
    }


def _staying(workspace: Workspace, system: str, left: AbstractSet[str]) -> list[OurBlock]:
    """Return our blocks in a system, but for those that are queued to go."""
    leaving = {
        intent.operation.event
        for intent in workspace.state.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is Action.REMOVE_BLOCK
        and intent.operation.system == system
    }
    own = our_blocks(workspace.records.values(), workspace.replicas(), system, left)
    return [block for block in own if block.record.id not in leaving]


def _adopt_orphans(
    workspace: Workspace,
    system: str,
    what: BlockPlanningInput,
    wanted: Mapping[Interval, AbstractSet[str]],
) -> list[TrackedEvent]:
    """Adopt the orphans of one calendar that stand exactly where a block is wanted.

    A syncd made them, and the state that knew them is lost or older than they are. One that stands
    where no block is wanted may be another installation's, and stays as it is.
    """
    taken = _closed_by_ours(workspace, system)
    adopted: list[TrackedEvent] = []
    for record in sorted(what.orphans, key=lambda r: r.id):
        interval = _interval(record)
        if record.system != system or interval is None or interval not in wanted:
            continue
        if interval not in taken and may_adopt(record, what.ownership):
            taken.add(interval)
            adopted.append(adopt(workspace, record, what.new_id()))
    return adopted


def _closed_by_ours(workspace: Workspace, system: str) -> set[Interval]:
    """Return the intervals that blocks of ours close in a system."""
    ours = (r for r in workspace.records.values() if r.created_by_us and r.system == system)
    return {interval for r in ours if (interval := _interval(r)) is not None}


def _interval(record: TrackedEvent) -> Interval | None:
    seen = record.observed
    return seen.interval if seen is not None and seen.busy else None


def blocks_under_doubt(workspace: Workspace, calendars: Mapping[str, CalendarState]) -> set[str]:
    """The blocks, by event id, that are to stay as they are for now.

    Where a calendar newly shows something that may not be believed now, the time may be taken, and
    is not to be opened. And what the guard stopped of our own blocks is left where it is.
    """
    moved = {
        record.id
        for record in workspace.records.values()
        if record.created_by_us
        and record.observed is not None
        and record.system in calendars
        and record.id in calendars[record.system].stopped
    }
    stopped = {name for name, calendar in calendars.items() if not calendar.trusted}
    shown = [
        record.observed
        for record in workspace.records.values()
        if record.system in stopped
        and not record.created_by_us
        and has_pending_change(record)
        and record.observed is not None
        and record.observed.busy
    ]
    return moved | {
        record.id
        for record in workspace.records.values()
        if record.created_by_us
        and record.system not in stopped
        and not has_pending_change(record)
        and record.observed is not None
        and any(record.observed.overlaps(value) for value in shown)
    }


def suppressed_bookings(workspace: Workspace, system: str) -> AbstractSet[str]:
    """The bookings that are left as they are in a system, as a person took back a write there."""
    return {
        waiver.booking
        for waiver in workspace.state.undo_suppressions
        if waiver.system == system
        and waiver.booking in workspace.bookings
        and workspace.bookings[waiver.booking].revision == waiver.revision
    }


def _meant_for(
    workspace: Workspace, calendars: Mapping[str, CalendarState], system: str
) -> list[Booking]:
    """The bookings that close time in a system; what a room closes stays in its own."""
    every = list(workspace.bookings.values())
    if all(calendar.affects is None for calendar in calendars.values()):
        return every
    return [booking for booking in every if _reaches(workspace, calendars, booking, system)]


def _reaches(
    workspace: Workspace, calendars: Mapping[str, CalendarState], booking: Booking, system: str
) -> bool:
    """Whether a booking is meant to close time in a system; what a room closes stays in its own."""
    sources = [r.system for r in workspace.present(booking.id) if r.system in calendars]
    reaches = [calendars[source].affects for source in sources]
    return not reaches or any(reach is None or system in reach for reach in reaches)


def holds_meeting(
    record: TrackedEvent, workspace: Workspace, booking: str, calendar: CalendarState
) -> bool:
    """Whether the calendar has this meeting itself, so that it needs no block on top."""
    if record.system != calendar.system or record.end_accepted:
        return False
    if has_other_time(record):
        return False  # Its platform does not let it have the meeting's time.
    shown = expected_value(record)
    if shown is None or shown.busy:
        return True
    # It is off there, but the meeting is on: either it can be revived, or the time needs a block.
    return workspace.bookings[booking].agreed.status in calendar.statuses


def pending_changes_of(workspace: Workspace, operations: Sequence[Operation]) -> dict[Id, Value]:
    """Return what appointments are changed to, now or by what is queued; not what is refused."""
    now = [o for o in operations if rejected_writes.blocking_conflict(workspace, o) is None]
    queued = [i.operation for i in workspace.state.intents if i.state is IntentState.ACCEPTED]
    return {
        (o.system, o.event): o.after
        for o in (*queued, *now)
        if o.action in _CHANGES and o.event is not None and o.after is not None
    }


def _after(record: TrackedEvent, changes: Mapping[Id, Value]) -> TrackedEvent:
    """Return an appointment as it is once this cycle's changes are made."""
    value = changes.get((record.system, record.id))
    return record if value is None else replace(record, observed=value)


def _is(replica: Replica, record: TrackedEvent) -> bool:
    return replica.system == record.system and replica.event == record.id


def _relink_block(workspace: Workspace, system: str, event: str, serves: AbstractSet[str]) -> None:
    linked = {
        r.booking: r
        for r in workspace.replicas()
        if r.system == system and r.event == event and r.role is Role.BLOCK
    }
    for booking, replica in sorted(linked.items()):
        if booking not in serves:
            workspace.unlink(replica)
    for booking in sorted(serves - linked.keys()):
        workspace.link(
            Replica(booking, system, event, Role.BLOCK, workspace.bookings[booking].revision)
        )
