"""Ownership by id on the three platforms: copied blocks, and holds in v1."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.app import build
from syncd.config.load import load
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)


def ours(site: Site, system: str) -> str:
    """Return the id of a block of syncd's in that system."""
    blocks = site.world.sandbox.systems[system].blocks()
    return next(b.id for b in blocks if "[s:" in b.title and not b.deleted)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_copies_that_people_make_of_our_blocks_are_not_ours(site: Site, system: str) -> None:
    await site.resync()
    world, platform = site.world, site.world.sandbox.systems[system]
    block, bob = ours(site, system), world.seed_users[system, "bob"]
    start = world.at(5, 9)
    # What is deleted later was not booked anew instead: it is older than that.
    platform.backdated = HOUR
    copied = platform.copy_block(block, bob.user, start, start + HOUR)
    meeting = platform.copy_block(
        block,
        bob.user,
        start + 3 * HOUR,
        start + 4 * HOUR,
        calendar=bob.calendar,
        contact=bob.contact,
    )
    booked = world.book(system, "bob", start + 6 * HOUR)
    platform.add_text(booked, next(b.title for b in platform.blocks() if b.id == block))
    platform.backdated = timedelta(0)
    report = await site.resync()
    assert (report.exit, site.disagreements({copied})) == (RunExit.DONE, [])
    for meant in platform.appointments():
        if meant.id not in {meeting, booked}:
            platform.delete(meant.id)
    await site.restart()
    report = await site.resync()
    if report.exit is RunExit.GUARDED:
        report = await site.resync(accept=report.run)
    assert (report.exit, site.disagreements({copied})) == (RunExit.DONE, [])
    standing = {b.id for b in platform.blocks() if not b.deleted}
    standing |= {a.id for a in platform.appointments() if not a.deleted}
    assert {copied, meeting, booked} <= standing


async def test_a_block_of_the_busy_type_with_a_lead_in_it_is_an_appointment(site: Site) -> None:
    await site.resync()
    world, crm = site.world, site.world.sandbox.crm
    bob, start = world.seed_users["crm", "bob"], world.at(5, 9)
    meeting = crm.copy_block(ours(site, "crm"), bob.user, start, start + HOUR, contact=bob.contact)
    assert (await site.resync()).exit is RunExit.DONE
    record = site.app.store.records("crm", [meeting])[0]
    assert (record.kind, record.created_by_us) == ("appointment", False)
    assert site.disagreements({meeting}) == []


async def test_a_v1_hold_is_ours_by_id_and_removable_and_its_copy_is_not(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC), empty=True)
    legacy = sandbox.legacy
    async with sandbox.serve():
        path = tmp_path / "syncd.toml"
        holds = 'blocks = "hold"\nhold_email = "busy@example.com"\ntype = "leadconnector-v1"'
        path.write_text(config_text(world, "state.db").replace('type = "leadconnector-v1"', holds))
        app = build(load(path, {}))
        first = world.book("crm", "alice", world.at(1, 9))
        await app.engine.resync()
        (hold,) = legacy.appointments()
        copied = legacy.book(
            hold.calendar, hold.user, world.at(2, 9), world.at(2, 10), hold.contact
        )
        legacy.add_text(copied, legacy.meetings.get(hold.id).description)  # type: ignore[union-attr]
        bob = world.seed_users["legacy", "bob"]
        meeting = legacy.book(bob.calendar, bob.user, world.at(3, 9), world.at(3, 10), bob.contact)
        legacy.add_text(meeting, legacy.meetings.get(hold.id).description)  # type: ignore[union-attr]
        await app.engine.resync()
        sandbox.crm.delete(first)
        assert (await app.engine.resync()).exit is RunExit.DONE
        found = {a.id: a.status for a in legacy.appointments()}
        assert found == {hold.id: "cancelled", copied: "confirmed", meeting: "confirmed"}
        busy = {b.start for b in sandbox.clinic.blocks() if not b.deleted}
        assert busy == {world.at(2, 9), world.at(3, 9)}
        await app.aclose()
