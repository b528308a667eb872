"""Nothing is doubled or lost if the process is killed or stopped, or its clock jumps."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.hostile.siege import EVERY, Siege, siege
from tests.hostile.watched_daemon import CLOCK, MONOTONIC

pytestmark = [pytest.mark.slow, pytest.mark.prove]

KILLS, LIVES = 25, 4
"""A hundred kills in four runs that can be proven in parallel."""

DAY = 86_400.0
TWO_MINUTES = 120.0


class Crowd:
    """Users of all three systems: they book, move and delete their own meetings."""

    def __init__(self, place: Siege, random: Random) -> None:
        self.place, self.random = place, random
        self.meetings: list[tuple[str, str]] = []
        self.free = self._free()

    def _free(self) -> Iterator[datetime]:
        taken = {s.start for s in self.place.found()}
        for day in range(1, 12):
            for quarter in range(4 * 10):
                start = self.place.world.at(day, 18) + timedelta(minutes=15 * quarter)
                if start not in taken:
                    yield start

    def act(self) -> None:
        """Do one thing."""
        world, what = self.place.world, self.random.random()
        if what < 0.6 or len(self.meetings) < 3:
            system = self.random.choice(SYSTEM_NAMES)
            event = world.book(system, self.random.choice(("alice", "bob")), next(self.free), 15)
            self.meetings.append((system, event))
            return
        system, event = self.meetings[self.random.randrange(len(self.meetings))]
        platform = world.sandbox.systems[system]
        if what < 0.85:
            start = next(self.free)
            platform.move(event, start, start + timedelta(minutes=15))
        else:
            platform.delete(event)
            self.meetings.remove((system, event))


def doubled(place: Siege) -> list[str]:
    """Return the events that exist more than once."""
    return [line for line in place.wrong() if " times in " in line]


@pytest.mark.parametrize("life", range(LIVES))
async def test_kills_at_random_moments_double_and_lose_nothing(tmp_path: Path, life: int) -> None:
    random = Random(f"kills {life}")
    async with siege(tmp_path) as place:
        crowd = Crowd(place, random)
        await place.kill()
        for number in range(KILLS):
            for _ in range(random.randint(2, 5)):
                crowd.act()
            meetings, calls = place.standing(), calls_of(place)
            await place.launch()
            # From the first call on: before it there is nothing to be interrupted.
            assert await place.until(lambda calls=calls: calls_of(place) > calls, 60)
            ends = time.monotonic() + random.uniform(0.0, 1.0)
            while time.monotonic() < ends:
                if random.random() < 0.2:
                    crowd.act()
                    meetings = place.standing()
                await asyncio.sleep(0.02)
            await place.kill()
            assert doubled(place) == [], number
            assert place.standing() == meetings, number
        await place.launch()
        assert await place.until(lambda: not place.wrong(), 60), place.wrong()
        blocks = {name: place.blocks(name) for name in SYSTEM_NAMES}
        assert await place.request() == ""
        assert {name: place.blocks(name) for name in SYSTEM_NAMES} == blocks
        assert place.complaints() == []


def calls_of(place: Siege) -> int:
    """Return the number of calls that the platforms got."""
    return sum(len(platform.calls) for platform in place.world.sandbox.systems.values())


async def test_a_process_stopped_for_two_minutes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Stop the process in the middle of its writes; both its clocks then show two minutes more.

    The process does not run in between, and sees the same as after two real minutes: later
    clocks, and connections that the platforms closed.
    """
    async with siege(tmp_path) as place:
        assert place.daemon is not None
        crowd = Crowd(place, Random("standstill"))
        for _ in range(3):
            calls = calls_of(place)
            for _ in range(6):
                crowd.act()
            asked = asyncio.create_task(place.request(60))
            assert await place.until(lambda calls=calls: calls_of(place) > calls + 3, 20)
            os.kill(place.daemon.pid, signal.SIGSTOP)
            crowd.act()
            meetings = place.standing()
            for front in place.fronts.values():
                front.hang_up()
            await asyncio.sleep(0.5)
            assert place.standing() == meetings
            place.shared[CLOCK] += TWO_MINUTES
            place.shared[MONOTONIC] += TWO_MINUTES
            os.kill(place.daemon.pid, signal.SIGCONT)
            assert await asked == ""
            # By this clock the platforms are behind, but by less than what counts as wrong.
            assert await place.until(lambda: not place.wrong(), 60), place.wrong()
            assert place.standing() == meetings
            place.shared[CLOCK] -= TWO_MINUTES
        assert place.complaints() == []


@pytest.mark.parametrize("days", [40, -400, 3650])
async def test_a_clock_that_is_set_wrong_and_right_again_loses_nothing(
    tmp_path: Path, days: int
) -> None:
    async with siege(tmp_path) as place:
        blocks = {name: place.blocks(name) for name in SYSTEM_NAMES}
        meetings = place.standing()
        place.shared[CLOCK] = days * DAY
        spans = {system: place.book(system) for system in ("crm", "legacy")}
        await asyncio.sleep(EVERY * 2 + 2)
        assert await place.request() == ""
        assert all(place.blocks(name) >= blocks[name] for name in SYSTEM_NAMES)
        assert (place.standing(), doubled(place)) == (meetings + 2, [])
        place.shared[CLOCK] = 0.0
        assert await place.until(lambda: place.times("clinic", spans["crm"]), EVERY + 15)
        assert await place.until(lambda: not place.wrong(), 30), place.wrong()
        assert place.times("crm", spans["legacy"]) == 1
        assert (place.standing(), place.complaints()) == (meetings + 2, [])
