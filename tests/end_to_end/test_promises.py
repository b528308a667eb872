"""The promises on three platforms over real sockets and a real SQLite file.

See docs/design.md#promises.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.model import SystemState
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)


@pytest.fixture
def site(served_site: Site) -> Site:
    """Return a site on real sockets."""
    return served_site


async def test_a_first_resync_brings_three_systems_together_and_a_second_writes_nothing(
    site: Site,
) -> None:
    assert site.disagreements()
    report = await site.resync()
    assert report.exit is RunExit.DONE, report
    assert site.disagreements() == []
    assert report.cycles <= 3
    again = await site.resync()
    assert (again.operations.total(), again.cycles, again.exit) == (0, 1, RunExit.DONE)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_booking_a_move_and_a_cancellation_reach_the_other_two(
    site: Site, system: str
) -> None:
    await site.resync()
    world, platform = site.world, site.world.sandbox.systems[system]
    start = world.at(3, 17)
    booked = world.book(system, "alice", start)
    made = await site.resync()
    assert (site.disagreements(), made.operations.total()) == ([], 2)
    booked = platform.move(booked, start + HOUR, start + 2 * HOUR)
    moved = await site.resync()
    assert (site.disagreements(), moved.operations.total()) == ([], 2)
    if system == "crm":
        platform.delete(booked)
    else:
        platform.cancel(booked)
    freed = await site.resync()
    assert (site.disagreements(), freed.operations.total()) == ([], 2)
    assert (await site.resync()).operations.total() == 0


async def test_a_lost_reply_to_a_create_makes_no_second_block(site: Site) -> None:
    await site.resync()
    standing = site.blocks()
    for name, path in (
        ("crm", ".*Create"),
        ("clinic", ".*block-slots"),
        ("legacy", "/appointments"),
    ):
        platform = site.world.sandbox.systems[name]
        platform.faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    for system, who in zip(SYSTEM_NAMES, PEOPLE, strict=True):
        site.world.book(system, who, site.world.at(3, 17))
    await site.resync()
    await site.resync()
    assert site.disagreements() == []
    assert site.blocks() == standing + 6


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_empty_list_removes_nothing(site: Site, system: str) -> None:
    await site.resync()
    standing = site.blocks()
    faults = site.world.sandbox.systems[system].faults
    faults.add(Fault(FaultKind.EMPTY, times=50))
    for _ in range(2):
        await site.app.engine.poll(near=False)
    faults.clear()
    report = await site.resync()
    assert site.disagreements() == []
    assert site.blocks() == standing
    assert report.operations.total() == 0


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_system_that_refuses_the_secret_stops_no_other(site: Site, system: str) -> None:
    await site.resync()
    faults = site.world.sandbox.systems[system].faults
    faults.add(Fault(FaultKind.UNAUTHORISED, times=1000))
    other, third = (name for name in SYSTEM_NAMES if name != system)
    site.world.book(other, "bob", site.world.at(3, 18))
    report = await site.resync()
    assert report.exit is RunExit.UNANSWERED
    assert report.to_json()["systems"][system]["state"] == "unauthorised"  # type: ignore[index]
    wrong = site.disagreements()
    assert len(wrong) == 1
    assert wrong[0].endswith(f"free in {system}")
    assert third not in wrong[0]
    faults.clear()
    assert (await site.resync()).exit is RunExit.DONE
    assert site.disagreements() == []


async def test_many_deletions_at_once_stop_until_a_person_accepts_them(site: Site) -> None:
    world = site.world
    for hour in range(6, 20):
        world.book("clinic", "carol", world.at(9, hour))
    await site.resync()
    standing = site.blocks()
    clinic = world.sandbox.clinic
    for meeting in clinic.appointments():
        if meeting.user == world.seed_users["clinic", "carol"].user:
            clinic.delete(meeting.id)
    stopped = await site.resync()
    assert stopped.exit is RunExit.GUARDED
    assert site.blocks() == standing
    again = await site.resync()
    assert again.exit is RunExit.GUARDED
    assert site.blocks() == standing
    passed = await site.resync(accept=stopped.run)
    assert passed.exit is RunExit.DONE
    assert site.disagreements() == []
    assert site.blocks() < standing


async def test_a_dry_run_writes_neither_to_a_system_nor_to_the_state(site: Site) -> None:
    await site.resync()
    site.world.book("crm", "bob", site.world.at(3, 18))
    before = [len(s.blocks()) for s in site.world.sandbox.systems.values()]
    counts = site.app.store.counts()
    copy = site.app.store.in_memory_copy()
    real = site.app.engine.store
    site.app.engine.store = copy
    report = await site.resync(dry_run=True)
    site.app.engine.store = real
    copy.close()
    assert len(report.planned) == 2
    assert [len(s.blocks()) for s in site.world.sandbox.systems.values()] == before
    assert site.app.store.counts() == counts


async def test_no_customer_and_no_secret_is_in_the_state(site: Site) -> None:
    await site.resync()
    site.world.sandbox.systems["clinic"].faults.add(Fault(FaultKind.ERROR, times=3))
    await site.resync()
    connection = sqlite3.connect(site.app.settings.syncd.state_path)
    dump = "\n".join(connection.iterdump()).lower()
    connection.close()
    assert "appointment" in dump
    sandbox = site.world.sandbox
    secrets = (sandbox.clinic.token, sandbox.legacy.token, sandbox.crm.secret_key)
    # Ids are random letters, and "kim" stands in one of them now and then.
    assert not re.search(r"\bkim\b", dump)
    for word in ("example.com", "555010", "knee", "lunch", "dentist", *secrets):
        assert word.lower() not in dump, word


async def test_keys_never_travel_in_a_query(site: Site) -> None:
    await site.resync()
    assert site.world.sandbox.crm.keys_in_query == 0


async def test_a_quiet_cycle_makes_eight_calls_near_and_far(site: Site) -> None:
    await site.resync()
    for near in (True, False):
        before = site.calls()
        await site.app.engine.poll(near=near)
        after = site.calls()
        made = {name: after[name] - before[name] for name in after}
        assert made == {"crm": 1, "clinic": 4, "legacy": 3}


async def test_after_a_restart_nothing_is_written_again(site: Site) -> None:
    await site.resync()
    await site.restart()
    report = await site.resync()
    assert report.operations.total() == 0
    assert site.disagreements() == []


async def test_a_secret_that_is_renewed_in_its_file_brings_the_system_back_without_a_restart(
    site: Site,
) -> None:
    """The platform refuses the old token over real HTTP, and the file gets a new one."""
    await site.app.aclose()
    sandbox = site.world.sandbox
    old = sandbox.clinic.token
    file = site.path.with_name("token")
    file.write_text(old)
    file.chmod(0o600)
    site.path.write_text(
        site.path.read_text().replace(f'token = "{old}"', 'token = { file = "token" }')
    )
    site.start()
    assert (await site.resync()).exit is RunExit.DONE
    sandbox.clinic.token = "pit-0a1b2c3d-renewed"
    engine, clinic = site.app.engine, site.app.systems["clinic"]
    await engine.poll(near=True)
    assert clinic.health.state is SystemState.UNAUTHORISED
    before = site.calls()["clinic"]
    for _ in range(5):
        report = await engine.poll(near=True)
        assert str(report.systems["clinic"].state) == "unauthorised"
    assert site.calls()["clinic"] == before
    assert site.calls()["legacy"] > 0
    file.write_text(sandbox.clinic.token)
    report = await engine.poll(near=True)
    assert str(report.systems["clinic"].state) == "ok"
    assert report.systems["clinic"].reads > 0
    assert clinic.health.cause == ""
    assert site.app.store.health()["clinic"].state is SystemState.OK
