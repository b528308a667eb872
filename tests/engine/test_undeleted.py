"""Undo a deletion: records that syncd cancelled because of it are revived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.rules import Choice
from syncd.model import Person, Status
from syncd.systems.port import RetryableError
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.fakes import Held
from tests.engine.test_twin_deleted import OFF, ON, RULES, cycles, rule, standing, twins

EVERY: dict[str, list[object]] = {"a": [], "b": [], "c": []}


async def deleted(shop: Shop, events: dict[str, str], system: str) -> Held:
    """Delete one record, and sync until the others are cancelled; return the deleted event."""
    where = getattr(shop, system)
    kept: Held = where.events[events[system]]
    where.delete(events[system])
    await cycles(shop)
    rest = {name for name in events if name != system}
    assert standing(shop, events) == dict.fromkeys(rest, OFF)
    assert shop.blocks() == EVERY
    return kept


@pytest.mark.parametrize("gone", ["a", "b"])
@pytest.mark.parametrize("again", [False, True])
async def test_a_restored_record_revives_the_twin_with_its_former_status(
    shop: Shop, gone: str, again: bool
) -> None:
    events = await twins(shop, status=Status.NEW)
    kept = await deleted(shop, events, gone)
    if again:
        shop.restart()
        shop.clock.pass_(hours=5)
    getattr(shop, gone).events[events[gone]] = kept
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": Status.NEW}
    assert shop.blocks() == {"a": [], "b": [], "c": [v(24).interval]}
    assert len(shop.store.bookings("p")) == 1
    writes = shop.writes()
    await shop.engine.resync()
    await cycles(shop)
    assert shop.writes() == writes


async def test_a_record_that_replaces_the_deleted_one_revives_the_twin_too(shop: Shop) -> None:
    events = await twins(shop, status=Status.NEW)
    await deleted(shop, events, "a")
    events["a"] = shop.a.book("p", v(24), "ann")
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": Status.NEW}
    assert shop.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


@pytest.mark.parametrize("person", ["bob", None])
async def test_another_persons_booking_at_that_time_revives_nothing(
    shop: Shop, person: str | None
) -> None:
    shop.a.persons["bob"] = Person(emails=("bob@example.com",))
    events = await twins(shop)
    await deleted(shop, events, "a")
    shop.a.book("p", v(24), person)
    await cycles(shop)
    assert standing(shop, events) == {"b": OFF}
    assert shop.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_that_a_person_cancelled_is_not_revived(shop: Shop) -> None:
    events = await twins(shop)
    kept = await deleted(shop, events, "a")
    shop.b.move(events["b"], v(24, status=Status.NOSHOW))
    await cycles(shop)
    shop.a.events[events["a"]] = kept
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": Status.NOSHOW}
    assert shop.blocks() == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}


async def test_a_twin_cancelled_at_the_same_time_is_not_revived(shop: Shop) -> None:
    events = await twins(shop, "abc")
    kept = shop.a.events[events["a"]]
    shop.a.delete(events["a"])
    shop.b.cancel(events["b"])
    await cycles(shop)
    shop.a.events[events["a"]] = kept
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": OFF, "c": ON}
    assert shop.blocks() == {"a": [], "b": [v(24).interval], "c": []}


async def test_a_twin_that_was_reactivated_and_cancelled_is_not_revived(shop: Shop) -> None:
    events = await twins(shop)
    kept = await deleted(shop, events, "a")
    shop.b.move(events["b"], v(24))
    await cycles(shop)
    shop.b.cancel(events["b"])
    await cycles(shop)
    shop.a.events[events["a"]] = kept
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": OFF}


async def test_a_record_that_is_back_at_another_time_takes_the_twin_along(shop: Shop) -> None:
    events = await twins(shop)
    kept = await deleted(shop, events, "a")
    shop.a.events[events["a"]] = replace(kept, value=v(30))
    await cycles(shop, 4)
    assert shop.b.events[events["b"]].value == v(30)
    assert shop.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_record_that_comes_back_cancelled_revives_nothing(shop: Shop) -> None:
    events = await twins(shop)
    kept = await deleted(shop, events, "a")
    shop.a.events[events["a"]] = replace(kept, value=v(24, status=OFF))
    await cycles(shop)
    assert standing(shop, events) == {"a": OFF, "b": OFF}


async def test_a_twin_in_an_unanswering_system_keeps_its_status(shop: Shop) -> None:
    events = await twins(shop, status=Status.NEW)
    kept = shop.a.events[events["a"]]
    shop.a.delete(events["a"])
    shop.b.faults["read"] = [RetryableError("b")] * 3
    await cycles(shop)
    assert standing(shop, events) == {"b": Status.NEW}
    shop.a.events[events["a"]] = kept
    await cycles(shop)
    assert standing(shop, events) == {"a": ON, "b": Status.NEW}
    assert shop.blocks() == {"a": [], "b": [], "c": [v(24).interval]}


async def test_a_kept_meeting_gets_its_record_back_and_loses_the_block(shop: Shop) -> None:
    rule(shop, replace(RULES, twin_deleted=Choice.KEEP))
    events = await twins(shop)
    kept = shop.a.events[events["a"]]
    shop.a.delete(events["a"])
    await cycles(shop)
    shop.b.move(events["b"], v(30))
    await cycles(shop)
    shop.a.events[events["a"]] = kept
    await cycles(shop, 4)
    assert shop.a.events[events["a"]].value == v(30)
    assert shop.blocks() == {"a": [], "b": [], "c": [v(30).interval]}


async def test_a_move_in_a_silent_system_contradicts_a_deletion_elsewhere(shop: Shop) -> None:
    """After a reload: the deleted record is archived, and the move still contradicts it."""
    rule(shop, replace(RULES, moved_and_cancelled=Choice.HOLD))
    events = await twins(shop)
    shop.a.delete(events["a"])
    shop.b.faults["read"] = [RetryableError("b")] * 3
    shop.b.move(events["b"], v(30))
    await cycles(shop)
    await cycles(shop)
    (held,) = shop.store.open_conflicts()
    assert [(c.system, c.value) for c in held.conflict.claims] == [("b", v(30)), ("a", None)]
