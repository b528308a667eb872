"""One provider, one decision: from what is stored and what may be believed to changes and writes.

Equal inputs give equal outputs: every collection is taken in a stated order, and new ids come from
the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core import plan
from syncd.core.blocks import BlockPlan, own_blocks, plan_blocks, wanted_blocks
from syncd.core.carry import carry
from syncd.core.diff import nominal
from syncd.core.draft import Draft, is_foreign_block
from syncd.core.facts import Calendar, Rules
from syncd.core.match import Matched, Who, match, wanted_persons
from syncd.core.merge import Merged, merge
from syncd.core.queue import settle_conflicts
from syncd.core.units import crowded_blocks
from syncd.model import (
    Action,
    Booking,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    IntentState,
    Kind,
    Operation,
    ProviderState,
    Record,
    Replica,
    Role,
    Value,
)

_REFUSALS = {ConflictKind.SLOT_TAKEN, ConflictKind.QUARANTINED, ConflictKind.AMBIGUOUS}

PATIENCE = 3
"""After this many permanent failures an operation is quarantined (DESIGN section 6)."""


@dataclass(frozen=True, slots=True)
class Case:
    """What one decision is told. ``failures`` counts permanent failures by `plan.name`.

    ``horizon`` is the start of the full window: bookings that ended before it are retired.
    ``units`` is how many bookings the provider can take at once (equipment, less what is broken).
    ``our_keys`` are those keys on unlinked events that stand in this state's journal.
    """

    calendars: Mapping[str, Calendar]
    rules: Rules
    now: datetime
    horizon: datetime
    run: str
    who: Who = field(default_factory=dict)
    guards: Sequence[Conflict] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    our_keys: AbstractSet[str] = frozenset()
    units: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome: rows to store, writes to make (unordered), intervals still open somewhere."""

    changes: Changes
    operations: tuple[Operation, ...]
    conflicts: tuple[Conflict, ...]
    exposures: int


def persons_for(state: ProviderState, case: Case) -> tuple[Record, ...]:
    """The appointments whose person has to be looked up before this state can be decided on."""
    draft = Draft(state, case.run, case.now)
    linked = {booking: draft.appointments(booking) for booking in draft.bookings}
    return wanted_persons(_fresh(draft, case), list(draft.bookings.values()), linked)


def decide(state: ProviderState, case: Case, new_id: Callable[[], str]) -> Decision:
    """Decide on one provider's state."""
    draft = Draft(state, case.run, case.now)
    conflicts: list[Conflict] = list(case.guards)
    _adopt(draft, case)
    _reassign(draft)
    matched = _link(draft, case, new_id)
    conflicts += matched.conflicts
    held = {c.subject: c for c in matched.conflicts if c.subject in draft.bookings}
    claims: dict[str, list[Value]] = {}
    operations: list[Operation] = []
    for booking_id in sorted(draft.bookings):
        if booking_id in held:
            # It came back under a new id, and nobody can say which: it is not off, so all stands.
            claims[booking_id] = _values(held[booking_id])
            continue
        merged = _merge(draft, case, booking_id)
        if merged.conflict is not None:
            conflicts.append(merged.conflict)
            claims[booking_id] = _values(merged.conflict)
            continue
        told = carry(draft.bookings[booking_id], draft.pairs(booking_id), case.calendars)
        operations += told.operations
        conflicts += told.conflicts
        for replica in told.settled:
            draft.link(replica)
    unmatched = (*matched.held, *matched.waiting)
    exposures = 0
    for system in sorted(name for name, c in case.calendars.items() if c.blockable):
        blocks = _blocks(draft, case, case.calendars[system], claims, unmatched)
        operations += blocks.operations
        exposures += blocks.open
    operations, refused = _permitted(draft, case, operations)
    conflicts += refused
    settle_conflicts(draft, conflicts, case.calendars, new_id)
    _retire(draft, case)
    return Decision(draft.finish(), tuple(operations), tuple(conflicts), exposures)


def _values(conflict: Conflict) -> list[Value]:
    """All values that are claimed: each of these intervals stays closed while nobody decides."""
    return [claim.value for claim in conflict.claims if claim.value is not None]


def _fresh(draft: Draft, case: Case) -> list[Record]:
    """Unlinked events that may be matched: believed, unmarked, not over."""
    return [
        record
        for record in draft.unlinked()
        if record.key is None
        and record.system in case.calendars
        and case.calendars[record.system].believed
        and record.observed is not None
        and record.observed.end > case.now
    ]


