"""Plan the blocks of one calendar: which intervals it must block, and the writes for that.

After `plan_calendar`, every interval to block has a block, or a write that creates a block, or is
already taken by an event that somebody on the platform made. Links that need no write are stored.
`blocks.plan_blocks` finds the fewest writes; this module adds releases, undo suppressions, guard
stops and orphans.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from syncd.core.blocks.buffers import buffers_of, without_buffers
from syncd.core.blocks.capacity import blocks_at_capacity
from syncd.core.blocks.wanted import BlockPlan, OurBlock, our_blocks, plan_blocks, wanted_blocks
from syncd.core.event_state.observation import expected_value, has_other_time, has_pending_change
from syncd.core.inputs import CalendarState
from syncd.core.mass_change.stops import stopped_bookings, vacated_intervals
from syncd.core.ownership.blocks import Ownership, adopt, may_adopt
from syncd.core.propagation import rejected_writes
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
from syncd.model.intervals import Interval

_CHANGES = {Action.MOVE_APPOINTMENT, Action.SET_STATUS}

_BUFFER_REFUSED = "the block covers no buffer, because the system rejects the block with its buffer"
"""The note of the conflict about a block that was rejected because of its buffer."""


@dataclass(frozen=True, slots=True)
class BlockPlanningInput:
    """What the blocks of all calendars of a provider are planned from.

    - ``calendars``: the provider's calendars, by system.
    - ``claims``: the values that conflicts claim, by booking.
    - ``unmatched``: the appointments that are not matched with a booking yet.
    - ``untouchable``: the ids of blocks that stay as they are.
    - ``capacity``: how many meetings the provider may have at one time.
    - ``orphans``: tagged blocks that this state does not know. An orphan becomes ours if its
      interval must be blocked and ``ownership`` allows the adoption.
    - ``new_id``: returns an id for the journal row that proves an adoption.
    - ``changes``: the value to which each appointment is changed by the writes of this cycle.
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
    workspace: Workspace, calendar: CalendarState, planning: BlockPlanningInput
) -> BlockPlan:
    """Plan the blocks of one calendar, and store the links that need no write.

    If the calendar cannot be written to now, the planned writes are returned so that they can be
    shown as waiting, and no link is stored. If the calendar is read-only, no write is returned.
    """
    vacated = vacated_intervals(workspace, calendar.system, planning.changes)
    claims, now = {**planning.claims, **vacated}, workspace.now
    bookings = _bookings_affecting(workspace, planning.calendars, calendar.system)
    appointments = {
        booking: [
            _with_change(r, planning.changes)
            for r in workspace.appointments(booking)
            if booking not in vacated and holds_meeting(r, workspace, booking, calendar)
        ]
        for booking in workspace.bookings
    }
    other_events = _events_of_others(workspace, calendar, planning)
    suppressed = suppressed_bookings(workspace, calendar.system)
    released = _released(workspace, calendar.system)
    buffers = buffers_of(workspace, planning.calendars, bookings, calendar.system)

    def intervals_to_block(
        others: Sequence[TrackedEvent], excluded: AbstractSet[str] = frozenset()
    ) -> dict[Interval, set[str]]:
        if planning.capacity > 1:
            uses = [b for b in bookings if b.id not in excluded]
            return blocks_at_capacity(
                calendar, uses, appointments, claims, planning.capacity, now, buffers
            )
        return wanted_blocks(
            calendar, bookings, appointments, claims, others, now, excluded, buffers
        )

    def unreleased_intervals(others: Sequence[TrackedEvent]) -> dict[Interval, set[str]]:
        intervals = intervals_to_block(others, released)
        return {
            interval: bookings_served - suppressed
            for interval, bookings_served in intervals.items()
            if bookings_served - suppressed
        }

    adopted: list[TrackedEvent] = []
    orphans = [r for r in planning.orphans if r.system == calendar.system]
    if orphans and calendar.writable:
        without_orphans = unreleased_intervals([r for r in other_events if r not in orphans])
        adopted = _adopt_orphans(workspace, calendar.system, planning, without_orphans)
    # An orphan counts as taking its time, unless a block of ours has exactly that interval.
    blocked_by_ours = _blocked_by_ours(workspace, calendar.system)
    other_events = [
        r for r in other_events if r not in orphans or _interval(r) not in blocked_by_ours
    ]
    wanted = unreleased_intervals(other_events)
    refused = rejected_writes.rejected_times(workspace, calendar.system, wanted) if buffers else {}
    if refused:
        # The platform refuses a block over an event in the buffer: plan it without the buffer.
        unbuffered = without_buffers(workspace, wanted, refused)
        buffers = {
            booking: buffer for booking, buffer in buffers.items() if booking not in unbuffered
        }
        wanted = unreleased_intervals(other_events)
    kept_in_place = suppressed | stopped_bookings(workspace, except_in=calendar.system)
    blocks = [
        block
        for block in _remaining_blocks(workspace, calendar.system, planning.untouchable)
        if block.interval in wanted or not block.bookings & kept_in_place
    ]
    plan = plan_blocks(workspace.state.provider, calendar, wanted, blocks, now)
    plan = replace(
        plan,
        intervals=intervals_to_block(other_events),
        adopted=tuple(adopted),
        refused=tuple(replace(c, held=False, note=_BUFFER_REFUSED) for c in refused.values()),
    )
    if not calendar.writable:
        return replace(plan, operations=()) if calendar.read_only else plan
    _store_links(workspace, calendar.system, plan)
    return plan


