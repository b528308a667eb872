"""Promise 6: a block is ours only if its id is from our create. A tag proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.model import Action, ConflictKind, Kind, Value
from syncd.store.backup import create_backup, restore_backup
from syncd.store.ownership_proof import created_ids, orphans
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.fakes import FakeSystem, lost_reply
from tests.engine.test_first_read import lose_state
from tests.engine.test_promises import settle


def our_block(system: FakeSystem, provider: str = "p") -> str:
    """Return the id of a provider's first block in a system."""
    return next(
        event
        for event, held in system.events.items()
        if held.kind is Kind.BLOCK and held.provider == provider and "[s:" in held.title
    )


def copy(system: FakeSystem, event: str, value: Value, provider: str = "p", **more: object) -> str:
    """Copy an event with its text, to another time or provider."""
    held = system.events[event]
    copied = replace(held, value=value, provider=provider, updated_at=system.clock.now())
    return system._put(replace(copied, **more))  # type: ignore[arg-type]


def make_meeting(system: FakeSystem, event: str, person: str) -> None:
    """Turn a block into an appointment at the same time."""
    held = system.events[event]
    system.events[event] = replace(held, kind=Kind.APPOINTMENT, person=person)


# --- copies ---------------------------------------------------------------------------------------


async def test_copies_of_a_block_are_busy_time_of_whoever_made_them(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    original = our_block(shop.b)
    copies = [copy(shop.b, original, v(14)), copy(shop.b, original, v(11), "q")]
    await settle(shop)
    assert shop.blocks("p") == {
        "a": [v(14).interval],
        "b": [v(9).interval, v(14).interval],
        "c": [v(9).interval, v(14).interval],
    }
    assert shop.blocks("q") == {system: [v(11).interval] for system in "abc"}
    shop.b.move(copies[0], v(16))
    shop.b.delete(copies[1])
    await settle(shop)
    assert shop.blocks("p")["c"] == [v(9).interval, v(16).interval]
    assert shop.blocks("q") == {"a": [], "b": [], "c": []}
    assert set(shop.b.events) == {original, copies[0]}


async def test_an_appointment_made_out_of_a_copy_is_never_removed(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    meeting = copy(shop.b, our_block(shop.b), v(14), kind=Kind.APPOINTMENT, person="kim")
    await settle(shop)
    shop.a.delete(event)
    await settle(shop)
    assert shop.b.events[meeting].value == v(14)
    assert shop.blocks() == {"a": [v(14).interval], "b": [], "c": [v(14).interval]}


async def test_our_text_pasted_into_an_appointment_changes_nothing(shop: Shop) -> None:
    shop.a.book("p", v(9))
    meeting = shop.b.book("p", v(14), "kim")
    await settle(shop)
    title = shop.b.events[our_block(shop.b)].title
    shop.b.events[meeting] = replace(shop.b.events[meeting], title=title)
    shop.b.move(meeting, v(15))
    await settle(shop)
    assert shop.b.events[meeting].value == v(15)
    assert shop.blocks()["a"] == [v(15).interval]


async def test_a_copy_stays_busy_time_when_the_block_it_was_copied_from_is_gone(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    copied = copy(shop.b, our_block(shop.b), v(14))
    shop.a.delete(event)
    await settle(shop)
    later = copy(shop.b, copied, v(16), "q")
    await settle(shop)
    assert set(shop.b.events) == {copied, later}
    assert shop.blocks("p")["c"] == [v(14).interval]
    assert shop.blocks("q")["c"] == [v(16).interval]


async def test_a_block_cut_and_pasted_is_made_again_and_the_copy_is_busy_time(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    original = our_block(shop.b)
    pasted = copy(shop.b, original, v(14))
    shop.b.delete(original)
    await settle(shop)
    assert pasted in shop.b.events
    assert shop.blocks()["b"] == [v(9).interval, v(14).interval]
    assert shop.blocks()["a"] == [v(14).interval]


# --- a customer in our block ----------------------------------------------------------------------


async def test_our_block_with_a_customer_in_it_is_somebodys_appointment(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    block = our_block(shop.b)
    make_meeting(shop.b, block, "kim")
    shop.b.move(block, v(10))  # Change the row, so that it is parsed.
    await settle(shop)
    assert not shop.store.records("b", [block])[0].created_by_us
    shop.a.delete(event)
    await settle(shop)
    assert shop.b.events[block].value == v(10)
    assert shop.blocks()["a"] == [v(10).interval]


async def test_a_block_that_shows_a_customer_just_before_the_write_is_not_removed(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    block = our_block(shop.b)
    shop.a.delete(event)
    read = shop.c.read

    async def slowly(*arguments: object, **named: object) -> object:
        found = await read(*arguments, **named)  # type: ignore[arg-type]
        shop.clock.pass_(seconds=15)
        make_meeting(shop.b, block, "kim")
        return found

    shop.c.read = slowly  # type: ignore[method-assign,assignment]
    await shop.engine.poll(near=False)
    del shop.c.read
    await settle(shop)
    assert block in shop.b.events
    assert shop.blocks() == {"a": [v(9).interval], "b": [], "c": [v(9).interval]}


async def test_a_block_that_no_list_shows_is_read_just_before_it_is_removed(shop: Shop) -> None:
    shop.b.lists_blocks = False
    event = shop.a.book("p", v(9))
    await settle(shop)
    block = our_block(shop.b)
    shop.a.delete(event)
    make_meeting(shop.b, block, "kim")
    shop.b.hidden.add(block)
    await shop.engine.poll(near=False)
    assert block in shop.b.events


# --- a create without an answer -------------------------------------------------------------------


async def lose_create(shop: Shop) -> str:
    """Create a block in b and lose the reply; the cycle ends before a lookup."""
    await settle(shop)
    shop.a.book("p", v(9))
    shop.b.faults["reply"] = [lost_reply("b")]
    await shop.engine.poll(near=False)
    return our_block(shop.b)


async def test_two_blocks_with_the_tag_of_an_unanswered_create_are_both_left_alone(
    shop: Shop,
) -> None:
    block = await lose_create(shop)
    copied = copy(shop.b, block, v(10))
    report = await shop.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    for _ in range(3):
        await shop.engine.resync()
    held = [h.conflict for h in shop.store.open_conflicts()]
    assert [(c.kind, c.note) for c in held] == [
        (ConflictKind.AMBIGUOUS, "several blocks match this create, so syncd adopts none of them")
    ]
    assert len(shop.b.writes) == 1
    assert not any(r.created_by_us for r in shop.store.records("b", [block, copied]))
    shop.b.delete(copied)
    await settle(shop)
    assert shop.store.records("b", [block])[0].created_by_us


async def test_a_copy_for_somebody_else_does_not_take_an_unanswered_create_over(
    shop: Shop,
) -> None:
    block = await lose_create(shop)
    shop.b.events[block] = replace(shop.b.events[block], provider="q")
    await shop.engine.resync()
    record = shop.store.records("b", [block])[0]
    assert (record.provider, record.created_by_us) == ("q", False)
    assert shop.blocks("p")["b"] == [v(9).interval]


async def test_an_unanswered_create_that_became_an_appointment_is_not_ours(shop: Shop) -> None:
    block = await lose_create(shop)
    make_meeting(shop.b, block, "kim")
    await shop.engine.resync()
    record = shop.store.records("b", [block])[0]
    assert (record.kind, record.created_by_us) == (Kind.APPOINTMENT, False)
    assert block in shop.b.events


async def test_an_unanswered_create_that_was_moved_is_ours_and_put_back(shop: Shop) -> None:
    block = await lose_create(shop)
    shop.b.move(block, v(9.5))
    await settle(shop)
    assert shop.store.records("b", [block])[0].created_by_us
    assert shop.blocks()["b"] == [v(9).interval]


async def test_an_unanswered_create_that_was_moved_to_another_day_is_not_made_twice(
    shop: Shop,
) -> None:
    """Simulator, seed 17."""
    block = await lose_create(shop)
    shop.b.move(block, v(24 * 20))
    await settle(shop)
    assert shop.store.records("b", [block])[0].created_by_us
    assert shop.blocks()["b"] == [v(9).interval]
    assert [o.action for o in shop.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


async def test_by_interval_nothing_is_adopted_where_tags_are_kept(shop: Shop) -> None:
    await settle(shop)
    shop.a.book("p", v(9))
    shop.b.faults["write"] = [lost_reply("b")]
    await shop.engine.poll(near=False)
    foreign = shop.b.human_block("p", v(9))
    await shop.engine.resync()
    assert not shop.store.records("b", [foreign])[0].created_by_us


@pytest.mark.parametrize("age", [timedelta(hours=1), None], ids=["older", "without a time"])
async def test_where_tags_are_stripped_only_a_newer_block_is_adopted(
    shop: Shop, age: timedelta | None
) -> None:
    shop.b.strip_keys = True
    shop.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(shop)
    shop.a.book("p", v(9))
    shop.b.faults["write"] = [lost_reply("b")]
    await shop.engine.poll(near=False)
    foreign = shop.b.human_block("p", v(9))
    stamp = shop.clock.now() - age if age is not None else None
    shop.b.events[foreign] = replace(shop.b.events[foreign], updated_at=stamp)
    await shop.engine.resync()
    assert shop.store.records("b", [foreign])[0].created_by_us is (age is None)


async def test_where_tags_are_stripped_two_blocks_at_that_time_are_both_left_alone(
    shop: Shop,
) -> None:
    shop.b.strip_keys = True
    shop.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(shop)
    shop.a.book("p", v(9))
    shop.b.faults["reply"] = [lost_reply("b")]
    await shop.engine.poll(near=False)
    foreign = shop.b.human_block("p", v(9))
    await shop.engine.resync()
    assert not any(r.created_by_us for r in shop.store.records("b", shop.b.events))
    assert foreign in shop.b.events
    assert len(shop.b.writes) == 1


# --- a lost or older state ------------------------------------------------------------------------


async def test_after_a_lost_state_orphans_are_neither_sources_nor_removed(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.delete(event)
    lose_state(shop)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert [(r.system, r.provider) for r in orphans(shop.store)] == [("b", "p"), ("c", "p")]


async def test_after_a_lost_state_an_orphan_is_adopted_once_it_is_wanted(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    held = shop.a.events.pop(event)
    lose_state(shop)
    await settle(shop)
    shop.a.events[event] = held
    await settle(shop)
    assert orphans(shop.store) == []
    assert created_ids(shop.store, "b", shop.b.events) == set(shop.b.events)
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_nothing_is_adopted_before_every_system_was_read_in_full(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    lose_state(shop)
    shop.c.incomplete = True
    await shop.engine.poll(near=False)
    assert not shop.store.records("b", shop.b.events)[0].created_by_us
    assert len(shop.b.writes) == 1
    shop.c.incomplete = False
    await settle(shop)
    assert shop.store.records("b", shop.b.events)[0].created_by_us
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_after_a_lost_state_of_two_with_one_tag_neither_is_adopted(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    other = shop.a.book("q", v(14))
    await settle(shop)
    for each in [e for e, h in shop.b.events.items() if h.provider == "q"]:
        shop.b.delete(each)
    copied = copy(shop.b, our_block(shop.b), v(14), "q")
    lose_state(shop)
    await settle(shop)
    assert not any(r.created_by_us for r in shop.store.records("b", shop.b.events))
    shop.a.delete(event)
    shop.a.delete(other)
    await settle(shop)
    assert copied in shop.b.events


async def test_an_older_state_takes_no_copy_for_its_own(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    source = shop.path.with_name("copy.db")
    create_backup(shop.path, source)
    copied = copy(shop.b, our_block(shop.b), v(14))
    later = shop.a.book("p", v(11))
    await settle(shop)
    second = copy(shop.b, our_block(shop.b), v(16), "q")
    shop.store.close()
    restore_backup(source, shop.path, shop.clock.now())
    shop.restart()
    await settle(shop)
    shop.a.delete(event)
    shop.a.delete(later)
    await settle(shop)
    assert set(shop.b.events) == {copied, second}
    assert shop.blocks("p")["c"] == [v(14).interval]
    assert shop.blocks("q")["c"] == [v(16).interval]


async def test_undo_removes_no_block_that_was_only_adopted(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    lose_state(shop)
    report = await shop.engine.resync()
    adopted = set(shop.b.events)
    later = shop.b.book("p", v(12))
    run = (await shop.engine.resync()).run
    await shop.engine.undo(run)
    assert report.converged
    assert set(shop.b.events) == {*adopted, later}
