"""The promises on three platforms over real sockets and a real SQLite file.

See docs/design.md#promises.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.model import SystemState
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(served_shop: Shop) -> Shop:
    """Prove the promises on real sockets, too."""
    return served_shop


async def test_a_first_resync_brings_three_systems_together_and_a_second_writes_nothing(
    shop: Shop,
) -> None:
    assert shop.wrong()
    report = await shop.resync()
    assert report.exit is RunExit.DONE, report
    assert shop.wrong() == []
    assert report.cycles <= 3
    again = await shop.resync()
    assert (again.operations.total(), again.cycles, again.exit) == (0, 1, RunExit.DONE)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_booking_a_move_and_a_cancellation_reach_the_other_two(
    shop: Shop, system: str
) -> None:
    await shop.resync()
    world, platform = shop.world, shop.world.sandbox.systems[system]
    start = world.at(3, 17)
    booked = world.book(system, "alice", start)
    made = await shop.resync()
    assert (shop.wrong(), made.operations.total()) == ([], 2)
    booked = platform.move(booked, start + HOUR, start + 2 * HOUR)
    moved = await shop.resync()
    assert (shop.wrong(), moved.operations.total()) == ([], 2)
    if system == "crm":
        platform.delete(booked)
    else:
        platform.cancel(booked)
    freed = await shop.resync()
    assert (shop.wrong(), freed.operations.total()) == ([], 2)
    assert (await shop.resync()).operations.total() == 0


async def test_a_lost_reply_to_a_create_makes_no_second_block(shop: Shop) -> None:
    await shop.resync()
    standing = shop.blocks()
    for name, path in (
        ("crm", ".*Create"),
        ("clinic", ".*block-slots"),
        ("legacy", "/appointments"),
    ):
        platform = shop.world.sandbox.systems[name]
        platform.faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    for system, who in zip(SYSTEM_NAMES, PEOPLE, strict=True):
        shop.world.book(system, who, shop.world.at(3, 17))
    await shop.resync()
    await shop.resync()
    assert shop.wrong() == []
    assert shop.blocks() == standing + 6


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_empty_list_removes_nothing(shop: Shop, system: str) -> None:
    await shop.resync()
    standing = shop.blocks()
    faults = shop.world.sandbox.systems[system].faults
    faults.add(Fault(FaultKind.EMPTY, times=50))
    for _ in range(2):
        await shop.app.engine.poll(near=False)
    faults.clear()
    report = await shop.resync()
    assert shop.wrong() == []
    assert shop.blocks() == standing
    assert report.operations.total() == 0


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_system_that_refuses_the_secret_stops_nobody_else(shop: Shop, system: str) -> None:
    await shop.resync()
    faults = shop.world.sandbox.systems[system].faults
    faults.add(Fault(FaultKind.UNAUTHORISED, times=1000))
    other, third = (name for name in SYSTEM_NAMES if name != system)
    shop.world.book(other, "bob", shop.world.at(3, 18))
    report = await shop.resync()
    assert report.exit is RunExit.UNANSWERED
    assert report.to_json()["systems"][system]["state"] == "unauthorised"  # type: ignore[index]
    wrong = shop.wrong()
    assert len(wrong) == 1
    assert wrong[0].endswith(f"open in {system}")
    assert third not in wrong[0]
    faults.clear()
    assert (await shop.resync()).exit is RunExit.DONE
    assert shop.wrong() == []


async def test_many_deletions_at_once_stop_until_a_person_accepts_them(shop: Shop) -> None:
    world = shop.world
    for hour in range(6, 20):
        world.book("clinic", "carol", world.at(9, hour))
    await shop.resync()
    standing = shop.blocks()
    clinic = world.sandbox.clinic
    for meeting in clinic.appointments():
        if meeting.user == world.seed_users["clinic", "carol"].user:
            clinic.delete(meeting.id)
    stopped = await shop.resync()
    assert stopped.exit is RunExit.GUARDED
    assert shop.blocks() == standing
    again = await shop.resync()
    assert again.exit is RunExit.GUARDED
    assert shop.blocks() == standing
    passed = await shop.resync(accept=stopped.run)
    assert passed.exit is RunExit.DONE
    assert shop.wrong() == []
    assert shop.blocks() < standing


async def test_a_dry_run_writes_neither_to_a_system_nor_to_the_state(shop: Shop) -> None:
    await shop.resync()
    shop.world.book("crm", "bob", shop.world.at(3, 18))
    before = [len(s.blocks()) for s in shop.world.sandbox.systems.values()]
    counts = shop.app.store.counts()
    copy = shop.app.store.in_memory_copy()
    real = shop.app.engine.store
    shop.app.engine.store = copy
    report = await shop.resync(dry_run=True)
    shop.app.engine.store = real
    copy.close()
    assert len(report.planned) == 2
    assert [len(s.blocks()) for s in shop.world.sandbox.systems.values()] == before
    assert shop.app.store.counts() == counts


async def test_no_customer_and_no_secret_is_in_the_state(shop: Shop) -> None:
    await shop.resync()
    shop.world.sandbox.systems["clinic"].faults.add(Fault(FaultKind.ERROR, times=3))
    await shop.resync()
    connection = sqlite3.connect(shop.app.settings.syncd.state_path)
    dump = "\n".join(connection.iterdump()).lower()
    connection.close()
    assert "appointment" in dump
    sandbox = shop.world.sandbox
    secrets = (sandbox.clinic.token, sandbox.legacy.token, sandbox.crm.secret_key)
    # Ids are random letters, and "kim" stands in one of them now and then.
    assert not re.search(r"\bkim\b", dump)
    for word in ("example.com", "555010", "knee", "lunch", "dentist", *secrets):
        assert word.lower() not in dump, word


async def test_keys_never_travel_in_a_query(shop: Shop) -> None:
    await shop.resync()
    assert shop.world.sandbox.crm.keys_in_query == 0


async def test_a_quiet_cycle_makes_eight_calls_near_and_far(shop: Shop) -> None:
    await shop.resync()
    for near in (True, False):
        before = shop.calls()
        await shop.app.engine.poll(near=near)
        after = shop.calls()
        made = {name: after[name] - before[name] for name in after}
        assert made == {"crm": 1, "clinic": 4, "legacy": 3}


async def test_after_a_restart_nothing_is_written_again(shop: Shop) -> None:
    await shop.resync()
    await shop.restart()
    report = await shop.resync()
    assert report.operations.total() == 0
    assert shop.wrong() == []


async def test_a_secret_that_is_renewed_in_its_file_brings_the_system_back_without_a_restart(
    shop: Shop,
) -> None:
    """Over real HTTP: the platform refuses the old token, and the file gets a new one."""
    await shop.app.aclose()
    sandbox = shop.world.sandbox
    old = sandbox.clinic.token
    file = shop.path.with_name("token")
    file.write_text(old)
    file.chmod(0o600)
    shop.path.write_text(
        shop.path.read_text().replace(f'token = "{old}"', 'token = { file = "token" }')
    )
    shop.start()
    assert (await shop.resync()).exit is RunExit.DONE
    sandbox.clinic.token = "pit-0a1b2c3d-renewed"
    engine, clinic = shop.app.engine, shop.app.systems["clinic"]
    await engine.poll(near=True)
    assert clinic.health.state is SystemState.UNAUTHORISED
    before = shop.calls()["clinic"]
    for _ in range(5):
        report = await engine.poll(near=True)
        assert str(report.systems["clinic"].state) == "unauthorised"
    assert shop.calls()["clinic"] == before
    assert shop.calls()["legacy"] > 0
    file.write_text(sandbox.clinic.token)
    report = await engine.poll(near=True)
    assert str(report.systems["clinic"].state) == "ok"
    assert report.systems["clinic"].reads > 0
    assert clinic.health.cause == ""
    assert shop.app.store.health()["clinic"].state is SystemState.OK