def _store_links(workspace: Workspace, system: str, plan: BlockPlan) -> None:
    """Store the links and bases that a plan changes without a write."""
    for event, serves in plan.links:
        _relink_block(workspace, system, event, serves)
    for record in plan.already_there:
        workspace.accept(record)
    for record in plan.gone:
        for replica in [r for r in workspace.replicas() if _links(r, record)]:
            workspace.unlink(replica)
        workspace.accept(record)


def _events_of_others(
    workspace: Workspace, calendar: CalendarState, planning: BlockPlanningInput
) -> list[TrackedEvent]:
    """Return the events that take up time in a calendar and are not ours.

    Events of a system that is not trusted, and stopped events, are not decided on, but their time
    counts as taken.
    """
    stopped = [r for r in workspace.stopped.values() if r.system == calendar.system and r.observed]
    return stopped + [
        record
        for record in workspace.records.values()
        if record.system == calendar.system
        and (is_foreign_block(record) or record in planning.unmatched or not calendar.trusted)
        and not record.created_by_us
        and not (record.over)
    ]


def _released(workspace: Workspace, system: str) -> set[str]:
    """Return the bookings whose block in a system was edited by hand and released by a rule."""
    return {
        r.booking for r in workspace.replicas() if r.role is Role.RELEASED and r.system == system
    }


def _remaining_blocks(
    workspace: Workspace, system: str, untouchable: AbstractSet[str]
) -> list[OurBlock]:
    """Return our blocks in a system, without those whose removal is queued."""
    leaving = {
        intent.operation.event
        for intent in workspace.state.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is Action.REMOVE_BLOCK
        and intent.operation.system == system
    }
    own = our_blocks(workspace.records.values(), workspace.replicas(), system, untouchable)
    return [block for block in own if block.record.id not in leaving]


def _adopt_orphans(
    workspace: Workspace,
    system: str,
    planning: BlockPlanningInput,
    wanted: Mapping[Interval, AbstractSet[str]],
) -> list[TrackedEvent]:
    """Adopt the orphans of one calendar whose interval is exactly an interval that must be blocked.

    Used after a lost or restored state: such orphans were created by a syncd whose state is lost,
    or is newer than this state. An orphan at another time may belong to another installation and
    stays as it is. ``wanted`` are the intervals to block, with the bookings that need each.
    """
    taken = _blocked_by_ours(workspace, system)
    adopted: list[TrackedEvent] = []
    for record in sorted(planning.orphans, key=lambda r: r.id):
        interval = _interval(record)
        if record.system != system or interval is None or interval not in wanted:
            continue
        if interval not in taken and may_adopt(record, planning.ownership):
            taken.add(interval)
            adopted.append(adopt(workspace, record, planning.new_id()))
    return adopted


def _blocked_by_ours(workspace: Workspace, system: str) -> set[Interval]:
    """Return the intervals that our blocks take up in a system."""
    ours = (r for r in workspace.records.values() if r.created_by_us and r.system == system)
    return {interval for r in ours if (interval := _interval(r)) is not None}


