"""Lists that hide events, and ids that are refused, on the three platforms over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncd.engine.report import RunExit, SystemStatus
from syncd.model import ReportedItem, Topic
from syncd.sandbox.scenario import SYSTEM_NAMES
from syncd.store.reported import open_items
from tests.end_to_end.conftest import Shop


def meetings(shop: Shop, system: str, person: str = "alice") -> list[str]:
    """The future meetings of somebody in a system that are booked, in order of time."""
    user, now = shop.world.seed_users[system, person].user, datetime.now(UTC)
    platform = shop.world.sandbox.systems[system]
    found = [m for m in platform.appointments() if m.user == user and m.start > now]
    busy = [m for m in found if not m.deleted and m.status in {"confirmed", "new", ""}]
    return [m.id for m in sorted(busy, key=lambda m: m.start)]


def items(shop: Shop, topic: Topic) -> list[ReportedItem]:
    return [item for item in open_items(shop.app.engine.store) if item.topic is topic]


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_empty_list_is_not_believed_while_events_are_shown_by_id(
    shop: Shop, system: str
) -> None:
    assert (await shop.resync()).exit is RunExit.DONE
    blocks, concealed = shop.blocks(), shop.world.sandbox.systems[system].hidden
    await shop.clock.sleep(60)  # longer than any list is late
    concealed.everything = True
    report = await shop.resync()
    assert (report.exit, report.systems[system].state) == (RunExit.UNANSWERED, SystemStatus.OK)
    assert {item.system for item in items(shop, Topic.LIST)} == {system}
    assert shop.blocks() == blocks
    concealed.clear()
    assert ((await shop.resync()).exit, shop.blocks()) == (RunExit.DONE, blocks)
    assert items(shop, Topic.LIST) == []


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_what_is_neither_listed_nor_read_by_id_still_blocks_its_time(
    shop: Shop, system: str
) -> None:
    await shop.resync()
    concealed, blocks = shop.world.sandbox.systems[system].hidden, shop.blocks()
    first = meetings(shop, system)[0]
    concealed.ids.add(first)
    concealed.refused[first] = "The instance was moved"
    assert (await shop.resync()).exit in {RunExit.CONFLICTS, RunExit.UNANSWERED}
    assert (await shop.resync()).exit is RunExit.CONFLICTS
    (item,) = items(shop, Topic.UNREADABLE)
    assert (item.event, item.calendars, shop.blocks()) == (first, ("alice",), blocks)


@pytest.mark.parametrize("system", ["crm", "clinic"])
async def test_an_id_that_answers_400_concerns_its_event_only(shop: Shop, system: str) -> None:
    await shop.resync()
    platform, blocks = shop.world.sandbox.systems[system], shop.blocks()
    first, second = meetings(shop, system)[:2]
    platform.hidden.refused[first] = "The instance was moved"
    platform.delete(first)
    platform.delete(second)
    report = await shop.resync()
    assert (report.exit, report.systems[system].state) == (RunExit.CONFLICTS, SystemStatus.OK)
    (item,) = items(shop, Topic.UNREADABLE)
    assert (item.event, item.calendars) == (first, ("alice",))
    assert blocks - 2 <= shop.blocks() < blocks, "the other meeting's blocks are gone"
    platform.hidden.clear()
    assert (await shop.resync()).exit is RunExit.DONE
    assert items(shop, Topic.UNREADABLE) == []
    assert shop.wrong() == []


async def test_deleted_meetings_that_answer_400_are_freed_within_three_resyncs(shop: Shop) -> None:
    await shop.resync()
    legacy = shop.world.sandbox.legacy
    legacy.refuses_deleted = True
    legacy.delete(meetings(shop, "legacy")[0])
    reports = [await shop.resync() for _ in range(3)]
    assert reports[-1].exit is RunExit.DONE
    assert shop.wrong() == []
    assert items(shop, Topic.UNREADABLE) == []
