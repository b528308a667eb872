"""Test that too many changes at once stop until a person accepts them."""

from __future__ import annotations

from syncd.engine.report.run_report import Report, RunExit
from syncd.model import Status
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_promises import settle


async def test_a_mass_deletion_stops_until_a_person_accepts_it(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + i)) for i in range(14)]
    await settle(rig)
    for event in events[:12]:
        rig.a.delete(event)
    before = rig.writes()
    stopped = await rig.engine.resync()
    assert stopped.exit is RunExit.GUARDED
    again = await rig.engine.resync()
    assert again.exit is RunExit.GUARDED
    assert rig.writes() == before
    accepted = await rig.engine.resync(accept=stopped.run)
    assert accepted.exit is RunExit.DONE
    assert len(rig.blocks()["b"]) == 2


async def test_accepted_changes_are_not_stopped_again_if_they_are_delayed(
    rig: Rig,
) -> None:
    events = [rig.a.book("p", v(24 + i), customer="kim") for i in range(14)]
    await settle(rig)
    for event in events[:12]:
        rig.a.delete(event)
    rig.a.book("p", v(50), customer="kim")
    stopped = await rig.engine.resync()
    assert stopped.exit is RunExit.GUARDED
    accepted = await rig.engine.resync(accept=stopped.run)
    assert accepted.exit is RunExit.CONFLICTS  # which of the twelve came back at another time?
    rig.restart()
    assert (await rig.engine.resync()).exit is RunExit.CONFLICTS
    assert v(50).interval in rig.blocks()["b"]


async def test_the_same_accident_a_second_time_is_stopped_again(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)

    async def shift(hour: int) -> Report:
        for i, event in enumerate(events):
            rig.a.move(event, v(24 + 3 * i + hour))
        rig.clock.pass_(minutes=30)
        stopped = await rig.engine.resync()
        assert stopped.exit is RunExit.GUARDED
        return await rig.engine.resync(accept=stopped.run)

    for hour in (1, 0, 1):
        assert (await shift(hour)).exit is RunExit.DONE


async def test_a_stop_can_be_accepted_after_a_clock_that_was_ahead_is_set_right(
    rig: Rig,
) -> None:
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)
    rig.clock.pass_(minutes=600)  # the clock is set ahead
    for i, event in enumerate(events):
        rig.a.move(event, v(25 + 3 * i))
    stopped = await rig.engine.resync()
    assert stopped.exit is RunExit.GUARDED
    rig.clock.pass_(minutes=-570)
    assert (await rig.engine.resync(accept=stopped.run)).exit is RunExit.DONE
    assert v(25).interval in rig.blocks()["b"]


async def test_an_acceptance_by_a_clock_that_was_ahead_covers_no_later_change(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)

    async def shift(hour: int) -> Report:
        for i, event in enumerate(events):
            rig.a.move(event, v(hour + 3 * i))
        return await rig.engine.resync()

    rig.clock.pass_(minutes=600)  # the clock is set ahead
    assert (await rig.engine.resync(accept=(await shift(25)).run)).exit is RunExit.DONE
    rig.clock.pass_(minutes=-570)
    assert (await rig.engine.resync(accept=(await shift(24)).run)).exit is RunExit.DONE
    rig.clock.pass_(minutes=60)
    rig.restart()  # the stored changes are loaded in the order of their times
    assert (await shift(25)).exit is RunExit.GUARDED


async def test_a_stop_ends_when_its_changes_are_reverted(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + i)) for i in range(14)]
    await settle(rig)
    kept = dict(rig.a.events)
    for event in events[:12]:
        rig.a.delete(event)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    rig.a.events.update(kept)
    await settle(rig)
    assert len(rig.blocks()["b"]) == 14


async def test_a_shift_of_everything_by_an_hour_stops(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)
    for i, event in enumerate(events):
        rig.a.move(event, v(25 + 3 * i))
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    rig.restart()
    assert (await rig.engine.resync()).exit is RunExit.GUARDED


async def test_a_stopped_system_does_not_stop_the_others(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 3 * i)) for i in range(6)]
    await settle(rig)
    for i, event in enumerate(events):
        rig.a.move(event, v(25 + 3 * i))
    rig.b.book("q", v(9))
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert rig.blocks("q")["c"] == [v(9).interval]


async def test_status_changes_of_past_meetings_do_not_trip_the_guard(rig: Rig) -> None:
    events = [rig.a.book("p", v(7 + n)) for n in range(14)]
    await settle(rig)
    rig.clock.pass_(hours=20)
    for n, event in enumerate(events):
        rig.a.move(event, v(7 + n, status=Status.NOSHOW))
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_shift_that_two_reads_show_is_stopped_beside_a_break_that_stays(rig: Rig) -> None:
    rig.a.human_block("p", v(30, 31))
    events = [rig.a.book("p", v(24 + 8 * i)) for i in range(8)]
    await settle(rig)
    for i, event in enumerate(events):
        rig.a.move(event, v(24.75 + 8 * i))
    near = await rig.engine.poll(near=True)
    carried = near.operations.total()
    stopped = await rig.engine.resync()
    assert stopped.exit is RunExit.GUARDED
    assert 0 < carried < 2 * len(events)
    assert stopped.operations.total() <= len(events)
