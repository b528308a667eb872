"""While the guard stops one record of a meeting, its other records are synced (promise 7)."""

from __future__ import annotations

import pytest

from syncd.engine.guard_stops import open_stops
from syncd.engine.report import RunExit
from syncd.model import Person
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_guard_stops import closed, near
from tests.engine.test_promises import settle


async def in_three_systems(shop: Shop) -> tuple[list[str], str, str]:
    """Book several meetings of p in a; the first one is in b and c, too."""
    for system in shop.systems:
        system.persons["x0"] = Person(emails=("x0@example.com",))
    events = [shop.a.book("p", v(24 + 2 * n), person=f"x{n}") for n in range(14)]
    twins = [system.book("p", v(24), person="x0") for system in (shop.b, shop.c)]
    await settle(shop)
    return events, twins[0], twins[1]


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_where_a_stopped_event_is_gone_its_twins_time_is_closed(shop: Shop, act: str) -> None:
    events, twin, _ = await in_three_systems(shop)
    kept = dict(shop.a.events)
    for n, event in enumerate(events[:12]):
        if act == "move":
            shop.a.move(event, v(101 + 2 * n))
        else:
            getattr(shop.a, act)(event)
    report = await shop.engine.resync()
    assert report.exit is RunExit.GUARDED
    # b and c have the meeting, so its time is blocked in a.
    assert (closed(shop, 24), shop.b.events[twin].value) == (["a"], v(24))
    assert closed(shop, 26) == ["b", "c"]
    shop.a.events |= kept
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert (closed(shop, 24), closed(shop, 26)) == ([], ["b", "c"])


async def test_a_twin_moves_while_its_other_record_is_stopped(shop: Shop) -> None:
    events, twin, third = await in_three_systems(shop)
    for event in events[:12]:
        shop.a.delete(event)
    await shop.engine.resync()
    shop.b.move(twin, v(25))
    before = len(shop.c.writes)
    await near(shop)
    assert shop.c.events[third].value == v(25)
    assert (closed(shop, 24), closed(shop, 25)) == (["b", "c"], ["a"])
    await near(shop)
    assert [str(o.action) for o in shop.c.writes[before:]] == ["move-appointment", "create-block"]


async def test_a_twin_is_cancelled_while_its_other_record_is_stopped(shop: Shop) -> None:
    events, twin, third = await in_three_systems(shop)
    for n, event in enumerate(events[:12]):
        shop.a.move(event, v(101 + 2 * n))
    await shop.engine.resync()
    shop.b.cancel(twin)
    await near(shop)
    # It is cancelled in b and c. In a, both times stay blocked until a person decides.
    assert not shop.c.events[third].value.busy
    assert (closed(shop, 24), closed(shop, 101)) == (["b", "c"], ["b", "c"])


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_a_stop_lasts_though_the_time_of_its_meetings_has_passed(
    shop: Shop, act: str
) -> None:
    events, twin, third = await in_three_systems(shop)
    kept = dict(shop.a.events)
    for n, event in enumerate(events):
        if act == "move":
            shop.a.move(event, v(25 + 2 * n))
        else:
            getattr(shop.a, act)(event)
    run = (await shop.engine.resync()).run
    # The first meeting's old time passes, then its new time.
    for hours in (19.5, 6):
        shop.clock.pass_(hours=hours)
        assert (await shop.engine.resync()).exit is RunExit.GUARDED
        assert (shop.b.events[twin].value, shop.c.events[third].value) == (v(24), v(24))
    if act == "move":
        await shop.engine.resync(accept=run)
        assert (shop.b.events[twin].value, shop.c.events[third].value) == (v(25), v(25))
    else:
        shop.a.events |= kept
        await settle(shop)
    assert open_stops(shop.store) == []


async def test_a_meeting_that_was_over_before_is_no_part_of_a_stop(shop: Shop) -> None:
    old = shop.a.book("p", v(9))
    events, _, _ = await in_three_systems(shop)
    shop.clock.pass_(hours=12)
    kept = dict(shop.a.events)
    for event in events:
        shop.a.delete(event)
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    shop.a.cancel(old)
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    # A cancelled past meeting does not keep a stop open whose events are back.
    shop.a.events |= {event: kept[event] for event in events}
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_times_between_old_and_new_of_stopped_meetings_stay_blocked(shop: Shop) -> None:
    """Simulator, seed 1336: a second move freed the time that the first one had taken."""
    events = [shop.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(shop)
    for hours in (1, 2):
        for i, event in enumerate(events):
            shop.a.move(event, v(24 + 3 * i + hours))
        assert (await shop.engine.resync()).exit is RunExit.GUARDED
    for i in range(6):
        for hours in (0, 1, 2):
            assert v(24 + 3 * i + hours).interval in shop.blocks()["b"]
