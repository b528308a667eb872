"""Test that a guard stop withholds writes that free time in one calendar, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.merging.rules import Choice, Rules
from syncd.engine.deciding.guard_stops import AcceptError, check_accept, open_stops
from syncd.engine.report.run_report import Report, RunExit
from syncd.model import Action, Kind, Person, WaitReason
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig, make_engine
from tests.engine.test_promises import settle


def book_class(rig: Rig, hour: float, guests: int = 12) -> list[str]:
    """Enter a class: one guest's appointment each, all at one time."""
    return [rig.a.book("p", v(hour), customer=f"guest{n}") for n in range(guests)]


async def busy_calendar(rig: Rig, count: int = 14) -> list[str]:
    """Book a calendar of p in a, one meeting every other hour, and sync it."""
    events = [rig.a.book("p", v(24 + 2 * n)) for n in range(count)]
    await rig.engine.resync()
    return events


def closed(rig: Rig, hour: float, provider: str = "p") -> list[str]:
    """Name the systems in which a block closes that hour."""
    return [name for name, blocks in rig.blocks(provider).items() if v(hour).interval in blocks]


async def near(rig: Rig) -> Report:
    """Run the next near cycle of the daemon."""
    rig.clock.pass_(minutes=1)
    return await rig.engine.poll(near=True)


# --- meetings are counted -------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["move", "delete"])
async def test_a_class_that_moves_or_ends_at_once_is_one_meeting(rig: Rig, act: str) -> None:
    guests = book_class(rig, 24)
    for n in range(4):
        rig.a.book("p", v(40 + 2 * n))
    await rig.engine.resync()
    for guest in guests:
        if act == "move":
            rig.a.move(guest, v(30))
        else:
            rig.a.delete(guest)
    assert (await rig.engine.resync()).guarded == []
    assert closed(rig, 24) == []
    assert closed(rig, 30) == (["b", "c"] if act == "move" else [])


async def test_eleven_meetings_are_an_accident_though_one_of_them_is_a_class(rig: Rig) -> None:
    guests = book_class(rig, 24)
    events = await busy_calendar(rig, 20)
    for event in [*guests, *events[1:11]]:
        rig.a.delete(event)
    report = await rig.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [11])


async def test_our_blocks_do_not_count_as_meetings_of_the_calendar(rig: Rig) -> None:
    for n in range(30):
        rig.b.book("p", v(100 + 2 * n))
    events = await busy_calendar(rig, 6)
    for n, event in enumerate(events):
        rig.a.move(event, v(25 + 2 * n))
    assert (await rig.engine.resync()).exit is RunExit.GUARDED


async def test_a_mass_cancellation_is_stopped_like_a_mass_deletion(rig: Rig) -> None:
    events = await busy_calendar(rig)
    for event in events[:12]:
        rig.a.cancel(event)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert len(rig.blocks()["b"]) == 14


# --- the sum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_near_cycle_knows_the_meetings_beyond_it_in_every_system(
    rig: Rig, name: str
) -> None:
    system = next(s for s in rig.systems if s.name == name)
    events = [system.book("p", v(8 + 2 * n)) for n in range(12)]
    for n in range(60):
        system.book("p", v(100 + 2 * n))
    await rig.engine.resync()
    for event in events[:11]:
        system.delete(event)
    # 11 of 72 do not trip the guard.
    assert (await near(rig)).guarded == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_accident_in_slices_is_stopped_when_the_sum_is_too_much(
    rig: Rig, restarts: bool
) -> None:
    events = await busy_calendar(rig, 20)
    for event in events[:8]:
        rig.a.delete(event)
    assert (await near(rig)).guarded == []
    if restarts:
        rig.restart()
    for event in events[8:15]:
        rig.a.delete(event)
    report = await near(rig)
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [7])
    assert len(rig.blocks()["b"]) == 12


async def test_changes_before_the_last_far_interval_do_not_count(rig: Rig) -> None:
    events = await busy_calendar(rig, 40)
    for event in events[:8]:
        rig.a.delete(event)
    assert (await near(rig)).guarded == []
    rig.clock.pass_(minutes=16)
    for event in events[8:16]:
        rig.a.delete(event)
    assert (await rig.engine.poll(near=False)).guarded == []
    assert len(rig.blocks()["b"]) == 24


