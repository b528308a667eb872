"""Test that a guard stop withholds writes that free time in one calendar, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.rules import Choice, Rules
from syncd.engine.guard_stops import AcceptError, check_accept, open_stops
from syncd.engine.report import Report, RunExit
from syncd.model import Action, Kind, Person, WaitReason
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import EngineHarness, make_engine
from tests.engine.test_promises import settle


def book_class(harness: EngineHarness, hour: float, guests: int = 12) -> list[str]:
    """Enter a class: one guest's appointment each, all at one time."""
    return [harness.a.book("p", v(hour), person=f"guest{n}") for n in range(guests)]


async def busy_calendar(harness: EngineHarness, count: int = 14) -> list[str]:
    """Book a calendar of p in a, one meeting every other hour, and sync it."""
    events = [harness.a.book("p", v(24 + 2 * n)) for n in range(count)]
    await harness.engine.resync()
    return events


def closed(harness: EngineHarness, hour: float, provider: str = "p") -> list[str]:
    """Name the systems in which a block closes that hour."""
    return [name for name, blocks in harness.blocks(provider).items() if v(hour).interval in blocks]


async def near(harness: EngineHarness) -> Report:
    """Run the next near cycle of the daemon."""
    harness.clock.pass_(minutes=1)
    return await harness.engine.poll(near=True)


# --- meetings are counted -------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["move", "delete"])
async def test_a_class_that_moves_or_ends_at_once_is_one_meeting(
    harness: EngineHarness, act: str
) -> None:
    guests = book_class(harness, 24)
    for n in range(4):
        harness.a.book("p", v(40 + 2 * n))
    await harness.engine.resync()
    for guest in guests:
        if act == "move":
            harness.a.move(guest, v(30))
        else:
            harness.a.delete(guest)
    assert (await harness.engine.resync()).guarded == []
    assert closed(harness, 24) == []
    assert closed(harness, 30) == (["b", "c"] if act == "move" else [])


async def test_eleven_meetings_are_an_accident_though_one_of_them_is_a_class(
    harness: EngineHarness,
) -> None:
    guests = book_class(harness, 24)
    events = await busy_calendar(harness, 20)
    for event in [*guests, *events[1:11]]:
        harness.a.delete(event)
    report = await harness.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [11])


async def test_our_blocks_do_not_count_as_meetings_of_the_calendar(harness: EngineHarness) -> None:
    for n in range(30):
        harness.b.book("p", v(100 + 2 * n))
    events = await busy_calendar(harness, 6)
    for n, event in enumerate(events):
        harness.a.move(event, v(25 + 2 * n))
    assert (await harness.engine.resync()).exit is RunExit.GUARDED


async def test_a_mass_cancellation_is_stopped_like_a_mass_deletion(harness: EngineHarness) -> None:
    events = await busy_calendar(harness)
    for event in events[:12]:
        harness.a.cancel(event)
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    assert len(harness.blocks()["b"]) == 14


# --- the sum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_near_cycle_knows_the_meetings_beyond_it_in_every_system(
    harness: EngineHarness, name: str
) -> None:
    system = next(s for s in harness.systems if s.name == name)
    events = [system.book("p", v(8 + 2 * n)) for n in range(12)]
    for n in range(60):
        system.book("p", v(100 + 2 * n))
    await harness.engine.resync()
    for event in events[:11]:
        system.delete(event)
    # 11 of 72 do not trip the guard.
    assert (await near(harness)).guarded == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_accident_in_slices_is_stopped_when_the_sum_is_too_much(
    harness: EngineHarness, restarts: bool
) -> None:
    events = await busy_calendar(harness, 20)
    for event in events[:8]:
        harness.a.delete(event)
    assert (await near(harness)).guarded == []
    if restarts:
        harness.restart()
    for event in events[8:15]:
        harness.a.delete(event)
    report = await near(harness)
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [7])
    assert len(harness.blocks()["b"]) == 12


async def test_changes_before_the_last_far_interval_do_not_count(harness: EngineHarness) -> None:
    events = await busy_calendar(harness, 40)
    for event in events[:8]:
        harness.a.delete(event)
    assert (await near(harness)).guarded == []
    harness.clock.pass_(minutes=16)
    for event in events[8:16]:
        harness.a.delete(event)
    assert (await harness.engine.poll(near=False)).guarded == []
    assert len(harness.blocks()["b"]) == 24


