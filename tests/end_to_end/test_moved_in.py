"""A meeting far ahead is dragged into the window on the emulated platforms; its twin follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncd.engine.report import RunExit
from syncd.model import ConflictKind, floor_to
from syncd.sandbox.faults import Fault, FaultKind
from syncd.sandbox.records import PlatformAppointment
from tests.end_to_end.virtual import VirtualShop, play

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAIRS = [("clinic", "crm"), ("crm", "clinic"), ("legacy", "clinic"), ("crm", "legacy")]


def seen(shop: VirtualShop, system: str, event: str) -> PlatformAppointment:
    return next(a for a in shop.world.sandbox.systems[system].appointments() if a.id == event)


def book(shop: VirtualShop, system: str, start: datetime) -> str:
    platform, seat = shop.world.sandbox.systems[system], shop.world.seed_users[system, "alice"]
    contact = platform.add_contact("Mia Example", "mia@example.com", "")
    return platform.book(seat.calendar, seat.user, start, start + HOUR, contact)


async def far_twins(shop: VirtualShop, *systems: str) -> list[str]:
    """A meeting a hundred days ahead in these systems, which syncd has not seen."""
    shop.world.sandbox.legacy.checks_slots = False
    start = floor_to(shop.clock.now(), HOUR) + 100 * DAY
    events = [book(shop, system, start) for system in systems]
    await shop.clock.sleep(3600)
    assert (await shop.resync()).exit is RunExit.DONE
    return events


def drag(shop: VirtualShop, system: str, event: str) -> datetime:
    start = floor_to(shop.clock.now(), HOUR) + 8 * DAY
    shop.world.sandbox.systems[system].move(event, start, start + HOUR)
    return start


@pytest.mark.parametrize(("system", "other"), PAIRS)
def test_the_twin_moves_with_it(tmp_path: Path, system: str, other: str) -> None:
    async def scene(shop: VirtualShop) -> None:
        event, twin = await far_twins(shop, system, other)
        await shop.clock.sleep(300)
        start = drag(shop, system, event)
        report = await shop.resync()
        assert (report.exit, report.conflicts) == (RunExit.DONE, 0)
        after = seen(shop, other, twin)
        assert (after.start, after.end) == (start, start + HOUR)
        assert (await shop.resync()).operations.total() == 0

    play(tmp_path, scene)


def test_a_system_that_is_down_is_asked_when_it_answers(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        event, twin = await far_twins(shop, "clinic", "crm")
        start = drag(shop, "clinic", event)
        faults = shop.world.sandbox.crm.faults
        faults.add(Fault(FaultKind.ERROR, times=10_000, status=503))
        await shop.resync()
        faults.clear(FaultKind.ERROR)
        await shop.restart(killed=True)
        await shop.clock.sleep(3600)
        assert (await shop.resync()).exit is RunExit.DONE
        assert seen(shop, "crm", twin).start == start

    play(tmp_path, scene)


def test_two_that_it_could_be_are_a_question(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        event, twin = await far_twins(shop, "clinic", "crm")
        book(shop, "crm", seen(shop, "crm", twin).start + 7 * DAY)
        before = seen(shop, "crm", twin).start
        drag(shop, "clinic", event)
        report = await shop.resync()
        assert report.exit is RunExit.CONFLICTS
        (held,) = shop.app.store.open_conflicts()
        assert held.conflict.kind is ConflictKind.AMBIGUOUS
        assert seen(shop, "crm", twin).start == before

    play(tmp_path, scene)
