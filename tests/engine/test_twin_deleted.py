"""Delete only one record of a meeting, and restore it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.rules import Choice, Override, Rules
from syncd.engine.report import RunExit
from syncd.engine.resolve import resolve_conflict
from syncd.model import ConflictKind, Person, Status
from syncd.systems.port import RetryableError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Shop

ANN = Person(emails=("ann@example.com",))
RULES = Rules(prefer=SYSTEMS)


def rule(shop: Shop, rules: Rules) -> None:
    """Set the rules of all providers."""
    shop.engine.policy = replace(shop.engine.policy, rules={"p": rules, "q": rules})


async def twins(
    shop: Shop, systems: str = "ab", status: Status = Status.CONFIRMED
) -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    events = {}
    for name in systems:
        system = getattr(shop, name)
        system.persons["ann"] = ANN
        value = v(24) if name == "a" else replace(v(24), status=status)
        events[name] = system.book("p", value, "ann")
    assert (await shop.engine.resync()).exit is RunExit.DONE
    (booking,) = shop.store.bookings("p")
    assert {r.system for r, _ in shop.store.replicas([booking.id]) if r.role.is_meeting} == {
        *systems
    }
    return events


async def cycles(shop: Shop, count: int = 3) -> None:
    """Run cycles as the daemon does."""
    for _ in range(count):
        shop.clock.pass_(minutes=2)
        await shop.engine.poll(near=False)


def standing(shop: Shop, events: dict[str, str]) -> dict[str, Status]:
    """Return the status of each record that still exists."""
    return {
        name: getattr(shop, name).events[event].value.status
        for name, event in events.items()
        if event in getattr(shop, name).events
    }


ON, OFF = Status.CONFIRMED, Status.CANCELLED


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize(
    ("choice", "left", "closed"),
    [(Choice.CANCEL, OFF, []), (Choice.KEEP, ON, [v(24).interval]), (Choice.HOLD, ON, None)],
)
async def test_the_other_record_is_treated_by_the_rule(
    shop: Shop, gone: str, choice: Choice, left: Status, closed: list[object] | None
) -> None:
    rule(shop, replace(RULES, twin_deleted=choice))
    events = await twins(shop)
    getattr(shop, gone).delete(events[gone])
    await cycles(shop)
    assert standing(shop, events) == {("b" if gone == "a" else "a"): left}
    held = [h.conflict.kind for h in shop.store.open_conflicts()]
    assert held == ([ConflictKind.TWIN_DELETED] if choice is Choice.HOLD else [])
    # While the conflict is open, the time is blocked in the other two systems.
    taken = closed if closed is not None else [v(24).interval]
    assert (shop.blocks()[gone], shop.blocks()["c"]) == (taken, taken)
    writes = shop.writes()
    shop.restart()
    rule(shop, replace(RULES, twin_deleted=choice))
    await cycles(shop)
    await shop.engine.resync()
    assert shop.writes() == writes


async def test_history_names_the_rule(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    assert "twin_deleted = keep" in {n.rule for n in shop.store.history()}
    shop.b.cancel(events["b"])
    await cycles(shop)
    rule(shop, RULES)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_cancellation_because_of_a_deletion_names_the_rule(shop: Shop) -> None:
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    assert {o.reason for o in shop.b.writes if o.after == v(24, status=OFF)} == {
        "twin_deleted = cancel"
    }


async def test_a_meeting_deleted_in_two_of_three_systems_stays_in_the_third(
    shop: Shop,
) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(shop, "abc")
    shop.a.delete(events["a"])
    shop.c.delete(events["c"])
    await cycles(shop)
    assert standing(shop, events) == {"b": ON}
    assert shop.blocks() == {"a": [v(24).interval], "b": [], "c": [v(24).interval]}
    shop.b.delete(events["b"])
    await cycles(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_an_override_applies_to_the_system_of_the_deletion(shop: Shop) -> None:
    keep = Override(Choice.KEEP, frozenset({ConflictKind.TWIN_DELETED}), frozenset({"a"}), "o")
    rule(shop, replace(RULES, overrides=(keep,)))
    events = await twins(shop)
    shop.b.delete(events["b"])
    await cycles(shop)
    assert standing(shop, events) == {"a": OFF}
    again = shop.a.book("p", v(40), "ann")
    twin = shop.b.book("p", v(40), "ann")
    await cycles(shop)
    shop.a.delete(again)
    await cycles(shop)
    assert shop.b.events[twin].value == v(40)


async def test_a_kept_meeting_moves_and_takes_its_blocks_along(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    shop.b.move(events["b"], v(30))
    await cycles(shop)
    assert shop.blocks() == {"a": [v(30).interval], "b": [], "c": [v(30).interval]}


async def test_a_kept_meeting_takes_a_new_twin_where_it_was_deleted(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    shop.a.book("p", v(24), "ann")
    await cycles(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(shop.store.bookings("p")) == 1


@pytest.mark.parametrize(
    ("answer", "left", "at"),
    [
        (Resolution(ResolutionKind.TAKE, "a"), OFF, 24),
        (Resolution(ResolutionKind.TAKE, "b"), ON, 24),
        (Resolution(ResolutionKind.AT, at=v(30).start), ON, 30),
    ],
)
async def test_a_person_resolves_a_held_deletion(
    shop: Shop, answer: Resolution, left: Status, at: float
) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    (held,) = shop.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("a", None), ("b", v(24))]
    await resolve_conflict(shop.engine, held.id, answer)
    await cycles(shop)
    assert shop.store.open_conflicts() == []
    assert shop.b.events[events["b"]].value == v(at, status=left)
    taken = [v(at).interval] if left is ON else []
    assert shop.blocks() == {"a": taken, "b": [], "c": taken}


async def test_keep_both_is_invalid_when_one_record_is_deleted(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    (held,) = shop.store.open_conflicts()
    with pytest.raises(InvalidResolutionError, match="one of the two is deleted"):
        await resolve_conflict(shop.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))


async def test_a_held_deletion_closes_when_the_record_is_back(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(shop)
    kept = shop.a.events[events["a"]]
    shop.a.delete(events["a"])
    await cycles(shop)
    shop.a.events[events["a"]] = kept
    shop.clock.pass_(minutes=5)
    await cycles(shop)
    assert shop.store.open_conflicts() == []
    assert standing(shop, events) == {"a": ON, "b": ON}
    assert shop.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_held_deletion_survives_a_system_that_does_not_answer(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(shop)
    shop.a.delete(events["a"])
    await cycles(shop)
    shop.a.faults["read"] = [RetryableError("a")] * 3
    await cycles(shop)
    assert len(shop.store.open_conflicts()) == 1
    assert standing(shop, events) == {"b": ON}