async def test_propagated_changes_that_were_reverted_do_not_count(harness: EngineHarness) -> None:
    events = await busy_calendar(harness, 20)
    for n, event in enumerate(events[:8]):
        harness.a.move(event, v(200 + 3 * n))
    assert (await near(harness)).guarded == []
    for n, event in enumerate(events[:8]):
        harness.a.move(event, v(24 + 2 * n))
    assert (await near(harness)).guarded == []
    for event in events[8:16]:
        harness.a.delete(event)
    assert (await near(harness)).guarded == []


async def test_what_a_person_accepted_does_not_count_towards_the_next_accident(
    harness: EngineHarness,
) -> None:
    events = await busy_calendar(harness, 20)
    for event in events[:12]:
        harness.a.delete(event)
    stopped = await harness.engine.resync()
    assert (await harness.engine.resync(accept=stopped.run)).exit is RunExit.DONE
    harness.a.delete(events[13])
    assert (await near(harness)).guarded == []


# --- all of at least three ------------------------------------------------------------------------


@pytest.mark.parametrize("by_list", [True, False])
async def test_a_whole_calendar_of_three_that_vanishes_without_a_proof_is_stopped(
    harness: EngineHarness, by_list: bool
) -> None:
    kinds = frozenset({Kind.BLOCK})
    able = harness.a.capabilities
    if by_list:
        harness.a.capabilities = replace(able, gone_by_list=kinds)
    else:
        harness.a.capabilities = replace(able, refused_when_gone=kinds)
        harness.a.refuses_gone = True
    # The list shows only a block of ours.
    harness.b.book("p", v(35))
    events = [harness.a.human_block("p", v(24 + 2 * n)) for n in range(3)]
    await settle(harness)
    for event in events:
        harness.a.delete(event)
    for _ in range(3):
        harness.clock.pass_(minutes=6)
        report = await harness.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(harness.blocks()["b"]) == 3
    assert (await harness.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert harness.blocks()["b"] == []


async def test_a_whole_calendar_of_three_that_is_deleted_by_id_is_carried(
    harness: EngineHarness,
) -> None:
    for event in await busy_calendar(harness, 3):
        harness.a.delete(event)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks() == {"a": [], "b": [], "c": []}


# --- what goes on ---------------------------------------------------------------------------------


async def accident(harness: EngineHarness) -> tuple[list[str], Report]:
    """Delete 12 of 14 meetings of p in a, and sync."""
    events = await busy_calendar(harness)
    for event in events[:12]:
        harness.a.delete(event)
    return events, await harness.engine.resync()


async def test_a_stop_of_one_calendar_leaves_the_others_of_its_system_at_work(
    harness: EngineHarness,
) -> None:
    bob = [harness.a.book("q", v(24)), harness.a.book("q", v(26)), harness.a.book("q", v(28))]
    _, report = await accident(harness)
    assert report.exit is RunExit.GUARDED
    harness.a.book("q", v(40))
    harness.a.delete(bob[0])
    harness.a.move(bob[1], v(33))
    report = await near(harness)
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "p", 12)]
    assert [closed(harness, hour, "q") for hour in (24, 26, 28, 33, 40)] == [
        [],
        [],
        ["b", "c"],
        ["b", "c"],
        ["b", "c"],
    ]
    assert len(harness.blocks()["b"]) == 14


async def test_a_new_booking_in_the_stopped_calendar_is_carried(harness: EngineHarness) -> None:
    await accident(harness)
    harness.a.book("p", v(25))
    harness.a.human_block("p", v(27))
    report = await near(harness)
    assert report.exit is RunExit.GUARDED
    assert (closed(harness, 25), closed(harness, 27)) == (["b", "c"], ["a", "b", "c"])


async def test_what_is_cancelled_in_a_stopped_calendar_waits_with_the_rest(
    harness: EngineHarness,
) -> None:
    events, _ = await accident(harness)
    harness.a.cancel(events[12])
    report = await harness.engine.resync()
    assert [s.count for s in report.stopped] == [13]
    assert closed(harness, 24 + 2 * 12) == ["b", "c"]


