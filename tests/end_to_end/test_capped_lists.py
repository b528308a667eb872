"""Lists that end silently, with changing calendars: nothing is freed, nothing is missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.lab.sandbox.caps import KeptRows, ListCap
from syncd.lab.sandbox.scenario import Clinic
from tests.end_to_end.conftest import Site

LISTS = {
    "/calendars/events": "clinic",
    "/calendars/blocked-slots": "clinic",
    "/appointments": "legacy",
}
MINUTES = 30
MONTH = timedelta(days=30)
LONG = timedelta(days=7)
"""The look-back of a far read."""
KEEPS = ["first", *(pytest.param(keeps, marks=pytest.mark.prove) for keeps in ("last", "any"))]


def close(world: Clinic, system: str, who: str, count: int) -> None:
    """Block a provider's time by hand this often, at different times of four days."""
    for number in range(count):
        start = world.at(8 + number % 12 // 3, 6 + 4 * (number % 3))
        world.block(system, who, start, MINUTES, "Closed")


def standing(site: Site) -> dict[str, int]:
    """Return the number of blocks on each platform."""
    systems = site.world.sandbox.systems.items()
    return {name: sum(not b.deleted for b in s.blocks()) for name, s in systems}


def cap(site: Site, path: str, rows: int, keeps: KeptRows) -> None:
    site.world.sandbox.systems[LISTS[path]].caps[path] = ListCap(rows, keeps)


def path_of(system: str) -> str:
    """Return the path of the list that shows a system's blocks."""
    return "/calendars/blocked-slots" if system == "clinic" else "/appointments"


@pytest.mark.prove
@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_three_hundred_blocks_and_a_cap_of_two_hundred_free_nothing(
    site: Site, system: str, keeps: KeptRows
) -> None:
    close(site.world, system, "carol", 190)
    cap(site, path_of(system), 200, keeps)
    await site.resync()
    before = standing(site)
    close(site.world, system, "carol", 110)
    for _ in range(3):
        await site.app.engine.poll(near=False)
    assert standing(site) == {**before, system: before[system] + 110}
    assert site.disagreements() == []


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_a_cap_that_a_platform_introduces_frees_nothing(site: Site, system: str) -> None:
    close(site.world, system, "carol", 108)
    await site.resync()
    before = standing(site)
    cap(site, path_of(system), 100, "first")
    for _ in range(2):
        await site.app.engine.poll(near=False)
    assert standing(site) == before
    call = "GET appointments/" if system == "legacy" else f"GET {path_of(system)}"
    assert site.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_near_reads_do_not_prevent_learning_the_cap_of_far_lists(
    site: Site, system: str
) -> None:
    world = site.world
    for hour in range(8, 13):
        world.block(system, "carol", world.at(1, hour), MINUTES, "Closed")
    close(world, system, "carol", 108)
    await site.resync()
    before = standing(site)
    cap(site, path_of(system), 100, "last")
    for _ in range(2):
        await site.app.engine.poll(near=False)
        await site.app.engine.poll(near=True)
    report = await site.app.engine.poll(near=False)
    assert report.unshown == {}
    assert standing(site) == before
    call = "GET appointments/" if system == "legacy" else f"GET {path_of(system)}"
    assert site.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.prove
@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("path", LISTS)
async def test_events_hidden_by_a_capped_list_are_carried(
    site: Site, path: str, keeps: KeptRows
) -> None:
    system, world = LISTS[path], site.world
    seat = world.seed_users[system, "carol"]
    for number in range(120):
        start = world.at(8, 6) + timedelta(minutes=20 * number)
        contact = (seat.contact, "cancelled", "Long ago")
        world.sandbox.systems[system].book(
            seat.calendar, seat.user, start, start + timedelta(minutes=20), *contact
        )
    close(world, system, "carol", 120)
    cap(site, path, 100, keeps)
    await site.resync()
    assert site.disagreements() == []
    for day in (0, 20):
        world.book(system, "carol", world.at(day, 7))
        world.block(system, "carol", world.at(day, 20), 60, "Dentist")
    await site.resync()
    assert site.disagreements() == []
    call = "GET appointments/" if system == "legacy" else f"GET {path}"
    assert site.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.prove
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_a_learned_cap_is_read_by_plan_after_a_restart(site: Site, system: str) -> None:
    close(site.world, system, "carol", 300)
    cap(site, path_of(system), 200, "last")
    await site.resync()
    await site.restart()
    site.never_late()
    await site.app.engine.poll(near=False)
    before = site.calls()[system]
    window = site.app.engine.window(near=False).from_earlier(LONG)
    planned = len(site.app.systems[system].plan(window))
    await site.app.engine.poll(near=False)
    assert site.calls()[system] - before == planned


async def test_a_page_count_that_lies_hides_no_row(site: Site) -> None:
    crm = site.world.sandbox.crm
    crm.counts_page, crm.largest_page = True, 100
    close(site.world, "crm", "carol", 130)
    await site.resync()
    assert site.disagreements() == []


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_removed_block_is_seen_whether_the_platform_answers_blocks_by_id_or_not(
    site: Site, *, by_id: bool
) -> None:
    clinic = site.world.sandbox.clinic
    clinic.blocks_by_id = by_id
    kept_block = site.world.block("clinic", "bob", site.world.at(10, 9), 60, "Kept")
    block = site.world.block("clinic", "alice", site.world.at(2, 17), 60, "Doctor")
    await site.resync()
    clinic.remove_block(block)
    await site.resync()
    await site.resync()
    assert site.disagreements() == []
    assert not next(b for b in clinic.blocks() if b.id == kept_block).deleted


async def test_a_calendar_that_moves_to_another_group_is_followed_in_the_next_cycle(
    site: Site,
) -> None:
    clinic, world = site.world.sandbox.clinic, site.world
    world.book("clinic", "alice", world.at(1, 12))
    await site.resync()
    clinic.regroup(world.seed_users["clinic", "alice"].calendar, clinic.add_group("Others"))
    new = world.book("clinic", "alice", world.at(1, 18))
    await site.app.engine.poll(near=False)
    await site.app.engine.poll(near=False)
    assert [line for line in site.disagreements() if new in line] == []
    assert site.disagreements() == []


async def test_a_group_that_is_gone_is_followed_in_the_same_cycle(site: Site) -> None:
    clinic, world = site.world.sandbox.clinic, site.world
    await site.resync()
    (old,) = clinic.groups
    new = clinic.add_group("Others")
    for who in ("alice", "bob", "carol"):
        clinic.regroup(world.seed_users["clinic", who].calendar, new)
    del clinic.groups[old]
    clinic.refuses_unknown_groups = True
    world.book("clinic", "alice", world.at(1, 18))
    report = await site.app.engine.poll(near=False)
    assert report.answered
    assert site.disagreements() == []
