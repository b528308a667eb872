"""What no document tells of LeadSquared: rows without owner or end, completed tasks, deletions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.consistency import event_summaries
from syncd.sandbox.leadsquared.facts import USUAL_LENGTH
from tests.end_to_end.conftest import Shop


def closed(shop: Shop, start: datetime) -> dict[str, datetime]:
    """Until when syncd's blocks that begin at this time close it, by system."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start and s.busy}


async def test_rows_without_owner_address_or_end_are_carried_like_others(shop: Shop) -> None:
    crm = shop.world.sandbox.crm
    await shop.resync()
    crm.rows_carry_owner = crm.rows_carry_end = False
    start = shop.world.at(3, 17)
    event = shop.world.book("crm", "alice", start)
    report = await shop.resync()
    assert {s.state.value for s in report.systems.values()} == {"ok"}
    assert closed(shop, start) == dict.fromkeys(("clinic", "legacy"), start + USUAL_LENGTH)
    assert (shop.wrong(), (await shop.resync()).operations.total()) == ([], 0)
    later = start + timedelta(hours=2)
    crm.move(event, later, later + timedelta(minutes=5))
    shop.world.book("clinic", "bob", start, 90)
    await shop.resync()
    assert closed(shop, later) == dict.fromkeys(("clinic", "legacy"), later + USUAL_LENGTH)
    assert closed(shop, start)["crm"] == start + timedelta(minutes=90)
    assert (shop.wrong(), (await shop.resync()).operations.total()) == ([], 0)


async def test_a_block_moved_to_another_length_is_believed_where_no_row_shows_ends(
    shop: Shop,
) -> None:
    crm = shop.world.sandbox.crm
    crm.rows_carry_end = False
    start = shop.world.at(3, 17)
    event = shop.world.book("clinic", "alice", start, 30)
    await shop.resync()
    shop.world.sandbox.clinic.move(event, start, start + timedelta(minutes=75))
    await shop.resync()
    assert closed(shop, start)["crm"] == start + timedelta(minutes=75)
    assert (await shop.resync()).operations.total() == 0


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("hours", [3, 80])
async def test_completing_a_meeting_before_its_start_or_end_frees_nothing(
    shop: Shop, hours: int, restarted: bool
) -> None:
    crm = shop.world.sandbox.crm
    crm.completing_changes_end = True
    start = (datetime.now(shop.world.at(0, 0).tzinfo) + timedelta(hours=hours)).replace(
        minute=0, second=0, microsecond=0
    )
    event = shop.world.book("crm", "alice", start, 90)
    await shop.resync()
    before = closed(shop, start)
    assert before == dict.fromkeys(("clinic", "legacy"), start + timedelta(minutes=90))
    crm.set_status(event, "showed")
    if restarted:
        await shop.restart()
    for _ in range(3):
        report = await shop.resync()
        assert (report.exit, report.operations.total()) == (RunExit.DONE, 0)
    assert (closed(shop, start), shop.wrong()) == (before, [])


async def test_a_deletion_in_part_is_told_and_made_again(shop: Shop) -> None:
    crm = shop.world.sandbox.crm
    events = [shop.world.book("clinic", "alice", shop.world.at(3, 16 + n)) for n in range(3)]
    await shop.resync()
    crm.faults.add(Fault(FaultKind.FAIL_JOBS, path=".*DeleteTasks", times=1))
    for event in events:
        shop.world.sandbox.clinic.cancel(event)
    report = await shop.resync()
    assert any("2 of 3 tasks deleted" in line for line in report.failures), report.failures
    await shop.resync()
    assert shop.wrong() == []
