"""Test that a settled provider is decided on around its changes, and as a whole if needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.deciding import decide as engine_decide
from syncd.engine.report.run_report import RunExit
from syncd.model import Changes, Person, ProviderState, Status, Value
from syncd.store import StateError
from tests.core.kit import v
from tests.engine.conftest import Rig


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the events that each decision is made from."""
    seen: list[int] = []
    decide: Callable[..., object] = engine_decide.reconcile_with_answer  # type: ignore[attr-defined]

    def counted(state: ProviderState, *more: object) -> object:
        seen.append(len(state.records))
        return decide(state, *more)

    monkeypatch.setattr(engine_decide, "reconcile_with_answer", counted)
    return seen


async def booked(rig: Rig, many: int) -> list[str]:
    events = [rig.a.book("p", v(24 + 3 * n)) for n in range(many)]
    assert (await rig.engine.resync()).converged
    rig.clock.pass_(minutes=2)
    await rig.engine.poll(near=False)
    return events


async def test_one_change_is_decided_on_without_the_rest(rig: Rig, looked_at: list[int]) -> None:
    events = await booked(rig, 8)
    looked_at.clear()
    rig.a.move(events[0], v(25))
    await rig.engine.poll(near=False)
    assert looked_at == [3], "the appointment, and its blocks in b and c"
    assert v(25).interval in rig.blocks()["b"]


async def test_after_a_restart_the_first_decision_is_on_all(rig: Rig, looked_at: list[int]) -> None:
    await booked(rig, 8)
    rig.restart()
    looked_at.clear()
    await rig.engine.poll(near=False)
    assert looked_at == [24, 0]


async def test_the_share_that_stops_the_guard_is_one_of_all_that_is_known(
    rig: Rig, looked_at: list[int]
) -> None:
    events = await booked(rig, 80)
    looked_at.clear()
    # Twelve is more than ten, but less than a fifth of eighty.
    for n, event in enumerate(events[:12]):
        rig.a.move(event, v(24 + 3 * n, 25 + 3 * n + 0.1 * n))
    report = await rig.engine.poll(near=False)
    assert report.exit is not RunExit.GUARDED
    assert looked_at[0] < 80


async def test_an_accident_is_stopped_although_only_its_part_is_looked_at_first(
    rig: Rig, looked_at: list[int]
) -> None:
    events = await booked(rig, 20)
    looked_at.clear()
    for event in events[:12]:
        rig.a.delete(event)
    report = await rig.engine.poll(near=False)
    assert report.guarded == ["a"]
    assert looked_at == [60]


async def test_a_partial_decision_repeats_until_nothing_is_left_to_do(
    rig: Rig, looked_at: list[int]
) -> None:
    events = await booked(rig, 8)
    looked_at.clear()
    rig.a.delete(events[0])
    assert (await rig.engine.resync()).converged
    assert v(24).interval not in rig.blocks()["b"]
    before = len(looked_at)
    await rig.engine.poll(near=False)
    assert len(looked_at) == before, "it is settled"


async def test_work_left_by_a_whole_decision_is_done_once_a_user_is_back(rig: Rig) -> None:
    (gone,) = await booked(rig, 1)
    other = rig.c.book("p", v(40))
    assert (await rig.engine.resync()).converged
    rig.c.missing = {"p"}
    rig.c.events[other] = replace(rig.c.events[other], provider="new-id")
    rig.a.delete(gone)
    for _ in range(3):
        rig.clock.pass_(minutes=6)
        await rig.engine.poll(near=False)
    assert [v(24).interval in blocks for blocks in rig.blocks().values()] == [False, False, True]
    rig.c.missing = set()
    rig.c.events[other] = replace(rig.c.events[other], provider="p")
    for _ in range(2):
        rig.clock.pass_(minutes=6)
        await rig.engine.poll(near=False)
    assert v(24).interval not in rig.blocks()["c"]


