"""A cancellation and a new booking by one person is a reschedule (docs/design.md#absence)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.inputs import GuardLimits
from syncd.core.rebooked import REBOOKED
from syncd.core.resolution import Resolution, ResolutionKind
from syncd.core.rules import Rules
from syncd.engine.resolve import resolve_conflict
from syncd.model import Action, ConflictKind, Kind, Person, Status
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import EngineHarness

FAR = 24 * 10
"""An hour of the far window."""


async def meeting(
    harness: EngineHarness, hour: float = 9, person: str = "ann", lead: str = "7"
) -> str:
    """Book a meeting of ann in a with its twin in b; c gets a block."""
    harness.a.persons[person] = Person(emails=(f"{person}@example.com",))
    harness.b.persons[lead] = Person(emails=(f"{person}@example.com",))
    event = harness.a.book("p", v(hour), person)
    harness.b.book("p", v(hour), lead)
    await settle(harness)
    harness.clock.pass_(hours=1)
    await cycle(harness)
    return event


async def settle(harness: EngineHarness) -> None:
    assert (await harness.engine.resync()).converged


async def cycle(harness: EngineHarness, *, near: bool = True) -> None:
    await harness.engine.poll(near=near)
    harness.clock.pass_(minutes=1)


def written(harness: EngineHarness) -> Counter[tuple[str, str]]:
    return Counter((s.name, str(o.action)) for s in harness.systems for o in s.writes)


def twins(harness: EngineHarness) -> list[tuple[object, bool]]:
    """Return the interval and status of the appointments in b."""
    held = (h.value for h in harness.b.events.values() if h.kind is Kind.APPOINTMENT)
    return sorted((value.interval, value.busy) for value in held)


def conflicts(harness: EngineHarness) -> list[ConflictKind]:
    return [h.conflict.kind for h in harness.store.open_conflicts()]


def moved_once(harness: EngineHarness, before: Counter[tuple[str, str]], hour: float = 12) -> None:
    assert twins(harness) == [(v(hour).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(hour).interval]}
    moved = {("b", "move-appointment"): 1, ("c", "move-block"): 1}
    assert written(harness) - before == Counter(moved)
    assert conflicts(harness) == []


@pytest.mark.parametrize("near", [True, False])
async def test_cancelled_and_booked_anew_in_one_cycle_moves_twin_and_block(
    harness: EngineHarness, *, near: bool
) -> None:
    old = await meeting(harness)
    before = written(harness)
    harness.a.cancel(old)
    harness.clock.pass_(minutes=4)
    harness.a.book("p", v(12), "ann")
    await cycle(harness, near=near)
    moved_once(harness, before)
    await settle(harness)
    moved_once(harness, before)
    rules = {(n.what, n.rule) for n in harness.store.history()}
    assert {("seen", REBOOKED), ("changed", REBOOKED), ("agreed", REBOOKED)} <= rules
    assert [b.agreed.interval for b in harness.store.bookings()] == [v(12).interval]


async def test_a_rebooking_with_another_status_is_only_a_move(harness: EngineHarness) -> None:
    old = await meeting(harness)
    before = written(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12, status=Status.NEW), "ann")
    await cycle(harness)
    await cycle(harness)
    moved_once(harness, before)


async def test_booked_first_and_then_cancelled_moves_the_twin(harness: EngineHarness) -> None:
    old = await meeting(harness)
    harness.a.book("p", v(12), "ann")
    await cycle(harness)
    assert harness.blocks()["b"] == [v(12).interval]
    before = written(harness)
    harness.a.cancel(old)
    await cycle(harness)
    assert twins(harness) == [(v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    # The block at the new time is removed for the twin.
    assert written(harness) - before == Counter(
        {("b", "move-appointment"): 1, ("b", "remove-block"): 1, ("c", "remove-block"): 1}
    )
    assert conflicts(harness) == []
    await settle(harness)
    assert twins(harness) == [(v(12).interval, True)]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_rebooking_after_a_carried_cancellation_revives_the_twin(
    harness: EngineHarness, *, at_once: bool
) -> None:
    harness.b.capabilities = replace(harness.b.capabilities, update_sets_status=at_once)
    old = await meeting(harness)
    harness.a.cancel(old)
    await cycle(harness)
    assert twins(harness) == [(v(9).interval, False)]
    before = written(harness)
    harness.clock.pass_(minutes=10)
    harness.a.book("p", v(12), "ann")
    await settle(harness)
    revived = {("b", "move-appointment"): 1, ("b", "set-status"): 0 if at_once else 1}
    assert written(harness) - before == +Counter({**revived, ("c", "create-block"): 1})
    assert twins(harness) == [(v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(harness) == []
    assert len([b for b in harness.store.bookings() if b.agreed.busy]) == 1


async def test_a_twin_that_cannot_be_cancelled_is_moved_without_a_conflict(
    harness: EngineHarness,
) -> None:
    """No status can be written, as in LeadSquared with ``cancel_as = "hold"``."""
    harness.b.capabilities = replace(harness.b.capabilities, statuses={})
    old = await meeting(harness)
    before = written(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    await cycle(harness)
    moved_once(harness, before)


async def test_a_conflict_about_an_uncancellable_twin_ends_with_the_rebooking(
    harness: EngineHarness,
) -> None:
    harness.b.capabilities = replace(harness.b.capabilities, statuses={})
    old = await meeting(harness)
    harness.a.cancel(old)
    await cycle(harness)
    assert conflicts(harness) == [ConflictKind.CANNOT_CANCEL]
    harness.a.book("p", v(12), "ann")
    await settle(harness)
    assert conflicts(harness) == []
    assert twins(harness) == [(v(12).interval, True)]


async def test_cancelled_and_booked_anew_at_the_same_time_writes_nothing(
    harness: EngineHarness,
) -> None:
    old = await meeting(harness)
    before = harness.writes()
    harness.a.cancel(old)
    harness.a.book("p", v(9), "ann")
    await cycle(harness)
    await settle(harness)
    assert harness.writes() == before
    assert twins(harness) == [(v(9).interval, True)]


@pytest.mark.parametrize("minutes", [15, 16])
@pytest.mark.parametrize("skew", [0, 40, -40])
async def test_a_rebooking_counts_within_fifteen_minutes_of_platform_time(
    harness: EngineHarness, minutes: int, skew: int
) -> None:
    old = await meeting(harness)
    harness.a.skew = timedelta(minutes=skew)
    harness.a.cancel(old)
    harness.clock.pass_(minutes=minutes)
    harness.a.book("p", v(12), "ann")
    harness.clock.pass_(hours=1)
    await settle(harness)
    expected = [(v(12).interval, True)] if minutes == 15 else [(v(9).interval, False)]
    assert twins(harness) == expected


async def test_a_weekly_client_who_cancels_tonight_keeps_next_week(harness: EngineHarness) -> None:
    old = await meeting(harness)
    harness.a.book("p", v(9 + 7 * 24), "ann")
    await settle(harness)
    harness.clock.pass_(minutes=20)
    harness.a.cancel(old)
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]
    assert harness.blocks()["b"] == [v(9 + 7 * 24).interval]


async def test_next_weeks_meeting_of_a_weekly_client_is_no_rebooking(
    harness: EngineHarness,
) -> None:
    """Without times, the booking is first seen in the cycle that sees the cancellation."""
    old = await meeting(harness)
    harness.a.tells_times = False
    harness.a.hidden.add(harness.a.book("p", v(9 + 7 * 24), "ann"))
    await settle(harness)
    harness.a.hidden.clear()
    harness.a.cancel(old)
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]


@pytest.mark.parametrize("what", ["person", "service", "nobody", "system"])
async def test_a_booking_of_another_person_is_no_reschedule(
    harness: EngineHarness, what: str
) -> None:
    old = await meeting(harness)
    harness.a.persons["bob"] = Person(emails=("bob@example.com",))
    harness.c.persons["c1"] = Person(emails=("ann@example.com",))
    harness.a.cancel(old)
    if what == "system":
        harness.c.book("p", v(12), "c1")
    else:
        person = {"person": "bob", "service": "ann", "nobody": None}[what]
        harness.a.book("p", v(12), person, "other" if what == "service" else "s")
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]
    assert harness.blocks()["b"] == [v(12).interval]


@pytest.mark.parametrize(("apart", "moves"), [(0, True), (1, True), (3, False)])
@pytest.mark.parametrize("first", ["cancel", "book"])
async def test_without_times_only_one_near_cycle_counts(
    harness: EngineHarness, first: str, apart: int, *, moves: bool
) -> None:
    old = await meeting(harness)
    harness.a.tells_times = False
    for act in ("cancel", "book") if first == "cancel" else ("book", "cancel"):
        if act == "cancel":
            harness.a.cancel(old)
        else:
            harness.a.book("p", v(12), "ann")
        for _ in range(apart):
            await cycle(harness)
    await settle(harness)
    assert twins(harness) == [(v(12).interval, True) if moves else (v(9).interval, False)]


async def test_an_update_time_that_never_changes_is_ignored(harness: EngineHarness) -> None:
    """The platform shows the same old update time after the cancellation as before it."""
    old = await meeting(harness)
    before = written(harness)
    held = harness.a.events[old]
    harness.a.cancel(old)
    harness.a.events[old] = replace(harness.a.events[old], updated_at=held.updated_at)
    harness.a.book("p", v(12), "ann")
    await cycle(harness)
    moved_once(harness, before)


async def test_editing_an_old_cancelled_record_is_no_cancellation(harness: EngineHarness) -> None:
    old = await meeting(harness)
    harness.a.cancel(old)
    await cycle(harness)
    harness.clock.pass_(minutes=30)
    value = replace(harness.a.events[old].value, status=Status.NOSHOW)
    harness.a.move(old, value)
    harness.a.book("p", v(12), "ann")
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]


@pytest.mark.parametrize("proofs", [1, 2])
@pytest.mark.parametrize("first", ["delete", "book"])
async def test_deleted_and_booked_anew_is_a_reschedule(
    harness: EngineHarness, first: str, proofs: int
) -> None:
    harness.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, proofs))
    old = await meeting(harness)
    if first == "book":
        harness.a.book("p", v(12), "ann")
        await cycle(harness)
    harness.a.delete(old)
    if first == "delete":
        harness.a.book("p", v(12), "ann")
    await settle(harness)
    assert twins(harness) == [(v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(harness) == []


@pytest.mark.parametrize("rest", ["stays", "is deleted", "is on again"])
async def test_the_cancelled_record_belongs_to_no_booking(
    harness: EngineHarness, rest: str
) -> None:
    old = await meeting(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    await settle(harness)
    before = harness.writes()
    if rest == "is deleted":
        harness.a.delete(old)
    elif rest == "is on again":
        harness.a.move(old, v(9))
    await settle(harness)
    await settle(harness)
    assert twins(harness) == [(v(12).interval, True)]
    again = [v(9).interval] if rest == "is on again" else []
    assert harness.blocks()["b"] == again
    assert harness.writes() - before == 2 * len(again)


async def test_one_cancelled_and_two_booked_is_ambiguous(harness: EngineHarness) -> None:
    old = await meeting(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    harness.a.book("p", v(14), "ann")
    await harness.engine.resync()
    assert conflicts(harness) == [ConflictKind.AMBIGUOUS]
    assert twins(harness) == [(v(9).interval, True)]
    assert {v(12).interval, v(14).interval} <= set(harness.blocks()["b"])
    assert {v(12).interval, v(14).interval} <= set(harness.blocks()["c"])


async def one_of_two(harness: EngineHarness) -> tuple[str, str, str]:
    """Cancel one meeting and book two; return the open conflict and the new events."""
    old = await meeting(harness)
    first = harness.a.book("p", v(12), "ann")
    await cycle(harness)
    harness.a.cancel(old)
    second = harness.a.book("p", v(14), "ann")
    await harness.engine.resync()
    (held,) = harness.store.open_conflicts()
    return held.id, first, second


@pytest.mark.parametrize("which", [0, 1])
async def test_a_person_chooses_the_new_booking(harness: EngineHarness, which: int) -> None:
    question, *events = await one_of_two(harness)
    answer = Resolution(ResolutionKind.TAKE, "a", events[which])
    await resolve_conflict(harness.engine, question, answer)
    await settle(harness)
    assert twins(harness) == [(v((12, 14)[which]).interval, True)]
    assert harness.blocks()["b"] == [v((14, 12)[which]).interval]
    assert harness.blocks()["c"] == [v(12).interval, v(14).interval]
    assert conflicts(harness) == []


async def test_a_person_says_that_no_new_booking_is_a_reschedule(harness: EngineHarness) -> None:
    question, *_ = await one_of_two(harness)
    await resolve_conflict(harness.engine, question, Resolution(ResolutionKind.KEEP_BOTH))
    await settle(harness)
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]
    assert harness.blocks()["b"] == [v(12).interval, v(14).interval]
    assert conflicts(harness) == []


async def test_two_cancelled_and_one_booked_is_ambiguous(harness: EngineHarness) -> None:
    first = await meeting(harness)
    second = await meeting(harness, 10)
    harness.a.cancel(first)
    harness.a.cancel(second)
    harness.a.book("p", v(14), "ann")
    await harness.engine.resync()
    assert conflicts(harness) == [ConflictKind.AMBIGUOUS] * 2
    assert twins(harness) == [(v(9).interval, True), (v(10).interval, True)]


async def test_a_meeting_cancelled_in_both_systems_stays_cancelled(harness: EngineHarness) -> None:
    old = await meeting(harness)
    twin = next(e for e, h in harness.b.events.items() if h.kind is Kind.APPOINTMENT)
    harness.a.cancel(old)
    harness.b.cancel(twin)
    harness.a.book("p", v(12), "ann")
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False)]
    assert harness.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_a_meeting_rebooked_in_both_systems_is_a_new_meeting(harness: EngineHarness) -> None:
    old = await meeting(harness)
    before = written(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    harness.b.book("p", v(12), "7")
    await settle(harness)
    assert twins(harness) == [(v(9).interval, False), (v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert (written(harness) - before)["b", "move-appointment"] == 0


async def test_rebooked_twice_in_a_row_follows_twice(harness: EngineHarness) -> None:
    old = await meeting(harness)
    for hour in (12, 14):
        harness.a.cancel(old)
        old = harness.a.book("p", v(hour), "ann")
        await cycle(harness)
    await settle(harness)
    assert twins(harness) == [(v(14).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(14).interval]}


async def test_a_move_of_the_twin_meanwhile_is_decided_by_policy(harness: EngineHarness) -> None:
    policy = harness.engine.policy
    held = {p: Rules(moved_apart=rules.moved_apart.HOLD) for p, rules in policy.rules.items()}
    harness.engine.policy = replace(policy, rules=held)
    old = await meeting(harness)
    twin = next(e for e, h in harness.b.events.items() if h.kind is Kind.APPOINTMENT)
    harness.b.move(twin, v(15))
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    await harness.engine.resync()
    assert conflicts(harness) == [ConflictKind.MOVED_APART]
    assert twins(harness) == [(v(15).interval, True)]


async def test_a_run_that_carried_a_reschedule_can_be_undone(harness: EngineHarness) -> None:
    old = await meeting(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    report = await harness.engine.resync()
    assert (await harness.engine.undo(report.run)).skipped == []
    assert twins(harness) == [(v(9).interval, True)]
    assert harness.blocks()["c"] == [v(9).interval]
    await settle(harness)
    assert twins(harness) == [(v(9).interval, True)]


async def test_a_crash_before_the_writes_changes_nothing(harness: EngineHarness) -> None:
    class Crash(BaseException):
        pass

    old = await meeting(harness)
    before = written(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    harness.b.faults["write"] = [Crash()]
    with pytest.raises(Crash):
        await harness.engine.resync()
    harness.restart()
    await settle(harness)
    moved_once(harness, before)


async def test_the_guard_counts_reschedules_as_moves(harness: EngineHarness) -> None:
    events = [await meeting(harness, 20 + hour, f"ann{hour}", f"l{hour}") for hour in range(6)]
    harness.engine.policy = replace(harness.engine.policy, limits=GuardLimits(common=5))
    before = harness.writes()
    for hour, event in enumerate(events):
        harness.a.cancel(event)
        harness.a.book("p", v(20 + hour + 24), f"ann{hour}")
    await harness.engine.resync()
    assert ConflictKind.GUARD in conflicts(harness)
    assert Action.MOVE_APPOINTMENT not in {o.action for o in harness.b.writes}
    assert harness.writes() >= before
