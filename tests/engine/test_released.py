"""A released block stays released until its booking changes (`block_edited = "release"`).

Each test reloads from the store: a removed block is an archived record, and its replica still says
that the calendar must stay open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.rules import Choice, Rules
from syncd.model import Person, Role, Status, Value
from syncd.store.partial_load import related_state
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Shop

RULES = Rules(prefer=SYSTEMS, block_edited=Choice.RELEASE)


@pytest.fixture
def open_shop(shop: Shop) -> Shop:
    """Return systems in which a block that a person removes stays removed."""
    released(shop)
    return shop


def released(shop: Shop) -> None:
    """Set the rule, also for a restarted engine."""
    shop.engine.policy = replace(shop.engine.policy, rules={"p": RULES, "q": RULES})


def block_in(shop: Shop, system: str) -> str:
    """Return the only block of syncd in a system."""
    (event,) = [e for e, held in getattr(shop, system).events.items() if held.title]
    return str(event)


async def removed_block(shop: Shop, start: float = 24) -> str:
    """Book a meeting in a, and remove its block in b as a person; return the meeting's id."""
    event = shop.a.book("p", v(start))
    await shop.engine.resync()
    shop.b.delete(block_in(shop, "b"))
    for _ in range(4):
        shop.clock.pass_(minutes=2)
        await shop.engine.poll(near=False)
        if shop.store.state("p").ended:
            break
    assert shop.blocks()["b"] == []
    return event


async def near(shop: Shop, cycles: int = 1) -> None:
    """Run near cycles, as the daemon does."""
    for number in range(cycles):
        shop.clock.pass_(minutes=2)
        await shop.engine.poll(near=number % 2 == 0)


async def test_a_released_time_stays_open_when_another_meeting_is_booked(open_shop: Shop) -> None:
    await removed_block(open_shop)
    open_shop.a.book("p", v(24.5, 26))
    await near(open_shop, 3)
    assert v(24).interval not in open_shop.blocks()["b"]
    assert v(24).interval in open_shop.blocks()["c"]


@pytest.mark.parametrize("by", ["restart", "compaction", "resync", "far", "days"])
async def test_a_released_time_stays_open_through_a(open_shop: Shop, by: str) -> None:
    shop = open_shop
    await removed_block(shop, 24 * 5)
    if by == "compaction":
        shop.engine.policy = replace(shop.engine.policy, keep=timedelta(0))
        shop.clock.pass_(days=1)
        await shop.engine.compact()
    if by in {"restart", "compaction"}:
        shop.restart()
        released(shop)
    if by == "days":
        shop.clock.pass_(days=3)
    await (near(shop, 3) if by in {"far", "days"} else shop.engine.resync())
    assert shop.blocks()["b"] == []
    assert (await shop.engine.resync()).converged


async def test_a_released_time_stays_open_when_only_the_status_changes(open_shop: Shop) -> None:
    event = await removed_block(open_shop)
    open_shop.a.move(event, v(24, status=Status.SHOWED))
    await near(open_shop, 3)
    assert open_shop.blocks()["b"] == []


def _moved(shop: Shop, event: str) -> None:
    shop.a.move(event, v(27))


def _called_off_and_on(shop: Shop, event: str) -> None:
    shop.a.cancel(event)


@pytest.mark.parametrize("change", [_moved, _called_off_and_on])
async def test_a_released_time_is_blocked_again_once_the_booking_changes(
    open_shop: Shop, change: Callable[[Shop, str], None]
) -> None:
    shop = open_shop
    event = await removed_block(shop)
    change(shop, event)
    await near(shop, 2)
    value: Value = shop.a.events[event].value
    if not value.busy:
        shop.a.move(event, replace(value, status=Status.CONFIRMED))
        await near(shop, 2)
    assert shop.blocks()["b"] == [value.interval]


async def test_a_block_that_was_moved_and_removed_later_stays_released(open_shop: Shop) -> None:
    shop = open_shop
    shop.a.book("p", v(24))
    await shop.engine.resync()
    event = block_in(shop, "b")
    shop.b.move(event, v(30))
    await near(shop, 2)
    assert shop.blocks()["b"] == [v(30).interval]
    shop.b.delete(event)
    await near(shop, 2)
    shop.a.book("p", v(24.5, 26))
    await near(shop, 2)
    assert v(24).interval not in shop.blocks()["b"]


async def test_a_shared_block_is_made_again_for_the_meeting_that_moved_only(
    open_shop: Shop,
) -> None:
    shop = open_shop
    shop.a.persons |= {"ann": Person(("ann@example.com",)), "bob": Person(("bob@example.com",))}
    first, _ = shop.a.book("p", v(24), "ann"), shop.a.book("p", v(24), "bob")
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(24).interval]
    shop.b.delete(block_in(shop, "b"))
    await near(shop, 2)
    shop.a.move(first, v(27))
    await near(shop, 3)
    assert shop.blocks()["b"] == [v(27).interval]


async def test_a_whole_and_a_partial_decision_load_the_release_alike(open_shop: Shop) -> None:
    shop = open_shop
    await removed_block(shop)
    (booking,) = shop.store.bookings("p")
    (link,) = [r for r, _ in shop.store.replicas([booking.id]) if r.role is Role.RELEASED]
    whole = shop.store.state("p")
    for around in (("a", "a0"), (link.system, link.event)):
        assert related_state(shop.store, {"p": [around]})["p"] == whole
    assert [r.id for r in whole.ended] == [link.event]


async def test_a_released_time_stays_open_when_a_fixed_end_is_extended(open_shop: Shop) -> None:
    shop = open_shop
    shop.a.human_block("p", Value(v(24).start, datetime(9999, 12, 31, tzinfo=UTC)))
    await shop.engine.resync()
    (until,) = {end for _, end in shop.blocks()["c"]}
    shop.b.delete(block_in(shop, "b"))
    for _ in range(20):
        shop.clock.pass_(days=10)
        await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == []
    assert shop.blocks()["c"][0][1] > until


async def test_a_block_moved_to_where_a_coarser_grid_would_show_it_is_released(
    open_shop: Shop,
) -> None:
    shop = open_shop
    minute = timedelta(minutes=1)
    shop.a.book("p", Value(v(24).start + 37 * minute, v(24).start + 127 * minute))
    await shop.engine.resync()
    await near(shop, 2)
    # Rounded to half hours, 24:37 to 26:07 looks like this, but its exact time was read before.
    shop.b.move(block_in(shop, "b"), Value(v(25).start, v(25).start + 90 * minute))
    await near(shop, 2)
    (booking,) = shop.store.bookings("p")
    links = [r for r, _ in shop.store.replicas([booking.id]) if r.system == "b"]
    assert [link.role for link in links] == [Role.RELEASED]
