"""Delete only one record of a meeting, and restore it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.merging.rules import Choice, Override, Rules
from syncd.engine.operator.resolve import resolve_conflict
from syncd.engine.report.run_report import RunExit
from syncd.model import ConflictKind, Person, Status
from syncd.systems.errors import RetryableError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig

ANN = Person(emails=("ann@example.com",))
RULES = Rules(prefer=SYSTEMS)


def rule(rig: Rig, rules: Rules) -> None:
    """Set the rules of all providers."""
    rig.engine.policy = replace(rig.engine.policy, rules={"p": rules, "q": rules})


async def twins(rig: Rig, systems: str = "ab", status: Status = Status.CONFIRMED) -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    events = {}
    for name in systems:
        system = getattr(rig, name)
        system.customers["ann"] = ANN
        value = v(24) if name == "a" else replace(v(24), status=status)
        events[name] = system.book("p", value, "ann")
    assert (await rig.engine.resync()).exit is RunExit.DONE
    (booking,) = rig.store.bookings("p")
    assert {r.system for r, _ in rig.store.replicas([booking.id]) if r.role.is_meeting} == {
        *systems
    }
    return events


async def cycles(rig: Rig, count: int = 3) -> None:
    """Run cycles as the daemon does."""
    for _ in range(count):
        rig.clock.pass_(minutes=2)
        await rig.engine.poll(near=False)


def standing(rig: Rig, events: dict[str, str]) -> dict[str, Status]:
    """Return the status of each record that still exists."""
    return {
        name: getattr(rig, name).events[event].value.status
        for name, event in events.items()
        if event in getattr(rig, name).events
    }


ON, OFF = Status.CONFIRMED, Status.CANCELLED


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize(
    ("choice", "left", "closed"),
    [(Choice.CANCEL, OFF, []), (Choice.KEEP, ON, [v(24).interval]), (Choice.HOLD, ON, None)],
)
async def test_the_other_record_is_treated_by_the_rule(
    rig: Rig, gone: str, choice: Choice, left: Status, closed: list[object] | None
) -> None:
    rule(rig, replace(RULES, twin_deleted=choice))
    events = await twins(rig)
    getattr(rig, gone).delete(events[gone])
    await cycles(rig)
    assert standing(rig, events) == {("b" if gone == "a" else "a"): left}
    held = [h.conflict.kind for h in rig.store.open_conflicts()]
    assert held == ([ConflictKind.TWIN_DELETED] if choice is Choice.HOLD else [])
    # While the conflict is open, the time is blocked in the other two systems.
    taken = closed if closed is not None else [v(24).interval]
    assert (rig.blocks()[gone], rig.blocks()["c"]) == (taken, taken)
    writes = rig.writes()
    rig.restart()
    rule(rig, replace(RULES, twin_deleted=choice))
    await cycles(rig)
    await rig.engine.resync()
    assert rig.writes() == writes


async def test_history_names_the_rule(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    assert "twin_deleted = keep" in {n.rule for n in rig.store.history()}
    rig.b.cancel(events["b"])
    await cycles(rig)
    rule(rig, RULES)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_cancellation_because_of_a_deletion_names_the_rule(rig: Rig) -> None:
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    assert {o.reason for o in rig.b.writes if o.after == v(24, status=OFF)} == {
        "twin_deleted = cancel"
    }


async def test_a_meeting_deleted_in_two_of_three_systems_stays_in_the_third(
    rig: Rig,
) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(rig, "abc")
    rig.a.delete(events["a"])
    rig.c.delete(events["c"])
    await cycles(rig)
    assert standing(rig, events) == {"b": ON}
    assert rig.blocks() == {"a": [v(24).interval], "b": [], "c": [v(24).interval]}
    rig.b.delete(events["b"])
    await cycles(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_an_override_applies_to_the_system_of_the_deletion(rig: Rig) -> None:
    keep = Override(Choice.KEEP, frozenset({ConflictKind.TWIN_DELETED}), frozenset({"a"}), "o")
    rule(rig, replace(RULES, overrides=(keep,)))
    events = await twins(rig)
    rig.b.delete(events["b"])
    await cycles(rig)
    assert standing(rig, events) == {"a": OFF}
    again = rig.a.book("p", v(40), "ann")
    twin = rig.b.book("p", v(40), "ann")
    await cycles(rig)
    rig.a.delete(again)
    await cycles(rig)
    assert rig.b.events[twin].value == v(40)


async def test_a_kept_meeting_moves_and_takes_its_blocks_along(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    rig.b.move(events["b"], v(30))
    await cycles(rig)
    assert rig.blocks() == {"a": [v(30).interval], "b": [], "c": [v(30).interval]}


async def test_a_kept_meeting_takes_a_new_twin_where_it_was_deleted(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    rig.a.book("p", v(24), "ann")
    await cycles(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(rig.store.bookings("p")) == 1


@pytest.mark.parametrize(
    ("answer", "left", "at"),
    [
        (Resolution(ResolutionKind.TAKE, "a"), OFF, 24),
        (Resolution(ResolutionKind.TAKE, "b"), ON, 24),
        (Resolution(ResolutionKind.AT, at=v(30).start), ON, 30),
    ],
)
async def test_a_person_resolves_a_held_deletion(
    rig: Rig, answer: Resolution, left: Status, at: float
) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    (held,) = rig.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("a", None), ("b", v(24))]
    await resolve_conflict(rig.engine, held.id, answer)
    await cycles(rig)
    assert rig.store.open_conflicts() == []
    assert rig.b.events[events["b"]].value == v(at, status=left)
    taken = [v(at).interval] if left is ON else []
    assert rig.blocks() == {"a": taken, "b": [], "c": taken}


async def test_keep_both_is_invalid_when_one_record_is_deleted(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    (held,) = rig.store.open_conflicts()
    with pytest.raises(InvalidResolutionError, match="one of the two appointments is deleted"):
        await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))


async def test_a_held_deletion_closes_when_the_record_is_back(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(rig)
    kept = rig.a.events[events["a"]]
    rig.a.delete(events["a"])
    await cycles(rig)
    rig.a.events[events["a"]] = kept
    rig.clock.pass_(minutes=5)
    await cycles(rig)
    assert rig.store.open_conflicts() == []
    assert standing(rig, events) == {"a": ON, "b": ON}
    assert rig.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_held_deletion_survives_a_system_that_does_not_answer(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.HOLD))
    events = await twins(rig)
    rig.a.delete(events["a"])
    await cycles(rig)
    rig.a.faults["read"] = [RetryableError("a")] * 3
    await cycles(rig)
    assert len(rig.store.open_conflicts()) == 1
    assert standing(rig, events) == {"b": ON}