async def test_both_times_of_a_stopped_move_stay_blocked(harness: EngineHarness) -> None:
    events = [harness.a.book("p", v(24 + 4 * n)) for n in range(5)]
    events.append(harness.a.human_block("p", v(60)))
    await settle(harness)
    for n, event in enumerate(events):
        harness.a.move(event, v((25 + 4 * n) if n < 5 else 61))
    report = await harness.engine.resync()
    assert report.exit is RunExit.GUARDED
    for hour in (24, 25, 40, 41, 60):
        assert closed(harness, hour) == ["b", "c"], hour
    assert closed(harness, 61) == ["a", "b", "c"]
    before = harness.writes()
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    assert harness.writes() == before
    accepted = await harness.engine.resync(accept=report.run)
    assert accepted.exit is RunExit.DONE
    assert (closed(harness, 24), closed(harness, 25)) == ([], ["b", "c"])


async def test_the_new_time_of_a_stopped_twin_is_blocked_in_the_other_system(
    harness: EngineHarness,
) -> None:
    events = [harness.a.book("p", v(24 + 4 * n), person=f"x{n}") for n in range(5)]
    twin = harness.b.book("p", v(24), person="x0")
    for system in (harness.a, harness.b):
        system.persons["x0"] = Person(emails=("x0@example.com",))
    await settle(harness)
    for n, event in enumerate(events):
        harness.a.move(event, v(25 + 4 * n))
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    assert harness.b.events[twin].value == v(24)
    assert (closed(harness, 24), closed(harness, 25)) == (["a", "c"], ["b", "c"])
    # A person moves the other half: its change is propagated, and no time is freed.
    harness.b.move(twin, v(70))
    report = await harness.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert harness.a.events[events[0]].value == v(25)
    assert (closed(harness, 24), closed(harness, 25), closed(harness, 70)) == (
        ["b", "c"],
        ["b", "c"],
        ["a", "c"],
    )
    moves = [w for w in report.waiting if w.operation.action is Action.MOVE_APPOINTMENT]
    assert {w.why for w in moves} == {WaitReason.GUARD}


