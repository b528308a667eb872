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
from tests.engine.conftest import Shop
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles

FAR, SOON = v(24 * 90), v(24 * 7)


def ahead(shop: Shop, days: int) -> None:
    """Set the end of the whole window."""
    shop.engine.policy = replace(shop.engine.policy, future=timedelta(days=days))


def book_far(shop: Shop) -> dict[str, str]:
    """Book one meeting in a and b, 90 days ahead."""
    for system in shop.systems:
        system.persons["ann"] = ANN
    return {"a": shop.a.book("p", FAR, "ann"), "b": shop.b.book("p", FAR, "ann")}


@pytest.mark.parametrize("dragged", ["a", "b"])
async def test_an_event_of_an_earlier_wider_window_keeps_its_twin(shop: Shop, dragged: str) -> None:
    ahead(shop, 120)
    events = book_far(shop)
    await shop.engine.resync()
    shop.restart()
    ahead(shop, 60)
    await cycles(shop)
    getattr(shop, dragged).move(events[dragged], SOON)
    await cycles(shop)
    assert {s: getattr(shop, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }
    assert SOON.interval in shop.blocks()["c"]
    assert (shop.blocks()["a"], shop.blocks()["b"]) == ([], [])


@pytest.mark.parametrize("back", ["a", "b"])
async def test_an_event_moved_out_of_the_window_keeps_its_twin(shop: Shop, back: str) -> None:
    for system in shop.systems:
        system.persons["ann"] = ANN
    events = {"a": shop.a.book("p", SOON, "ann"), "b": shop.b.book("p", SOON, "ann")}
    await shop.engine.resync()
    shop.a.move(events["a"], FAR)
    await cycles(shop)
    assert shop.b.events[events["b"]].value == FAR
    shop.restart()
    await shop.engine.resync()
    getattr(shop, back).move(events[back], SOON)
    await cycles(shop)
    assert {s: getattr(shop, s).events[e].value for s, e in events.items()} == {
        "a": SOON,
        "b": SOON,
    }


async def test_a_second_booking_of_the_same_person_moves_nothing(shop: Shop) -> None:
    """An unknown event may be another meeting: a regular client has several."""
    ahead(shop, 120)
    shop.a.persons["ann"] = shop.b.persons["ann"] = ANN
    known = shop.b.book("p", FAR, "ann")
    await shop.engine.resync()
    shop.restart()
    ahead(shop, 60)
    shop.a.book("p", SOON, "ann")
    await cycles(shop)
    assert shop.b.events[known].value == FAR
    assert shop.blocks()["b"] == [SOON.interval]


@pytest.mark.parametrize("replaces", [False, True])
async def test_an_event_handed_over_beyond_the_window_stays_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    """Only the read before the write shows the new owner; the write is not repeated for ever."""
    ahead(shop, 120)
    events = book_far(shop)
    await shop.engine.resync()
    shop.restart()
    ahead(shop, 60)
    if replaces:
        # Its updates replace the record, so each update reads the record first.
        shop.b.capabilities = replace(shop.b.capabilities, update_replaces=True)
        monkeypatch.setattr(shop.b, "write", reading_first(shop.b))
    shop.b.events[events["b"]] = replace(shop.b.events[events["b"]], provider="q")
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shop.b.events[events["b"]].value == FAR
    assert SOON.interval in shop.b.blocks("p")
    assert SOON.interval in shop.c.blocks("p")
    assert FAR.interval not in shop.a.blocks("p")
    writes = shop.writes()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.writes() == writes


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
