"""Busy time that lasts for days: seen even if it began long ago, and followed while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report.run_report import Report, RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import event_summaries
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from tests.able import with_lag
from tests.end_to_end.conftest import Site

DAY = timedelta(days=1)
Interval = tuple[datetime, datetime]

Change = Callable[[Site, str, str, Interval], Interval | None]
CHANGES: dict[str, Change] = {}


def _change(function: Change) -> Change:
    CHANGES[function.__name__] = function
    return function


@_change
def lengthened(site: Site, system: str, block: str, leave: Interval) -> Interval:
    longer = (leave[0], leave[1] + 2 * DAY)
    site.world.sandbox.systems[system].move_block(block, *longer)
    return longer


@_change
def cut_short(site: Site, system: str, block: str, leave: Interval) -> Interval:
    shorter = (leave[0], leave[1] - 2 * DAY)
    site.world.sandbox.systems[system].move_block(block, *shorter)
    return shorter


@_change
def deleted(site: Site, system: str, block: str, leave: Interval) -> None:
    del leave
    site.world.sandbox.systems[system].remove_block(block)


def days_around_now(before: float, after: float) -> Interval:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return (now - before * DAY, now + after * DAY)


def enter(site: Site, system: str, who: str, leave: Interval) -> str:
    """Enter a leave by hand."""
    minutes = int((leave[1] - leave[0]).total_seconds()) // 60
    return site.world.block(system, who, leave[0], minutes, "Leave")


def closed(site: Site, who: str, start: datetime) -> dict[str, Interval]:
    """Return syncd's blocks that begin at that time, by system."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return {
        s.system: s.interval for s in seen if (s.ours, s.provider, s.start) == (True, who, start)
    }


def expected(system: str, leave: Interval | None) -> dict[str, Interval]:
    """Return the blocks that should exist."""
    return {} if leave is None else dict.fromkeys(set(SYSTEM_NAMES) - {system}, leave)


async def later(site: Site) -> None:
    """Advance by more than a far interval, so that long events are read by id again."""
    asked = site.app.engine.running._asked
    asked.update({event: at - DAY / 2 for event, at in asked.items()})


def without_lag(site: Site) -> None:
    """Set the lag of all reads to zero, so that a read counts right after a write."""
    for system in site.app.systems.values():
        with_lag(system, timedelta(0))


async def settle_jobs(site: Site) -> None:
    """Let LeadSquared carry out its jobs, and syncd read the result."""
    if site.app.store.pending_intents():
        await site.resync()


async def calls_of(site: Site, read: Callable[[Site], Awaitable[Report]]) -> dict[str, int]:
    """Return the calls of one read, by system."""
    before = site.calls()
    await read(site)
    return {name: count - before[name] for name, count in site.calls().items()}


async def far(site: Site) -> Report:
    """Run one far read of the daemon."""
    return await site.app.engine.poll(near=False)


async def near(site: Site) -> Report:
    """Run one near read of the daemon."""
    return await site.app.engine.poll(near=True)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_began_days_ago_is_closed_by_the_first_sync(
    site: Site, system: str
) -> None:
    leave = days_around_now(5, 4)
    enter(site, system, "alice", leave)
    report = await site.resync()
    assert closed(site, "alice", leave[0]) == expected(system, leave)
    assert (report.exit, site.disagreements()) == (RunExit.DONE, [])
    again = await site.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)


@pytest.mark.prove
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_is_changed_while_it_runs_is_followed(
    site: Site, system: str, change: str
) -> None:
    leave = days_around_now(5, 4)
    block = enter(site, system, "alice", leave)
    await site.resync()
    assert closed(site, "alice", leave[0]) == expected(system, leave)
    after = CHANGES[change](site, system, block, leave)
    await site.resync()
    assert closed(site, "alice", leave[0]) == expected(system, after)
    again = await site.resync()
    assert (again.operations.total(), again.exit, site.disagreements()) == (0, RunExit.DONE, [])


@pytest.mark.prove
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_the_daemon_follows_a_leave_that_drops_out_of_its_lists_by_id(
    site: Site, system: str, change: str
) -> None:
    leave = days_around_now(20, 4)
    block = enter(site, system, "alice", leave)
    await site.resync()
    after = CHANGES[change](site, system, block, leave)
    await near(site)
    assert closed(site, "alice", leave[0]) == expected(system, leave)
    for _ in range(3):
        await later(site)
        await far(site)
        await settle_jobs(site)
    assert closed(site, "alice", leave[0]) == expected(system, after)
    await later(site)
    assert not (await far(site)).operations
    assert not (await near(site)).operations
    assert site.disagreements() == []


