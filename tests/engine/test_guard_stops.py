"""Test that a guard stop withholds writes that free time in one calendar, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.rules import Choice, Rules
from syncd.engine.guard_stops import AcceptError, check_accept, open_stops
from syncd.engine.report import Report, RunExit
from syncd.model import Action, Kind, Person, WaitReason
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Shop, make_engine
from tests.engine.test_promises import settle


def book_class(shop: Shop, hour: float, guests: int = 12) -> list[str]:
    """Enter a class: one guest's appointment each, all at one time."""
    return [shop.a.book("p", v(hour), person=f"guest{n}") for n in range(guests)]


async def busy_calendar(shop: Shop, count: int = 14) -> list[str]:
    """Book a calendar of p in a, one meeting every other hour, and sync it."""
    events = [shop.a.book("p", v(24 + 2 * n)) for n in range(count)]
    await shop.engine.resync()
    return events


def closed(shop: Shop, hour: float, provider: str = "p") -> list[str]:
    """Name the systems in which a block closes that hour."""
    return [name for name, blocks in shop.blocks(provider).items() if v(hour).interval in blocks]


async def near(shop: Shop) -> Report:
    """Run the next near cycle of the daemon."""
    shop.clock.pass_(minutes=1)
    return await shop.engine.poll(near=True)


# --- meetings are counted -------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["move", "delete"])
async def test_a_class_that_moves_or_ends_at_once_is_one_meeting(shop: Shop, act: str) -> None:
    guests = book_class(shop, 24)
    for n in range(4):
        shop.a.book("p", v(40 + 2 * n))
    await shop.engine.resync()
    for guest in guests:
        if act == "move":
            shop.a.move(guest, v(30))
        else:
            shop.a.delete(guest)
    assert (await shop.engine.resync()).guarded == []
    assert closed(shop, 24) == []
    assert closed(shop, 30) == (["b", "c"] if act == "move" else [])


async def test_eleven_meetings_are_an_accident_though_one_of_them_is_a_class(shop: Shop) -> None:
    guests = book_class(shop, 24)
    events = await busy_calendar(shop, 20)
    for event in [*guests, *events[1:11]]:
        shop.a.delete(event)
    report = await shop.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [11])


async def test_our_blocks_do_not_count_as_meetings_of_the_calendar(shop: Shop) -> None:
    for n in range(30):
        shop.b.book("p", v(100 + 2 * n))
    events = await busy_calendar(shop, 6)
    for n, event in enumerate(events):
        shop.a.move(event, v(25 + 2 * n))
    assert (await shop.engine.resync()).exit is RunExit.GUARDED


async def test_a_mass_cancellation_is_stopped_like_a_mass_deletion(shop: Shop) -> None:
    events = await busy_calendar(shop)
    for event in events[:12]:
        shop.a.cancel(event)
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    assert len(shop.blocks()["b"]) == 14


# --- the sum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_near_cycle_knows_the_meetings_beyond_it_in_every_system(
    shop: Shop, name: str
) -> None:
    system = next(s for s in shop.systems if s.name == name)
    events = [system.book("p", v(8 + 2 * n)) for n in range(12)]
    for n in range(60):
        system.book("p", v(100 + 2 * n))
    await shop.engine.resync()
    for event in events[:11]:
        system.delete(event)
    # 11 of 72 do not trip the guard.
    assert (await near(shop)).guarded == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_accident_in_slices_is_stopped_when_the_sum_is_too_much(
    shop: Shop, restarts: bool
) -> None:
    events = await busy_calendar(shop, 20)
    for event in events[:8]:
        shop.a.delete(event)
    assert (await near(shop)).guarded == []
    if restarts:
        shop.restart()
    for event in events[8:15]:
        shop.a.delete(event)
    report = await near(shop)
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [7])
    assert len(shop.blocks()["b"]) == 12


async def test_changes_before_the_last_far_interval_do_not_count(shop: Shop) -> None:
    events = await busy_calendar(shop, 40)
    for event in events[:8]:
        shop.a.delete(event)
    assert (await near(shop)).guarded == []
    shop.clock.pass_(minutes=16)
    for event in events[8:16]:
        shop.a.delete(event)
    assert (await shop.engine.poll(near=False)).guarded == []
    assert len(shop.blocks()["b"]) == 24