async def test_propagated_changes_that_were_reverted_do_not_count(rig: Rig) -> None:
    events = await busy_calendar(rig, 20)
    for n, event in enumerate(events[:8]):
        rig.a.move(event, v(200 + 3 * n))
    assert (await near(rig)).guarded == []
    for n, event in enumerate(events[:8]):
        rig.a.move(event, v(24 + 2 * n))
    assert (await near(rig)).guarded == []
    for event in events[8:16]:
        rig.a.delete(event)
    assert (await near(rig)).guarded == []


async def test_what_a_person_accepted_does_not_count_towards_the_next_accident(rig: Rig) -> None:
    events = await busy_calendar(rig, 20)
    for event in events[:12]:
        rig.a.delete(event)
    stopped = await rig.engine.resync()
    assert (await rig.engine.resync(accept=stopped.run)).exit is RunExit.DONE
    rig.a.delete(events[13])
    assert (await near(rig)).guarded == []


# --- all of at least three ------------------------------------------------------------------------


@pytest.mark.parametrize("by_list", [True, False])
async def test_a_whole_calendar_of_three_that_vanishes_without_a_proof_is_stopped(
    rig: Rig, by_list: bool
) -> None:
    kinds = frozenset({Kind.BLOCK})
    able = rig.a.capabilities
    if by_list:
        rig.a.capabilities = replace(able, gone_by_list=kinds)
    else:
        rig.a.capabilities = replace(able, refused_when_gone=kinds)
        rig.a.refuses_gone = True
    # The list shows only a block of ours.
    rig.b.book("p", v(35))
    events = [rig.a.human_block("p", v(24 + 2 * n)) for n in range(3)]
    await settle(rig)
    for event in events:
        rig.a.delete(event)
    for _ in range(3):
        rig.clock.pass_(minutes=6)
        report = await rig.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(rig.blocks()["b"]) == 3
    assert (await rig.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert rig.blocks()["b"] == []


async def test_a_whole_calendar_of_three_that_is_deleted_by_id_is_carried(rig: Rig) -> None:
    for event in await busy_calendar(rig, 3):
        rig.a.delete(event)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks() == {"a": [], "b": [], "c": []}


# --- what goes on ---------------------------------------------------------------------------------


async def accident(rig: Rig) -> tuple[list[str], Report]:
    """Delete 12 of 14 meetings of p in a, and sync."""
    events = await busy_calendar(rig)
    for event in events[:12]:
        rig.a.delete(event)
    return events, await rig.engine.resync()


async def test_a_stop_of_one_calendar_leaves_the_others_of_its_system_at_work(rig: Rig) -> None:
    bob = [rig.a.book("q", v(24)), rig.a.book("q", v(26)), rig.a.book("q", v(28))]
    _, report = await accident(rig)
    assert report.exit is RunExit.GUARDED
    rig.a.book("q", v(40))
    rig.a.delete(bob[0])
    rig.a.move(bob[1], v(33))
    report = await near(rig)
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "p", 12)]
    assert [closed(rig, hour, "q") for hour in (24, 26, 28, 33, 40)] == [
        [],
        [],
        ["b", "c"],
        ["b", "c"],
        ["b", "c"],
    ]
    assert len(rig.blocks()["b"]) == 14


async def test_a_new_booking_in_the_stopped_calendar_is_carried(rig: Rig) -> None:
    await accident(rig)
    rig.a.book("p", v(25))
    rig.a.human_block("p", v(27))
    report = await near(rig)
    assert report.exit is RunExit.GUARDED
    assert (closed(rig, 25), closed(rig, 27)) == (["b", "c"], ["a", "b", "c"])


async def test_what_is_cancelled_in_a_stopped_calendar_waits_with_the_rest(rig: Rig) -> None:
    events, _ = await accident(rig)
    rig.a.cancel(events[12])
    report = await rig.engine.resync()
    assert [s.count for s in report.stopped] == [13]
    assert closed(rig, 24 + 2 * 12) == ["b", "c"]


