"""Lists that hide events, and refused ids, on the three platforms over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import ReportedItem, Topic
from syncd.store.queries.reported import open_items
from tests.end_to_end.conftest import Site


def meetings(site: Site, system: str, person: str = "alice") -> list[str]:
    """Return a provider's booked future meetings in a system, in order of time."""
    user, now = site.world.seed_users[system, person].user, datetime.now(UTC)
    platform = site.world.sandbox.systems[system]
    found = [m for m in platform.appointments() if m.user == user and m.start > now]
    busy = [m for m in found if not m.deleted and m.status in {"confirmed", "new", ""}]
    return [m.id for m in sorted(busy, key=lambda m: m.start)]


def items(site: Site, topic: Topic) -> list[ReportedItem]:
    return [item for item in open_items(site.app.engine.store) if item.topic is topic]


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_empty_list_is_not_believed_while_events_are_shown_by_id(
    site: Site, system: str
) -> None:
    assert (await site.resync()).exit is RunExit.DONE
    blocks, concealed = site.blocks(), site.world.sandbox.systems[system].hidden
    await site.clock.sleep(60)  # longer than any list is late
    concealed.everything = True
    report = await site.resync()
    assert (report.exit, report.systems[system].state) == (RunExit.UNANSWERED, SystemStatus.OK)
    assert {item.system for item in items(site, Topic.LIST)} == {system}
    assert site.blocks() == blocks
    concealed.clear()
    assert ((await site.resync()).exit, site.blocks()) == (RunExit.DONE, blocks)
    assert items(site, Topic.LIST) == []


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_event_neither_listed_nor_read_by_id_still_blocks_its_time(
    site: Site, system: str
) -> None:
    await site.resync()
    concealed, blocks = site.world.sandbox.systems[system].hidden, site.blocks()
    first = meetings(site, system)[0]
    concealed.ids.add(first)
    concealed.refused[first] = "The instance was moved"
    assert (await site.resync()).exit in {RunExit.CONFLICTS, RunExit.UNANSWERED}
    assert (await site.resync()).exit is RunExit.CONFLICTS
    (item,) = items(site, Topic.UNREADABLE)
    assert (item.event, item.calendars, site.blocks()) == (first, ("alice",), blocks)


@pytest.mark.parametrize("system", ["crm", "clinic"])
async def test_an_id_that_answers_400_concerns_its_event_only(site: Site, system: str) -> None:
    await site.resync()
    platform, blocks = site.world.sandbox.systems[system], site.blocks()
    first, second = meetings(site, system)[:2]
    platform.hidden.refused[first] = "The instance was moved"
    platform.delete(first)
    platform.delete(second)
    report = await site.resync()
    assert (report.exit, report.systems[system].state) == (RunExit.CONFLICTS, SystemStatus.OK)
    (item,) = items(site, Topic.UNREADABLE)
    assert (item.event, item.calendars) == (first, ("alice",))
    assert blocks - 2 <= site.blocks() < blocks, "the other meeting's blocks are gone"
    platform.hidden.clear()
    assert (await site.resync()).exit is RunExit.DONE
    assert items(site, Topic.UNREADABLE) == []
    assert site.disagreements() == []


async def test_deleted_meetings_that_answer_400_are_freed_within_three_resyncs(site: Site) -> None:
    await site.resync()
    legacy = site.world.sandbox.legacy
    legacy.refuses_deleted = True
    legacy.delete(meetings(site, "legacy")[0])
    reports = [await site.resync() for _ in range(3)]
    assert reports[-1].exit is RunExit.DONE
    assert site.disagreements() == []
    assert items(site, Topic.UNREADABLE) == []
