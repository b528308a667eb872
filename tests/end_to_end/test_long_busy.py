"""Busy time that is days long: seen however early it began, and followed while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import Report, RunExit
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.consistency import event_summaries
from syncd.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from tests.able import with_lag
from tests.end_to_end.conftest import Shop

DAY = timedelta(days=1)
Interval = tuple[datetime, datetime]

Change = Callable[[Shop, str, str, Interval], Interval | None]
CHANGES: dict[str, Change] = {}


def _change(function: Change) -> Change:
    CHANGES[function.__name__] = function
    return function


@_change
def lengthened(shop: Shop, system: str, block: str, leave: Interval) -> Interval:
    longer = (leave[0], leave[1] + 2 * DAY)
    shop.world.sandbox.systems[system].move_block(block, *longer)
    return longer


@_change
def cut_short(shop: Shop, system: str, block: str, leave: Interval) -> Interval:
    shorter = (leave[0], leave[1] - 2 * DAY)
    shop.world.sandbox.systems[system].move_block(block, *shorter)
    return shorter


@_change
def deleted(shop: Shop, system: str, block: str, leave: Interval) -> None:
    del leave
    shop.world.sandbox.systems[system].remove_block(block)


def days_around_now(before: float, after: float) -> Interval:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return (now - before * DAY, now + after * DAY)


def enter(shop: Shop, system: str, who: str, leave: Interval) -> str:
    """Enter somebody's leave by hand."""
    minutes = int((leave[1] - leave[0]).total_seconds()) // 60
    return shop.world.block(system, who, leave[0], minutes, "Leave")


