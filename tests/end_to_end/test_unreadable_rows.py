"""Rows without an end, an id or an owner, and rows that are no objects, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import RunExit, SystemStatus
from syncd.model import Topic
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.broken_rows import RowDefect
from syncd.sandbox.consistency import event_summaries
from syncd.sandbox.scenario import SYSTEM_NAMES
from syncd.store.reported import open_items
from tests.end_to_end.conftest import Shop


def closed(shop: Shop, start: datetime) -> set[str]:
    """The systems in which a block of syncd's begins then."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return {s.system for s in seen if s.ours and s.start == start}


def break_row(shop: Shop, system: str, lack: RowDefect, who: str = "alice") -> datetime:
    """Book a meeting whose row lacks something from now on; return its start."""
    start = shop.world.at(6, 7)
    event = shop.world.book(system, who, start)
    shop.world.sandbox.systems[system].broken_rows[event] = lack
    return start


def others(system: str) -> set[str]:
    return set(SYSTEM_NAMES) - {system}


UNNAMED = (RowDefect.ID, RowDefect.OBJECT)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
@pytest.mark.parametrize("lack", UNNAMED)
async def test_one_unnamed_row_in_a_first_sync_stops_nobody_and_is_reported_in_each_run(
    shop: Shop, system: str, lack: RowDefect
) -> None:
    odd = break_row(shop, system, lack)
    theirs = shop.world.at(6, 9)
    shop.world.book(min(others(system)), "alice", theirs)
    for _ in range(2):
        report = await shop.resync()
        assert {s.state for s in report.systems.values()} == {SystemStatus.OK}
        assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
        assert system in closed(shop, theirs)
    assert all("06 07" in line or f"{odd:%H:%M}" in line for line in shop.wrong())
    shop.world.sandbox.systems[system].broken_rows.clear()
    report = await shop.resync()
    assert (report.exit, shop.wrong(), open_items(shop.app.store)) == (RunExit.DONE, [], [])
    assert closed(shop, odd) == others(system)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_removals_elsewhere_proceed_while_a_list_holds_an_unnamed_row(
    shop: Shop, system: str
) -> None:
    other = min(others(system))
    start = shop.world.at(6, 9)
    event = shop.world.book(other, "alice", start)
    here, canceled = shop.world.at(6, 11), shop.world.at(6, 13)
    mine = shop.world.book(system, "alice", canceled)
    shop.world.book(system, "alice", here)
    break_row(shop, system, RowDefect.OBJECT)
    await shop.resync()
    assert closed(shop, start) == others(other)
    shop.world.sandbox.systems[other].delete(event)
    if system != "crm":
        shop.world.sandbox.systems[system].cancel(mine)
    await shop.resync()
    assert closed(shop, start) == set()
    assert closed(shop, here) == others(system)
    if system != "crm":
        assert closed(shop, canceled) == set()


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_known_meeting_without_an_end_keeps_its_time_and_follows_when_it_has_one(
    shop: Shop, system: str
) -> None:
    start, later = shop.world.at(6, 7), shop.world.at(6, 16)
    event = shop.world.book(system, "bob", start)
    await shop.resync()
    platform = shop.world.sandbox.systems[system]
    platform.broken_rows[event] = RowDefect.END
    platform.move(event, later, later + timedelta(hours=1))
    report = await shop.resync()
    assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
    assert closed(shop, start) == others(system)
    platform.broken_rows.clear()
    report = await shop.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert (closed(shop, start), closed(shop, later)) == (set(), others(system))


@pytest.mark.parametrize(("system", "other"), [("crm", "clinic"), ("clinic", "crm")])
async def test_a_row_without_an_owner_in_a_list_of_all_users_stops_nobody(
    shop: Shop, system: str, other: str
) -> None:
    odd, theirs = break_row(shop, system, RowDefect.OWNER), shop.world.at(6, 9)
    shop.world.book(other, "alice", theirs)
    report = await shop.resync()
    assert {s.state for s in report.systems.values()} == {SystemStatus.OK}
    assert report.exit is RunExit.CONFLICTS
    assert [(i.system, i.topic) for i in report.items] == [(system, Topic.UNREADABLE)]
    assert closed(shop, theirs) == others(other)
    shop.world.sandbox.systems[system].broken_rows.clear()
    report = await shop.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert closed(shop, odd) == others(system)


async def test_a_known_event_whose_owner_a_list_does_not_name_any_more_keeps_its_time(
    shop: Shop,
) -> None:
    start = shop.world.at(6, 7)
    event = shop.world.book("clinic", "bob", start)
    await shop.resync()
    shop.world.sandbox.clinic.broken_rows[event] = RowDefect.OWNER
    for _ in range(3):
        report = await shop.resync()
        assert (report.exit, report.operations.total()) == (RunExit.CONFLICTS, 0)
        assert [(i.event, i.topic) for i in report.items] == [(event, Topic.UNREADABLE)]
        assert closed(shop, start) == others("clinic")


@pytest.mark.parametrize("lack", RowDefect)
async def test_the_first_row_of_the_next_list_is_spoilt_once(shop: Shop, lack: RowDefect) -> None:
    await shop.resync()
    shop.world.sandbox.clinic.faults.add(Fault(FaultKind.BROKEN_ROW, times=1, spelling=lack))
    first = await shop.resync()
    assert (first.operations.total(), {s.state for s in first.systems.values()}) == (
        0,
        {SystemStatus.OK},
    )
    assert shop.world.sandbox.clinic.faults.injected[FaultKind.BROKEN_ROW] == 1
    last = await shop.resync()
    assert (last.exit, last.items, last.operations.total()) == (RunExit.DONE, [], 0)


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_an_old_row_that_only_the_deepest_read_lists_stays_reported(
    shop: Shop, system: str
) -> None:
    start = datetime.now(UTC) - timedelta(days=20)
    leave = shop.world.block(system, "alice", start, 30 * 24 * 60, "Leave")
    platform = shop.world.sandbox.systems[system]
    platform.broken_rows[leave] = RowDefect.END
    await shop.resync()
    for near in (False, True, False):
        await shop.app.engine.poll(near=near)
        assert [item.event for item in open_items(shop.app.store)] == [leave]
    platform.remove_block(leave)
    await shop.resync()
    assert open_items(shop.app.store) == []
