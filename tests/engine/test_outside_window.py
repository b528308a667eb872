"""Move a meeting from beyond the window to next week: its twin follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.engine.writing.writer import UPDATES
from syncd.model import Operation
from syncd.systems.lookup_results import Found
from syncd.systems.replies import Reply, TargetChanged
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles

FAR, SOON = v(24 * 90), v(24 * 7)


def ahead(rig: Rig, days: int) -> None:
    """Set the end of the whole window."""
    rig.engine.policy = replace(rig.engine.policy, future=timedelta(days=days))


def book_far(rig: Rig) -> dict[str, str]:
    """Book one meeting in a and b, 90 days ahead."""
    for system in rig.systems:
        system.customers["ann"] = ANN
    return {"a": rig.a.book("p", FAR, "ann"), "b": rig.b.book("p", FAR, "ann")}


@pytest.mark.parametrize("dragged", ["a", "b"])
async def test_an_event_of_an_earlier_wider_window_keeps_its_twin(rig: Rig, dragged: str) -> None:
    ahead(rig, 120)
    events = book_far(rig)
    await rig.engine.resync()
    rig.restart()
    ahead(rig, 60)
    await cycles(rig)
    getattr(rig, dragged).move(events[dragged], SOON)
    await cycles(rig)
    assert {s: getattr(rig, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }
    assert SOON.interval in rig.blocks()["c"]
    assert (rig.blocks()["a"], rig.blocks()["b"]) == ([], [])


@pytest.mark.parametrize("back", ["a", "b"])
async def test_an_event_moved_out_of_the_window_keeps_its_twin(rig: Rig, back: str) -> None:
    for system in rig.systems:
        system.customers["ann"] = ANN
    events = {"a": rig.a.book("p", SOON, "ann"), "b": rig.b.book("p", SOON, "ann")}
    await rig.engine.resync()
    rig.a.move(events["a"], FAR)
    await cycles(rig)
    assert rig.b.events[events["b"]].value == FAR
    rig.restart()
    await rig.engine.resync()
    getattr(rig, back).move(events[back], SOON)
    await cycles(rig)
    assert {s: getattr(rig, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }


async def test_a_second_booking_of_the_same_person_moves_nothing(rig: Rig) -> None:
    """An unknown event may be another meeting: a regular client has several."""
    ahead(rig, 120)
    rig.a.customers["ann"] = rig.b.customers["ann"] = ANN
    known = rig.b.book("p", FAR, "ann")
    await rig.engine.resync()
    rig.restart()
    ahead(rig, 60)
    rig.a.book("p", SOON, "ann")
    await cycles(rig)
    assert rig.b.events[known].value == FAR
    assert rig.blocks()["b"] == [SOON.interval]


@pytest.mark.parametrize("replaces", [False, True])
async def test_an_event_handed_over_beyond_the_window_stays_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    """Only the read before the write shows the new owner; the write is not repeated for ever."""
    ahead(rig, 120)
    events = book_far(rig)
    await rig.engine.resync()
    rig.restart()
    ahead(rig, 60)
    if replaces:
        # Its updates replace the record, so each update reads the record first.
        rig.b.capabilities = replace(rig.b.capabilities, update_replaces=True)
        monkeypatch.setattr(rig.b, "write", reading_first(rig.b))
    rig.b.events[events["b"]] = replace(rig.b.events[events["b"]], provider="q")
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert rig.b.events[events["b"]].value == FAR
    assert SOON.interval in rig.b.blocks("p")
    assert SOON.interval in rig.c.blocks("p")
    assert FAR.interval not in rig.a.blocks("p")
    writes = rig.writes()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.writes() == writes


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
