"""Rows without an end, an id or an owner, and rows that are no objects, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.lab.sandbox.consistency import event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import Topic
from syncd.store.queries.reported import open_items
from tests.end_to_end.conftest import Site


def closed(site: Site, start: datetime) -> set[str]:
    """Return the systems in which a block of syncd's begins then."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return {s.system for s in seen if s.ours and s.start == start}


def break_row(site: Site, system: str, lack: RowDefect, who: str = "alice") -> datetime:
    """Book a meeting whose row lacks a field from now on; return its start."""
    start = site.world.at(6, 7)
    event = site.world.book(system, who, start)
    site.world.sandbox.systems[system].broken_rows[event] = lack
    return start


def others(system: str) -> set[str]:
    return set(SYSTEM_NAMES) - {system}


UNNAMED = (RowDefect.ID, RowDefect.OBJECT)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
@pytest.mark.parametrize("lack", UNNAMED)
async def test_a_row_without_an_id_in_a_first_sync_stops_no_calendar_and_is_reported(
    site: Site, system: str, lack: RowDefect
) -> None:
    odd = break_row(site, system, lack)
    theirs = site.world.at(6, 9)
    site.world.book(min(others(system)), "alice", theirs)
    for _ in range(2):
        report = await site.resync()
        assert {s.state for s in report.systems.values()} == {SystemStatus.OK}
        assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
        assert system in closed(site, theirs)
    assert all("06 07" in line or f"{odd:%H:%M}" in line for line in site.disagreements())
    site.world.sandbox.systems[system].broken_rows.clear()
    report = await site.resync()
    assert (report.exit, site.disagreements(), open_items(site.app.store)) == (RunExit.DONE, [], [])
    assert closed(site, odd) == others(system)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_removals_elsewhere_proceed_while_a_list_holds_an_unnamed_row(
    site: Site, system: str
) -> None:
    other = min(others(system))
    start = site.world.at(6, 9)
    event = site.world.book(other, "alice", start)
    here, canceled = site.world.at(6, 11), site.world.at(6, 13)
    ours = site.world.book(system, "alice", canceled)
    site.world.book(system, "alice", here)
    break_row(site, system, RowDefect.OBJECT)
    await site.resync()
    assert closed(site, start) == others(other)
    site.world.sandbox.systems[other].delete(event)
    if system != "crm":
        site.world.sandbox.systems[system].cancel(ours)
    await site.resync()
    assert closed(site, start) == set()
    assert closed(site, here) == others(system)
    if system != "crm":
        assert closed(site, canceled) == set()


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_known_meeting_without_an_end_keeps_its_time_and_follows_when_it_has_one(
    site: Site, system: str
) -> None:
    start, later = site.world.at(6, 7), site.world.at(6, 16)
    event = site.world.book(system, "bob", start)
    await site.resync()
    platform = site.world.sandbox.systems[system]
    platform.broken_rows[event] = RowDefect.END
    platform.move(event, later, later + timedelta(hours=1))
    report = await site.resync()
    assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
    assert closed(site, start) == others(system)
    platform.broken_rows.clear()
    report = await site.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert (closed(site, start), closed(site, later)) == (set(), others(system))


@pytest.mark.parametrize(("system", "other"), [("crm", "clinic"), ("clinic", "crm")])
async def test_a_row_without_an_owner_in_a_list_of_all_users_stops_no_calendar(
    site: Site, system: str, other: str
) -> None:
    odd, theirs = break_row(site, system, RowDefect.OWNER), site.world.at(6, 9)
    site.world.book(other, "alice", theirs)
    report = await site.resync()
    assert {s.state for s in report.systems.values()} == {SystemStatus.OK}
    assert report.exit is RunExit.CONFLICTS
    assert [(i.system, i.topic) for i in report.items] == [(system, Topic.UNREADABLE)]
    assert closed(site, theirs) == others(other)
    site.world.sandbox.systems[system].broken_rows.clear()
    report = await site.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert closed(site, odd) == others(system)


async def test_a_known_event_whose_owner_a_list_does_not_name_any_more_keeps_its_time(
    site: Site,
) -> None:
    start = site.world.at(6, 7)
    event = site.world.book("clinic", "bob", start)
    await site.resync()
    site.world.sandbox.clinic.broken_rows[event] = RowDefect.OWNER
    for _ in range(3):
        report = await site.resync()
        assert (report.exit, report.operations.total()) == (RunExit.CONFLICTS, 0)
        assert [(i.event, i.topic) for i in report.items] == [(event, Topic.UNREADABLE)]
        assert closed(site, start) == others("clinic")


@pytest.mark.parametrize("lack", RowDefect)
async def test_the_first_row_of_the_next_list_is_spoilt_once(site: Site, lack: RowDefect) -> None:
    await site.resync()
    site.world.sandbox.clinic.faults.add(Fault(FaultKind.BROKEN_ROW, times=1, spelling=lack))
    first = await site.resync()
    assert (first.operations.total(), {s.state for s in first.systems.values()}) == (
        0,
        {SystemStatus.OK},
    )
    assert site.world.sandbox.clinic.faults.injected[FaultKind.BROKEN_ROW] == 1
    last = await site.resync()
    assert (last.exit, last.items, last.operations.total()) == (RunExit.DONE, [], 0)


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_an_old_row_that_only_the_deepest_read_lists_stays_reported(
    site: Site, system: str
) -> None:
    start = datetime.now(UTC) - timedelta(days=20)
    leave = site.world.block(system, "alice", start, 30 * 24 * 60, "Leave")
    platform = site.world.sandbox.systems[system]
    platform.broken_rows[leave] = RowDefect.END
    await site.resync()
    for near in (False, True, False):
        await site.app.engine.poll(near=near)
        assert [item.event for item in open_items(site.app.store)] == [leave]
    platform.remove_block(leave)
    await site.resync()
    assert open_items(site.app.store) == []