async def test_both_times_of_a_stopped_move_stay_blocked(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 4 * n)) for n in range(5)]
    events.append(rig.a.human_block("p", v(60)))
    await settle(rig)
    for n, event in enumerate(events):
        rig.a.move(event, v((25 + 4 * n) if n < 5 else 61))
    report = await rig.engine.resync()
    assert report.exit is RunExit.GUARDED
    for hour in (24, 25, 40, 41, 60):
        assert closed(rig, hour) == ["b", "c"], hour
    assert closed(rig, 61) == ["a", "b", "c"]
    before = rig.writes()
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert rig.writes() == before
    accepted = await rig.engine.resync(accept=report.run)
    assert accepted.exit is RunExit.DONE
    assert (closed(rig, 24), closed(rig, 25)) == ([], ["b", "c"])


async def test_the_new_time_of_a_stopped_twin_is_blocked_in_the_other_system(
    rig: Rig,
) -> None:
    events = [rig.a.book("p", v(24 + 4 * n), customer=f"x{n}") for n in range(5)]
    twin = rig.b.book("p", v(24), customer="x0")
    for system in (rig.a, rig.b):
        system.customers["x0"] = Person(emails=("x0@example.com",))
    await settle(rig)
    for n, event in enumerate(events):
        rig.a.move(event, v(25 + 4 * n))
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert rig.b.events[twin].value == v(24)
    assert (closed(rig, 24), closed(rig, 25)) == (["a", "c"], ["b", "c"])
    # A person moves the other half: its change is propagated, and no time is freed.
    rig.b.move(twin, v(70))
    report = await rig.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert rig.a.events[events[0]].value == v(25)
    assert (closed(rig, 24), closed(rig, 25), closed(rig, 70)) == (
        ["b", "c"],
        ["b", "c"],
        ["a", "c"],
    )
    moves = [w for w in report.waiting if w.operation.action is Action.MOVE_APPOINTMENT]
    assert {w.why for w in moves} == {WaitReason.GUARD}


