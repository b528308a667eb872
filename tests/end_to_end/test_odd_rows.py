"""Null dates, ends in 9999 and half an emoji in each platform's rows, over real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.conftest import Site

EVER = datetime(9999, 12, 30, tzinfo=UTC)


def spoil(site: Site, kind: FaultKind, spelling: str = "") -> None:
    """Let all platforms send such rows until they are reset."""
    for platform in site.world.sandbox.systems.values():
        platform.faults.add(Fault(kind, spelling=spelling))


def sound(site: Site) -> None:
    """Let them send valid rows again; check that each sent an odd one."""
    for platform in site.world.sandbox.systems.values():
        assert platform.faults.injected
        platform.faults.clear()


def closed(site: Site, start: datetime) -> dict[str, datetime]:
    """Return where syncd's block that begins at this time is, and its end."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start}


@pytest.mark.parametrize("spelling", ["", "bytes", "nul"])
async def test_half_an_emoji_in_every_text_hides_no_row(site: Site, spelling: str) -> None:
    spoil(site, FaultKind.HALF_EMOJI, spelling)
    report = await site.resync()
    assert (report.exit, site.disagreements()) == (RunExit.DONE, [])
    for hour, system in enumerate(SYSTEM_NAMES, 17):
        site.world.book(system, "alice", site.world.at(3, hour))
    report = await site.resync()
    assert (report.exit, site.disagreements(), report.operations.total()) == (RunExit.DONE, [], 6)
    assert (await site.resync()).operations.total() == 0
    sound(site)


async def test_a_null_date_costs_its_row_and_frees_nothing(site: Site) -> None:
    await site.resync()
    standing = site.blocks()
    spoil(site, FaultKind.ODD_TIME)
    for name in SYSTEM_NAMES:
        site.world.book(name, "bob", site.world.at(4, 17 + SYSTEM_NAMES.index(name), 30), 20)
    first = await site.resync()
    assert {item.system for item in first.items} == {*SYSTEM_NAMES}
    assert (first.exit, site.blocks()) == (RunExit.CONFLICTS, standing + 6)
    assert {s.state.value for s in first.systems.values()} == {"ok"}
    sound(site)
    last = await site.resync()
    assert (last.exit, site.disagreements(), last.operations.total()) == (RunExit.DONE, [], 0)


async def test_a_row_first_seen_with_a_null_date_is_carried_when_it_has_one(
    site: Site,
) -> None:
    spoil(site, FaultKind.ODD_TIME)
    assert (await site.resync()).exit in {RunExit.CONFLICTS, RunExit.UNANSWERED}
    sound(site)
    assert (await site.resync()).items == []
    assert site.disagreements() == []


async def test_an_update_time_out_of_range_is_as_good_as_none(site: Site) -> None:
    spoil(site, FaultKind.ODD_TIME, "updated")
    assert (await site.resync()).exit is RunExit.DONE
    assert site.disagreements() == []


async def test_a_block_for_ever_is_closed_elsewhere_and_stays_as_it_is(site: Site) -> None:
    starts = {system: site.world.at(6, hour) for hour, system in enumerate(SYSTEM_NAMES, 7)}
    made = {}
    for system, start in starts.items():
        made[system] = site.world.block(system, "carol", start, 60, "Gone for good")
        site.world.sandbox.systems[system].move_block(made[system], start, EVER)
    await site.resync()
    year = timedelta(days=365)
    for system, start in starts.items():
        ends = closed(site, start)
        assert set(ends) == set(SYSTEM_NAMES) - {system}
        assert all(-year < end - datetime.now(UTC) - year <= timedelta(0) for end in ends.values())
    again = await site.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)
    for system, block in made.items():
        site.world.sandbox.systems[system].remove_block(block)
    await site.resync()
    assert [closed(site, start) for start in starts.values()] == [{}, {}, {}]


async def test_a_meeting_that_ends_in_9999_for_a_while_is_put_right_with_its_blocks(
    site: Site,
) -> None:
    await site.resync()
    spoil(site, FaultKind.ODD_TIME, "ever")
    # What is read back after a write is as odd, so that no write counts as done while it lasts.
    await site.resync()
    sound(site)
    await site.resync()
    again = await site.resync()
    assert (site.disagreements(), again.operations.total(), again.exit) == ([], 0, RunExit.DONE)
    assert "9999" not in json.dumps([n.detail for n in site.app.store.history()])
