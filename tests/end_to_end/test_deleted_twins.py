"""On all three platforms: released blocks, deleted twins, undone deletions, changed customers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.report import RunExit
from syncd.model import Topic
from syncd.sandbox.consistency import event_summaries
from syncd.store.reported import open_items
from tests.able import with_lag
from tests.end_to_end.conftest import Shop
from tests.end_to_end.test_updates import standing

pytestmark = pytest.mark.prove

SYSTEMS = ("crm", "clinic", "legacy")


async def say(shop: Shop, rule: str) -> None:
    """Start again with one more rule."""
    shop.path.write_text(f"{shop.path.read_text()}\n[rules]\n{rule}\n")
    await shop.reload()
    at_once(shop)


def at_once(shop: Shop) -> None:
    """Let every read show what is there now, so that no test waits for the lag of a platform."""
    for system in shop.app.systems.values():
        with_lag(system, timedelta(0))


def book_in(shop: Shop, *systems: str) -> dict[str, str]:
    """Enter one meeting of Alice's with Kim in these systems."""
    return {name: shop.world.book(name, "alice", shop.world.at(3, 17)) for name in systems}


def blocks_at(shop: Shop, start: object) -> list[str]:
    """The systems in which a block of syncd's begins at that time."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return [s.system for s in seen if s.ours and s.start == start]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_released_block_stays_released_on(shop: Shop, system: str) -> None:
    await say(shop, 'block_edited = "release"')
    origin = "legacy" if system == "clinic" else "clinic"
    events = book_in(shop, origin)
    start = shop.world.at(3, 17)
    await shop.resync()
    platform = shop.world.sandbox.systems[system]
    (mine,) = [b.id for b in platform.blocks() if b.start == start and not b.deleted]
    platform.remove_block(mine)
    await shop.resync()
    await shop.resync()
    shop.world.sandbox.systems[origin].set_status(events[origin], "showed")
    await shop.resync()
    await shop.restart()
    await shop.resync()
    assert blocks_at(shop, start) == [s for s in sorted(SYSTEMS) if s not in {system, origin}]


@pytest.mark.parametrize("gone", SYSTEMS)
async def test_a_kept_twin_stands_and_its_time_is_closed_where_it_was_deleted(
    shop: Shop, gone: str
) -> None:
    await say(shop, 'twin_deleted = "keep"')
    left = "legacy" if gone == "clinic" else "clinic"
    events = book_in(shop, gone, left)
    start = shop.world.at(3, 17)
    await shop.resync()
    shop.world.sandbox.systems[gone].delete(events[gone])
    for _ in range(3):
        report = await shop.resync()
    assert report.exit is RunExit.DONE
    assert standing(shop, left)[events[left]].status == "confirmed"
    assert blocks_at(shop, start) == [s for s in sorted(SYSTEMS) if s != left]
    assert shop.wrong() == []


@pytest.mark.parametrize(
    ("gone", "left"), [("crm", "clinic"), ("clinic", "legacy"), ("legacy", "clinic")]
)
async def test_a_deletion_that_is_undone_revives_the_twin(shop: Shop, gone: str, left: str) -> None:
    at_once(shop)
    events = book_in(shop, gone, left)
    await shop.resync()
    shop.world.sandbox.systems[gone].delete(events[gone])
    await shop.resync()
    assert standing(shop, left)[events[left]].status == "cancelled"
    shop.world.sandbox.systems[gone].undelete(events[gone])
    await shop.restart()
    at_once(shop)
    await shop.resync()
    report = await shop.resync()
    assert standing(shop, left)[events[left]].status == "confirmed"
    assert report.operations.total() == 0
    assert shop.wrong() == []


def give(shop: Shop, system: str, event: str) -> None:
    """Let a customer whom nobody else knows have an appointment."""
    platform: Any = shop.world.sandbox.systems[system]
    other = platform.add_contact("Max Other", "max@example.com")
    if system == "crm":
        platform.tasks.put(event, platform._touched(platform.tasks.get(event), lead=other))
    else:
        meeting = platform.meetings.get(event)
        platform.meetings.put(event, replace(meeting, contact=other, updated_at=platform.stamp()))


@pytest.mark.parametrize("system", SYSTEMS)
async def test_another_customer_of_one_record_is_reported(shop: Shop, system: str) -> None:
    other = "legacy" if system == "clinic" else "clinic"
    events = book_in(shop, other, system)
    await shop.resync()
    give(shop, system, events[system])
    await shop.resync()
    items = [i for i in open_items(shop.app.store) if i.topic is Topic.PERSON]
    assert [i.calendars for i in items] == [("alice",)]
    assert items[0].event in events.values()
    calls = shop.calls()
    again = await shop.resync()
    assert again.operations.total() == 0
    contact = [c for s in shop.world.sandbox.systems.values() for c in s.calls[calls[s.name] :]]
    assert not [c for c in contact if "contacts" in str(c) or "Leads" in str(c)]
