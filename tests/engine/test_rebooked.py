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
from tests.engine.conftest import Shop

FAR = 24 * 10
"""An hour of the far window."""


async def meeting(shop: Shop, hour: float = 9, person: str = "ann", lead: str = "7") -> str:
    """Book a meeting of ann in a with its twin in b; c gets a block."""
    shop.a.persons[person] = Person(emails=(f"{person}@example.com",))
    shop.b.persons[lead] = Person(emails=(f"{person}@example.com",))
    event = shop.a.book("p", v(hour), person)
    shop.b.book("p", v(hour), lead)
    await settle(shop)
    shop.clock.pass_(hours=1)
    await cycle(shop)
    return event


async def settle(shop: Shop) -> None:
    assert (await shop.engine.resync()).converged


async def cycle(shop: Shop, *, near: bool = True) -> None:
    await shop.engine.poll(near=near)
    shop.clock.pass_(minutes=1)


def written(shop: Shop) -> Counter[tuple[str, str]]:
    return Counter((s.name, str(o.action)) for s in shop.systems for o in s.writes)


def twins(shop: Shop) -> list[tuple[object, bool]]:
    """Return the interval and status of the appointments in b."""
    held = (h.value for h in shop.b.events.values() if h.kind is Kind.APPOINTMENT)
    return sorted((value.interval, value.busy) for value in held)


def conflicts(shop: Shop) -> list[ConflictKind]:
    return [h.conflict.kind for h in shop.store.open_conflicts()]


def moved_once(shop: Shop, before: Counter[tuple[str, str]], hour: float = 12) -> None:
    assert twins(shop) == [(v(hour).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(hour).interval]}
    moved = {("b", "move-appointment"): 1, ("c", "move-block"): 1}
    assert written(shop) - before == Counter(moved)
    assert conflicts(shop) == []


@pytest.mark.parametrize("near", [True, False])
async def test_cancelled_and_booked_anew_in_one_cycle_moves_twin_and_block(
    shop: Shop, *, near: bool
) -> None:
    old = await meeting(shop)
    before = written(shop)
    shop.a.cancel(old)
    shop.clock.pass_(minutes=4)
    shop.a.book("p", v(12), "ann")
    await cycle(shop, near=near)
    moved_once(shop, before)
    await settle(shop)
    moved_once(shop, before)
    rules = {(n.what, n.rule) for n in shop.store.history()}
    assert {("seen", REBOOKED), ("changed", REBOOKED), ("agreed", REBOOKED)} <= rules
    assert [b.agreed.interval for b in shop.store.bookings()] == [v(12).interval]


async def test_a_rebooking_with_another_status_is_only_a_move(shop: Shop) -> None:
    old = await meeting(shop)
    before = written(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12, status=Status.NEW), "ann")
    await cycle(shop)
    await cycle(shop)
    moved_once(shop, before)


