"""A cancellation and a new booking by one person is a reschedule (docs/design.md#absence)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.core.inputs import GuardLimits
from syncd.core.matching.rebooked import REBOOKED
from syncd.core.merging.rules import Rules
from syncd.engine.operator.resolve import resolve_conflict
from syncd.model import Action, ConflictKind, Kind, Person, Status
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Rig

FAR = 24 * 10
"""An hour of the far window."""


async def meeting(rig: Rig, hour: float = 9, person: str = "ann", lead: str = "7") -> str:
    """Book a meeting of ann in a with its twin in b; c gets a block."""
    rig.a.customers[person] = Person(emails=(f"{person}@example.com",))
    rig.b.customers[lead] = Person(emails=(f"{person}@example.com",))
    event = rig.a.book("p", v(hour), person)
    rig.b.book("p", v(hour), lead)
    await settle(rig)
    rig.clock.pass_(hours=1)
    await cycle(rig)
    return event


async def settle(rig: Rig) -> None:
    assert (await rig.engine.resync()).converged


async def cycle(rig: Rig, *, near: bool = True) -> None:
    await rig.engine.poll(near=near)
    rig.clock.pass_(minutes=1)


def written(rig: Rig) -> Counter[tuple[str, str]]:
    return Counter((s.name, str(o.action)) for s in rig.systems for o in s.writes)


def twins(rig: Rig) -> list[tuple[object, bool]]:
    """Return the interval and status of the appointments in b."""
    held = (h.value for h in rig.b.events.values() if h.kind is Kind.APPOINTMENT)
    return sorted((value.interval, value.busy) for value in held)


def conflicts(rig: Rig) -> list[ConflictKind]:
    return [h.conflict.kind for h in rig.store.open_conflicts()]


def moved_once(rig: Rig, before: Counter[tuple[str, str]], hour: float = 12) -> None:
    assert twins(rig) == [(v(hour).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(hour).interval]}
    moved = {("b", "move-appointment"): 1, ("c", "move-block"): 1}
    assert written(rig) - before == Counter(moved)
    assert conflicts(rig) == []


@pytest.mark.parametrize("near", [True, False])
async def test_cancelled_and_booked_anew_in_one_cycle_moves_twin_and_block(
    rig: Rig, *, near: bool
) -> None:
    old = await meeting(rig)
    before = written(rig)
    rig.a.cancel(old)
    rig.clock.pass_(minutes=4)
    rig.a.book("p", v(12), "ann")
    await cycle(rig, near=near)
    moved_once(rig, before)
    await settle(rig)
    moved_once(rig, before)
    rules = {(n.what, n.rule) for n in rig.store.history()}
    assert {("seen", REBOOKED), ("changed", REBOOKED), ("agreed", REBOOKED)} <= rules
    assert [b.agreed.interval for b in rig.store.bookings()] == [v(12).interval]


async def test_a_rebooking_with_another_status_is_only_a_move(rig: Rig) -> None:
    old = await meeting(rig)
    before = written(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12, status=Status.NEW), "ann")
    await cycle(rig)
    await cycle(rig)
    moved_once(rig, before)


async def test_booked_first_and_then_cancelled_moves_the_twin(rig: Rig) -> None:
    old = await meeting(rig)
    rig.a.book("p", v(12), "ann")
    await cycle(rig)
    assert rig.blocks()["b"] == [v(12).interval]
    before = written(rig)
    rig.a.cancel(old)
    await cycle(rig)
    assert twins(rig) == [(v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    # The block at the new time is removed for the twin.
    assert written(rig) - before == Counter(
        {("b", "move-appointment"): 1, ("b", "remove-block"): 1, ("c", "remove-block"): 1}
    )
    assert conflicts(rig) == []
    await settle(rig)
    assert twins(rig) == [(v(12).interval, True)]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_rebooking_after_a_carried_cancellation_revives_the_twin(
    rig: Rig, *, at_once: bool
) -> None:
    rig.b.capabilities = replace(rig.b.capabilities, update_sets_status=at_once)
    old = await meeting(rig)
    rig.a.cancel(old)
    await cycle(rig)
    assert twins(rig) == [(v(9).interval, False)]
    before = written(rig)
    rig.clock.pass_(minutes=10)
    rig.a.book("p", v(12), "ann")
    await settle(rig)
    revived = {("b", "move-appointment"): 1, ("b", "set-status"): 0 if at_once else 1}
    assert written(rig) - before == +Counter({**revived, ("c", "create-block"): 1})
    assert twins(rig) == [(v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(rig) == []
    assert len([b for b in rig.store.bookings() if b.agreed.busy]) == 1


async def test_a_twin_that_cannot_be_cancelled_is_moved_without_a_conflict(rig: Rig) -> None:
    """No status can be written, as in LeadSquared with ``cancel_as = "hold"``."""
    rig.b.capabilities = replace(rig.b.capabilities, statuses={})
    old = await meeting(rig)
    before = written(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    await cycle(rig)
    moved_once(rig, before)


async def test_a_conflict_about_an_uncancellable_twin_ends_with_the_rebooking(
    rig: Rig,
) -> None:
    rig.b.capabilities = replace(rig.b.capabilities, statuses={})
    old = await meeting(rig)
    rig.a.cancel(old)
    await cycle(rig)
    assert conflicts(rig) == [ConflictKind.CANNOT_CANCEL]
    rig.a.book("p", v(12), "ann")
    await settle(rig)
    assert conflicts(rig) == []
    assert twins(rig) == [(v(12).interval, True)]


async def test_cancelled_and_booked_anew_at_the_same_time_writes_nothing(rig: Rig) -> None:
    old = await meeting(rig)
    before = rig.writes()
    rig.a.cancel(old)
    rig.a.book("p", v(9), "ann")
    await cycle(rig)
    await settle(rig)
    assert rig.writes() == before
    assert twins(rig) == [(v(9).interval, True)]


@pytest.mark.parametrize("minutes", [15, 16])
@pytest.mark.parametrize("skew", [0, 40, -40])
async def test_a_rebooking_counts_within_fifteen_minutes_of_platform_time(
    rig: Rig, minutes: int, skew: int
) -> None:
    old = await meeting(rig)
    rig.a.skew = timedelta(minutes=skew)
    rig.a.cancel(old)
    rig.clock.pass_(minutes=minutes)
    rig.a.book("p", v(12), "ann")
    rig.clock.pass_(hours=1)
    await settle(rig)
    expected = [(v(12).interval, True)] if minutes == 15 else [(v(9).interval, False)]
    assert twins(rig) == expected


async def test_a_weekly_client_who_cancels_tonight_keeps_next_week(rig: Rig) -> None:
    old = await meeting(rig)
    rig.a.book("p", v(9 + 7 * 24), "ann")
    await settle(rig)
    rig.clock.pass_(minutes=20)
    rig.a.cancel(old)
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]
    assert rig.blocks()["b"] == [v(9 + 7 * 24).interval]


async def test_next_weeks_meeting_of_a_weekly_client_is_no_rebooking(
    rig: Rig,
) -> None:
    """Without times, the booking is first seen in the cycle that sees the cancellation."""
    old = await meeting(rig)
    rig.a.tells_times = False
    rig.a.hidden.add(rig.a.book("p", v(9 + 7 * 24), "ann"))
    await settle(rig)
    rig.a.hidden.clear()
    rig.a.cancel(old)
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]


@pytest.mark.parametrize("what", ["person", "service", "nobody", "system"])
async def test_a_booking_of_another_person_is_no_reschedule(rig: Rig, what: str) -> None:
    old = await meeting(rig)
    rig.a.customers["bob"] = Person(emails=("bob@example.com",))
    rig.c.customers["c1"] = Person(emails=("ann@example.com",))
    rig.a.cancel(old)
    if what == "system":
        rig.c.book("p", v(12), "c1")
    else:
        person = {"person": "bob", "service": "ann", "nobody": None}[what]
        rig.a.book("p", v(12), person, "other" if what == "service" else "s")
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]
    assert rig.blocks()["b"] == [v(12).interval]


@pytest.mark.parametrize(("apart", "moves"), [(0, True), (1, True), (3, False)])
@pytest.mark.parametrize("first", ["cancel", "book"])
async def test_without_times_only_one_near_cycle_counts(
    rig: Rig, first: str, apart: int, *, moves: bool
) -> None:
    old = await meeting(rig)
    rig.a.tells_times = False
    for act in ("cancel", "book") if first == "cancel" else ("book", "cancel"):
        if act == "cancel":
            rig.a.cancel(old)
        else:
            rig.a.book("p", v(12), "ann")
        for _ in range(apart):
            await cycle(rig)
    await settle(rig)
    assert twins(rig) == [(v(12).interval, True) if moves else (v(9).interval, False)]


async def test_an_update_time_that_never_changes_is_ignored(rig: Rig) -> None:
    """The platform shows the same old update time after the cancellation as before it."""
    old = await meeting(rig)
    before = written(rig)
    held = rig.a.events[old]
    rig.a.cancel(old)
    rig.a.events[old] = replace(rig.a.events[old], updated_at=held.updated_at)
    rig.a.book("p", v(12), "ann")
    await cycle(rig)
    moved_once(rig, before)


async def test_editing_an_old_cancelled_record_is_no_cancellation(rig: Rig) -> None:
    old = await meeting(rig)
    rig.a.cancel(old)
    await cycle(rig)
    rig.clock.pass_(minutes=30)
    value = replace(rig.a.events[old].value, status=Status.NOSHOW)
    rig.a.move(old, value)
    rig.a.book("p", v(12), "ann")
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]


@pytest.mark.parametrize("proofs", [1, 2])
@pytest.mark.parametrize("first", ["delete", "book"])
async def test_deleted_and_booked_anew_is_a_reschedule(rig: Rig, first: str, proofs: int) -> None:
    rig.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, proofs))
    old = await meeting(rig)
    if first == "book":
        rig.a.book("p", v(12), "ann")
        await cycle(rig)
    rig.a.delete(old)
    if first == "delete":
        rig.a.book("p", v(12), "ann")
    await settle(rig)
    assert twins(rig) == [(v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(rig) == []


@pytest.mark.parametrize("rest", ["stays", "is deleted", "is on again"])
async def test_the_cancelled_record_belongs_to_no_booking(rig: Rig, rest: str) -> None:
    old = await meeting(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    await settle(rig)
    before = rig.writes()
    if rest == "is deleted":
        rig.a.delete(old)
    elif rest == "is on again":
        rig.a.move(old, v(9))
    await settle(rig)
    await settle(rig)
    assert twins(rig) == [(v(12).interval, True)]
    again = [v(9).interval] if rest == "is on again" else []
    assert rig.blocks()["b"] == again
    assert rig.writes() - before == 2 * len(again)


async def test_one_cancelled_and_two_booked_is_ambiguous(rig: Rig) -> None:
    old = await meeting(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    rig.a.book("p", v(14), "ann")
    await rig.engine.resync()
    assert conflicts(rig) == [ConflictKind.AMBIGUOUS]
    assert twins(rig) == [(v(9).interval, True)]
    assert {v(12).interval, v(14).interval} <= set(rig.blocks()["b"])
    assert {v(12).interval, v(14).interval} <= set(rig.blocks()["c"])


async def one_of_two(rig: Rig) -> tuple[str, str, str]:
    """Cancel one meeting and book two; return the open conflict and the new events."""
    old = await meeting(rig)
    first = rig.a.book("p", v(12), "ann")
    await cycle(rig)
    rig.a.cancel(old)
    second = rig.a.book("p", v(14), "ann")
    await rig.engine.resync()
    (held,) = rig.store.open_conflicts()
    return held.id, first, second


@pytest.mark.parametrize("which", [0, 1])
async def test_a_person_chooses_the_new_booking(rig: Rig, which: int) -> None:
    question, *events = await one_of_two(rig)
    answer = Resolution(ResolutionKind.TAKE, "a", events[which])
    await resolve_conflict(rig.engine, question, answer)
    await settle(rig)
    assert twins(rig) == [(v((12, 14)[which]).interval, True)]
    assert rig.blocks()["b"] == [v((14, 12)[which]).interval]
    assert rig.blocks()["c"] == [v(12).interval, v(14).interval]
    assert conflicts(rig) == []


async def test_a_person_says_that_no_new_booking_is_a_reschedule(rig: Rig) -> None:
    question, *_ = await one_of_two(rig)
    await resolve_conflict(rig.engine, question, Resolution(ResolutionKind.KEEP_BOTH))
    await settle(rig)
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]
    assert rig.blocks()["b"] == [v(12).interval, v(14).interval]
    assert conflicts(rig) == []


async def test_two_cancelled_and_one_booked_is_ambiguous(rig: Rig) -> None:
    first = await meeting(rig)
    second = await meeting(rig, 10)
    rig.a.cancel(first)
    rig.a.cancel(second)
    rig.a.book("p", v(14), "ann")
    await rig.engine.resync()
    assert conflicts(rig) == [ConflictKind.AMBIGUOUS] * 2
    assert twins(rig) == [(v(9).interval, True), (v(10).interval, True)]


async def test_a_meeting_cancelled_in_both_systems_stays_cancelled(rig: Rig) -> None:
    old = await meeting(rig)
    twin = next(e for e, h in rig.b.events.items() if h.kind is Kind.APPOINTMENT)
    rig.a.cancel(old)
    rig.b.cancel(twin)
    rig.a.book("p", v(12), "ann")
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False)]
    assert rig.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_a_meeting_rebooked_in_both_systems_is_a_new_meeting(rig: Rig) -> None:
    old = await meeting(rig)
    before = written(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    rig.b.book("p", v(12), "7")
    await settle(rig)
    assert twins(rig) == [(v(9).interval, False), (v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert (written(rig) - before)["b", "move-appointment"] == 0


async def test_rebooked_twice_in_a_row_follows_twice(rig: Rig) -> None:
    old = await meeting(rig)
    for hour in (12, 14):
        rig.a.cancel(old)
        old = rig.a.book("p", v(hour), "ann")
        await cycle(rig)
    await settle(rig)
    assert twins(rig) == [(v(14).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(14).interval]}


async def test_a_move_of_the_twin_meanwhile_is_decided_by_policy(rig: Rig) -> None:
    policy = rig.engine.policy
    held = {p: Rules(moved_apart=rules.moved_apart.HOLD) for p, rules in policy.rules.items()}
    rig.engine.policy = replace(policy, rules=held)
    old = await meeting(rig)
    twin = next(e for e, h in rig.b.events.items() if h.kind is Kind.APPOINTMENT)
    rig.b.move(twin, v(15))
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    await rig.engine.resync()
    assert conflicts(rig) == [ConflictKind.MOVED_APART]
    assert twins(rig) == [(v(15).interval, True)]


async def test_a_run_that_carried_a_reschedule_can_be_undone(rig: Rig) -> None:
    old = await meeting(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    report = await rig.engine.resync()
    assert (await rig.engine.undo(report.run)).skipped == []
    assert twins(rig) == [(v(9).interval, True)]
    assert rig.blocks()["c"] == [v(9).interval]
    await settle(rig)
    assert twins(rig) == [(v(9).interval, True)]


async def test_a_crash_before_the_writes_changes_nothing(rig: Rig) -> None:
    class Crash(BaseException):
        pass

    old = await meeting(rig)
    before = written(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    rig.b.faults["write"] = [Crash()]
    with pytest.raises(Crash):
        await rig.engine.resync()
    rig.restart()
    await settle(rig)
    moved_once(rig, before)


async def test_the_guard_counts_reschedules_as_moves(rig: Rig) -> None:
    events = [await meeting(rig, 20 + hour, f"ann{hour}", f"l{hour}") for hour in range(6)]
    rig.engine.policy = replace(rig.engine.policy, limits=GuardLimits(common=5))
    before = rig.writes()
    for hour, event in enumerate(events):
        rig.a.cancel(event)
        rig.a.book("p", v(20 + hour + 24), f"ann{hour}")
    await rig.engine.resync()
    assert ConflictKind.GUARD in conflicts(rig)
    assert Action.MOVE_APPOINTMENT not in {o.action for o in rig.b.writes}
    assert rig.writes() >= before
