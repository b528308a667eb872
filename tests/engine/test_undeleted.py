"""Undo a deletion: records that syncd cancelled because of it are revived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.merging.rules import Choice
from syncd.model import Person, Status
from syncd.systems.errors import RetryableError
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.fakes import Held
from tests.engine.test_twin_deleted import OFF, ON, RULES, cycles, rule, standing, twins

EVERY: dict[str, list[object]] = {"a": [], "b": [], "c": []}


async def deleted(rig: Rig, events: dict[str, str], system: str) -> Held:
    """Delete one record, and sync until the others are cancelled; return the deleted event."""
    where = getattr(rig, system)
    kept: Held = where.events[events[system]]
    where.delete(events[system])
    await cycles(rig)
    rest = {name for name in events if name != system}
    assert standing(rig, events) == dict.fromkeys(rest, OFF)
    assert rig.blocks() == EVERY
    return kept


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize("again", [False, True])
async def test_a_restored_record_revives_the_twin_with_its_former_status(
    rig: Rig, gone: str, again: bool
) -> None:
    events = await twins(rig, status=Status.NEW)
    kept = await deleted(rig, events, gone)
    if again:
        rig.restart()
        rig.clock.pass_(hours=5)
    getattr(rig, gone).events[events[gone]] = kept
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": Status.NEW}
    assert rig.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(rig.store.bookings("p")) == 1
    writes = rig.writes()
    await rig.engine.resync()
    await cycles(rig)
    assert rig.writes() == writes


async def test_a_record_that_replaces_the_deleted_one_revives_the_twin_too(rig: Rig) -> None:
    events = await twins(rig, status=Status.NEW)
    await deleted(rig, events, "a")
    events["a"] = rig.a.book("p", v(24), "ann")
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": Status.NEW}
    assert rig.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


@pytest.mark.parametrize("person", ["bob", None])
async def test_another_persons_booking_at_that_time_revives_nothing(
    rig: Rig, person: str | None
) -> None:
    rig.a.customers["bob"] = Person(emails=("bob@example.com",))
    events = await twins(rig)
    await deleted(rig, events, "a")
    rig.a.book("p", v(24), person)
    await cycles(rig)
    assert standing(rig, events) == {"b": OFF}
    assert rig.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_that_a_person_cancelled_is_not_revived(rig: Rig) -> None:
    events = await twins(rig)
    kept = await deleted(rig, events, "a")
    rig.b.move(events["b"], v(24, status=Status.NOSHOW))
    await cycles(rig)
    rig.a.events[events["a"]] = kept
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": Status.NOSHOW}
    assert rig.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_cancelled_at_the_same_time_is_not_revived(rig: Rig) -> None:
    events = await twins(rig, "abc")
    kept = rig.a.events[events["a"]]
    rig.a.delete(events["a"])
    rig.b.cancel(events["b"])
    await cycles(rig)
    rig.a.events[events["a"]] = kept
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": OFF, "c": ON}
    assert rig.blocks() == {"a": [], "b": [v(24).interval], "c": []}


async def test_a_twin_that_was_reactivated_and_cancelled_is_not_revived(rig: Rig) -> None:
    events = await twins(rig)
    kept = await deleted(rig, events, "a")
    rig.b.move(events["b"], v(24))
    await cycles(rig)
    rig.b.cancel(events["b"])
    await cycles(rig)
    rig.a.events[events["a"]] = kept
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": OFF}


async def test_a_record_that_is_back_at_another_time_takes_the_twin_along(rig: Rig) -> None:
    events = await twins(rig)
    kept = await deleted(rig, events, "a")
    rig.a.events[events["a"]] = replace(kept, value=v(30))
    await cycles(rig, 4)
    assert rig.b.events[events["b"]].value == v(30)
    assert rig.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_record_that_comes_back_cancelled_revives_nothing(rig: Rig) -> None:
    events = await twins(rig)
    kept = await deleted(rig, events, "a")
    rig.a.events[events["a"]] = replace(kept, value=v(24, status=OFF))
    await cycles(rig)
    assert standing(rig, events) == {"a": OFF, "b": OFF}


async def test_a_twin_in_an_unanswering_system_keeps_its_status(rig: Rig) -> None:
    events = await twins(rig, status=Status.NEW)
    kept = rig.a.events[events["a"]]
    rig.a.delete(events["a"])
    rig.b.faults["read"] = [RetryableError("b")] * 3
    await cycles(rig)
    assert standing(rig, events) == {"b": Status.NEW}
    rig.a.events[events["a"]] = kept
    await cycles(rig)
    assert standing(rig, events) == {"a": ON, "b": Status.NEW}
    assert rig.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_kept_meeting_gets_its_record_back_and_loses_the_block(rig: Rig) -> None:
    rule(rig, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(rig)
    kept = rig.a.events[events["a"]]
    rig.a.delete(events["a"])
    await cycles(rig)
    rig.b.move(events["b"], v(30))
    await cycles(rig)
    rig.a.events[events["a"]] = kept
    await cycles(rig, 4)
    assert rig.a.events[events["a"]].value == v(30)
    assert rig.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_move_in_a_silent_system_contradicts_a_deletion_elsewhere(rig: Rig) -> None:
    """After a reload: the deleted record is archived, and the move still contradicts it."""
    rule(rig, replace(RULES, moved_and_cancelled=Choice.HOLD))
    events = await twins(rig)
    rig.a.delete(events["a"])
    rig.b.faults["read"] = [RetryableError("b")] * 3
    rig.b.move(events["b"], v(30))
    await cycles(rig)
    await cycles(rig)
    (held,) = rig.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("b", v(30)), ("a", None)]


async def test_a_restored_meeting_that_only_a_lookup_shows_is_blocked_again(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    kept = rig.a.events[event]
    rig.a.delete(event)
    await rig.engine.resync()
    assert (rig.blocks(), rig.store.records("a", [event])[0].archived) == (EVERY, True)
    rig.clock.pass_(minutes=10)
    rig.a.events[event] = kept
    rig.a.hidden = {event}
    rig.engine.probes["a"].other_owner.add(event)
    await rig.engine.resync()
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
