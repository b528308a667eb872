"""What must hold once all is quiet: the platforms agree, and what is left is for a person.

The oracle asks the state only which conflicts are held and which events syncd takes for one
meeting; everything else it knows from having watched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.engine.recovery import DEADLINE
from syncd.model import (
    ConflictKind,
    HeldConflict,
    Intent,
    IntentState,
    Kind,
    Replica,
    Role,
    TrackedEvent,
    floor_to,
)
from syncd.sandbox.consistency import EventSummary, disagreements
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.scenario import PEOPLE, SYSTEMS
from syncd.simulate.buffered import is_beside, judge_buffers
from syncd.simulate.facts import is_kept_short, judge_ends
from syncd.simulate.hosted import known_as
from syncd.simulate.mass_edit import Interval, span
from syncd.simulate.recurring import many_questions, waiting_times, with_held_instances
from syncd.simulate.status_words import refused_words
from syncd.simulate.unproven import without_proof
from syncd.store import Store

if TYPE_CHECKING:
    from syncd.simulate.world import World


def judge_end(town: World, store: Store, now: datetime, last: datetime) -> Iterator[str]:
    """What is wrong once the outside has stood still and all systems answer.

    ``last`` is the end of the window that is kept in step.
    """
    held = [h for h in store.open_conflicts() if h.conflict.held]
    yield from (
        f"7: the guard stands: {h.conflict.note}"
        for h in held
        if h.conflict.kind is ConflictKind.GUARD
    )
    yield from (f"1: {line}" for line, _, _ in apart(town, store, now, last))
    yield from _twins(town, store, held)
    yield from many_questions(town, [h.conflict for h in held])
    yield from judge_buffers(town, now, left := _left(town, store, held))
    yield from judge_ends(town, now, left)
    if pending := [i for i in store.pending_intents() if not _waits_for_lookup(town, i, now)]:
        yield f"1: {len(pending)} writes still without an outcome"
    if town.sandbox.clinic.notifications:
        yield f"11: {len(town.sandbox.clinic.notifications)} customers were notified"
    yield from refused_words(town)
    if town.sandbox.crm.keys_in_query:
        yield "11: keys travelled in a query"
    for name, platform in town.sandbox.systems.items():
        if platform.limit is not None and platform.limit.refused:
            yield f"9: {platform.limit.refused} calls over the limit of {name}"


def _waits_for_lookup(town: World, intent: Intent, now: datetime) -> bool:
    """Whether only a lookup by id confirms a queued write, which is made after some minutes.

    The appointment is complete, and the lists of LeadSquared may leave such appointments out.
    """
    target = intent.operation
    seen = town.standing(target.system).get(target.event or "")
    return (
        intent.state is IntentState.ACCEPTED
        and now - intent.opened_at <= DEADLINE
        and target.system == "crm"
        and not town.sandbox.crm.lists_completed
        and seen is not None
        and seen.status == "showed"
    )


def apart(
    town: World, store: Store, now: datetime, last: datetime
) -> Iterator[tuple[str, str, Interval]]:
    """Each disagreement, with its provider and time, that is left to no person to decide."""
    held = [h for h in store.open_conflicts() if h.conflict.held]
    left = _left(town, store, held)
    claimed = {(provider, _coarse(town, interval)) for provider, interval in left}
    sights = [s for s in _sights(town) if s.start < last]
    for line, provider, interval in _disagreements(sights, now):
        if (provider, interval) not in claimed:
            yield line, provider, interval


def _left(town: World, store: Store, held: Collection[HeldConflict]) -> set[tuple[str, Interval]]:
    left = _claimed(store, held) | _left_by_persons(store) | waiting_times(town, store)
    return left | {c.before.key for c in without_proof(town) if c.before}


def _coarse(town: World, interval: Interval) -> Interval:
    """The interval as a platform shows it that rounds what is written: it can do no better."""
    rounded = any(p.faults.injected[FaultKind.ROUNDING] for p in town.sandbox.systems.values())
    grain = timedelta(minutes=5) if rounded else timedelta(seconds=1)
    return (floor_to(interval[0], grain), floor_to(town.end_of(interval[1]), grain))


def _sights(town: World) -> list[EventSummary]:
    return [
        EventSummary(
            *_coarse(town, seen.interval),
            system,
            seen.provider,
            seen.kind,
            seen.busy,
            ours=(system, event) in town.ours,
        )
        for system in SYSTEMS
        for event, seen in sorted(town.standing(system).items())
        if not is_beside(town, system, seen)
        # A block that closes the rest of such a meeting stands beside it, whatever its source is.
        and not ((system, event) in town.ours and is_kept_short(town, system, seen))
    ]


def _disagreements(
    sights: Sequence[EventSummary], now: datetime
) -> Iterator[tuple[str, str, Interval]]:
    """Each disagreement with the provider and interval that it is about."""
    for provider in PEOPLE:
        mine = [s for s in sights if s.provider == provider]
        for interval in sorted({s.interval for s in mine}):
            for line in disagreements([s for s in mine if s.interval == interval], SYSTEMS, now):
                yield line, provider, interval


def _claimed(store: Store, held: Collection[HeldConflict]) -> set[tuple[str, Interval]]:
    """The times that wait for a person: what is claimed, and what was agreed before."""
    found: set[tuple[str, Interval]] = set()
    agreed = {b.id: b.agreed for b in store.bookings()}
    for each in held:
        values = [claim.value for claim in each.conflict.claims]
        gone = [c for c in each.conflict.claims if c.event and c.value is None]
        links = [link.booking for c in gone for link in store.links(c.system, c.event or "")]
        values += [agreed.get(name) for name in (each.conflict.subject, *links)]
        found |= {(each.conflict.provider, v.interval) for v in values if v is not None}
    return found


def _left_by_persons(store: Store) -> set[tuple[str, Interval]]:
    """The times that a person wants as they are: taken back, dismissed, or let be by a rule."""
    waived, bookings = _waived(store), store.bookings()
    found = _claimed(store, _dismissed(store))
    by_booking: dict[str, list[tuple[Replica, TrackedEvent | None]]] = {b.id: [] for b in bookings}
    for pair in store.replicas(list(by_booking)):
        by_booking[pair[0].booking].append(pair)
    for booking in bookings:
        pairs = by_booking[booking.id]
        if booking.id in waived or any(replica.role is Role.RELEASED for replica, _ in pairs):
            shown = [record.observed for _, record in pairs if record and record.observed]
            found |= {(booking.provider, v.interval) for v in (booking.agreed, *shown)}
    return found


def _dismissed(store: Store) -> list[HeldConflict]:
    """Return the conflicts of which a person has said that all is to stay as it is."""
    return [h for who in PEOPLE for h in store.state(who).conflicts if h.dismissed]


def _waived(store: Store) -> set[str]:
    """The bookings of which a person took something back."""
    return {waiver.booking for person in PEOPLE for waiver in store.state(person).undo_suppressions}


def _twins(town: World, store: Store, held: Collection[HeldConflict]) -> Iterator[str]:
    """What syncd takes for one meeting must be at one time everywhere, or be held.

    A write that was refused for good, such as a cancellation in LeadSquared, and dismissed, leaves
    its meeting as it is until an input changes.
    """
    told = (*held, *_dismissed(store))
    open_ = {subject for h in told for subject in h.conflict.subject.split("+")}
    open_ |= _waived(store) | with_held_instances(town, store)
    bookings = [b for b in store.bookings() if b.id not in open_ and b.kind is Kind.APPOINTMENT]
    values: dict[str, set[tuple[Interval, bool]]] = {b.id: set() for b in bookings}
    providers = {b.id: b.provider for b in bookings}
    for replica, _ in store.replicas(list(values)):
        event = known_as(replica.event, providers[replica.booking])
        seen = town.standing(replica.system).get(event)
        # What is off in LeadSquared cannot be put on again: there is no such call.
        revivable = seen is not None and (seen.busy or replica.system != "crm")
        if replica.role.is_meeting and seen is not None and revivable:
            values[replica.booking].add((_coarse(town, seen.interval), seen.busy))
    for booking, shown in values.items():
        on = {interval for interval, busy in shown if busy}
        if len(on) > 1 or (on and len(shown) > len(on)):
            yield f"5: the events of booking {booking} differ: {sorted(map(span, on))}"
