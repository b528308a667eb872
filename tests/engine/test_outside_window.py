"""Move a meeting from beyond the window to next week: its twin follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.engine.writer import UPDATES
from syncd.model import Operation
from syncd.systems.port import Found, Reply, TargetChanged
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles

FAR, SOON = v(24 * 90), v(24 * 7)


def ahead(harness: EngineHarness, days: int) -> None:
    """Set the end of the whole window."""
    harness.engine.policy = replace(harness.engine.policy, future=timedelta(days=days))


def book_far(harness: EngineHarness) -> dict[str, str]:
    """Book one meeting in a and b, 90 days ahead."""
    for system in harness.systems:
        system.persons["ann"] = ANN
    return {"a": harness.a.book("p", FAR, "ann"), "b": harness.b.book("p", FAR, "ann")}


@pytest.mark.parametrize("dragged", ["a", "b"])
async def test_an_event_of_an_earlier_wider_window_keeps_its_twin(
    harness: EngineHarness, dragged: str
) -> None:
    ahead(harness, 120)
    events = book_far(harness)
    await harness.engine.resync()
    harness.restart()
    ahead(harness, 60)
    await cycles(harness)
    getattr(harness, dragged).move(events[dragged], SOON)
    await cycles(harness)
    assert {s: getattr(harness, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }
    assert SOON.interval in harness.blocks()["c"]
    assert (harness.blocks()["a"], harness.blocks()["b"]) == ([], [])


@pytest.mark.parametrize("back", ["a", "b"])
async def test_an_event_moved_out_of_the_window_keeps_its_twin(
    harness: EngineHarness, back: str
) -> None:
    for system in harness.systems:
        system.persons["ann"] = ANN
    events = {"a": harness.a.book("p", SOON, "ann"), "b": harness.b.book("p", SOON, "ann")}
    await harness.engine.resync()
    harness.a.move(events["a"], FAR)
    await cycles(harness)
    assert harness.b.events[events["b"]].value == FAR
    harness.restart()
    await harness.engine.resync()
    getattr(harness, back).move(events[back], SOON)
    await cycles(harness)
    assert {s: getattr(harness, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }


async def test_a_second_booking_of_the_same_person_moves_nothing(harness: EngineHarness) -> None:
    """An unknown event may be another meeting: a regular client has several."""
    ahead(harness, 120)
    harness.a.persons["ann"] = harness.b.persons["ann"] = ANN
    known = harness.b.book("p", FAR, "ann")
    await harness.engine.resync()
    harness.restart()
    ahead(harness, 60)
    harness.a.book("p", SOON, "ann")
    await cycles(harness)
    assert harness.b.events[known].value == FAR
    assert harness.blocks()["b"] == [SOON.interval]


@pytest.mark.parametrize("replaces", [False, True])
async def test_an_event_handed_over_beyond_the_window_stays_there(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    """Only the read before the write shows the new owner; the write is not repeated for ever."""
    ahead(harness, 120)
    events = book_far(harness)
    await harness.engine.resync()
    harness.restart()
    ahead(harness, 60)
    if replaces:
        # Its updates replace the record, so each update reads the record first.
        harness.b.capabilities = replace(harness.b.capabilities, update_replaces=True)
        monkeypatch.setattr(harness.b, "write", reading_first(harness.b))
    harness.b.events[events["b"]] = replace(harness.b.events[events["b"]], provider="q")
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert harness.b.events[events["b"]].value == FAR
    assert SOON.interval in harness.b.blocks("p")
    assert SOON.interval in harness.c.blocks("p")
    assert FAR.interval not in harness.a.blocks("p")
    writes = harness.writes()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.writes() == writes


def reading_first(system: FakeSystem) -> Callable[[Sequence[Operation]], Awaitable[Reply]]:
    """Return a write that refuses to update a record of another provider."""
    write = system.write

    async def checked(operations: Sequence[Operation]) -> Reply:
        (operation,) = operations
        if operation.action in UPDATES:
            sighting = await system.read_one(operation.ref)
            if isinstance(sighting, Found) and sighting.event.provider != operation.provider:
                return TargetChanged(sighting)
        return await write(operations)

    return checked
