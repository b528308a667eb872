"""A meeting is moved from far ahead into the window on the platforms; its twin follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.records import PlatformAppointment
from syncd.model import ConflictKind, floor_to
from tests.end_to_end.virtual import VirtualSite, play

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAIRS = [("clinic", "crm"), ("crm", "clinic"), ("legacy", "clinic"), ("crm", "legacy")]


def seen(site: VirtualSite, system: str, event: str) -> PlatformAppointment:
    return next(a for a in site.world.sandbox.systems[system].appointments() if a.id == event)


def book(site: VirtualSite, system: str, start: datetime) -> str:
    platform, seat = site.world.sandbox.systems[system], site.world.seed_users[system, "alice"]
    contact = platform.add_contact("Mia Example", "mia@example.com", "")
    return platform.book(seat.calendar, seat.user, start, start + HOUR, contact)


async def far_twins(site: VirtualSite, *systems: str) -> list[str]:
    """Book a meeting a hundred days ahead in these systems, which syncd has not seen."""
    site.world.sandbox.legacy.checks_slots = False
    start = floor_to(site.clock.now(), HOUR) + 100 * DAY
    events = [book(site, system, start) for system in systems]
    await site.clock.sleep(3600)
    assert (await site.resync()).exit is RunExit.DONE
    return events


def drag(site: VirtualSite, system: str, event: str) -> datetime:
    start = floor_to(site.clock.now(), HOUR) + 8 * DAY
    site.world.sandbox.systems[system].move(event, start, start + HOUR)
    return start


@pytest.mark.parametrize(("system", "other"), PAIRS)
def test_the_twin_moves_with_it(tmp_path: Path, system: str, other: str) -> None:
    async def scene(site: VirtualSite) -> None:
        event, twin = await far_twins(site, system, other)
        await site.clock.sleep(300)
        start = drag(site, system, event)
        report = await site.resync()
        assert (report.exit, report.conflicts) == (RunExit.DONE, 0)
        after = seen(site, other, twin)
        assert (after.start, after.end) == (start, start + HOUR)
        assert (await site.resync()).operations.total() == 0

    play(tmp_path, scene)


def test_a_system_that_is_down_is_asked_when_it_answers(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        event, twin = await far_twins(site, "clinic", "crm")
        start = drag(site, "clinic", event)
        faults = site.world.sandbox.crm.faults
        faults.add(Fault(FaultKind.ERROR, times=10_000, status=503))
        await site.resync()
        faults.clear(FaultKind.ERROR)
        await site.restart(killed=True)
        await site.clock.sleep(3600)
        assert (await site.resync()).exit is RunExit.DONE
        assert seen(site, "crm", twin).start == start

    play(tmp_path, scene)


def test_two_that_it_could_be_are_a_question(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        event, twin = await far_twins(site, "clinic", "crm")
        book(site, "crm", seen(site, "crm", twin).start + 7 * DAY)
        before = seen(site, "crm", twin).start
        drag(site, "clinic", event)
        report = await site.resync()
        assert report.exit is RunExit.CONFLICTS
        (held,) = site.app.store.open_conflicts()
        assert held.conflict.kind is ConflictKind.AMBIGUOUS
        assert seen(site, "crm", twin).start == before

    play(tmp_path, scene)
