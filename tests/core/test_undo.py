"""Undo of a run: laws on a perturbed world. The cases are in `tests/engine`."""

from __future__ import annotations

from hypothesis import given

from syncd.core.inputs import CalendarState
from syncd.core.propagation.write_order import order
from syncd.core.undo import RunHistory, UndoPlan, net_writes, plan_undo
from syncd.model import Changes, Kind
from tests.core.kit import NOW
from tests.core.test_laws import ACTS, Act, World, converge, perturb


def put_back(world: World, only: str | None = None) -> UndoPlan:
    """Undo the writes in the world's journal, and start a new journal."""
    calendars = {s: CalendarState(s) for s in world.systems}
    past = RunHistory("run", tuple(world.journal))
    undoing = plan_undo(world.state, calendars, past, NOW, only=only, by="undo")
    world.journal.clear()
    world._store(Changes(undo_suppressions=list(undoing.suppressions)))
    for operation in order(undoing.operations):
        world._write(operation)
    return undoing


def one_block_each(world: World) -> None:
    for system in world.systems:
        assert all(number == 1 for number in world.busy(system, ours=True).values())


@given(first=ACTS, second=ACTS, third=ACTS)
def test_an_undone_booking_is_not_written_until_it_changes(
    first: list[Act], second: list[Act], third: list[Act]
) -> None:
    world = World(("a", "b", "c"))
    perturb(world, first)
    converge(world)
    world.journal.clear()
    perturb(world, second)
    converge(world)
    theirs = {id_: e for id_, e in world.events.items() if id_ not in world.ours}
    wrote = {(w.system, w.event): w for w in net_writes(world.journal)}
    undoing = put_back(world)
    left = {each.booking for each in undoing.skipped}
    for id_, w in wrote.items():
        if w.bookings and not w.bookings & left:
            shown = world.events.get(id_)
            if w.before is None:
                assert shown is None, "a block that the run made stands"
            elif w.after is not None:
                assert shown is not None
                assert shown.value.interval == w.before.interval
    one_block_each(world)
    assert world.cycle() == [], "what was put back is written anew"
    for id_, event in theirs.items():
        assert event.kind is Kind.BLOCK or id_ in world.events, "an appointment is gone"
        if id_ not in wrote:
            assert world.events[id_] == event, "what the run did not write was touched"
    perturb(world, third)
    assert converge(world) <= 3
    one_block_each(world)


@given(first=ACTS, second=ACTS)
def test_undoing_one_booking_writes_nothing_else(first: list[Act], second: list[Act]) -> None:
    world = World(("a", "b", "c"))
    perturb(world, first)
    converge(world)
    world.journal.clear()
    perturb(world, second)
    converge(world)
    named = sorted({b for i in world.journal for b in i.operation.bookings})
    for booking in named[:1]:
        undoing = put_back(world, booking)
        assert all(o.bookings == (booking,) for o in undoing.operations)
        one_block_each(world)
        assert world.cycle() == []
