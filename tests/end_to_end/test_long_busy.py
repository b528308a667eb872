"""Busy time that is days long: seen however early it began, and followed while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import Exit, Report
from syncd.sandbox.agreement import sights
from syncd.sandbox.scenario import SYSTEMS
from tests.end_to_end.conftest import Shop

DAY = timedelta(days=1)
Interval = tuple[datetime, datetime]

CHANGES: dict[str, Callable[[Shop, str, str, Interval], Interval | None]] = {}


def _change(function: Callable[[Shop, str, str, Interval], Interval | None]) -> None:
    CHANGES[function.__name__] = function


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
    seen = sights(shop.world.sandbox.systems, shop.world.owners)
    return {
        s.system: s.interval for s in seen if (s.ours, s.provider, s.start) == (True, who, start)
    }


def expected(system: str, leave: Interval | None) -> dict[str, Interval]:
    """The blocks that should be there."""
    return {} if leave is None else dict.fromkeys(set(SYSTEMS) - {system}, leave)


async def far(shop: Shop) -> Report:
    """One far read of the daemon."""
    return await shop.app.engine.watch(near=False)


async def near(shop: Shop) -> Report:
    """One near read of the daemon."""
    return await shop.app.engine.watch(near=True)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_leave_that_began_days_ago_is_closed_by_the_first_sync(
    shop: Shop, system: str
) -> None:
    leave = days_around_now(5, 4)
    enter(shop, system, "alice", leave)
    report = await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, leave)
    assert (report.exit, shop.wrong()) == (Exit.DONE, [])
    again = await shop.resync()
    assert (again.operations.total(), again.exit) == (0, Exit.DONE)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_leave_that_is_changed_while_it_runs_is_followed(
    shop: Shop, system: str, change: str
) -> None:
    leave = days_around_now(5, 4)
    block = enter(shop, system, "alice", leave)
    await shop.resync()
    after = CHANGES[change](shop, system, block, leave)
    await shop.resync()
    assert closed(shop, "alice", leave[0]) == expected(system, after)
    again = await shop.resync()
    assert (again.operations.total(), again.exit, shop.wrong()) == (0, Exit.DONE, [])
