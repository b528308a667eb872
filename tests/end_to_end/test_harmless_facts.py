"""Platform facts that are listed as harmless: everything works on each of their sides.

In an account on each side, meetings are booked, moved and ended in every system, and all systems
must agree afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.lab.simulate.drawn_facts import SYSTEM_OF
from syncd.lab.simulate.loop import VirtualClock
from syncd.model.platform_facts import PLATFORM_FACTS
from tests.end_to_end.conftest import Site, opened

REFUSED = {("crm", "home_host", "yes")}
"""The side on which an account answers no call at this address, so nothing can be carried."""

SIDES = [
    (SYSTEM_OF[row.platform], row.name, side)
    for row in PLATFORM_FACTS
    if row.depends.startswith("Nothing")
    for side in row.sides
    if (SYSTEM_OF[row.platform], row.name, side) not in REFUSED
]
HOUR = timedelta(hours=1)


@pytest.fixture
async def site(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Site]:
    """Yield an empty site."""
    async with opened(Site, tmp_path, clock, empty=True) as made:
        yield made


@pytest.mark.prove
@pytest.mark.parametrize(("system", "name", "side"), SIDES, ids=map(" ".join, SIDES))
async def test_all_agrees_on_each_side_of_a_fact_on_which_nothing_depends(
    site: Site, system: str, name: str, side: str
) -> None:
    world = site.world
    world.sandbox.systems[system].set_fact(name, side)
    booked = {
        each: world.book(each, "alice", world.at(2 + n, 17)) for n, each in enumerate(SYSTEM_NAMES)
    }
    await site.resync()
    assert site.disagreements() == []
    for each, event in booked.items():
        platform = world.sandbox.systems[each]
        shown = next(meeting for meeting in platform.appointments() if meeting.id == event)
        platform.move(event, shown.start + 2 * HOUR, shown.end + 2 * HOUR)
    await site.clock.sleep(60)
    await site.resync()
    assert site.disagreements() == []
    for n, (each, event) in enumerate(booked.items()):
        platform = world.sandbox.systems[each]
        (platform.cancel if n % 2 else platform.delete)(event)
    for _ in range(2):
        await site.clock.sleep(120)
        await site.resync()
    assert site.disagreements() == []
    assert site.blocks() == 0
    last = await site.resync()
    assert (last.operations.total(), last.exit) == (0, RunExit.DONE)
