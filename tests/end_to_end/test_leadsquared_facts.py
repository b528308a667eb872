"""Undocumented facts of LeadSquared: rows without owner or end, completed tasks, deletions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import event_summaries
from syncd.lab.sandbox.leadsquared.facts import USUAL_LENGTH
from tests.end_to_end.conftest import Site


def closed(site: Site, start: datetime) -> dict[str, datetime]:
    """Return the end of syncd's blocks that begin at this time, by system."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start and s.busy}


async def test_rows_without_owner_address_or_end_are_carried_like_others(site: Site) -> None:
    crm = site.world.sandbox.crm
    await site.resync()
    crm.rows_carry_owner = crm.rows_carry_end = False
    start = site.world.at(3, 17)
    event = site.world.book("crm", "alice", start)
    report = await site.resync()
    assert {s.state.value for s in report.systems.values()} == {"ok"}
    assert closed(site, start) == dict.fromkeys(("clinic", "legacy"), start + USUAL_LENGTH)
    assert (site.disagreements(), (await site.resync()).operations.total()) == ([], 0)
    later = start + timedelta(hours=2)
    crm.move(event, later, later + timedelta(minutes=5))
    site.world.book("clinic", "bob", start, 90)
    await site.resync()
    assert closed(site, later) == dict.fromkeys(("clinic", "legacy"), later + USUAL_LENGTH)
    assert closed(site, start)["crm"] == start + timedelta(minutes=90)
    assert (site.disagreements(), (await site.resync()).operations.total()) == ([], 0)


async def test_a_block_moved_to_another_length_is_believed_where_no_row_shows_ends(
    site: Site,
) -> None:
    crm = site.world.sandbox.crm
    crm.rows_carry_end = False
    start = site.world.at(3, 17)
    event = site.world.book("clinic", "alice", start, 30)
    await site.resync()
    site.world.sandbox.clinic.move(event, start, start + timedelta(minutes=75))
    await site.resync()
    assert closed(site, start)["crm"] == start + timedelta(minutes=75)
    assert (await site.resync()).operations.total() == 0


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("hours", [3, 80])
async def test_completing_a_meeting_before_its_start_or_end_frees_nothing(
    site: Site, hours: int, restarted: bool
) -> None:
    crm = site.world.sandbox.crm
    crm.completing_changes_end = True
    start = (datetime.now(site.world.at(0, 0).tzinfo) + timedelta(hours=hours)).replace(
        minute=0, second=0, microsecond=0
    )
    event = site.world.book("crm", "alice", start, 90)
    await site.resync()
    before = closed(site, start)
    assert before == dict.fromkeys(("clinic", "legacy"), start + timedelta(minutes=90))
    crm.set_status(event, "showed")
    if restarted:
        await site.restart()
    for _ in range(3):
        report = await site.resync()
        assert (report.exit, report.operations.total()) == (RunExit.DONE, 0)
    assert (closed(site, start), site.disagreements()) == (before, [])


async def test_a_partial_deletion_is_reported_and_repeated(site: Site) -> None:
    crm = site.world.sandbox.crm
    events = [site.world.book("clinic", "alice", site.world.at(3, 16 + n)) for n in range(3)]
    await site.resync()
    crm.faults.add(Fault(FaultKind.FAIL_JOBS, path=".*DeleteTasks", times=1))
    for event in events:
        site.world.sandbox.clinic.cancel(event)
    report = await site.resync()
    assert any("2 of 3 tasks were deleted" in line for line in report.failures), report.failures
    await site.resync()
    assert site.disagreements() == []