def closed(shop: Shop, who: str, start: datetime) -> dict[str, Interval]:
    """The blocks of syncd's that begin at that time, by system."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return {
        s.system: s.interval for s in seen if (s.ours, s.provider, s.start) == (True, who, start)
    }


def expected(system: str, leave: Interval | None) -> dict[str, Interval]:
    """The blocks that should be there."""
    return {} if leave is None else dict.fromkeys(set(SYSTEM_NAMES) - {system}, leave)


async def later(shop: Shop) -> None:
    """Let more than a far interval pass, for what is followed by id."""
    asked = shop.app.engine.running._asked
    asked.update({event: at - DAY / 2 for event, at in asked.items()})


def without_lag(shop: Shop) -> None:
    """Take every read for current: what was just written is doubted at once."""
    for system in shop.app.systems.values():
        with_lag(system, timedelta(0))


async def settle_jobs(shop: Shop) -> None:
    """Let LeadSquared carry out its jobs, and syncd see that."""
    if shop.app.store.pending_intents():
        await shop.resync()


async def calls_of(shop: Shop, read: Callable[[Shop], Awaitable[Report]]) -> dict[str, int]:
    """The calls of one read, by system."""
    before = shop.calls()
    await read(shop)
    return {name: count - before[name] for name, count in shop.calls().items()}


async def far(shop: Shop) -> Report:
    """One far read of the daemon."""
    return await shop.app.engine.poll(near=False)


async def near(shop: Shop) -> Report:
    """One near read of the daemon."""
    return await shop.app.engine.poll(near=True)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_began_days_ago_is_closed_by_the_first_sync(
    shop: Shop, system: str
) -> None:
    leave = days_around_now(5, 4)
    enter(shop, system, "alice", leave)
    report = await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, leave)
    assert (report.exit, shop.wrong()) == (RunExit.DONE, [])
    again = await shop.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_is_changed_while_it_runs_is_followed(
    shop: Shop, system: str, change: str
) -> None:
    leave = days_around_now(5, 4)
    block = enter(shop, system, "alice", leave)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, leave)
    after = CHANGES[change](shop, system, block, leave)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, after)
    again = await shop.resync()
    assert (again.operations.total(), again.exit, shop.wrong()) == (0, RunExit.DONE, [])


@pytest.mark.prove
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_the_daemon_follows_a_leave_that_drops_out_of_its_lists_by_id(
    shop: Shop, system: str, change: str
) -> None:
    leave = days_around_now(20, 4)
    block = enter(shop, system, "alice", leave)
    await shop.resync()
    after = CHANGES[change](shop, system, block, leave)
    await near(shop)
    assert closed(shop, "alice", leave[0]) == expected(system, leave)
    for _ in range(3):
        await later(shop)
        await far(shop)
        await settle_jobs(shop)
    assert closed(shop, "alice", leave[0]) == expected(system, after)
    await later(shop)
    assert not (await far(shop)).operations
    assert not (await near(shop)).operations
    assert shop.wrong() == []


@pytest.mark.prove
async def test_a_leave_longer_than_longest_is_followed_once_it_is_known(shop: Shop) -> None:
    leave = days_around_now(50, 10)
    block = enter(shop, "clinic", "alice", leave)
    await shop.resync()
    shop.path.write_text(shop.path.read_text().replace("[syncd]", '[syncd]\nlongest = "2d"', 1))
    await shop.reload()
    assert not (await shop.resync()).operations
    assert closed(shop, "alice", leave[0]) == expected("clinic", leave)
    shop.world.sandbox.clinic.remove_block(block)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == {}
    assert shop.wrong() == []


@pytest.mark.prove
async def test_our_long_block_that_a_person_removes_is_made_again(shop: Shop) -> None:
    leave = days_around_now(20, 4)
    without_lag(shop)
    enter(shop, "clinic", "alice", leave)
    await shop.resync()
    (ours,) = [b for b in shop.world.sandbox.legacy.blocks() if b.start == leave[0]]
    shop.world.sandbox.legacy.remove_block(ours.id)
    for _ in range(3):
        await later(shop)
        await far(shop)
    assert closed(shop, "alice", leave[0]) == expected("clinic", leave)


@pytest.mark.prove
async def test_a_leave_that_began_before_a_daemon_knew_its_system_is_found(shop: Shop) -> None:
    leave = days_around_now(20, 4)
    enter(shop, "legacy", "alice", leave)
    shop.world.sandbox.legacy.faults.add(Fault(FaultKind.ERROR))
    await shop.resync()
    shop.world.sandbox.legacy.faults.clear()
    shop.app.reset_backoff()
    assert closed(shop, "alice", leave[0]) == {}
    await far(shop)
    await far(shop)
    assert closed(shop, "alice", leave[0]) == expected("legacy", leave)


@pytest.mark.prove
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_leave_that_ends_after_the_window_and_is_deleted_is_freed(
    shop: Shop, system: str
) -> None:
    leave = days_around_now(-30, 90)
    block = enter(shop, system, "alice", leave)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, leave)
    shop.world.sandbox.systems[system].remove_block(block)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == {}


async def test_a_meeting_moved_to_begin_days_ago_is_followed(shop: Shop) -> None:
    """Its new value lies before what near reads list."""
    await shop.resync()
    start = shop.world.at(0, 18)
    event = shop.world.book("clinic", "bob", start)
    await shop.resync()
    longer = days_around_now(6, 3)
    shop.world.sandbox.clinic.move(event, *longer)
    await near(shop)
    await settle_jobs(shop)
    assert closed(shop, "bob", longer[0]) == expected("clinic", longer)


async def test_events_that_run_cost_one_read_by_id_in_a_far_interval(shop: Shop) -> None:
    without_lag(shop)
    for number, system in enumerate(SYSTEM_NAMES):
        enter(shop, system, PEOPLE[number], days_around_now(20 + number, 4))
    await shop.resync()
    await later(shop)
    await calls_of(shop, far)  # Whether v2 answers a block by its id is found out once.
    await later(shop)
    quiet = await calls_of(shop, far)
    await later(shop)
    assert await calls_of(shop, far) == quiet
    assert await calls_of(shop, far) == await calls_of(shop, near)
    # Of each leave one replica in each system: by id, or in v2 by a list of the user's blocks.
    beyond = {name: quiet[name] - count for name, count in (await calls_of(shop, near)).items()}
    assert beyond == {"crm": 3, "clinic": 3, "legacy": 3}


async def test_where_lists_show_what_overlaps_a_near_read_follows_a_leave(shop: Shop) -> None:
    for platform in shop.world.sandbox.systems.values():
        platform.lists_overlapping = True
    # Before the first whole read nobody knows whether a block of ours began earlier.
    await shop.resync()
    leave = days_around_now(20, 4)
    block = enter(shop, "clinic", "alice", leave)
    await near(shop)
    assert closed(shop, "alice", leave[0]) == expected("clinic", leave)
    after = lengthened(shop, "clinic", block, leave)
    await near(shop)
    await settle_jobs(shop)
    assert closed(shop, "alice", leave[0]) == expected("clinic", after)
    assert not (await shop.resync()).operations
