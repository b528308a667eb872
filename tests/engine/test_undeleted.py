"""Undo a deletion: records that syncd cancelled because of it are revived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.rules import Choice
from syncd.model import Person, Status
from syncd.systems.port import RetryableError
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import Held
from tests.engine.test_twin_deleted import OFF, ON, RULES, cycles, rule, standing, twins

EVERY: dict[str, list[object]] = {"a": [], "b": [], "c": []}


async def deleted(harness: EngineHarness, events: dict[str, str], system: str) -> Held:
    """Delete one record, and sync until the others are cancelled; return the deleted event."""
    where = getattr(harness, system)
    kept: Held = where.events[events[system]]
    where.delete(events[system])
    await cycles(harness)
    rest = {name for name in events if name != system}
    assert standing(harness, events) == dict.fromkeys(rest, OFF)
    assert harness.blocks() == EVERY
    return kept


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize("again", [False, True])
async def test_a_restored_record_revives_the_twin_with_its_former_status(
    harness: EngineHarness, gone: str, again: bool
) -> None:
    events = await twins(harness, status=Status.NEW)
    kept = await deleted(harness, events, gone)
    if again:
        harness.restart()
        harness.clock.pass_(hours=5)
    getattr(harness, gone).events[events[gone]] = kept
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": Status.NEW}
    assert harness.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(harness.store.bookings("p")) == 1
    writes = harness.writes()
    await harness.engine.resync()
    await cycles(harness)
    assert harness.writes() == writes


async def test_a_record_that_replaces_the_deleted_one_revives_the_twin_too(
    harness: EngineHarness,
) -> None:
    events = await twins(harness, status=Status.NEW)
    await deleted(harness, events, "a")
    events["a"] = harness.a.book("p", v(24), "ann")
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": Status.NEW}
    assert harness.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


@pytest.mark.parametrize("person", ["bob", None])
async def test_another_persons_booking_at_that_time_revives_nothing(
    harness: EngineHarness, person: str | None
) -> None:
    harness.a.persons["bob"] = Person(emails=("bob@example.com",))
    events = await twins(harness)
    await deleted(harness, events, "a")
    harness.a.book("p", v(24), person)
    await cycles(harness)
    assert standing(harness, events) == {"b": OFF}
    assert harness.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_that_a_person_cancelled_is_not_revived(harness: EngineHarness) -> None:
    events = await twins(harness)
    kept = await deleted(harness, events, "a")
    harness.b.move(events["b"], v(24, status=Status.NOSHOW))
    await cycles(harness)
    harness.a.events[events["a"]] = kept
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": Status.NOSHOW}
    assert harness.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_cancelled_at_the_same_time_is_not_revived(harness: EngineHarness) -> None:
    events = await twins(harness, "abc")
    kept = harness.a.events[events["a"]]
    harness.a.delete(events["a"])
    harness.b.cancel(events["b"])
    await cycles(harness)
    harness.a.events[events["a"]] = kept
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": OFF, "c": ON}
    assert harness.blocks() == {"a": [], "b": [v(24).interval], "c": []}


async def test_a_twin_that_was_reactivated_and_cancelled_is_not_revived(
    harness: EngineHarness,
) -> None:
    events = await twins(harness)
    kept = await deleted(harness, events, "a")
    harness.b.move(events["b"], v(24))
    await cycles(harness)
    harness.b.cancel(events["b"])
    await cycles(harness)
    harness.a.events[events["a"]] = kept
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": OFF}


async def test_a_record_that_is_back_at_another_time_takes_the_twin_along(
    harness: EngineHarness,
) -> None:
    events = await twins(harness)
    kept = await deleted(harness, events, "a")
    harness.a.events[events["a"]] = replace(kept, value=v(30))
    await cycles(harness, 4)
    assert harness.b.events[events["b"]].value == v(30)
    assert harness.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_record_that_comes_back_cancelled_revives_nothing(harness: EngineHarness) -> None:
    events = await twins(harness)
    kept = await deleted(harness, events, "a")
    harness.a.events[events["a"]] = replace(kept, value=v(24, status=OFF))
    await cycles(harness)
    assert standing(harness, events) == {"a": OFF, "b": OFF}


async def test_a_twin_in_an_unanswering_system_keeps_its_status(harness: EngineHarness) -> None:
    events = await twins(harness, status=Status.NEW)
    kept = harness.a.events[events["a"]]
    harness.a.delete(events["a"])
    harness.b.faults["read"] = [RetryableError("b")] * 3
    await cycles(harness)
    assert standing(harness, events) == {"b": Status.NEW}
    harness.a.events[events["a"]] = kept
    await cycles(harness)
    assert standing(harness, events) == {"a": ON, "b": Status.NEW}
    assert harness.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_kept_meeting_gets_its_record_back_and_loses_the_block(
    harness: EngineHarness,
) -> None:
    rule(harness, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(harness)
    kept = harness.a.events[events["a"]]
    harness.a.delete(events["a"])
    await cycles(harness)
    harness.b.move(events["b"], v(30))
    await cycles(harness)
    harness.a.events[events["a"]] = kept
    await cycles(harness, 4)
    assert harness.a.events[events["a"]].value == v(30)
    assert harness.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_move_in_a_silent_system_contradicts_a_deletion_elsewhere(
    harness: EngineHarness,
) -> None:
    """After a reload: the deleted record is archived, and the move still contradicts it."""
    rule(harness, replace(RULES, moved_and_cancelled=Choice.HOLD))
    events = await twins(harness)
    harness.a.delete(events["a"])
    harness.b.faults["read"] = [RetryableError("b")] * 3
    harness.b.move(events["b"], v(30))
    await cycles(harness)
    await cycles(harness)
    (held,) = harness.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("b", v(30)), ("a", None)]