def _adopt(draft: Draft, case: Case) -> None:
    """A block with a key from this state's journal is syncd's own, whatever became of its reply."""
    for record in draft.unlinked():
        if record.key is not None and record.key in case.our_keys:
            draft.put(replace(record, mine=True, kind=Kind.BLOCK, base=record.observed))


def _reassign(draft: Draft) -> None:
    """An event that is another provider's now is no replica here any more.

    A twin that stays keeps its meeting: nobody said that it is off. Without one, the time is free.
    """
    for replica in draft.state.replicas:
        if (replica.system, replica.event) in draft.records:
            continue
        draft.changes.unlinked.append(replica)
        booking = draft.bookings.get(replica.booking)
        if booking is None or replica.role is Role.BLOCK or draft.appointments(booking.id):
            continue
        if booking.agreed.busy:
            after = replace(booking, agreed=booking.agreed.off(), revision=booking.revision + 1)
            draft.book(after)
            draft.note(after, "agreed", before=booking, rule="now another provider's")


def _link(draft: Draft, case: Case, new_id: Callable[[], str]) -> Matched:
    """Match unlinked events, and make the links that follow."""
    matched = match(
        draft.state.provider,
        _fresh(draft, case),
        list(draft.bookings.values()),
        {booking: draft.appointments(booking) for booking in draft.bookings},
        draft.linked_ids(),
        case.who,
        {name for name, calendar in case.calendars.items() if not calendar.believed},
    )
    for relink in matched.relinked:
        draft.unlink(relink.replica)
        draft.forget(relink.old)
        draft.put(replace(relink.new, base=relink.old.base))
        draft.link(replace(relink.replica, event=relink.new.id))
    opened: dict[tuple[str, str], Booking] = {}
    for record in matched.opened:
        opened[record.system, record.id] = draft.open(record, new_id())
    for twin in matched.twins:
        if twin.booking is not None:
            booking = draft.bookings[twin.booking]
        elif twin.first is not None:
            booking = opened[twin.first.system, twin.first.id]
        else:
            continue
        draft.accept(twin.record)
        link = Replica(booking.id, twin.record.system, twin.record.id, Role.TWIN, booking.revision)
        draft.link(link)
        draft.note(booking, "seen", record=twin.record, rule="twin: same person, same time")
    return matched


def _merge(draft: Draft, case: Case, booking_id: str) -> Merged:
    """Merge one booking's news, and take over what it decides."""
    before = draft.bookings[booking_id]
    merged = merge(before, draft.appointments(booking_id), case.calendars, case.rules)
    if not merged.accepted:
        return merged
    for record in merged.accepted:
        draft.accept(record)
        draft.note(before, "changed", record=record, rule=merged.rule)
    lost = [
        record
        for record in merged.accepted
        if record.observed is not None and not _same(record.observed, merged.agreed)
    ]
    if merged.agreed == before.agreed and not lost:
        return merged
    booking = replace(before, agreed=merged.agreed, revision=before.revision + 1)
    draft.book(booking)
    draft.note(booking, "agreed", before=before, rule=merged.rule)
    told = {(r.system, r.id) for r in merged.accepted} - {(r.system, r.id) for r in lost}
    for replica, _ in draft.pairs(booking_id):
        if (replica.system, replica.event) in told:
            draft.link(replace(replica, settled=booking.revision))
    return merged


def _same(shown: Value, agreed: Value) -> bool:
    """Whether an event shows what was agreed; of a meeting that is off, only that counts."""
    return shown == agreed or (not shown.busy and not agreed.busy)


