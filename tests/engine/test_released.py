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
from tests.engine.conftest import EngineHarness

RULES = Rules(prefer=SYSTEMS, block_edited=Choice.RELEASE)


@pytest.fixture
def open_harness(harness: EngineHarness) -> EngineHarness:
    """Return systems in which a block that a person removes stays removed."""
    released(harness)
    return harness


def released(harness: EngineHarness) -> None:
    """Set the rule, also for a restarted engine."""
    harness.engine.policy = replace(harness.engine.policy, rules={"p": RULES, "q": RULES})


def block_in(harness: EngineHarness, system: str) -> str:
    """Return the only block of syncd in a system."""
    (event,) = [e for e, held in getattr(harness, system).events.items() if held.title]
    return str(event)


async def removed_block(harness: EngineHarness, start: float = 24) -> str:
    """Book a meeting in a, and remove its block in b as a person; return the meeting's id."""
    event = harness.a.book("p", v(start))
    await harness.engine.resync()
    harness.b.delete(block_in(harness, "b"))
    for _ in range(4):
        harness.clock.pass_(minutes=2)
        await harness.engine.poll(near=False)
        if harness.store.state("p").ended:
            break
    assert harness.blocks()["b"] == []
    return event


async def near(harness: EngineHarness, cycles: int = 1) -> None:
    """Run near cycles, as the daemon does."""
    for number in range(cycles):
        harness.clock.pass_(minutes=2)
        await harness.engine.poll(near=number % 2 == 0)


async def test_a_released_time_stays_open_when_another_meeting_is_booked(
    open_harness: EngineHarness,
) -> None:
    await removed_block(open_harness)
    open_harness.a.book("p", v(24.5, 26))
    await near(open_harness, 3)
    assert v(24).interval not in open_harness.blocks()["b"]
    assert v(24).interval in open_harness.blocks()["c"]


@pytest.mark.parametrize("by", ["restart", "compaction", "resync", "far", "days"])
async def test_a_released_time_stays_open_through_a(open_harness: EngineHarness, by: str) -> None:
    harness = open_harness
    await removed_block(harness, 24 * 5)
    if by == "compaction":
        harness.engine.policy = replace(harness.engine.policy, keep=timedelta(0))
        harness.clock.pass_(days=1)
        await harness.engine.compact()
    if by in {"restart", "compaction"}:
        harness.restart()
        released(harness)
    if by == "days":
        harness.clock.pass_(days=3)
    await (near(harness, 3) if by in {"far", "days"} else harness.engine.resync())
    assert harness.blocks()["b"] == []
    assert (await harness.engine.resync()).converged


async def test_a_released_time_stays_open_when_only_the_status_changes(
    open_harness: EngineHarness,
) -> None:
    event = await removed_block(open_harness)
    open_harness.a.move(event, v(24, status=Status.SHOWED))
    await near(open_harness, 3)
    assert open_harness.blocks()["b"] == []


def _moved(harness: EngineHarness, event: str) -> None:
    harness.a.move(event, v(27))


def _called_off_and_on(harness: EngineHarness, event: str) -> None:
    harness.a.cancel(event)


@pytest.mark.parametrize("change", [_moved, _called_off_and_on])
async def test_a_released_time_is_blocked_again_once_the_booking_changes(
    open_harness: EngineHarness, change: Callable[[EngineHarness, str], None]
) -> None:
    harness = open_harness
    event = await removed_block(harness)
    change(harness, event)
    await near(harness, 2)
    value: Value = harness.a.events[event].value
    if not value.busy:
        harness.a.move(event, replace(value, status=Status.CONFIRMED))
        await near(harness, 2)
    assert harness.blocks()["b"] == [value.interval]


async def test_a_block_that_was_moved_and_removed_later_stays_released(
    open_harness: EngineHarness,
) -> None:
    harness = open_harness
    harness.a.book("p", v(24))
    await harness.engine.resync()
    event = block_in(harness, "b")
    harness.b.move(event, v(30))
    await near(harness, 2)
    assert harness.blocks()["b"] == [v(30).interval]
    harness.b.delete(event)
    await near(harness, 2)
    harness.a.book("p", v(24.5, 26))
    await near(harness, 2)
    assert v(24).interval not in harness.blocks()["b"]


async def test_a_shared_block_is_made_again_for_the_meeting_that_moved_only(
    open_harness: EngineHarness,
) -> None:
    harness = open_harness
    harness.a.persons |= {"ann": Person(("ann@example.com",)), "bob": Person(("bob@example.com",))}
    first, _ = harness.a.book("p", v(24), "ann"), harness.a.book("p", v(24), "bob")
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(24).interval]
    harness.b.delete(block_in(harness, "b"))
    await near(harness, 2)
    harness.a.move(first, v(27))
    await near(harness, 3)
    assert harness.blocks()["b"] == [v(27).interval]


async def test_a_whole_and_a_partial_decision_load_the_release_alike(
    open_harness: EngineHarness,
) -> None:
    harness = open_harness
    await removed_block(harness)
    (booking,) = harness.store.bookings("p")
    (link,) = [r for r, _ in harness.store.replicas([booking.id]) if r.role is Role.RELEASED]
    whole = harness.store.state("p")
    for around in (("a", "a0"), (link.system, link.event)):
        assert related_state(harness.store, {"p": [around]})["p"] == whole
    assert [r.id for r in whole.ended] == [link.event]


async def test_a_released_time_stays_open_when_a_fixed_end_is_extended(
    open_harness: EngineHarness,
) -> None:
    harness = open_harness
    harness.a.human_block("p", Value(v(24).start, datetime(9999, 12, 31, tzinfo=UTC)))
    await harness.engine.resync()
    (until,) = {end for _, end in harness.blocks()["c"]}
    harness.b.delete(block_in(harness, "b"))
    for _ in range(20):
        harness.clock.pass_(days=10)
        await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == []
    assert harness.blocks()["c"][0][1] > until


async def test_a_block_moved_to_where_a_coarser_grid_would_show_it_is_released(
    open_harness: EngineHarness,
) -> None:
    harness = open_harness
    minute = timedelta(minutes=1)
    harness.a.book("p", Value(v(24).start + 37 * minute, v(24).start + 127 * minute))
    await harness.engine.resync()
    await near(harness, 2)
    # Rounded to half hours, 24:37 to 26:07 looks like this, but its exact time was read before.
    harness.b.move(block_in(harness, "b"), Value(v(25).start, v(25).start + 90 * minute))
    await near(harness, 2)
    (booking,) = harness.store.bookings("p")
    links = [r for r, _ in harness.store.replicas([booking.id]) if r.system == "b"]
    assert [link.role for link in links] == [Role.RELEASED]