async def test_booked_first_and_then_cancelled_moves_the_twin(shop: Shop) -> None:
    old = await meeting(shop)
    shop.a.book("p", v(12), "ann")
    await cycle(shop)
    assert shop.blocks()["b"] == [v(12).interval]
    before = written(shop)
    shop.a.cancel(old)
    await cycle(shop)
    assert twins(shop) == [(v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    # The block at the new time is removed for the twin.
    assert written(shop) - before == Counter(
        {("b", "move-appointment"): 1, ("b", "remove-block"): 1, ("c", "remove-block"): 1}
    )
    assert conflicts(shop) == []
    await settle(shop)
    assert twins(shop) == [(v(12).interval, True)]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_rebooking_after_a_carried_cancellation_revives_the_twin(
    shop: Shop, *, at_once: bool
) -> None:
    shop.b.capabilities = replace(shop.b.capabilities, update_sets_status=at_once)
    old = await meeting(shop)
    shop.a.cancel(old)
    await cycle(shop)
    assert twins(shop) == [(v(9).interval, False)]
    before = written(shop)
    shop.clock.pass_(minutes=10)
    shop.a.book("p", v(12), "ann")
    await settle(shop)
    revived = {("b", "move-appointment"): 1, ("b", "set-status"): 0 if at_once else 1}
    assert written(shop) - before == +Counter({**revived, ("c", "create-block"): 1})
    assert twins(shop) == [(v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(shop) == []
    assert len([b for b in shop.store.bookings() if b.agreed.busy]) == 1


async def test_a_twin_that_cannot_be_cancelled_is_moved_without_a_conflict(shop: Shop) -> None:
    """No status can be written, as in LeadSquared with ``cancel_as = "hold"``."""
    shop.b.capabilities = replace(shop.b.capabilities, statuses={})
    old = await meeting(shop)
    before = written(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    await cycle(shop)
    moved_once(shop, before)


async def test_a_conflict_about_an_uncancellable_twin_ends_with_the_rebooking(
    shop: Shop,
) -> None:
    shop.b.capabilities = replace(shop.b.capabilities, statuses={})
    old = await meeting(shop)
    shop.a.cancel(old)
    await cycle(shop)
    assert conflicts(shop) == [ConflictKind.CANNOT_CANCEL]
    shop.a.book("p", v(12), "ann")
    await settle(shop)
    assert conflicts(shop) == []
    assert twins(shop) == [(v(12).interval, True)]


async def test_cancelled_and_booked_anew_at_the_same_time_writes_nothing(shop: Shop) -> None:
    old = await meeting(shop)
    before = shop.writes()
    shop.a.cancel(old)
    shop.a.book("p", v(9), "ann")
    await cycle(shop)
    await settle(shop)
    assert shop.writes() == before
    assert twins(shop) == [(v(9).interval, True)]


@pytest.mark.parametrize("minutes", [15, 16])
@pytest.mark.parametrize("skew", [0, 40, -40])
async def test_a_rebooking_counts_within_fifteen_minutes_of_platform_time(
    shop: Shop, minutes: int, skew: int
) -> None:
    old = await meeting(shop)
    shop.a.skew = timedelta(minutes=skew)
    shop.a.cancel(old)
    shop.clock.pass_(minutes=minutes)
    shop.a.book("p", v(12), "ann")
    shop.clock.pass_(hours=1)
    await settle(shop)
    expected = [(v(12).interval, True)] if minutes == 15 else [(v(9).interval, False)]
    assert twins(shop) == expected


async def test_a_weekly_client_who_cancels_tonight_keeps_next_week(shop: Shop) -> None:
    old = await meeting(shop)
    shop.a.book("p", v(9 + 7 * 24), "ann")
    await settle(shop)
    shop.clock.pass_(minutes=20)
    shop.a.cancel(old)
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]
    assert shop.blocks()["b"] == [v(9 + 7 * 24).interval]


async def test_next_weeks_meeting_of_a_weekly_client_is_no_rebooking(
    shop: Shop,
) -> None:
    """Without times, the booking is first seen in the cycle that sees the cancellation."""
    old = await meeting(shop)
    shop.a.tells_times = False
    shop.a.hidden.add(shop.a.book("p", v(9 + 7 * 24), "ann"))
    await settle(shop)
    shop.a.hidden.clear()
    shop.a.cancel(old)
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]


@pytest.mark.parametrize("what", ["person", "service", "nobody", "system"])
async def test_a_booking_of_another_person_is_no_reschedule(shop: Shop, what: str) -> None:
    old = await meeting(shop)
    shop.a.persons["bob"] = Person(emails=("bob@example.com",))
    shop.c.persons["c1"] = Person(emails=("ann@example.com",))
    shop.a.cancel(old)
    if what == "system":
        shop.c.book("p", v(12), "c1")
    else:
        person = {"person": "bob", "service": "ann", "nobody": None}[what]
        shop.a.book("p", v(12), person, "other" if what == "service" else "s")
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]
    assert shop.blocks()["b"] == [v(12).interval]


@pytest.mark.parametrize(("apart", "moves"), [(0, True), (1, True), (3, False)])
@pytest.mark.parametrize("first", ["cancel", "book"])
async def test_without_times_only_one_near_cycle_counts(
    shop: Shop, first: str, apart: int, *, moves: bool
) -> None:
    old = await meeting(shop)
    shop.a.tells_times = False
    for act in ("cancel", "book") if first == "cancel" else ("book", "cancel"):
        if act == "cancel":
            shop.a.cancel(old)
        else:
            shop.a.book("p", v(12), "ann")
        for _ in range(apart):
            await cycle(shop)
    await settle(shop)
    assert twins(shop) == [(v(12).interval, True) if moves else (v(9).interval, False)]


async def test_an_update_time_that_never_changes_is_ignored(shop: Shop) -> None:
    """The platform shows the same old update time after the cancellation as before it."""
    old = await meeting(shop)
    before = written(shop)
    held = shop.a.events[old]
    shop.a.cancel(old)
    shop.a.events[old] = replace(shop.a.events[old], updated_at=held.updated_at)
    shop.a.book("p", v(12), "ann")
    await cycle(shop)
    moved_once(shop, before)


async def test_editing_an_old_cancelled_record_is_no_cancellation(shop: Shop) -> None:
    old = await meeting(shop)
    shop.a.cancel(old)
    await cycle(shop)
    shop.clock.pass_(minutes=30)
    value = replace(shop.a.events[old].value, status=Status.NOSHOW)
    shop.a.move(old, value)
    shop.a.book("p", v(12), "ann")
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]


@pytest.mark.parametrize("proofs", [1, 2])
@pytest.mark.parametrize("first", ["delete", "book"])
async def test_deleted_and_booked_anew_is_a_reschedule(shop: Shop, first: str, proofs: int) -> None:
    shop.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, proofs))
    old = await meeting(shop)
    if first == "book":
        shop.a.book("p", v(12), "ann")
        await cycle(shop)
    shop.a.delete(old)
    if first == "delete":
        shop.a.book("p", v(12), "ann")
    await settle(shop)
    assert twins(shop) == [(v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert conflicts(shop) == []


@pytest.mark.parametrize("rest", ["stays", "is deleted", "is on again"])
async def test_the_cancelled_record_belongs_to_no_booking(shop: Shop, rest: str) -> None:
    old = await meeting(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    await settle(shop)
    before = shop.writes()
    if rest == "is deleted":
        shop.a.delete(old)
    elif rest == "is on again":
        shop.a.move(old, v(9))
    await settle(shop)
    await settle(shop)
    assert twins(shop) == [(v(12).interval, True)]
    again = [v(9).interval] if rest == "is on again" else []
    assert shop.blocks()["b"] == again
    assert shop.writes() - before == 2 * len(again)


async def test_one_cancelled_and_two_booked_is_ambiguous(shop: Shop) -> None:
    old = await meeting(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    shop.a.book("p", v(14), "ann")
    await shop.engine.resync()
    assert conflicts(shop) == [ConflictKind.AMBIGUOUS]
    assert twins(shop) == [(v(9).interval, True)]
    assert {v(12).interval, v(14).interval} <= set(shop.blocks()["b"])
    assert {v(12).interval, v(14).interval} <= set(shop.blocks()["c"])


async def one_of_two(shop: Shop) -> tuple[str, str, str]:
    """Cancel one meeting and book two; return the open conflict and the new events."""
    old = await meeting(shop)
    first = shop.a.book("p", v(12), "ann")
    await cycle(shop)
    shop.a.cancel(old)
    second = shop.a.book("p", v(14), "ann")
    await shop.engine.resync()
    (held,) = shop.store.open_conflicts()
    return held.id, first, second


@pytest.mark.parametrize("which", [0, 1])
async def test_a_person_chooses_the_new_booking(shop: Shop, which: int) -> None:
    question, *events = await one_of_two(shop)
    answer = Resolution(ResolutionKind.TAKE, "a", events[which])
    await resolve_conflict(shop.engine, question, answer)
    await settle(shop)
    assert twins(shop) == [(v((12, 14)[which]).interval, True)]
    assert shop.blocks()["b"] == [v((14, 12)[which]).interval]
    assert shop.blocks()["c"] == [v(12).interval, v(14).interval]
    assert conflicts(shop) == []


async def test_a_person_says_that_no_new_booking_is_a_reschedule(shop: Shop) -> None:
    question, *_ = await one_of_two(shop)
    await resolve_conflict(shop.engine, question, Resolution(ResolutionKind.KEEP_BOTH))
    await settle(shop)
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]
    assert shop.blocks()["b"] == [v(12).interval, v(14).interval]
    assert conflicts(shop) == []


async def test_two_cancelled_and_one_booked_is_ambiguous(shop: Shop) -> None:
    first = await meeting(shop)
    second = await meeting(shop, 10)
    shop.a.cancel(first)
    shop.a.cancel(second)
    shop.a.book("p", v(14), "ann")
    await shop.engine.resync()
    assert conflicts(shop) == [ConflictKind.AMBIGUOUS] * 2
    assert twins(shop) == [(v(9).interval, True), (v(10).interval, True)]


async def test_a_meeting_cancelled_in_both_systems_stays_cancelled(shop: Shop) -> None:
    old = await meeting(shop)
    twin = next(e for e, h in shop.b.events.items() if h.kind is Kind.APPOINTMENT)
    shop.a.cancel(old)
    shop.b.cancel(twin)
    shop.a.book("p", v(12), "ann")
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False)]
    assert shop.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_a_meeting_rebooked_in_both_systems_is_a_new_meeting(shop: Shop) -> None:
    old = await meeting(shop)
    before = written(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    shop.b.book("p", v(12), "7")
    await settle(shop)
    assert twins(shop) == [(v(9).interval, False), (v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
    assert (written(shop) - before)["b", "move-appointment"] == 0


async def test_rebooked_twice_in_a_row_follows_twice(shop: Shop) -> None:
    old = await meeting(shop)
    for hour in (12, 14):
        shop.a.cancel(old)
        old = shop.a.book("p", v(hour), "ann")
        await cycle(shop)
    await settle(shop)
    assert twins(shop) == [(v(14).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(14).interval]}


async def test_a_move_of_the_twin_meanwhile_is_decided_by_policy(shop: Shop) -> None:
    policy = shop.engine.policy
    held = {p: Rules(moved_apart=rules.moved_apart.HOLD) for p, rules in policy.rules.items()}
    shop.engine.policy = replace(policy, rules=held)
    old = await meeting(shop)
    twin = next(e for e, h in shop.b.events.items() if h.kind is Kind.APPOINTMENT)
    shop.b.move(twin, v(15))
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    await shop.engine.resync()
    assert conflicts(shop) == [ConflictKind.MOVED_APART]
    assert twins(shop) == [(v(15).interval, True)]


async def test_a_run_that_carried_a_reschedule_can_be_undone(shop: Shop) -> None:
    old = await meeting(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    report = await shop.engine.resync()
    assert (await shop.engine.undo(report.run)).skipped == []
    assert twins(shop) == [(v(9).interval, True)]
    assert shop.blocks()["c"] == [v(9).interval]
    await settle(shop)
    assert twins(shop) == [(v(9).interval, True)]


async def test_a_crash_before_the_writes_changes_nothing(shop: Shop) -> None:
    class Crash(BaseException):
        pass

    old = await meeting(shop)
    before = written(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    shop.b.faults["write"] = [Crash()]
    with pytest.raises(Crash):
        await shop.engine.resync()
    shop.restart()
    await settle(shop)
    moved_once(shop, before)


async def test_the_guard_counts_reschedules_as_moves(shop: Shop) -> None:
    events = [await meeting(shop, 20 + hour, f"ann{hour}", f"l{hour}") for hour in range(6)]
    shop.engine.policy = replace(shop.engine.policy, limits=GuardLimits(common=5))
    before = shop.writes()
    for hour, event in enumerate(events):
        shop.a.cancel(event)
        shop.a.book("p", v(20 + hour + 24), f"ann{hour}")
    await shop.engine.resync()
    assert ConflictKind.GUARD in conflicts(shop)
    assert Action.MOVE_APPOINTMENT not in {o.action for o in shop.b.writes}
    assert shop.writes() >= before
