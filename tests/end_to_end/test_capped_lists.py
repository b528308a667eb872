"""Platforms whose lists end silently, and calendars that move: nothing is freed, nothing unseen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.sandbox.caps import KeptRows, ListCap
from syncd.sandbox.scenario import Clinic
from tests.end_to_end.conftest import Shop

LISTS = {
    "/calendars/events": "clinic",
    "/calendars/blocked-slots": "clinic",
    "/appointments": "legacy",
}
MINUTES = 30
MONTH = timedelta(days=30)
LONG = timedelta(days=7)
"""How far back a far read looks."""
KEEPS = ["first", *(pytest.param(keeps, marks=pytest.mark.prove) for keeps in ("last", "any"))]


def close(world: Clinic, system: str, who: str, count: int) -> None:
    """Close somebody's time by hand so often: on four days, at three times, again and again."""
    for number in range(count):
        start = world.at(8 + number % 12 // 3, 6 + 4 * (number % 3))
        world.block(system, who, start, MINUTES, "Closed")


def standing(shop: Shop) -> dict[str, int]:
    """How many blocks stand on each platform."""
    systems = shop.world.sandbox.systems.items()
    return {name: sum(not b.deleted for b in s.blocks()) for name, s in systems}


def cap(shop: Shop, path: str, rows: int, keeps: KeptRows) -> None:
    shop.world.sandbox.systems[LISTS[path]].caps[path] = ListCap(rows, keeps)


def path_of(system: str) -> str:
    """The list that shows a system's blocks."""
    return "/calendars/blocked-slots" if system == "clinic" else "/appointments"


@pytest.mark.prove
@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_three_hundred_blocks_and_a_cap_of_two_hundred_free_nothing(
    shop: Shop, system: str, keeps: KeptRows
) -> None:
    close(shop.world, system, "carol", 190)
    cap(shop, path_of(system), 200, keeps)
    await shop.resync()
    before = standing(shop)
    close(shop.world, system, "carol", 110)
    for _ in range(3):
        await shop.app.engine.poll(near=False)
    assert standing(shop) == {**before, system: before[system] + 110}
    assert shop.wrong() == []


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_a_cap_that_a_platform_introduces_frees_nothing(shop: Shop, system: str) -> None:
    close(shop.world, system, "carol", 108)
    await shop.resync()
    before = standing(shop)
    cap(shop, path_of(system), 100, "first")
    for _ in range(2):
        await shop.app.engine.poll(near=False)
    assert standing(shop) == before
    call = "GET appointments/" if system == "legacy" else f"GET {path_of(system)}"
    assert shop.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_near_reads_that_show_what_a_far_one_hides_do_not_keep_its_cap_from_being_learned(
    shop: Shop, system: str
) -> None:
    world = shop.world
    for hour in range(8, 13):
        world.block(system, "carol", world.at(1, hour), MINUTES, "Closed")
    close(world, system, "carol", 108)
    await shop.resync()
    before = standing(shop)
    cap(shop, path_of(system), 100, "last")
    for _ in range(2):
        await shop.app.engine.poll(near=False)
        await shop.app.engine.poll(near=True)
    report = await shop.app.engine.poll(near=False)
    assert report.unshown == {}
    assert standing(shop) == before
    call = "GET appointments/" if system == "legacy" else f"GET {path_of(system)}"
    assert shop.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("path", LISTS)
async def test_what_a_capped_list_hides_is_carried(shop: Shop, path: str, keeps: KeptRows) -> None:
    system, world = LISTS[path], shop.world
    seat = world.seed_users[system, "carol"]
    for number in range(120):
        start = world.at(8, 6) + timedelta(minutes=20 * number)
        contact = (seat.contact, "cancelled", "Long ago")
        world.sandbox.systems[system].book(
            seat.calendar, seat.user, start, start + timedelta(minutes=20), *contact
        )
    close(world, system, "carol", 120)
    cap(shop, path, 100, keeps)
    await shop.resync()
    assert shop.wrong() == []
    for day in (0, 20):
        world.book(system, "carol", world.at(day, 7))
        world.block(system, "carol", world.at(day, 20), 60, "Dentist")
    await shop.resync()
    assert shop.wrong() == []
    call = "GET appointments/" if system == "legacy" else f"GET {path}"
    assert shop.app.systems[system].facts.get(f"cap {call}", MONTH) == "100"


@pytest.mark.prove
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_a_learned_cap_is_read_by_plan_after_a_restart(shop: Shop, system: str) -> None:
    close(shop.world, system, "carol", 300)
    cap(shop, path_of(system), 200, "last")
    await shop.resync()
    await shop.restart()
    shop.be_patient()
    await shop.app.engine.poll(near=False)
    before = shop.calls()[system]
    window = shop.app.engine.window(near=False).from_earlier(LONG)
    planned = len(shop.app.systems[system].plan(window))
    await shop.app.engine.poll(near=False)
    assert shop.calls()[system] - before == planned


async def test_a_page_count_that_lies_hides_no_row(shop: Shop) -> None:
    crm = shop.world.sandbox.crm
    crm.counts_page, crm.largest_page = True, 100
    close(shop.world, "crm", "carol", 130)
    await shop.resync()
    assert shop.wrong() == []


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_removed_block_is_seen_whether_the_platform_answers_blocks_by_id_or_not(
    shop: Shop, *, by_id: bool
) -> None:
    clinic = shop.world.sandbox.clinic
    clinic.blocks_by_id = by_id
    kept = shop.world.block("clinic", "bob", shop.world.at(10, 9), 60, "Kept")
    block = shop.world.block("clinic", "alice", shop.world.at(2, 17), 60, "Doctor")
    await shop.resync()
    clinic.remove_block(block)
    await shop.resync()
    await shop.resync()
    assert shop.wrong() == []
    assert not next(b for b in clinic.blocks() if b.id == kept).deleted


async def test_a_calendar_that_moves_to_another_group_is_followed_in_the_next_cycle(
    shop: Shop,
) -> None:
    clinic, world = shop.world.sandbox.clinic, shop.world
    world.book("clinic", "alice", world.at(1, 12))
    await shop.resync()
    clinic.regroup(world.seed_users["clinic", "alice"].calendar, clinic.add_group("Others"))
    new = world.book("clinic", "alice", world.at(1, 18))
    await shop.app.engine.poll(near=False)
    await shop.app.engine.poll(near=False)
    assert [line for line in shop.wrong() if new in line] == []
    assert shop.wrong() == []


async def test_a_group_that_is_gone_is_followed_in_the_same_cycle(shop: Shop) -> None:
    clinic, world = shop.world.sandbox.clinic, shop.world
    await shop.resync()
    (old,) = clinic.groups
    new = clinic.add_group("Others")
    for who in ("alice", "bob", "carol"):
        clinic.regroup(world.seed_users["clinic", who].calendar, new)
    del clinic.groups[old]
    clinic.refuses_unknown_groups = True
    world.book("clinic", "alice", world.at(1, 18))
    report = await shop.app.engine.poll(near=False)
    assert report.answered
    assert shop.wrong() == []