@pytest.mark.prove
async def test_a_leave_longer_than_longest_is_followed_once_it_is_known(site: Site) -> None:
    leave = days_around_now(50, 10)
    block = enter(site, "clinic", "alice", leave)
    await site.resync()
    site.path.write_text(site.path.read_text().replace("[syncd]", '[syncd]\nlongest = "2d"', 1))
    await site.reload()
    assert not (await site.resync()).operations
    assert closed(site, "alice", leave[0]) == expected("clinic", leave)
    site.world.sandbox.clinic.remove_block(block)
    await site.resync()
    assert closed(site, "alice", leave[0]) == {}
    assert site.disagreements() == []


@pytest.mark.prove
async def test_our_long_block_that_a_person_removes_is_made_again(site: Site) -> None:
    leave = days_around_now(20, 4)
    without_lag(site)
    enter(site, "clinic", "alice", leave)
    await site.resync()
    (ours,) = [b for b in site.world.sandbox.legacy.blocks() if b.start == leave[0]]
    site.world.sandbox.legacy.remove_block(ours.id)
    for _ in range(3):
        await later(site)
        await far(site)
    assert closed(site, "alice", leave[0]) == expected("clinic", leave)


@pytest.mark.prove
async def test_a_leave_that_began_before_a_daemon_knew_its_system_is_found(site: Site) -> None:
    leave = days_around_now(20, 4)
    enter(site, "legacy", "alice", leave)
    site.world.sandbox.legacy.faults.add(Fault(FaultKind.ERROR))
    await site.resync()
    site.world.sandbox.legacy.faults.clear()
    site.app.reset_backoff()
    assert closed(site, "alice", leave[0]) == {}
    await far(site)
    await far(site)
    assert closed(site, "alice", leave[0]) == expected("legacy", leave)


@pytest.mark.prove
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_ends_after_the_window_and_is_deleted_is_freed(
    site: Site, system: str
) -> None:
    leave = days_around_now(-30, 90)
    block = enter(site, system, "alice", leave)
    await site.resync()
    assert closed(site, "alice", leave[0]) == expected(system, leave)
    site.world.sandbox.systems[system].remove_block(block)
    await site.resync()
    assert closed(site, "alice", leave[0]) == {}


async def test_a_meeting_moved_to_begin_days_ago_is_followed(site: Site) -> None:
    """Its new value begins before the time that near reads list."""
    await site.resync()
    start = site.world.at(0, 18)
    event = site.world.book("clinic", "bob", start)
    await site.resync()
    longer = days_around_now(6, 3)
    site.world.sandbox.clinic.move(event, *longer)
    await near(site)
    await settle_jobs(site)
    assert closed(site, "bob", longer[0]) == expected("clinic", longer)


async def test_events_that_run_cost_one_read_by_id_in_a_far_interval(site: Site) -> None:
    without_lag(site)
    for number, system in enumerate(SYSTEM_NAMES):
        enter(site, system, PEOPLE[number], days_around_now(20 + number, 4))
    await site.resync()
    await later(site)
    await calls_of(site, far)  # Whether v2 answers a block by its id is found out once.
    await later(site)
    quiet = await calls_of(site, far)
    await later(site)
    assert await calls_of(site, far) == quiet
    assert await calls_of(site, far) == await calls_of(site, near)
    # Of each leave one replica in each system: by id, or in v2 by a list of the user's blocks.
    beyond = {name: quiet[name] - count for name, count in (await calls_of(site, near)).items()}
    assert beyond == {"crm": 3, "clinic": 3, "legacy": 3}


async def test_a_near_read_follows_a_leave_if_lists_show_overlaps(site: Site) -> None:
    for platform in site.world.sandbox.systems.values():
        platform.lists_overlapping = True
    # Before the first whole read nobody knows whether a block of ours began earlier.
    await site.resync()
    leave = days_around_now(20, 4)
    block = enter(site, "clinic", "alice", leave)
    await near(site)
    assert closed(site, "alice", leave[0]) == expected("clinic", leave)
    after = lengthened(site, "clinic", block, leave)
    await near(site)
    await settle_jobs(site)
    assert closed(site, "alice", leave[0]) == expected("clinic", after)
    assert not (await site.resync()).operations
