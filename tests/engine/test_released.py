"""A released block stays released until its booking changes (`block_edited = "release"`).

Each test reloads from the store: a removed block is an archived record, and its replica still says
that the calendar must stay open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.merging.rules import Choice, Rules
from syncd.model import Person, Role, Status, Value
from syncd.store.repository.partial_load import related_state
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig

RULES = Rules(prefer=SYSTEMS, block_edited=Choice.RELEASE)


@pytest.fixture
def open_rig(rig: Rig) -> Rig:
    """Return systems in which a block that a person removes stays removed."""
    released(rig)
    return rig


def released(rig: Rig) -> None:
    """Set the rule, also for a restarted engine."""
    rig.engine.policy = replace(rig.engine.policy, rules={"p": RULES, "q": RULES})


def block_in(rig: Rig, system: str) -> str:
    """Return the only block of syncd in a system."""
    (event,) = [e for e, held in getattr(rig, system).events.items() if held.title]
    return str(event)


async def removed_block(rig: Rig, start: float = 24) -> str:
    """Book a meeting in a, and remove its block in b as a person; return the meeting's id."""
    event = rig.a.book("p", v(start))
    await rig.engine.resync()
    rig.b.delete(block_in(rig, "b"))
    for _ in range(4):
        rig.clock.pass_(minutes=2)
        await rig.engine.poll(near=False)
        if rig.store.state("p").ended:
            break
    assert rig.blocks()["b"] == []
    return event


async def near(rig: Rig, cycles: int = 1) -> None:
    """Run near cycles, as the daemon does."""
    for number in range(cycles):
        rig.clock.pass_(minutes=2)
        await rig.engine.poll(near=number % 2 == 0)


async def test_a_released_time_stays_open_when_another_meeting_is_booked(open_rig: Rig) -> None:
    await removed_block(open_rig)
    open_rig.a.book("p", v(24.5, 26))
    await near(open_rig, 3)
    assert v(24).interval not in open_rig.blocks()["b"]
    assert v(24).interval in open_rig.blocks()["c"]


@pytest.mark.parametrize("by", ["restart", "compaction", "resync", "far", "days"])
async def test_a_released_time_stays_open_through_a(open_rig: Rig, by: str) -> None:
    rig = open_rig
    await removed_block(rig, 24 * 5)
    if by == "compaction":
        rig.engine.policy = replace(rig.engine.policy, keep=timedelta(0))
        rig.clock.pass_(days=1)
        await rig.engine.compact()
    if by in {"restart", "compaction"}:
        rig.restart()
        released(rig)
    if by == "days":
        rig.clock.pass_(days=3)
    await (near(rig, 3) if by in {"far", "days"} else rig.engine.resync())
    assert rig.blocks()["b"] == []
    assert (await rig.engine.resync()).converged


async def test_a_released_time_stays_open_when_only_the_status_changes(open_rig: Rig) -> None:
    event = await removed_block(open_rig)
    open_rig.a.move(event, v(24, status=Status.SHOWED))
    await near(open_rig, 3)
    assert open_rig.blocks()["b"] == []


def _moved(rig: Rig, event: str) -> None:
    rig.a.move(event, v(27))


def _called_off_and_on(rig: Rig, event: str) -> None:
    rig.a.cancel(event)


@pytest.mark.parametrize("change", [_moved, _called_off_and_on])
async def test_a_released_time_is_blocked_again_once_the_booking_changes(
    open_rig: Rig, change: Callable[[Rig, str], None]
) -> None:
    rig = open_rig
    event = await removed_block(rig)
    change(rig, event)
    await near(rig, 2)
    value: Value = rig.a.events[event].value
    if not value.busy:
        rig.a.move(event, replace(value, status=Status.CONFIRMED))
        await near(rig, 2)
    assert rig.blocks()["b"] == [value.interval]


async def test_a_block_that_was_moved_and_removed_later_stays_released(open_rig: Rig) -> None:
    rig = open_rig
    rig.a.book("p", v(24))
    await rig.engine.resync()
    event = block_in(rig, "b")
    rig.b.move(event, v(30))
    await near(rig, 2)
    assert rig.blocks()["b"] == [v(30).interval]
    rig.b.delete(event)
    await near(rig, 2)
    rig.a.book("p", v(24.5, 26))
    await near(rig, 2)
    assert v(24).interval not in rig.blocks()["b"]


async def test_a_shared_block_is_made_again_for_the_meeting_that_moved_only(
    open_rig: Rig,
) -> None:
    rig = open_rig
    rig.a.customers |= {"ann": Person(("ann@example.com",)), "bob": Person(("bob@example.com",))}
    first, _ = rig.a.book("p", v(24), "ann"), rig.a.book("p", v(24), "bob")
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(24).interval]
    rig.b.delete(block_in(rig, "b"))
    await near(rig, 2)
    rig.a.move(first, v(27))
    await near(rig, 3)
    assert rig.blocks()["b"] == [v(27).interval]


async def test_a_whole_and_a_partial_decision_load_the_release_alike(open_rig: Rig) -> None:
    rig = open_rig
    await removed_block(rig)
    (booking,) = rig.store.bookings("p")
    (link,) = [r for r, _ in rig.store.replicas([booking.id]) if r.role is Role.RELEASED]
    whole = rig.store.state("p")
    for around in (("a", "a0"), (link.system, link.event)):
        assert related_state(rig.store, {"p": [around]})["p"] == whole
    assert [r.id for r in whole.ended] == [link.event]


async def test_a_released_time_stays_open_when_a_fixed_end_is_extended(open_rig: Rig) -> None:
    rig = open_rig
    rig.a.human_block("p", Value(v(24).start, datetime(9999, 12, 31, tzinfo=UTC)))
    await rig.engine.resync()
    (until,) = {end for _, end in rig.blocks()["c"]}
    rig.b.delete(block_in(rig, "b"))
    for _ in range(20):
        rig.clock.pass_(days=10)
        await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == []
    assert rig.blocks()["c"][0][1] > until


async def test_a_block_moved_to_where_a_coarser_grid_would_show_it_is_released(
    open_rig: Rig,
) -> None:
    rig = open_rig
    minute = timedelta(minutes=1)
    rig.a.book("p", Value(v(24).start + 37 * minute, v(24).start + 127 * minute))
    await rig.engine.resync()
    await near(rig, 2)
    # Rounded to half hours, 24:37 to 26:07 looks like this, but its exact time was read before.
    rig.b.move(block_in(rig, "b"), Value(v(25).start, v(25).start + 90 * minute))
    await near(rig, 2)
    (booking,) = rig.store.bookings("p")
    links = [r for r, _ in rig.store.replicas([booking.id]) if r.system == "b"]
    assert [link.role for link in links] == [Role.RELEASED]
