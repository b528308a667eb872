"""While the guard stops one record of a meeting, its other records are synced (promise 7)."""

from __future__ import annotations

import pytest

from syncd.engine.guard_stops import open_stops
from syncd.engine.report import RunExit
from syncd.model import Person
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_guard_stops import closed, near
from tests.engine.test_promises import settle


async def in_three_systems(harness: EngineHarness) -> tuple[list[str], str, str]:
    """Book several meetings of p in a; the first one is in b and c, too."""
    for system in harness.systems:
        system.persons["x0"] = Person(emails=("x0@example.com",))
    events = [harness.a.book("p", v(24 + 2 * n), person=f"x{n}") for n in range(14)]
    twins = [system.book("p", v(24), person="x0") for system in (harness.b, harness.c)]
    await settle(harness)
    return events, twins[0], twins[1]


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_where_a_stopped_event_is_gone_its_twins_time_is_closed(
    harness: EngineHarness, act: str
) -> None:
    events, twin, _ = await in_three_systems(harness)
    kept = dict(harness.a.events)
    for n, event in enumerate(events[:12]):
        if act == "move":
            harness.a.move(event, v(101 + 2 * n))
        else:
            getattr(harness.a, act)(event)
    report = await harness.engine.resync()
    assert report.exit is RunExit.GUARDED
    # b and c have the meeting, so its time is blocked in a.
    assert (closed(harness, 24), harness.b.events[twin].value) == (["a"], v(24))
    assert closed(harness, 26) == ["b", "c"]
    harness.a.events |= kept
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert (closed(harness, 24), closed(harness, 26)) == ([], ["b", "c"])


async def test_a_twin_moves_while_its_other_record_is_stopped(harness: EngineHarness) -> None:
    events, twin, third = await in_three_systems(harness)
    for event in events[:12]:
        harness.a.delete(event)
    await harness.engine.resync()
    harness.b.move(twin, v(25))
    before = len(harness.c.writes)
    await near(harness)
    assert harness.c.events[third].value == v(25)
    assert (closed(harness, 24), closed(harness, 25)) == (["b", "c"], ["a"])
    await near(harness)
    assert [str(o.action) for o in harness.c.writes[before:]] == [
        "move-appointment",
        "create-block",
    ]


async def test_a_twin_is_cancelled_while_its_other_record_is_stopped(
    harness: EngineHarness,
) -> None:
    events, twin, third = await in_three_systems(harness)
    for n, event in enumerate(events[:12]):
        harness.a.move(event, v(101 + 2 * n))
    await harness.engine.resync()
    harness.b.cancel(twin)
    await near(harness)
    # It is cancelled in b and c. In a, both times stay blocked until a person decides.
    assert not harness.c.events[third].value.busy
    assert (closed(harness, 24), closed(harness, 101)) == (["b", "c"], ["b", "c"])


@pytest.mark.parametrize("act", ["delete", "cancel", "move"])
async def test_a_stop_lasts_though_the_time_of_its_meetings_has_passed(
    harness: EngineHarness, act: str
) -> None:
    events, twin, third = await in_three_systems(harness)
    kept = dict(harness.a.events)
    for n, event in enumerate(events):
        if act == "move":
            harness.a.move(event, v(25 + 2 * n))
        else:
            getattr(harness.a, act)(event)
    run = (await harness.engine.resync()).run
    # The first meeting's old time passes, then its new time.
    for hours in (19.5, 6):
        harness.clock.pass_(hours=hours)
        assert (await harness.engine.resync()).exit is RunExit.GUARDED
        assert (harness.b.events[twin].value, harness.c.events[third].value) == (v(24), v(24))
    if act == "move":
        await harness.engine.resync(accept=run)
        assert (harness.b.events[twin].value, harness.c.events[third].value) == (v(25), v(25))
    else:
        harness.a.events |= kept
        await settle(harness)
    assert open_stops(harness.store) == []


async def test_a_meeting_that_was_over_before_is_no_part_of_a_stop(harness: EngineHarness) -> None:
    old = harness.a.book("p", v(9))
    events, _, _ = await in_three_systems(harness)
    harness.clock.pass_(hours=12)
    kept = dict(harness.a.events)
    for event in events:
        harness.a.delete(event)
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    harness.a.cancel(old)
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    # A cancelled past meeting does not keep a stop open whose events are back.
    harness.a.events |= {event: kept[event] for event in events}
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_times_between_old_and_new_of_stopped_meetings_stay_blocked(
    harness: EngineHarness,
) -> None:
    """Simulator, seed 1336: a second move freed the time that the first one had taken."""
    events = [harness.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(harness)
    for hours in (1, 2):
        for i, event in enumerate(events):
            harness.a.move(event, v(24 + 3 * i + hours))
        assert (await harness.engine.resync()).exit is RunExit.GUARDED
    for i in range(6):
        for hours in (0, 1, 2):
            assert v(24 + 3 * i + hours).interval in harness.blocks()["b"]
