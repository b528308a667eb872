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
from tests.engine.conftest import EngineHarness

ANN = Person(emails=("ann@example.com",))
RULES = Rules(prefer=SYSTEMS)


def rule(harness: EngineHarness, rules: Rules) -> None:
    """Set the rules of all providers."""
    harness.engine.policy = replace(harness.engine.policy, rules={"p": rules, "q": rules})


async def twins(
    harness: EngineHarness, systems: str = "ab", status: Status = Status.CONFIRMED
) -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    events = {}
    for name in systems:
        system = getattr(harness, name)
        system.persons["ann"] = ANN
        value = v(24) if name == "a" else replace(v(24), status=status)
        events[name] = system.book("p", value, "ann")
    assert (await harness.engine.resync()).exit is RunExit.DONE
    (booking,) = harness.store.bookings("p")
    assert {r.system for r, _ in harness.store.replicas([booking.id]) if r.role.is_meeting} == {
        *systems
    }
    return events


async def cycles(harness: EngineHarness, count: int = 3) -> None:
    """Run cycles as the daemon does."""
    for _ in range(count):
        harness.clock.pass_(minutes=2)
        await harness.engine.poll(near=False)


def standing(harness: EngineHarness, events: dict[str, str]) -> dict[str, Status]:
    """Return the status of each record that still exists."""
    return {
        name: getattr(harness, name).events[event].value.status
        for name, event in events.items()
        if event in getattr(harness, name).events
    }


ON, OFF = Status.CONFIRMED, Status.CANCELLED


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize(
    ("choice", "left", "closed"),
    [(Choice.CANCEL, OFF, []), (Choice.KEEP, ON, [v(24).interval]), (Choice.HOLD, ON, None)],
)
async def test_the_other_record_is_treated_by_the_rule(
    harness: EngineHarness, gone: str, choice: Choice, left: Status, closed: list[object] | None
) -> None:
    rule(harness, replace(RULES, twin_deleted=choice))
    events = await twins(harness)
    getattr(harness, gone).delete(events[gone])
    await cycles(harness)
    assert standing(harness, events) == {("b" if gone == "a" else "a"): left}
    held = [h.conflict.kind for h in harness.store.open_conflicts()]
    assert held == ([ConflictKind.TWIN_DELETED] if choice is Choice.HOLD else [])
    # While the conflict is open, the time is blocked in the other two systems.
    taken = closed if closed is not None else [v(24).interval]
    assert (harness.blocks()[gone], harness.blocks()["c"]) == (taken, taken)
    writes = harness.writes()
    harness.restart()
    rule(harness, replace(RULES, twin_deleted=choice))
    await cycles(harness)
    await harness.engine.resync()
    assert harness.writes() == writes


async def test_history_names_the_rule(harness: EngineHarness) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    assert "twin_deleted = keep" in {n.rule for n in harness.store.history()}
    harness.b.cancel(events["b"])
    await cycles(harness)
    rule(harness, RULES)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_cancellation_because_of_a_deletion_names_the_rule(harness: EngineHarness) -> None:
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    assert {o.reason for o in harness.b.writes if o.after == v(24, status=OFF)} == {
        "twin_deleted = cancel"
    }


async def test_a_meeting_deleted_in_two_of_three_systems_stays_in_the_third(
    harness: EngineHarness,
) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(harness, "abc")
    harness.a.delete(events["a"])
    harness.c.delete(events["c"])
    await cycles(harness)
    assert standing(harness, events) == {"b": ON}
    assert harness.blocks() == {"a": [v(24).interval], "b": [], "c": [v(24).interval]}
    harness.b.delete(events["b"])
    await cycles(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_an_override_applies_to_the_system_of_the_deletion(harness: EngineHarness) -> None:
    keep = Override(Choice.KEEP, frozenset({ConflictKind.TWIN_DELETED}), frozenset({"a"}), "o")
    rule(harness, replace(RULES, overrides=(keep,)))
    events = await twins(harness)
    harness.b.delete(events["b"])
    await cycles(harness)
    assert standing(harness, events) == {"a": OFF}
    again = harness.a.book("p", v(40), "ann")
    twin = harness.b.book("p", v(40), "ann")
    await cycles(harness)
    harness.a.delete(again)
    await cycles(harness)
    assert harness.b.events[twin].value == v(40)


async def test_a_kept_meeting_moves_and_takes_its_blocks_along(harness: EngineHarness) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    harness.b.move(events["b"], v(30))
    await cycles(harness)
    assert harness.blocks() == {"a": [v(30).interval], "b": [], "c": [v(30).interval]}


async def test_a_kept_meeting_takes_a_new_twin_where_it_was_deleted(harness: EngineHarness) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    harness.a.book("p", v(24), "ann")
    await cycles(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(harness.store.bookings("p")) == 1


@pytest.mark.parametrize(
    ("answer", "left", "at"),
    [
        (Resolution(ResolutionKind.TAKE, "a"), OFF, 24),
        (Resolution(ResolutionKind.TAKE, "b"), ON, 24),
        (Resolution(ResolutionKind.AT, at=v(30).start), ON, 30),
    ],
)
async def test_a_person_resolves_a_held_deletion(
    harness: EngineHarness, answer: Resolution, left: Status, at: float
) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    (held,) = harness.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("a", None), ("b", v(24))]
    await resolve_conflict(harness.engine, held.id, answer)
    await cycles(harness)
    assert harness.store.open_conflicts() == []
    assert harness.b.events[events["b"]].value == v(at, status=left)
    taken = [v(at).interval] if left is ON else []
    assert harness.blocks() == {"a": taken, "b": [], "c": taken}


async def test_keep_both_is_invalid_when_one_record_is_deleted(harness: EngineHarness) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    (held,) = harness.store.open_conflicts()
    with pytest.raises(InvalidResolutionError, match="one of the two is deleted"):
        await resolve_conflict(harness.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))


async def test_a_held_deletion_closes_when_the_record_is_back(harness: EngineHarness) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(harness)
    kept = harness.a.events[events["a"]]
    harness.a.delete(events["a"])
    await cycles(harness)
    harness.a.events[events["a"]] = kept
    harness.clock.pass_(minutes=5)
    await cycles(harness)
    assert harness.store.open_conflicts() == []
    assert standing(harness, events) == {"a": ON, "b": ON}
    assert harness.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_held_deletion_survives_a_system_that_does_not_answer(
    harness: EngineHarness,
) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(harness)
    harness.a.delete(events["a"])
    await cycles(harness)
    harness.a.faults["read"] = [RetryableError("a")] * 3
    await cycles(harness)
    assert len(harness.store.open_conflicts()) == 1
    assert standing(harness, events) == {"b": ON}
