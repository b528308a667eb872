"""Null dates, ends in 9999 and half an emoji in the rows of each platform, over real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.consistency import event_summaries
from syncd.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.conftest import Shop

EVER = datetime(9999, 12, 30, tzinfo=UTC)


def spoil(shop: Shop, kind: FaultKind, spelling: str = "") -> None:
    """Let all platforms send such rows until they are told otherwise."""
    for platform in shop.world.sandbox.systems.values():
        platform.faults.add(Fault(kind, spelling=spelling))


def sound(shop: Shop) -> None:
    """Let them send sound rows again; each has sent an odd one."""
    for platform in shop.world.sandbox.systems.values():
        assert platform.faults.injected
        platform.faults.clear()


def closed(shop: Shop, start: datetime) -> dict[str, datetime]:
    """Where the block stands that syncd made from this time on, and until when."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start}


@pytest.mark.parametrize("spelling", ["", "bytes", "nul"])
async def test_half_an_emoji_in_every_text_hides_no_row(shop: Shop, spelling: str) -> None:
    spoil(shop, FaultKind.HALF_EMOJI, spelling)
    report = await shop.resync()
    assert (report.exit, shop.wrong()) == (RunExit.DONE, [])
    for hour, system in enumerate(SYSTEM_NAMES, 17):
        shop.world.book(system, "alice", shop.world.at(3, hour))
    report = await shop.resync()
    assert (report.exit, shop.wrong(), report.operations.total()) == (RunExit.DONE, [], 6)
    assert (await shop.resync()).operations.total() == 0
    sound(shop)


async def test_a_null_date_costs_its_row_and_frees_nothing(shop: Shop) -> None:
    await shop.resync()
    standing = shop.blocks()
    spoil(shop, FaultKind.ODD_TIME)
    for name in SYSTEM_NAMES:
        shop.world.book(name, "bob", shop.world.at(4, 17 + SYSTEM_NAMES.index(name), 30), 20)
    first = await shop.resync()
    assert {item.system for item in first.items} == {*SYSTEM_NAMES}
    assert (first.exit, shop.blocks()) == (RunExit.CONFLICTS, standing + 6)
    assert {s.state.value for s in first.systems.values()} == {"ok"}
    sound(shop)
    last = await shop.resync()
    assert (last.exit, shop.wrong(), last.operations.total()) == (RunExit.DONE, [], 0)


async def test_a_row_first_seen_with_a_null_date_is_carried_when_it_has_one(
    shop: Shop,
) -> None:
    spoil(shop, FaultKind.ODD_TIME)
    assert (await shop.resync()).exit in {RunExit.CONFLICTS, RunExit.UNANSWERED}
    sound(shop)
    assert (await shop.resync()).items == []
    assert shop.wrong() == []


async def test_an_update_time_out_of_range_is_as_good_as_none(shop: Shop) -> None:
    spoil(shop, FaultKind.ODD_TIME, "updated")
    assert (await shop.resync()).exit is RunExit.DONE
    assert shop.wrong() == []


async def test_a_block_for_ever_is_closed_elsewhere_and_stays_as_it_is(shop: Shop) -> None:
    starts = {system: shop.world.at(6, hour) for hour, system in enumerate(SYSTEM_NAMES, 7)}
    made = {}
    for system, start in starts.items():
        made[system] = shop.world.block(system, "carol", start, 60, "Gone for good")
        shop.world.sandbox.systems[system].move_block(made[system], start, EVER)
    await shop.resync()
    year = timedelta(days=365)
    for system, start in starts.items():
        ends = closed(shop, start)
        assert set(ends) == set(SYSTEM_NAMES) - {system}
        assert all(-year < end - datetime.now(UTC) - year <= timedelta(0) for end in ends.values())
    again = await shop.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)
    for system, block in made.items():
        shop.world.sandbox.systems[system].remove_block(block)
    await shop.resync()
    assert [closed(shop, start) for start in starts.values()] == [{}, {}, {}]


async def test_a_meeting_that_ends_in_9999_for_a_while_is_put_right_with_its_blocks(
    shop: Shop,
) -> None:
    await shop.resync()
    spoil(shop, FaultKind.ODD_TIME, "ever")
    # What is read back after a write is as odd, so that no write counts as done while it lasts.
    await shop.resync()
    sound(shop)
    await shop.resync()
    again = await shop.resync()
    assert (shop.wrong(), again.operations.total(), again.exit) == ([], 0, RunExit.DONE)
    assert "9999" not in json.dumps([n.detail for n in shop.app.store.history()])
