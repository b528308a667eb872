"""Released blocks, deleted twins, undone deletions and changed customers on all platforms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.consistency import event_summaries
from syncd.model import Topic
from syncd.store.queries.reported import open_items
from tests.able import with_lag
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_updates import standing

pytestmark = pytest.mark.prove

SYSTEMS = ("crm", "clinic", "legacy")


async def say(site: Site, rule: str) -> None:
    """Restart with one more rule."""
    site.path.write_text(f"{site.path.read_text()}\n[rules]\n{rule}\n")
    await site.reload()
    at_once(site)


def at_once(site: Site) -> None:
    """Set the lag of all reads to zero, so that no test waits for it."""
    for system in site.app.systems.values():
        with_lag(system, timedelta(0))


def book_in(site: Site, *systems: str) -> dict[str, str]:
    """Enter one meeting of Alice's with Kim in these systems."""
    return {name: site.world.book(name, "alice", site.world.at(3, 17)) for name in systems}


def blocks_at(site: Site, start: object) -> list[str]:
    """Return the systems in which a block of syncd's begins at that time."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return [s.system for s in seen if s.ours and s.start == start]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_released_block_stays_released_on(site: Site, system: str) -> None:
    await say(site, 'block_edited = "release"')
    origin = "legacy" if system == "clinic" else "clinic"
    events = book_in(site, origin)
    start = site.world.at(3, 17)
    await site.resync()
    platform = site.world.sandbox.systems[system]
    (mine,) = [b.id for b in platform.blocks() if b.start == start and not b.deleted]
    platform.remove_block(mine)
    await site.resync()
    await site.resync()
    site.world.sandbox.systems[origin].set_status(events[origin], "showed")
    await site.resync()
    await site.restart()
    await site.resync()
    assert blocks_at(site, start) == [s for s in sorted(SYSTEMS) if s not in {system, origin}]


@pytest.mark.parametrize("gone", SYSTEMS)
async def test_a_kept_twin_stays_and_is_blocked_where_it_was_deleted(site: Site, gone: str) -> None:
    await say(site, 'twin_deleted = "keep"')
    other = "legacy" if gone == "clinic" else "clinic"
    events = book_in(site, gone, other)
    start = site.world.at(3, 17)
    await site.resync()
    site.world.sandbox.systems[gone].delete(events[gone])
    for _ in range(3):
        report = await site.resync()
    assert report.exit is RunExit.DONE
    assert standing(site, other)[events[other]].status == "confirmed"
    assert blocks_at(site, start) == [s for s in sorted(SYSTEMS) if s != other]
    assert site.disagreements() == []


@pytest.mark.parametrize(
    ("gone", "left"), [("crm", "clinic"), ("clinic", "legacy"), ("legacy", "clinic")]
)
async def test_a_deletion_that_is_undone_revives_the_twin(site: Site, gone: str, left: str) -> None:
    at_once(site)
    events = book_in(site, gone, left)
    await site.resync()
    site.world.sandbox.systems[gone].delete(events[gone])
    await site.resync()
    assert standing(site, left)[events[left]].status == "cancelled"
    site.world.sandbox.systems[gone].undelete(events[gone])
    await site.restart()
    at_once(site)
    await site.resync()
    report = await site.resync()
    assert standing(site, left)[events[left]].status == "confirmed"
    assert report.operations.total() == 0
    assert site.disagreements() == []


def give(site: Site, system: str, event: str) -> None:
    """Change an appointment's customer to one that no other system has."""
    platform: Any = site.world.sandbox.systems[system]
    other = platform.add_contact("Max Other", "max@example.com")
    if system == "crm":
        platform.tasks.put(event, platform._touched(platform.tasks.get(event), lead=other))
    else:
        meeting = platform.meetings.get(event)
        platform.meetings.put(event, replace(meeting, contact=other, updated_at=platform.stamp()))


@pytest.mark.parametrize("system", SYSTEMS)
async def test_another_customer_of_one_record_is_reported(site: Site, system: str) -> None:
    other = "legacy" if system == "clinic" else "clinic"
    events = book_in(site, other, system)
    await site.resync()
    give(site, system, events[system])
    await site.resync()
    items = [i for i in open_items(site.app.store) if i.topic is Topic.PERSON]
    assert [i.calendars for i in items] == [("alice",)]
    assert items[0].event in events.values()
    calls = site.calls()
    again = await site.resync()
    assert again.operations.total() == 0
    contact = [c for s in site.world.sandbox.systems.values() for c in s.calls[calls[s.name] :]]
    assert not [c for c in contact if "contacts" in str(c) or "Leads" in str(c)]