async def test_propagated_changes_that_were_reverted_do_not_count(shop: Shop) -> None:
    events = await busy_calendar(shop, 20)
    for n, event in enumerate(events[:8]):
        shop.a.move(event, v(200 + 3 * n))
    assert (await near(shop)).guarded == []
    for n, event in enumerate(events[:8]):
        shop.a.move(event, v(24 + 2 * n))
    assert (await near(shop)).guarded == []
    for event in events[8:16]:
        shop.a.delete(event)
    assert (await near(shop)).guarded == []


async def test_what_a_person_accepted_does_not_count_towards_the_next_accident(shop: Shop) -> None:
    events = await busy_calendar(shop, 20)
    for event in events[:12]:
        shop.a.delete(event)
    stopped = await shop.engine.resync()
    assert (await shop.engine.resync(accept=stopped.run)).exit is RunExit.DONE
    shop.a.delete(events[13])
    assert (await near(shop)).guarded == []


# --- all of at least three ------------------------------------------------------------------------


@pytest.mark.parametrize("by_list", [True, False])
async def test_a_whole_calendar_of_three_that_vanishes_without_a_proof_is_stopped(
    shop: Shop, by_list: bool
) -> None:
    kinds = frozenset({Kind.BLOCK})
    able = shop.a.capabilities
    if by_list:
        shop.a.capabilities = replace(able, gone_by_list=kinds)
    else:
        shop.a.capabilities = replace(able, refused_when_gone=kinds)
        shop.a.refuses_gone = True
    # The list shows only a block of ours.
    shop.b.book("p", v(35))
    events = [shop.a.human_block("p", v(24 + 2 * n)) for n in range(3)]
    await settle(shop)
    for event in events:
        shop.a.delete(event)
    for _ in range(3):
        shop.clock.pass_(minutes=6)
        report = await shop.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(shop.blocks()["b"]) == 3
    assert (await shop.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert shop.blocks()["b"] == []


async def test_a_whole_calendar_of_three_that_is_deleted_by_id_is_carried(shop: Shop) -> None:
    for event in await busy_calendar(shop, 3):
        shop.a.delete(event)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks() == {"a": [], "b": [], "c": []}


# --- what goes on ---------------------------------------------------------------------------------


async def accident(shop: Shop) -> tuple[list[str], Report]:
    """Delete 12 of 14 meetings of p in a, and sync."""
    events = await busy_calendar(shop)
    for event in events[:12]:
        shop.a.delete(event)
    return events, await shop.engine.resync()


async def test_a_stop_of_one_calendar_leaves_the_others_of_its_system_at_work(shop: Shop) -> None:
    bob = [shop.a.book("q", v(24)), shop.a.book("q", v(26)), shop.a.book("q", v(28))]
    _, report = await accident(shop)
    assert report.exit is RunExit.GUARDED
    shop.a.book("q", v(40))
    shop.a.delete(bob[0])
    shop.a.move(bob[1], v(33))
    report = await near(shop)
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "p", 12)]
    assert [closed(shop, hour, "q") for hour in (24, 26, 28, 33, 40)] == [
        [],
        [],
        ["b", "c"],
        ["b", "c"],
        ["b", "c"],
    ]
    assert len(shop.blocks()["b"]) == 14


async def test_a_new_booking_in_the_stopped_calendar_is_carried(shop: Shop) -> None:
    await accident(shop)
    shop.a.book("p", v(25))
    shop.a.human_block("p", v(27))
    report = await near(shop)
    assert report.exit is RunExit.GUARDED
    assert (closed(shop, 25), closed(shop, 27)) == (["b", "c"], ["a", "b", "c"])


async def test_what_is_cancelled_in_a_stopped_calendar_waits_with_the_rest(shop: Shop) -> None:
    events, _ = await accident(shop)
    shop.a.cancel(events[12])
    report = await shop.engine.resync()
    assert [s.count for s in report.stopped] == [13]
    assert closed(shop, 24 + 2 * 12) == ["b", "c"]