async def test_new_events_of_a_stopped_calendar_wait_and_are_blocked(
    harness: EngineHarness,
) -> None:
    events = [harness.a.book("p", v(24 + 2 * n), person=f"x{n}") for n in range(14)]
    await settle(harness)
    known = {b.id for b in harness.store.bookings()}
    for n, event in enumerate(events[:12]):
        harness.a.delete(event)
        harness.a.book("p", v(25 + 2 * n), person=f"x{n}")
    report = await harness.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert (closed(harness, 24), closed(harness, 25)) == (["b", "c"], ["b", "c"])
    assert {b.id for b in harness.store.bookings()} == known
    assert (await harness.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert (closed(harness, 24), closed(harness, 25)) == ([], ["b", "c"])
    assert {b.id for b in harness.store.bookings()} == known


async def test_an_accident_moved_blocks_of_ours_waits_where_bookings_follow_them(
    harness: EngineHarness,
) -> None:
    harness.engine.policy = replace(
        harness.engine.policy,
        rules={p: Rules(prefer=SYSTEMS, block_edited=Choice.RESCHEDULE) for p in "pq"},
    )
    events = await busy_calendar(harness, 6)
    for name, held in list(harness.b.events.items()):
        value = held.value
        harness.b.move(
            name, replace(value, start=value.end, end=value.end + (value.end - value.start))
        )
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    assert [harness.a.events[e].value for e in events] == [v(24 + 2 * n) for n in range(6)]
    assert (closed(harness, 24), closed(harness, 25)) == (["b", "c"], ["b"])


async def test_writes_that_a_stop_withholds_are_reported_as_waiting(harness: EngineHarness) -> None:
    _, report = await accident(harness)
    waits = [(w.operation.system, w.operation.action, w.why) for w in report.waiting]
    assert sorted(set(waits)) == [
        ("b", Action.REMOVE_BLOCK, WaitReason.GUARD),
        ("c", Action.REMOVE_BLOCK, WaitReason.GUARD),
    ]
    assert len(waits) == 24


# --- a whole system -------------------------------------------------------------------------------


async def test_an_accident_spread_over_the_calendars_of_a_system_is_stopped(
    harness: EngineHarness,
) -> None:
    events = {p: [harness.a.book(p, v(24 + 2 * n)) for n in range(8)] for p in "pq"}
    harness.b.book("p", v(80))
    await settle(harness)
    for each in events.values():
        for event in each[:6]:
            harness.a.delete(event)
    harness.a.book("q", v(90))
    report = await harness.engine.resync()
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "", 12)]
    assert closed(harness, 90, "q") == ["b", "c"]
    assert len(harness.blocks("p")["b"]) == 8
    assert len(harness.blocks("q")["b"]) == 9
    harness.restart()
    again = await harness.engine.resync()
    assert (again.exit, again.guarded) == (RunExit.GUARDED, ["a"])
    assert (await harness.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert len(harness.blocks("p")["b"]) == 2


# --- accepting ------------------------------------------------------------------------------------


async def test_each_run_that_showed_a_stop_can_be_accepted(harness: EngineHarness) -> None:
    _, first = await accident(harness)
    polled = await near(harness)
    last = await harness.engine.resync()
    assert len({first.run, polled.run, last.run}) == 3
    assert [s.run for s in last.stopped] == [last.run]
    harness.restart()
    check_accept(harness.store, last.run)
    assert (await harness.engine.resync(accept=last.run)).exit is RunExit.DONE
    assert len(harness.blocks()["b"]) == 2


async def test_what_a_run_did_not_list_stays_stopped_when_it_is_accepted(
    harness: EngineHarness,
) -> None:
    events, first = await accident(harness)
    harness.a.delete(events[12])
    second = await harness.engine.resync()
    assert [s.count for s in second.stopped] == [13]
    part = await harness.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert (closed(harness, 24), closed(harness, 48)) == ([], ["b", "c"])
    harness.restart()
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    rest = await harness.engine.resync(accept=part.run)
    assert (rest.exit, closed(harness, 48)) == (RunExit.DONE, [])


async def test_more_that_vanishes_in_the_accepting_run_stays_stopped(
    harness: EngineHarness,
) -> None:
    events, first = await accident(harness)
    harness.a.delete(events[12])
    part = await harness.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert closed(harness, 48) == ["b", "c"]


async def test_a_dry_run_can_be_accepted_for_as_long_as_nothing_differs(
    harness: EngineHarness,
) -> None:
    events = await busy_calendar(harness)
    for event in events[:12]:
        harness.a.delete(event)
    state = harness.store
    dry = await _dry_run(harness)
    assert (dry.exit, state.open_conflicts()) == (RunExit.GUARDED, [])
    assert [s.run for s in dry.stopped] == [dry.run]
    check_accept(state, dry.run)
    harness.a.delete(events[12])
    assert (await harness.engine.resync(accept=dry.run)).exit is RunExit.GUARDED
    assert len(harness.blocks()["b"]) == 14
    again = await _dry_run(harness)
    assert (await harness.engine.resync(accept=again.run)).exit is RunExit.DONE
    assert len(harness.blocks()["b"]) == 1


async def _dry_run(harness: EngineHarness) -> Report:
    """Plan on a copy of the state, as `syncd plan` does."""
    copy = harness.store.in_memory_copy()
    report = await make_engine(copy, harness.clock, harness.systems, harness.rows).resync(
        dry_run=True
    )
    copy.close()
    return report


async def test_runs_that_listed_nothing_are_refused_with_the_reason(harness: EngineHarness) -> None:
    quiet = await harness.engine.resync()
    with pytest.raises(AcceptError, match="there is no run 'nonsense'"):
        check_accept(harness.store, "nonsense")
    with pytest.raises(AcceptError, match="did not stop"):
        check_accept(harness.store, quiet.run)
    _, stopped = await accident(harness)
    await harness.engine.resync(accept=stopped.run)
    with pytest.raises(AcceptError, match="any more"):
        check_accept(harness.store, stopped.run)


async def test_events_that_come_back_end_a_stop_and_those_that_do_not_stay_stopped(
    harness: EngineHarness,
) -> None:
    events = await busy_calendar(harness)
    kept = dict(harness.a.events)
    for event in events[:12]:
        harness.a.delete(event)
    assert (await harness.engine.resync()).exit is RunExit.GUARDED
    harness.a.events.update({e: kept[e] for e in events[3:]})
    report = await harness.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(harness.blocks()["b"]) == 14
    harness.a.events.update(kept)
    await settle(harness)
    assert open_stops(harness.store) == []
    assert len(harness.blocks()["b"]) == 14
