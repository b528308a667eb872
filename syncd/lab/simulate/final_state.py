"""Judge the end of a day: the platforms agree, and only what waits for the operator differs.

The oracle asks the state only which conflicts are held and which events syncd takes for one
meeting. Everything else it knows by observation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.engine.writing.recovery import DEADLINE
from syncd.lab.sandbox.consistency import Disagreement, EventSummary, disagreements
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.lab.simulate.buffered import is_beside, judge_buffers
from syncd.lab.simulate.facts import is_kept_short, judge_ends
from syncd.lab.simulate.hosted import simulator_id
from syncd.lab.simulate.mass_edit import TimeSpan, format_interval
from syncd.lab.simulate.recurring import repeated_questions, waiting_times, with_read_only_instances
from syncd.lab.simulate.status_words import refused_words
from syncd.lab.simulate.unproven import without_proof
from syncd.model import (
    ConflictKind,
    Intent,
    IntentState,
    Kind,
    Replica,
    Role,
    StoredConflict,
    TrackedEvent,
    floor_to,
)
from syncd.store import Store

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def judge_end(world: World, store: Store, now: datetime, last: datetime) -> Iterator[str]:
    """Yield violations after the outside has been quiet and all systems answer.

    ``last`` is the end of the window that is kept in sync.
    """
    conflicts = [h for h in store.open_conflicts() if h.conflict.held]
    yield from (
        f"7: the guard is still stopped: {h.conflict.note}"
        for h in conflicts
        if h.conflict.kind is ConflictKind.GUARD
    )
    yield from (f"1: {each}" for each in open_disagreements(world, store, now, last))
    yield from _judge_meetings(world, store, conflicts)
    yield from repeated_questions(world, [h.conflict for h in conflicts])
    yield from judge_buffers(world, now, waiting := _waiting_times(world, store, conflicts))
    yield from judge_ends(world, now, waiting)
    if pending := [i for i in store.pending_intents() if not _waits_for_lookup(world, i, now)]:
        yield f"1: {len(pending)} writes without an outcome"
    if world.sandbox.clinic.notifications:
        yield f"11: {len(world.sandbox.clinic.notifications)} customers were notified"
    yield from refused_words(world)
    if world.sandbox.crm.keys_in_query:
        yield "11: keys were sent in a query string"
    for name, platform in world.sandbox.systems.items():
        if platform.limit is not None and platform.limit.refused:
            yield f"9: {platform.limit.refused} calls over the limit of {name}"


def _waits_for_lookup(world: World, intent: Intent, now: datetime) -> bool:
    """Whether only a lookup by id confirms a queued write, which is made after some minutes.

    The appointment is complete, and the lists of LeadSquared may leave such appointments out.
    """
    target = intent.operation
    seen = world.events(target.system).get(target.event or "")
    return (
        intent.state is IntentState.ACCEPTED
        and now - intent.opened_at <= DEADLINE
        and target.system == "crm"
        and not world.sandbox.crm.lists_completed
        and seen is not None
        and seen.status == "showed"
    )


def open_disagreements(
    world: World, store: Store, now: datetime, last: datetime
) -> Iterator[Disagreement]:
    """Yield each disagreement that does not wait for the operator."""
    conflicts = [h for h in store.open_conflicts() if h.conflict.held]
    waiting = _waiting_times(world, store, conflicts)
    claimed = {(provider, _rounded(world, interval)) for provider, interval in waiting}
    sights = [s for s in _event_summaries(world) if s.start < last]
    for each in _disagreements(sights, now):
        if (each.provider, each.interval) not in claimed:
            yield each


def _waiting_times(
    world: World, store: Store, conflicts: Collection[StoredConflict]
) -> set[tuple[str, TimeSpan]]:
    times = (
        _claimed(store, conflicts) | _times_set_by_operators(store) | waiting_times(world, store)
    )
    return times | {c.before.key for c in without_proof(world) if c.before}


def _rounded(world: World, interval: TimeSpan) -> TimeSpan:
    """Return the interval rounded as a platform that rounds writes would show it."""
    rounded = any(p.faults.injected[FaultKind.ROUNDING] for p in world.sandbox.systems.values())
    grain = timedelta(minutes=5) if rounded else timedelta(seconds=1)
    return (floor_to(interval[0], grain), floor_to(world.end_of(interval[1]), grain))


def _event_summaries(world: World) -> list[EventSummary]:
    return [
        EventSummary(
            *_rounded(world, view.interval),
            system,
            view.provider,
            view.kind,
            view.busy,
            ours=(system, event) in world.ours,
        )
        for system in SYSTEM_NAMES
        for event, view in sorted(world.events(system).items())
        if not is_beside(world, system, view)
        and (system, event) not in world.unnamed
        # A block that closes the rest of such a meeting is beside it, whatever its source is.
        and not ((system, event) in world.ours and is_kept_short(world, system, view))
    ]


def _disagreements(sights: Sequence[EventSummary], now: datetime) -> Iterator[Disagreement]:
    """Yield each disagreement, by provider and interval."""
    for provider in PEOPLE:
        theirs = [s for s in sights if s.provider == provider]
        for interval in sorted({s.interval for s in theirs}):
            of_interval = [s for s in theirs if s.interval == interval]
            yield from disagreements(of_interval, SYSTEM_NAMES, now)


def _claimed(store: Store, conflicts: Collection[StoredConflict]) -> set[tuple[str, TimeSpan]]:
    """Return the times that wait for the operator: claimed times, and times agreed before."""
    times: set[tuple[str, TimeSpan]] = set()
    agreed = {b.id: b.agreed for b in store.bookings()}
    for conflict in conflicts:
        values = [claim.value for claim in conflict.conflict.claims]
        missing = [c for c in conflict.conflict.claims if c.event and c.value is None]
        links = [link.booking for c in missing for link in store.links(c.system, c.event or "")]
        values += [agreed.get(name) for name in (conflict.conflict.subject, *links)]
        times |= {(conflict.conflict.provider, v.interval) for v in values if v is not None}
    return times


def _times_set_by_operators(store: Store) -> set[tuple[str, TimeSpan]]:
    """Return the times that the operator wants unchanged: undone, dismissed or released."""
    waived, bookings = _undone_bookings(store), store.bookings()
    times = _claimed(store, _dismissed(store))
    by_booking: dict[str, list[tuple[Replica, TrackedEvent | None]]] = {b.id: [] for b in bookings}
    for pair in store.replicas(list(by_booking)):
        by_booking[pair[0].booking].append(pair)
    for booking in bookings:
        pairs = by_booking[booking.id]
        if booking.id in waived or any(replica.role is Role.RELEASED for replica, _ in pairs):
            shown = [record.observed for _, record in pairs if record and record.observed]
            times |= {(booking.provider, v.interval) for v in (booking.agreed, *shown)}
    return times


def _dismissed(store: Store) -> list[StoredConflict]:
    """Return the conflicts that the operator dismissed."""
    return [h for provider in PEOPLE for h in store.state(provider).conflicts if h.dismissed]


def _undone_bookings(store: Store) -> set[str]:
    """Return the bookings of which the operator undid a write."""
    return {
        waiver.booking for provider in PEOPLE for waiver in store.state(provider).undo_suppressions
    }


def _judge_meetings(
    world: World, store: Store, conflicts: Collection[StoredConflict]
) -> Iterator[str]:
    """Yield bookings whose events differ in time or status and are not held.

    A write that was rejected for good, such as a cancellation in LeadSquared, and dismissed, leaves
    its meeting as it is until an input changes.
    """
    settled = (*conflicts, *_dismissed(store))
    open_ = {subject for h in settled for subject in h.conflict.subject.split("+")}
    open_ |= _undone_bookings(store) | with_read_only_instances(world, store)
    bookings = [b for b in store.bookings() if b.id not in open_ and b.kind is Kind.APPOINTMENT]
    values: dict[str, set[tuple[TimeSpan, bool]]] = {b.id: set() for b in bookings}
    providers = {b.id: b.provider for b in bookings}
    for replica, _ in store.replicas(list(values)):
        event = simulator_id(replica.event, providers[replica.booking])
        view = world.events(replica.system).get(event)
        # LeadSquared has no call that reactivates a cancelled meeting.
        revivable = view is not None and (view.busy or replica.system != "crm")
        if replica.role.is_meeting and view is not None and revivable:
            values[replica.booking].add((_rounded(world, view.interval), view.busy))
    for booking, shown in values.items():
        on = {interval for interval, busy in shown if busy}
        if len(on) > 1 or (on and len(shown) > len(on)):
            yield f"5: the events of booking {booking} differ: {sorted(map(format_interval, on))}"