async def test_both_times_of_a_stopped_move_stay_blocked(shop: Shop) -> None:
    events = [shop.a.book("p", v(24 + 4 * n)) for n in range(5)]
    events.append(shop.a.human_block("p", v(60)))
    await settle(shop)
    for n, event in enumerate(events):
        shop.a.move(event, v((25 + 4 * n) if n < 5 else 61))
    report = await shop.engine.resync()
    assert report.exit is RunExit.GUARDED
    for hour in (24, 25, 40, 41, 60):
        assert closed(shop, hour) == ["b", "c"], hour
    assert closed(shop, 61) == ["a", "b", "c"]
    before = shop.writes()
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    assert shop.writes() == before
    accepted = await shop.engine.resync(accept=report.run)
    assert accepted.exit is RunExit.DONE
    assert (closed(shop, 24), closed(shop, 25)) == ([], ["b", "c"])


async def test_the_new_time_of_a_stopped_twin_is_blocked_in_the_other_system(
    shop: Shop,
) -> None:
    events = [shop.a.book("p", v(24 + 4 * n), person=f"x{n}") for n in range(5)]
    twin = shop.b.book("p", v(24), person="x0")
    for system in (shop.a, shop.b):
        system.persons["x0"] = Person(emails=("x0@example.com",))
    await settle(shop)
    for n, event in enumerate(events):
        shop.a.move(event, v(25 + 4 * n))
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    assert shop.b.events[twin].value == v(24)
    assert (closed(shop, 24), closed(shop, 25)) == (["a", "c"], ["b", "c"])
    # A person moves the other half: its change is propagated, and no time is freed.
    shop.b.move(twin, v(70))
    report = await shop.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert shop.a.events[events[0]].value == v(25)
    assert (closed(shop, 24), closed(shop, 25), closed(shop, 70)) == (
        ["b", "c"],
        ["b", "c"],
        ["a", "c"],
    )
    moves = [w for w in report.waiting if w.operation.action is Action.MOVE_APPOINTMENT]
    assert {w.why for w in moves} == {WaitReason.GUARD}


