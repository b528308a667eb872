"""While the guard stops one record of a meeting, its other records are synced (promise 7)."""

from __future__ import annotations

import pytest

from syncd.engine.deciding.guard_stops import open_stops
from syncd.engine.report.run_report import RunExit
from syncd.model import Person
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_guard_stops import closed, near
from tests.engine.test_promises import settle


async def in_three_systems(rig: Rig) -> tuple[list[str], str, str]:
    """Book several meetings of p in a; the first one is in b and c, too."""
    for system in rig.systems:
        system.customers["x0"] = Person(emails=("x0@example.com",))
    events = [rig.a.book("p", v(24 + 2 * n), customer=f"x{n}") for n in range(14)]
    twins = [system.book("p", v(24), customer="x0") for system in (rig.b, rig.c)]
    await settle(rig)
    return events, twins[0], twins[1]


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_where_a_stopped_event_is_gone_its_twins_time_is_closed(rig: Rig, act: str) -> None:
    events, twin, _ = await in_three_systems(rig)
    kept = dict(rig.a.events)
    for n, event in enumerate(events[:12]):
        if act == "move":
            rig.a.move(event, v(101 + 2 * n))
        else:
            getattr(rig.a, act)(event)
    report = await rig.engine.resync()
    assert report.exit is RunExit.GUARDED
    # b and c have the meeting, so its time is blocked in a.
    assert (closed(rig, 24), rig.b.events[twin].value) == (["a"], v(24))
    assert closed(rig, 26) == ["b", "c"]
    rig.a.events |= kept
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert (closed(rig, 24), closed(rig, 26)) == ([], ["b", "c"])


async def test_a_twin_moves_while_its_other_record_is_stopped(rig: Rig) -> None:
    events, twin, third = await in_three_systems(rig)
    for event in events[:12]:
        rig.a.delete(event)
    await rig.engine.resync()
    rig.b.move(twin, v(25))
    before = len(rig.c.writes)
    await near(rig)
    assert rig.c.events[third].value == v(25)
    assert (closed(rig, 24), closed(rig, 25)) == (["b", "c"], ["a"])
    await near(rig)
    assert [str(o.action) for o in rig.c.writes[before:]] == ["move-appointment", "create-block"]


async def test_a_twin_is_cancelled_while_its_other_record_is_stopped(rig: Rig) -> None:
    events, twin, third = await in_three_systems(rig)
    for n, event in enumerate(events[:12]):
        rig.a.move(event, v(101 + 2 * n))
    await rig.engine.resync()
    rig.b.cancel(twin)
    await near(rig)
    # It is cancelled in b and c. In a, both times stay blocked until a person decides.
    assert not rig.c.events[third].value.busy
    assert (closed(rig, 24), closed(rig, 101)) == (["b", "c"], ["b", "c"])


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_a_stop_lasts_though_the_time_of_its_meetings_has_passed(rig: Rig, act: str) -> None:
    events, twin, third = await in_three_systems(rig)
    kept = dict(rig.a.events)
    for n, event in enumerate(events):
        if act == "move":
            rig.a.move(event, v(25 + 2 * n))
        else:
            getattr(rig.a, act)(event)
    run = (await rig.engine.resync()).run
    # The first meeting's old time passes, then its new time.
    for hours in (19.5, 6):
        rig.clock.pass_(hours=hours)
        assert (await rig.engine.resync()).exit is RunExit.GUARDED
        assert (rig.b.events[twin].value, rig.c.events[third].value) == (v(24), v(24))
    if act == "move":
        await rig.engine.resync(accept=run)
        assert (rig.b.events[twin].value, rig.c.events[third].value) == (v(25), v(25))
    else:
        rig.a.events |= kept
        await settle(rig)
    assert open_stops(rig.store) == []


async def test_a_meeting_that_was_over_before_is_no_part_of_a_stop(rig: Rig) -> None:
    old = rig.a.book("p", v(9))
    events, _, _ = await in_three_systems(rig)
    rig.clock.pass_(hours=12)
    kept = dict(rig.a.events)
    for event in events:
        rig.a.delete(event)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    rig.a.cancel(old)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    # A cancelled past meeting does not keep a stop open whose events are back.
    rig.a.events |= {event: kept[event] for event in events}
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_times_between_old_and_new_of_stopped_meetings_stay_blocked(rig: Rig) -> None:
    """Simulator, seed 1336: a second move freed the time that the first one had taken."""
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)
    for hours in (1, 2):
        for i, event in enumerate(events):
            rig.a.move(event, v(24 + 3 * i + hours))
        assert (await rig.engine.resync()).exit is RunExit.GUARDED
    for i in range(6):
        for hours in (0, 1, 2):
            assert v(24 + 3 * i + hours).interval in rig.blocks()["b"]