async def test_new_events_of_a_stopped_calendar_wait_and_are_blocked(rig: Rig) -> None:
    events = [rig.a.book("p", v(24 + 2 * n), customer=f"x{n}") for n in range(14)]
    await settle(rig)
    known = {b.id for b in rig.store.bookings()}
    for n, event in enumerate(events[:12]):
        rig.a.delete(event)
        rig.a.book("p", v(25 + 2 * n), customer=f"x{n}")
    report = await rig.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert (closed(rig, 24), closed(rig, 25)) == (["b", "c"], ["b", "c"])
    assert {b.id for b in rig.store.bookings()} == known
    assert (await rig.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert (closed(rig, 24), closed(rig, 25)) == ([], ["b", "c"])
    assert {b.id for b in rig.store.bookings()} == known


async def test_an_accident_moved_blocks_of_ours_waits_where_bookings_follow_them(
    rig: Rig,
) -> None:
    rig.engine.policy = replace(
        rig.engine.policy,
        rules={p: Rules(prefer=SYSTEMS, block_edited=Choice.RESCHEDULE) for p in "pq"},
    )
    events = await busy_calendar(rig, 6)
    for name, held in list(rig.b.events.items()):
        value = held.value
        rig.b.move(name, replace(value, start=value.end, end=value.end + (value.end - value.start)))
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert [rig.a.events[e].value for e in events] == [v(24 + 2 * n) for n in range(6)]
    assert (closed(rig, 24), closed(rig, 25)) == (["b", "c"], ["b"])


async def test_writes_that_a_stop_withholds_are_reported_as_waiting(rig: Rig) -> None:
    _, report = await accident(rig)
    waits = [(w.operation.system, w.operation.action, w.why) for w in report.waiting]
    assert sorted(set(waits)) == [
        ("b", Action.REMOVE_BLOCK, WaitReason.GUARD),
        ("c", Action.REMOVE_BLOCK, WaitReason.GUARD),
    ]
    assert len(waits) == 24


# --- a whole system -------------------------------------------------------------------------------


async def test_an_accident_spread_over_the_calendars_of_a_system_is_stopped(rig: Rig) -> None:
    events = {p: [rig.a.book(p, v(24 + 2 * n)) for n in range(8)] for p in "pq"}
    rig.b.book("p", v(80))
    await settle(rig)
    for each in events.values():
        for event in each[:6]:
            rig.a.delete(event)
    rig.a.book("q", v(90))
    report = await rig.engine.resync()
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "", 12)]
    assert closed(rig, 90, "q") == ["b", "c"]
    assert len(rig.blocks("p")["b"]) == 8
    assert len(rig.blocks("q")["b"]) == 9
    rig.restart()
    again = await rig.engine.resync()
    assert (again.exit, again.guarded) == (RunExit.GUARDED, ["a"])
    assert (await rig.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert len(rig.blocks("p")["b"]) == 2


# --- accepting ------------------------------------------------------------------------------------


async def test_each_run_that_showed_a_stop_can_be_accepted(rig: Rig) -> None:
    _, first = await accident(rig)
    polled = await near(rig)
    last = await rig.engine.resync()
    assert len({first.run, polled.run, last.run}) == 3
    assert [s.run for s in last.stopped] == [last.run]
    rig.restart()
    check_accept(rig.store, last.run)
    assert (await rig.engine.resync(accept=last.run)).exit is RunExit.DONE
    assert len(rig.blocks()["b"]) == 2


async def test_what_a_run_did_not_list_stays_stopped_when_it_is_accepted(rig: Rig) -> None:
    events, first = await accident(rig)
    rig.a.delete(events[12])
    second = await rig.engine.resync()
    assert [s.count for s in second.stopped] == [13]
    part = await rig.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert (closed(rig, 24), closed(rig, 48)) == ([], ["b", "c"])
    rig.restart()
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    rest = await rig.engine.resync(accept=part.run)
    assert (rest.exit, closed(rig, 48)) == (RunExit.DONE, [])


async def test_more_that_vanishes_in_the_accepting_run_stays_stopped(rig: Rig) -> None:
    events, first = await accident(rig)
    rig.a.delete(events[12])
    part = await rig.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert closed(rig, 48) == ["b", "c"]


async def test_a_dry_run_can_be_accepted_for_as_long_as_nothing_differs(rig: Rig) -> None:
    events = await busy_calendar(rig)
    for event in events[:12]:
        rig.a.delete(event)
    state = rig.store
    dry = await _dry_run(rig)
    assert (dry.exit, state.open_conflicts()) == (RunExit.GUARDED, [])
    assert [s.run for s in dry.stopped] == [dry.run]
    check_accept(state, dry.run)
    rig.a.delete(events[12])
    assert (await rig.engine.resync(accept=dry.run)).exit is RunExit.GUARDED
    assert len(rig.blocks()["b"]) == 14
    again = await _dry_run(rig)
    assert (await rig.engine.resync(accept=again.run)).exit is RunExit.DONE
    assert len(rig.blocks()["b"]) == 1


async def _dry_run(rig: Rig) -> Report:
    """Plan on a copy of the state, as `syncd plan` does."""
    copy = rig.store.in_memory_copy()
    report = await make_engine(copy, rig.clock, rig.systems, rig.rows).resync(dry_run=True)
    copy.close()
    return report


async def test_runs_that_listed_nothing_are_refused_with_the_reason(rig: Rig) -> None:
    quiet = await rig.engine.resync()
    with pytest.raises(AcceptError, match="there is no run 'nonsense'"):
        check_accept(rig.store, "nonsense")
    with pytest.raises(AcceptError, match="did not stop"):
        check_accept(rig.store, quiet.run)
    _, stopped = await accident(rig)
    await rig.engine.resync(accept=stopped.run)
    with pytest.raises(AcceptError, match="no longer stops any change"):
        check_accept(rig.store, stopped.run)


async def test_events_that_come_back_end_a_stop_and_those_that_do_not_stay_stopped(
    rig: Rig,
) -> None:
    events = await busy_calendar(rig)
    kept = dict(rig.a.events)
    for event in events[:12]:
        rig.a.delete(event)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    rig.a.events.update({e: kept[e] for e in events[3:]})
    report = await rig.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(rig.blocks()["b"]) == 14
    rig.a.events.update(kept)
    await settle(rig)
    assert open_stops(rig.store) == []
    assert len(rig.blocks()["b"]) == 14