async def test_new_events_of_a_stopped_calendar_wait_and_are_blocked(shop: Shop) -> None:
    events = [shop.a.book("p", v(24 + 2 * n), person=f"x{n}") for n in range(14)]
    await settle(shop)
    known = {b.id for b in shop.store.bookings()}
    for n, event in enumerate(events[:12]):
        shop.a.delete(event)
        shop.a.book("p", v(25 + 2 * n), person=f"x{n}")
    report = await shop.engine.resync()
    assert report.exit is RunExit.GUARDED
    assert (closed(shop, 24), closed(shop, 25)) == (["b", "c"], ["b", "c"])
    assert {b.id for b in shop.store.bookings()} == known
    assert (await shop.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert (closed(shop, 24), closed(shop, 25)) == ([], ["b", "c"])
    assert {b.id for b in shop.store.bookings()} == known


async def test_an_accident_moved_blocks_of_ours_waits_where_bookings_follow_them(
    shop: Shop,
) -> None:
    shop.engine.policy = replace(
        shop.engine.policy,
        rules={p: Rules(prefer=SYSTEMS, block_edited=Choice.RESCHEDULE) for p in "pq"},
    )
    events = await busy_calendar(shop, 6)
    for name, held in list(shop.b.events.items()):
        value = held.value
        shop.b.move(
            name, replace(value, start=value.end, end=value.end + (value.end - value.start))
        )
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    assert [shop.a.events[e].value for e in events] == [v(24 + 2 * n) for n in range(6)]
    assert (closed(shop, 24), closed(shop, 25)) == (["b", "c"], ["b"])


async def test_writes_that_a_stop_withholds_are_reported_as_waiting(shop: Shop) -> None:
    _, report = await accident(shop)
    waits = [(w.operation.system, w.operation.action, w.why) for w in report.waiting]
    assert sorted(set(waits)) == [
        ("b", Action.REMOVE_BLOCK, WaitReason.GUARD),
        ("c", Action.REMOVE_BLOCK, WaitReason.GUARD),
    ]
    assert len(waits) == 24


# --- a whole system -------------------------------------------------------------------------------


async def test_an_accident_spread_over_the_calendars_of_a_system_is_stopped(shop: Shop) -> None:
    events = {p: [shop.a.book(p, v(24 + 2 * n)) for n in range(8)] for p in "pq"}
    shop.b.book("p", v(80))
    await settle(shop)
    for each in events.values():
        for event in each[:6]:
            shop.a.delete(event)
    shop.a.book("q", v(90))
    report = await shop.engine.resync()
    assert [(s.system, s.provider, s.count) for s in report.stopped] == [("a", "", 12)]
    assert closed(shop, 90, "q") == ["b", "c"]
    assert len(shop.blocks("p")["b"]) == 8
    assert len(shop.blocks("q")["b"]) == 9
    shop.restart()
    again = await shop.engine.resync()
    assert (again.exit, again.guarded) == (RunExit.GUARDED, ["a"])
    assert (await shop.engine.resync(accept=report.run)).exit is RunExit.DONE
    assert len(shop.blocks("p")["b"]) == 2


# --- accepting ------------------------------------------------------------------------------------


async def test_each_run_that_showed_a_stop_can_be_accepted(shop: Shop) -> None:
    _, first = await accident(shop)
    polled = await near(shop)
    last = await shop.engine.resync()
    assert len({first.run, polled.run, last.run}) == 3
    assert [s.run for s in last.stopped] == [last.run]
    shop.restart()
    check_accept(shop.store, last.run)
    assert (await shop.engine.resync(accept=last.run)).exit is RunExit.DONE
    assert len(shop.blocks()["b"]) == 2


async def test_what_a_run_did_not_list_stays_stopped_when_it_is_accepted(shop: Shop) -> None:
    events, first = await accident(shop)
    shop.a.delete(events[12])
    second = await shop.engine.resync()
    assert [s.count for s in second.stopped] == [13]
    part = await shop.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert (closed(shop, 24), closed(shop, 48)) == ([], ["b", "c"])
    shop.restart()
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    rest = await shop.engine.resync(accept=part.run)
    assert (rest.exit, closed(shop, 48)) == (RunExit.DONE, [])


async def test_more_that_vanishes_in_the_accepting_run_stays_stopped(shop: Shop) -> None:
    events, first = await accident(shop)
    shop.a.delete(events[12])
    part = await shop.engine.resync(accept=first.run)
    assert (part.exit, [s.count for s in part.stopped]) == (RunExit.GUARDED, [1])
    assert closed(shop, 48) == ["b", "c"]


async def test_a_dry_run_can_be_accepted_for_as_long_as_nothing_differs(shop: Shop) -> None:
    events = await busy_calendar(shop)
    for event in events[:12]:
        shop.a.delete(event)
    state = shop.store
    dry = await _dry_run(shop)
    assert (dry.exit, state.open_conflicts()) == (RunExit.GUARDED, [])
    assert [s.run for s in dry.stopped] == [dry.run]
    check_accept(state, dry.run)
    shop.a.delete(events[12])
    assert (await shop.engine.resync(accept=dry.run)).exit is RunExit.GUARDED
    assert len(shop.blocks()["b"]) == 14
    again = await _dry_run(shop)
    assert (await shop.engine.resync(accept=again.run)).exit is RunExit.DONE
    assert len(shop.blocks()["b"]) == 1


async def _dry_run(shop: Shop) -> Report:
    """Plan on a copy of the state, as `syncd plan` does."""
    copy = shop.store.in_memory_copy()
    report = await make_engine(copy, shop.clock, shop.systems, shop.rows).resync(dry_run=True)
    copy.close()
    return report


async def test_runs_that_listed_nothing_are_refused_with_the_reason(shop: Shop) -> None:
    quiet = await shop.engine.resync()
    with pytest.raises(AcceptError, match="there is no run 'nonsense'"):
        check_accept(shop.store, "nonsense")
    with pytest.raises(AcceptError, match="did not stop"):
        check_accept(shop.store, quiet.run)
    _, stopped = await accident(shop)
    await shop.engine.resync(accept=stopped.run)
    with pytest.raises(AcceptError, match="any more"):
        check_accept(shop.store, stopped.run)


async def test_events_that_come_back_end_a_stop_and_those_that_do_not_stay_stopped(
    shop: Shop,
) -> None:
    events = await busy_calendar(shop)
    kept = dict(shop.a.events)
    for event in events[:12]:
        shop.a.delete(event)
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    shop.a.events.update({e: kept[e] for e in events[3:]})
    report = await shop.engine.resync()
    assert (report.exit, [s.count for s in report.stopped]) == (RunExit.GUARDED, [3])
    assert len(shop.blocks()["b"]) == 14
    shop.a.events.update(kept)
    await settle(shop)
    assert open_stops(shop.store) == []
    assert len(shop.blocks()["b"]) == 14