def _interval(record: TrackedEvent) -> Interval | None:
    seen = record.observed
    return seen.interval if seen is not None and seen.busy else None


def blocks_under_doubt(workspace: Workspace, calendars: Mapping[str, CalendarState]) -> set[str]:
    """Return the ids of our blocks that stay as they are for now.

    A block stays if a system that is not trusted now shows new busy time at the block's time: that
    time must not be opened. Blocks that the guard stopped stay as well.
    """
    stopped = {
        record.id
        for record in workspace.records.values()
        if record.created_by_us
        and record.observed is not None
        and record.system in calendars
        and record.id in calendars[record.system].stopped
    }
    untrusted = {name for name, calendar in calendars.items() if not calendar.trusted}
    new_values = [
        record.observed
        for record in workspace.records.values()
        if record.system in untrusted
        and not record.created_by_us
        and has_pending_change(record)
        and record.observed is not None
        and record.observed.busy
    ]
    return stopped | {
        record.id
        for record in workspace.records.values()
        if record.created_by_us
        and record.system not in untrusted
        and not has_pending_change(record)
        and record.observed is not None
        and any(record.observed.overlaps(value) for value in new_values)
    }


def suppressed_bookings(workspace: Workspace, system: str) -> AbstractSet[str]:
    """Return the bookings whose blocks in ``system`` were undone by `syncd undo`.

    Such blocks are not written again until the booking changes.
    """
    return {
        suppression.booking
        for suppression in workspace.state.undo_suppressions
        if suppression.system == system
        and suppression.booking in workspace.bookings
        and workspace.bookings[suppression.booking].revision == suppression.revision
    }


def _bookings_affecting(
    workspace: Workspace, calendars: Mapping[str, CalendarState], system: str
) -> list[Booking]:
    """Return the bookings whose time must be blocked in a system."""
    bookings = list(workspace.bookings.values())
    if all(calendar.affects is None for calendar in calendars.values()):
        return bookings
    return [booking for booking in bookings if _affects(workspace, calendars, booking, system)]


def _affects(
    workspace: Workspace, calendars: Mapping[str, CalendarState], booking: Booking, system: str
) -> bool:
    """Return true if a booking's time must be blocked in a system.

    What a resource blocks affects only the resource's own system.
    """
    sources = [r.system for r in workspace.present(booking.id) if r.system in calendars]
    affected = [calendars[source].affects for source in sources]
    return not affected or any(systems is None or system in systems for systems in affected)


def holds_meeting(
    record: TrackedEvent, workspace: Workspace, booking: str, calendar: CalendarState
) -> bool:
    """Return true if ``record`` is the meeting in this calendar, which then needs no block.

    ``record`` is an appointment of ``booking``; it does not count if it is in another system, is
    deleted or cancelled for good, or is kept by the platform at another time than the meeting's.
    """
    if record.system != calendar.system or record.end_accepted:
        return False
    if has_other_time(record):
        return False  # Its platform keeps another time than the meeting's.
    expected = expected_value(record)
    if expected is None or expected.busy:
        return True
    # It is cancelled there but the meeting is on: it can be revived, or the time needs a block.
    return workspace.bookings[booking].agreed.status in calendar.statuses


def pending_changes_of(workspace: Workspace, operations: Sequence[Operation]) -> dict[Id, Value]:
    """Return the new value of each appointment that has a write in this cycle or in the queue."""
    now = [o for o in operations if rejected_writes.blocking_conflict(workspace, o) is None]
    queued = [i.operation for i in workspace.state.intents if i.state is IntentState.ACCEPTED]
    return {
        (o.system, o.event): o.after
        for o in (*queued, *now)
        if o.action in _CHANGES and o.event is not None and o.after is not None
    }


def _with_change(record: TrackedEvent, changes: Mapping[Id, Value]) -> TrackedEvent:
    """Return an appointment as it is after this cycle's writes."""
    value = changes.get((record.system, record.id))
    return record if value is None else replace(record, observed=value)


def _links(replica: Replica, record: TrackedEvent) -> bool:
    return replica.system == record.system and replica.event == record.id


def _relink_block(workspace: Workspace, system: str, event: str, serves: AbstractSet[str]) -> None:
    """Link a block to exactly these bookings."""
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
