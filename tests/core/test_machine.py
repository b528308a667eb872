"""Hypothesis: people and syncd take turns in one world, in any order (docs/proof.md#laws).

`test_laws` lets the world rest between its perturbations. Here a person may act between any two
cycles, also on what syncd has only half carried over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncd.core.merging.rules import Rules
from syncd.model import Event, Kind, Role, Status, Value
from tests.core.drawn import rules
from tests.core.kit import v
from tests.core.test_laws import World, agree, converge

Id = tuple[str, str]
SYSTEMS = ("a", "b", "c")
VALUES = st.integers(8, 15).map(v)
PLACES = st.sampled_from(SYSTEMS)
PERSONS = st.sampled_from(("ann", "bob", None))
CHOICES = st.integers(0, 9)
"""Which of the events that are there, counted round."""


class Outside(RuleBasedStateMachine):
    """Everybody except syncd, and a memory of their changes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(SYSTEMS)
        self.appointments: set[Id] = set()
        self.blocks: dict[Id, Value] = {}
        self.touched: set[Id] = set()

    @initialize(value=VALUES, person=PERSONS, policy=rules())
    def begin_with_a_meeting_in_two_systems(
        self, value: Value, person: str | None, policy: Rules
    ) -> None:
        self.world.rules = policy
        for system in SYSTEMS[:2]:
            self.book(system, value, person)
        self.cycle()

    # --- people change their own events ---

    @rule(system=PLACES, value=VALUES, person=PERSONS)
    def book(self, system: str, value: Value, person: str | None) -> None:
        event = self.world.put(system, Kind.APPOINTMENT, value, person)
        self.appointments.add((system, event))

    @rule(system=PLACES, value=VALUES)
    def human_block(self, system: str, value: Value) -> None:
        event = self.world.put(system, Kind.BLOCK, value, None)
        self.blocks[system, event] = value

    @precondition(lambda self: self.appointments or self.blocks)
    @rule(which=CHOICES, value=VALUES)
    def move(self, which: int, value: Value) -> None:
        id_ = self._pick({*self.appointments, *self.blocks}, which)
        event = self.world.events[id_]
        moved = replace(value, status=event.value.status)
        self.world.events[id_] = replace(event, value=moved)
        if id_ in self.blocks:
            self.blocks[id_] = moved

    @precondition(lambda self: self.appointments)
    @rule(which=CHOICES)
    def cancel(self, which: int) -> None:
        id_ = self._pick(self.appointments, which)
        event = self.world.events[id_]
        off = replace(event.value, status=Status.CANCELLED)
        self.world.events[id_] = replace(event, value=off)

    @precondition(lambda self: self.appointments or self.blocks)
    @rule(which=CHOICES)
    def delete(self, which: int) -> None:
        self._delete(self._pick({*self.appointments, *self.blocks}, which))

    @precondition(lambda self: self.appointments)
    @rule(which=CHOICES, further=st.integers(1, len(SYSTEMS) - 1))
    def twin(self, which: int, further: int) -> None:
        event = self.world.events[self._pick(self.appointments, which)]
        elsewhere = SYSTEMS[(SYSTEMS.index(event.system) + further) % len(SYSTEMS)]
        self.book(elsewhere, event.value, event.customer)

    @precondition(lambda self: self.appointments)
    @rule(which=CHOICES, value=VALUES)
    def reappear(self, which: int, value: Value) -> None:
        event = self._delete(self._pick(self.appointments, which))
        self.book(event.system, value, event.customer)

    # --- people change blocks of syncd ---

    @precondition(lambda self: self.world.ours & self.world.events.keys())
    @rule(which=CHOICES, value=VALUES)
    def edit_own_block(self, which: int, value: Value) -> None:
        id_ = self._pick(self.world.ours & self.world.events.keys(), which)
        self.world.events[id_] = replace(self.world.events[id_], value=value)
        self.touched.add(id_)

    @precondition(lambda self: self.world.ours & self.world.events.keys())
    @rule(which=CHOICES)
    def remove_own_block(self, which: int) -> None:
        del self.world.events[self._pick(self.world.ours & self.world.events.keys(), which)]

    # --- syncd ---

    @rule()
    def cycle(self) -> None:
        self.world.cycle()
        self.touched.clear()

    @rule()
    def quiet(self) -> None:
        assert converge(self.world) <= 3
        self.touched.clear()
        if not self._twins_in_doubt():
            agree(self.world)
        self._replicas_agree()
        before = self.world.writes
        assert self.world.cycle() == []
        assert self.world.writes == before

    def teardown(self) -> None:
        self.quiet()

    # --- invariants ---

    @invariant()
    def what_somebody_else_made_is_there(self) -> None:
        assert self.appointments <= self.world.events.keys()

    @invariant()
    def a_block_that_somebody_else_made_stands_where_they_put_it(self) -> None:
        standing = {i: e.value for i, e in self.world.events.items() if i in self.blocks}
        assert standing == self.blocks

    @invariant()
    def syncd_closes_no_interval_twice(self) -> None:
        # A person may move a block onto another one, which the next cycle corrects.
        closed = Counter(
            (event.system, event.value.interval)
            for id_, event in self.world.events.items()
            if id_ in self.world.ours and id_ not in self.touched | self._tolerated_blocks()
        )
        assert all(number == 1 for number in closed.values())

    def _tolerated_blocks(self) -> set[Id]:
        """Return moved blocks that syncd does not move back: released, or in a conflict."""
        state = self.world.state
        released = {(r.system, r.event) for r in state.replicas if r.role is Role.RELEASED}
        claims = [c for h in state.conflicts for c in h.conflict.claims]
        return released | {(c.system, c.event) for c in claims if c.event is not None}

    def _replicas_agree(self) -> None:
        """Check that each appointment shows the agreed value, unless a person must decide."""
        held_bookings = self._held_bookings()
        agreed = {b.id: b.agreed for b in self.world.state.bookings if b.id not in held_bookings}
        for replica in self.world.state.replicas:
            event = self.world.events.get((replica.system, replica.event))
            if event is None or not replica.role.is_meeting or replica.booking not in agreed:
                continue
            value = agreed[replica.booking]
            # All values of a cancelled meeting are equal.
            assert event.value == value or not (event.value.busy or value.busy)

    def _held_bookings(self) -> set[str]:
        """Return the bookings that wait for a person."""
        held_bookings = [h.conflict for h in self.world.state.conflicts if h.conflict.held]
        return {booking for conflict in held_bookings for booking in conflict.subject.split("+")}

    def _twins_in_doubt(self) -> bool:
        """Return true if a meeting in several systems waits for a person's decision."""
        held_bookings = self._held_bookings()
        return any(
            r.role is Role.TWIN and r.booking in held_bookings for r in self.world.state.replicas
        )

    def _delete(self, id_: Id) -> Event:
        self.appointments.discard(id_)
        self.blocks.pop(id_, None)
        return self.world.events.pop(id_)

    @staticmethod
    def _pick(ids: set[Id], which: int) -> Id:
        return sorted(ids)[which % len(ids)]


def test_people_and_syncd_may_act_in_any_order() -> None:
    run_state_machine_as_test(
        Outside, settings=settings(max_examples=120, stateful_step_count=20, deadline=None)
    )