async def test_a_meeting_that_is_deleted_once_it_is_off_is_settled_at_once(
    rig: Rig, looked_at: list[int]
) -> None:
    (event,) = await booked(rig, 1)
    rig.a.move(event, v(24, status=Status.CANCELLED))
    assert (await rig.engine.resync()).converged
    rig.a.delete(event)
    for _ in range(2):
        rig.clock.pass_(minutes=2)
        await rig.engine.poll(near=False)
    (record,) = rig.store.state("p").ended
    assert record.id == event
    before = len(looked_at)
    await rig.engine.poll(near=False)
    assert len(looked_at) == before, "it is settled"


async def test_an_event_with_a_new_owner_is_decided_on_for_that_owner(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.a.customers["ann"] = rig.b.customers["7"] = Person(emails=("ann@example.com",))
    first = rig.a.book("p", v(24), "ann")
    twin = rig.b.book("p", v(24), "7")
    assert (await rig.engine.resync()).converged
    rig.clock.pass_(minutes=2)
    await rig.engine.poll(near=False)
    rig.a.move(first, v(27))
    monkeypatch.setattr("syncd.engine.writing.reread.REREAD_AFTER", timedelta(0))
    looked = rig.b.read_one

    async def given(*about: Any) -> Any:
        rig.b.events[twin] = replace(rig.b.events[twin], provider="q")
        return await looked(*about)

    monkeypatch.setattr(rig.b, "read_one", given)
    await rig.engine.poll(near=False)
    assert rig.b.events[twin].value == v(24), "it is q's meeting now, and nobody moved that"
    (record,) = rig.store.records("b", [twin])
    assert record.provider == "p", "whose it is, the next read of all proves"
    await rig.engine.poll(near=False)
    assert rig.blocks("q")["a"] == [v(24).interval]


async def news_of_both(rig: Rig) -> None:
    """Return an engine with two settled providers, of each of which a meeting has moved since."""
    events = {provider: rig.a.book(provider, v(24)) for provider in ("p", "q")}
    assert (await rig.engine.resync()).converged
    rig.clock.pass_(minutes=2)
    await rig.engine.poll(near=False)
    for event in events.values():
        rig.a.move(event, v(27))


def decided(steps: tuple[Changes, ...]) -> list[str]:
    """Return the providers whose bookings these steps create again."""
    return [booking.provider for step in steps for booking in step.bookings]


async def test_decisions_on_parts_are_stored_together_and_before_anything_is_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await news_of_both(rig)
    stored: list[list[str]] = []
    apply = rig.store.apply

    def listened(*steps: Changes) -> None:
        apply(*steps)
        if decided(steps):
            stored.append(decided(steps))
            assert rig.blocks("q")["b"] == [v(24).interval]

    monkeypatch.setattr(rig.store, "apply", listened)
    await rig.engine.poll(near=False)
    assert stored == [["p", "q"]]
    assert rig.blocks("q")["b"] == [v(27).interval]


async def test_decisions_that_could_not_be_stored_are_made_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await news_of_both(rig)
    (event,) = (id_ for id_, e in rig.a.events.items() if e.provider == "p")
    rig.a.move(event, v(24, status=Status.NEW))  # is to be agreed to, and needs no write
    apply = rig.store.apply

    def refused(*steps: Changes) -> None:
        if decided(steps):
            raise StateError("here", "the disk is full", "Free some space.")
        apply(*steps)

    with monkeypatch.context() as trouble:
        trouble.setattr(rig.store, "apply", refused)
        with pytest.raises(StateError):
            await rig.engine.poll(near=False)
    assert [b.agreed for b in rig.store.bookings()] == [v(24), v(24)]
    await rig.engine.poll(near=False)
    assert [b.agreed for b in rig.store.bookings()] == [v(24, status=Status.NEW), v(27)]
    assert rig.blocks("q")["b"] == [v(27).interval]


async def test_a_whole_decision_sees_the_earlier_decisions_on_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await news_of_both(rig)
    rig.engine.dirty.mark_whole(["q"])
    before: list[list[Value]] = []
    state = rig.store.state

    def looked(provider: str) -> ProviderState:
        before.append([booking.agreed for booking in rig.store.bookings("p")])
        return state(provider)

    monkeypatch.setattr(rig.store, "state", looked)
    await rig.engine.poll(near=False)
    assert before[0] == [v(27)]