def _blocks(
    draft: Draft,
    case: Case,
    calendar: Calendar,
    claims: Mapping[str, Sequence[Value]],
    unmatched: Sequence[Record],
) -> BlockPlan:
    """Plan one calendar's blocks, and take over the links that need no write."""
    bookings = [b for b in draft.bookings.values() if _reaches(draft, case, b, calendar.system)]
    holding = {
        booking: [r for r in draft.appointments(booking) if _holds(r, draft, booking, calendar)]
        for booking in draft.bookings
    }
    others = [
        record
        for record in draft.records.values()
        if record.system == calendar.system
        and (is_foreign_block(record) or record in unmatched)
        and not (record.ended and record.observed is None)
    ]
    if case.units > 1:
        wanted = crowded_blocks(calendar, bookings, holding, claims, case.units, case.now)
    else:
        wanted = wanted_blocks(calendar, bookings, holding, claims, others, case.now)
    leaving = {
        intent.operation.event
        for intent in draft.state.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is Action.REMOVE_BLOCK
        and intent.operation.system == calendar.system
    }
    own = own_blocks(draft.records.values(), draft.replicas(), calendar.system)
    own = [block for block in own if block.record.id not in leaving]
    blocks = plan_blocks(draft.state.provider, calendar, wanted, own, case.now)
    if not calendar.writable:
        return replace(blocks, operations=())
    for event, serves in blocks.links:
        _relink_block(draft, calendar.system, event, serves)
    for record in blocks.found:
        draft.accept(record)
    for record in blocks.lost:
        for replica in [r for r in draft.replicas() if _is(r, record)]:
            draft.unlink(replica)
        draft.accept(record)
    return blocks


def _reaches(draft: Draft, case: Case, booking: Booking, system: str) -> bool:
    """Whether a booking is meant to close time in a system; what a room closes stays in its own."""
    sources = [r.system for r, _ in draft.pairs(booking.id) if r.system in case.calendars]
    reaches = [case.calendars[source].reach for source in sources]
    return not reaches or any(reach is None or system in reach for reach in reaches)


def _holds(record: Record, draft: Draft, booking: str, calendar: Calendar) -> bool:
    """Whether the calendar has this meeting itself, so that it needs no block on top."""
    if record.system != calendar.system or record.ended:
        return False
    shown = nominal(record)
    if shown is None or shown.busy:
        return True
    # It is off there, but the meeting is on: either it can be revived, or the time needs a block.
    return draft.bookings[booking].agreed.status in calendar.statuses


def _is(replica: Replica, record: Record) -> bool:
    return replica.system == record.system and replica.event == record.id


def _relink_block(draft: Draft, system: str, event: str, serves: AbstractSet[str]) -> None:
    linked = {r.booking: r for r in draft.replicas() if r.system == system and r.event == event}
    for booking, replica in sorted(linked.items()):
        if booking not in serves:
            draft.unlink(replica)
    for booking in sorted(serves - linked.keys()):
        draft.link(Replica(booking, system, event, Role.BLOCK, draft.bookings[booking].revision))


def _permitted(
    draft: Draft, case: Case, operations: Sequence[Operation]
) -> tuple[list[Operation], list[Conflict]]:
    """Hold back writes that cannot be made now, and those that have failed for good."""
    unsettled = {i.operation.system for i in draft.state.intents if i.state is IntentState.OPEN}
    refused = {
        held.conflict.inputs: held.conflict
        for held in draft.state.conflicts
        if held.conflict.kind in _REFUSALS
    }
    allowed: list[Operation] = []
    conflicts: list[Conflict] = []
    for operation in operations:
        name = plan.name(operation)
        calendar = case.calendars[operation.system]
        if name in refused:
            conflicts.append(refused[name])
        elif case.failures.get(name, 0) >= PATIENCE:
            conflicts.append(quarantine(operation, name))
        elif operation.system in unsettled or not calendar.writable:
            # An earlier write there has no known outcome yet: nothing is added on top of it.
            continue
        elif not calendar.believed and operation.action is not Action.CREATE_BLOCK:
            continue
        else:
            allowed.append(operation)
    return allowed, conflicts


def quarantine(operation: Operation, name: str, *, note: str = "") -> Conflict:
    """The conflict that an operation becomes when it fails for good."""
    claims = (Claim(operation.system, operation.event, operation.after),)
    return Conflict(
        kind=ConflictKind.QUARANTINED,
        provider=operation.provider,
        subject=operation.bookings[0] if operation.bookings else f"{operation.system}/{name}",
        claims=claims,
        inputs=name,
        note=note or f"{operation.action} failed {PATIENCE} times",
    )


def _retire(draft: Draft, case: Case) -> None:
    """Bookings that ended before the window are never looked at again."""
    for booking in draft.bookings.values():
        ends = [booking.agreed.end]
        ends += [r.observed.end for r in draft.appointments(booking.id) if r.observed is not None]
        if max(ends) <= case.horizon:
            draft.changes.retired.append(booking.id)
