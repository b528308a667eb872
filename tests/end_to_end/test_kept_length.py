"""Platforms whose updates do not set the end that they are sent (`update_keeps_end`)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.systems.leadconnector_v1.writing import Writer
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)


def book(site: Site, minutes: int = 60) -> str:
    return site.world.book("crm", "alice", site.world.at(3, 14), minutes)


def later(kept: str, measured: str, lengths: tuple[int, int]) -> bool:
    """Mark for `make prove`: the gate tries each pair of facts, and each length twice."""
    return lengths != (60, 120) and (kept, measured) not in {("no", ""), ("yes", "yes")}


@pytest.mark.prove
@pytest.mark.parametrize(
    ("kept", "measured", "before", "after"),
    [
        pytest.param(*each, *lengths, marks=pytest.mark.prove if later(*each, lengths) else ())
        for lengths in [(60, 120), (120, 60), (60, 90)]
        for each in product(("no", "yes"), ("yes", "no", ""))
    ],
)
async def test_a_block_gets_another_length_whether_or_not_updates_keep_the_end(
    site: Site, kept: str, measured: str, before: int, after: int
) -> None:
    site.world.sandbox.legacy.set_fact("update_keeps_end", kept)
    if measured:
        site.app.systems["legacy"].measured.note("update_keeps_end", measured)
    event = book(site, before)
    await site.resync()
    start = site.world.at(3, 15)
    site.world.sandbox.crm.move(event, start, start + timedelta(minutes=after))
    await site.resync()
    report = await site.resync()
    assert site.disagreements() == []
    assert report.exit is RunExit.DONE
    assert report.operations.total() == 0


async def test_no_time_is_open_while_a_block_is_replaced(site: Site) -> None:
    legacy = site.world.sandbox.legacy
    legacy.update_keeps_end = False
    event = book(site)
    await site.resync()
    start = site.world.at(3, 14)
    since = len(legacy.calls)
    site.world.sandbox.crm.move(event, start, start + 2 * HOUR)
    report = await site.resync()
    writes = [c.method for c in legacy.calls[since:] if c.method in {"POST", "PUT", "DELETE"}]
    assert writes == ["PUT", "POST", "DELETE"]
    assert report.exit is RunExit.DONE
    assert site.disagreements() == []


async def test_a_twin_that_cannot_be_lengthened_gets_a_block_beside_it(site: Site) -> None:
    world = site.world
    start = world.at(3, 14)
    first, twin = (world.book(system, "alice", start, 30) for system in ("clinic", "legacy"))
    await site.resync()
    world.sandbox.legacy.update_keeps_end = False
    world.sandbox.clinic.move(first, start, start + 2 * HOUR)
    await site.resync()
    report = await site.resync()
    closed = {(b.start, b.end) for b in world.sandbox.legacy.blocks() if not b.deleted}
    assert (start, start + 2 * HOUR) in closed
    assert report.operations.total() == 0
    # Once the meeting ends earlier again, the block that closed the rest has gone.
    world.sandbox.clinic.move(first, start, start + HOUR / 2)
    await site.resync()
    assert (await site.resync()).operations.total() == 0
    assert site.disagreements() == []
    shown = next(m for m in world.sandbox.legacy.appointments() if m.id == twin)
    assert (shown.start, shown.end) == (start, start + HOUR / 2)


@pytest.mark.parametrize("measured", ["yes", ""])
async def test_a_meeting_that_v1_shortens_keeps_its_length_elsewhere(
    site: Site, measured: str
) -> None:
    """A measured fact may be out of date, and a lost end looks like a person's change (seed 22)."""
    start = await moved_by_hand(site, measured)
    report = await site.resync()
    assert "endAt" in " ".join(report.failures)
    await stands_in_full(site, start)


@pytest.mark.parametrize("measured", ["yes", ""])
@pytest.mark.parametrize("lost", [FaultKind.LOSE_AFTER, FaultKind.RESET_BODY])
async def test_an_end_that_is_lost_with_the_reply_is_carried_nowhere(
    site: Site, measured: str, lost: FaultKind
) -> None:
    start = await moved_by_hand(site, measured)
    site.world.sandbox.legacy.faults.add(
        Fault(lost, method="PUT", path=".*/appointments/", times=1)
    )
    await site.resync()
    await stands_in_full(site, start)


@pytest.mark.parametrize("measured", ["yes", ""])
async def test_an_end_that_cannot_be_read_back_at_once_is_carried_nowhere(
    site: Site, monkeypatch: pytest.MonkeyPatch, measured: str
) -> None:
    start = await moved_by_hand(site, measured)
    write, faults = Writer.write, site.world.sandbox.legacy.faults

    async def then_silent(*given: Any) -> Any:
        reply = await write(*given)
        faults.add(Fault(FaultKind.ERROR, method="GET", path=".*/appointments/."))
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", then_silent)
        await site.resync()
    faults.clear()
    await stands_in_full(site, start)


async def moved_by_hand(site: Site, measured: str) -> datetime:
    """Move one of two twins by an hour, with v1 keeping no end of the other; return the start."""
    world = site.world
    start = world.at(3, 14)
    first, _ = (world.book(system, "alice", start, 60) for system in ("crm", "legacy"))
    await site.resync()
    if measured:
        site.app.systems["legacy"].measured.note("update_keeps_end", measured)
    world.sandbox.legacy.update_keeps_end = False
    start -= 2 * HOUR
    world.sandbox.crm.move(first, start, start + HOUR)
    await asyncio.sleep(120)  # what syncd writes is later than that
    return start


async def stands_in_full(site: Site, start: datetime) -> None:
    """Check that the meeting's whole time is blocked, also where v1 lost the end."""
    for _ in range(3):
        report = await site.resync()
    assert report.operations.total() == 0
    sandbox = site.world.sandbox
    shown = [
        [(m.start, m.end) for m in platform.appointments() if m.start == start and not m.deleted]
        for platform in (sandbox.crm, sandbox.legacy)
    ]
    assert shown == [[(start, start + HOUR)], [(start, start + HOUR / 2)]]
    closed = [(b.start, b.end) for b in sandbox.legacy.blocks() if not b.deleted]
    assert (start, start + HOUR) in closed
    assert site.app.store.open_conflicts() == []
