"""Hypothesis: a world perturbed independently in several systems, then cycled (docs/proof.md#laws).

The world is what the platforms would show; the core sees it only through `apply_observation`, and
its operations are carried out faithfully. Faults belong to the simulator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.decision import DecisionInput
from syncd.core.event_state.observation import apply_observation, mark_deleted
from syncd.core.event_state.write_results import applied
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Rules
from syncd.core.propagation.write_order import order
from syncd.core.reconcile import reconcile
from syncd.model import (
    Action,
    Changes,
    Event,
    Intent,
    IntentState,
    Kind,
    Operation,
    ProviderState,
    Role,
    Status,
    TrackedEvent,
    Value,
)
from tests.core.drawn import rules
from tests.core.kit import DAY, NOW, v
from tests.core.phases import check_phases

NO_LAG = timedelta(0)


@dataclass
class World:
    """Real events by (system, id), and the state of syncd."""

    systems: tuple[str, ...]
    rules: Rules | None = None
    events: dict[tuple[str, str], Event] = field(default_factory=dict)
    state: ProviderState = field(default_factory=lambda: ProviderState("p"))
    ours: set[tuple[str, str]] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=count)
    writes: int = 0
    journal: list[Intent] = field(default_factory=list)

    def put(self, system: str, kind: Kind, value: Value, person: str | None) -> str:
        event = f"{system}{next(self.numbers):03}"
        self.events[system, event] = Event(system, "p", event, kind, value, person, "s")
        return event

    def cycle(self) -> list[Operation]:
        """Observe everything, decide, write."""
        self._observe()
        case = DecisionInput(
            calendars={s: CalendarState(s) for s in self.systems},
            rules=self.rules or Rules(prefer=self.systems),
            now=NOW,
            horizon=DAY - timedelta(days=2),
            run="run",
            customers={(s, w): frozenset({w}) for s in self.systems for w in ("ann", "bob")},
        )
        decision = reconcile(self.state, case, lambda: f"n{next(self.numbers):03}")
        self._store(decision.changes)
        check_phases(self.state, case, decision)
        operations = order(decision.operations)
        for operation in operations:
            self._write(operation)
        return operations

    def _observe(self) -> None:
        known = {(r.system, r.id): r for r in self.state.records}
        seen = []
        for id_, event in self.events.items():
            record, _ = apply_observation(known.get(id_), event, "f", NOW, NO_LAG)
            seen.append(record)
        for id_, record in known.items():
            if id_ not in self.events and record.observed is not None:
                seen.append(mark_deleted(record, NOW))
        self._store(Changes(records=seen))

    def _write(self, operation: Operation) -> None:
        self.writes += 1
        event = operation.event
        if operation.action is Action.CREATE_BLOCK:
            assert operation.after is not None
            event = self.put(operation.system, Kind.BLOCK, operation.after, None)
            self.ours.add((operation.system, event))
        assert event is not None
        id_ = (operation.system, event)
        if operation.action is Action.REMOVE_BLOCK:
            assert id_ in self.ours, "removed what somebody else made"
            del self.events[id_]
        elif operation.after is not None:
            self.events[id_] = replace(self.events[id_], value=operation.after)
        done_at = NOW + timedelta(seconds=self.writes)
        aimed = replace(operation, event=event)
        name = f"i{self.writes:03}"
        self.journal.append(Intent(name, "run", aimed, IntentState.DONE, done_at))
        record = next((r for r in self.state.records if (r.system, r.id) == id_), None)
        links = [r for r in self.state.replicas if (r.system, r.event) == id_]
        self._store(applied(operation, record, links, event=event, shown=None, at=NOW))

    def _store(self, changes: Changes) -> None:
        records = {(r.system, r.id): r for r in self.state.records}
        records.update({(r.system, r.id): r for r in changes.records})
        for ref in changes.deleted:
            records.pop((ref.system, ref.id), None)
        bookings = {b.id: b for b in self.state.bookings} | {b.id: b for b in changes.bookings}
        replicas = {(r.booking, r.system, r.event): r for r in self.state.replicas}
        for r in changes.unlinked:
            replicas.pop((r.booking, r.system, r.event), None)
        replicas.update({(r.booking, r.system, r.event): r for r in changes.replicas})
        closed = {h.id for h in changes.closed}
        by_id = {h.id: h for h in (*self.state.conflicts, *changes.opened)}
        live = [h for h in by_id.values() if h.id not in closed]
        linked = {(r.system, r.event) for r in replicas.values()}
        self.state = ProviderState(
            "p",
            # A store archives deleted events that serve no booking; they do not return.
            tuple(
                r
                for id_, r in records.items()
                if id_ in linked or not (r.end_accepted and r.observed is None)
            ),
            tuple(b for b in bookings.values() if b.id not in changes.archived),
            tuple(replicas.values()),
            tuple(live),
            undo_suppressions=(*self.state.undo_suppressions, *changes.undo_suppressions),
        )

    def busy(self, system: str, *, ours: bool) -> Counter[tuple[object, object]]:
        """Return the busy intervals of one system, of syncd or of everybody else."""
        return Counter(
            e.value.interval
            for id_, e in self.events.items()
            if e.system == system and e.value.busy and (id_ in self.ours) is ours
        )


Act = tuple[int, int, int, int]
ACTS = st.lists(
    st.tuples(
        st.integers(0, 6),  # what
        st.integers(0, 2),  # system
        st.integers(0, 7),  # hour
        st.integers(0, 9),  # which event
    ),
    max_size=7,
)


def perturb(world: World, acts: list[Act]) -> None:
    """Apply outside changes: book, block, move, cancel, delete, edit or remove a block of ours."""
    for what, where, hour, which in acts:
        system = world.systems[where % len(world.systems)]
        value = v(8 + hour)
        if what == 0:
            world.put(system, Kind.APPOINTMENT, value, ("ann", "bob", None)[which % 3])
            continue
        if what == 1:
            world.put(system, Kind.BLOCK, value, None)
            continue
        ours = what >= 5
        there = sorted(
            id_ for id_ in world.events if id_[0] == system and (id_ in world.ours) is ours
        )
        if not there:
            continue
        id_ = there[which % len(there)]
        event = world.events[id_]
        if what in {2, 5}:
            moved = replace(value, status=event.value.status)
            world.events[id_] = replace(event, value=moved)
        elif what == 3 and event.kind is Kind.APPOINTMENT:
            gone = replace(event.value, status=Status.CANCELLED)
            world.events[id_] = replace(event, value=gone)
        else:
            del world.events[id_]


def converge(world: World) -> int:
    """Cycle until nothing is written; return how many cycles wrote something."""
    for turn in range(6):
        if not world.cycle():
            return turn
    raise AssertionError("it does not come to rest")


def agree(world: World) -> None:
    """Check that each system blocks every busy interval of the others once, and nothing else.

    Times that a held conflict claims are blocked too.
    """
    sources = {s: set(world.busy(s, ours=False)) for s in world.systems}
    conflicts = [h.conflict for h in world.state.conflicts]
    values = [claim.value for conflict in conflicts for claim in conflict.claims]
    subjects = {booking for conflict in conflicts for booking in conflict.subject.split("+")}
    values += [b.agreed for b in world.state.bookings if b.id in subjects]
    claimed = {value.interval for value in values if value is not None}
    released = {
        (r.system, b.agreed.interval)
        for r in world.state.replicas
        if r.role is Role.RELEASED
        for b in world.state.bookings
        if b.id == r.booking
    }
    claiming = {claim.event for conflict in conflicts for claim in conflict.claims}
    for system in world.systems:
        ours = world.busy(system, ours=True)
        let_be = {r.event for r in world.state.replicas if r.role is Role.RELEASED}
        # A block that a person moved and that is released or undecided may cover another one.
        counts = Counter(
            world.events[i].value.interval
            for i in world.ours & world.events.keys()
            if i[0] == system and i[1] not in let_be | claiming
        )
        assert all(number == 1 for number in counts.values()), "two blocks for one interval"
        elsewhere = set().union(*(sources[s] for s in world.systems if s != system))
        moved = {
            world.events[i].value.interval
            for i in world.ours & world.events.keys()
            if i[1] in let_be
        }
        assert set(ours) <= elsewhere | claimed | moved, "a block of nothing"
        unblocked = elsewhere - sources[system] - set(ours)
        assert unblocked <= {interval for s, interval in released if s == system}, (
            "an open interval"
        )


@given(first=ACTS, second=ACTS, third=ACTS, policy=rules())
def test_a_perturbed_world_agrees_after_three_cycles_and_then_rests(
    first: list[Act], second: list[Act], third: list[Act], policy: Rules
) -> None:
    world = World(("a", "b", "c"), policy)
    for acts in (first, second, third):
        perturb(world, acts)
        assert converge(world) <= 3
        agree(world)
        before = world.writes
        assert world.cycle() == []
        assert world.writes == before


@given(acts=ACTS, more=ACTS, systems=st.integers(2, 6), policy=rules(tuple("abcdef")))
def test_policy_never_cycles_over_several_systems(
    acts: list[Act], more: list[Act], systems: int, policy: Rules
) -> None:
    world = World(tuple("abcdef"[:systems]), policy)
    for step in (acts, more):
        perturb(world, step)
        assert converge(world) <= 3
        agree(world)


@given(acts=ACTS, policy=rules())
def test_events_of_others_are_never_removed(acts: list[Act], policy: Rules) -> None:
    world = World(("a", "b", "c"), policy)
    perturb(world, acts)
    theirs = set(world.events)
    converge(world)
    assert theirs <= set(world.events)


def test_a_tracked_event_matches_the_world() -> None:
    world = World(("a", "b"))
    world.put("a", Kind.APPOINTMENT, v(9), None)
    assert converge(world) == 1
    assert all(isinstance(r, TrackedEvent) for r in world.state.records)
    agree(world)
