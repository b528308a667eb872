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
from tests.engine.conftest import EngineHarness
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


async def test_copies_of_a_block_are_busy_time_of_whoever_made_them(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    original = our_block(harness.b)
    copies = [copy(harness.b, original, v(14)), copy(harness.b, original, v(11), "q")]
    await settle(harness)
    assert harness.blocks("p") == {
        "a": [v(14).interval],
        "b": [v(9).interval, v(14).interval],
        "c": [v(9).interval, v(14).interval],
    }
    assert harness.blocks("q") == {system: [v(11).interval] for system in "abc"}
    harness.b.move(copies[0], v(16))
    harness.b.delete(copies[1])
    await settle(harness)
    assert harness.blocks("p")["c"] == [v(9).interval, v(16).interval]
    assert harness.blocks("q") == {"a": [], "b": [], "c": []}
    assert set(harness.b.events) == {original, copies[0]}


async def test_an_appointment_made_out_of_a_copy_is_never_removed(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    meeting = copy(harness.b, our_block(harness.b), v(14), kind=Kind.APPOINTMENT, person="kim")
    await settle(harness)
    harness.a.delete(event)
    await settle(harness)
    assert harness.b.events[meeting].value == v(14)
    assert harness.blocks() == {"a": [v(14).interval], "b": [], "c": [v(14).interval]}


async def test_our_text_pasted_into_an_appointment_changes_nothing(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    meeting = harness.b.book("p", v(14), "kim")
    await settle(harness)
    title = harness.b.events[our_block(harness.b)].title
    harness.b.events[meeting] = replace(harness.b.events[meeting], title=title)
    harness.b.move(meeting, v(15))
    await settle(harness)
    assert harness.b.events[meeting].value == v(15)
    assert harness.blocks()["a"] == [v(15).interval]


async def test_a_copy_stays_busy_time_when_the_block_it_was_copied_from_is_gone(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    copied = copy(harness.b, our_block(harness.b), v(14))
    harness.a.delete(event)
    await settle(harness)
    later = copy(harness.b, copied, v(16), "q")
    await settle(harness)
    assert set(harness.b.events) == {copied, later}
    assert harness.blocks("p")["c"] == [v(14).interval]
    assert harness.blocks("q")["c"] == [v(16).interval]


async def test_a_block_cut_and_pasted_is_made_again_and_the_copy_is_busy_time(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    original = our_block(harness.b)
    pasted = copy(harness.b, original, v(14))
    harness.b.delete(original)
    await settle(harness)
    assert pasted in harness.b.events
    assert harness.blocks()["b"] == [v(9).interval, v(14).interval]
    assert harness.blocks()["a"] == [v(14).interval]


# --- a customer in our block ----------------------------------------------------------------------


async def test_our_block_with_a_customer_in_it_is_somebodys_appointment(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    block = our_block(harness.b)
    make_meeting(harness.b, block, "kim")
    harness.b.move(block, v(10))  # Change the row, so that it is parsed.
    await settle(harness)
    assert not harness.store.records("b", [block])[0].created_by_us
    harness.a.delete(event)
    await settle(harness)
    assert harness.b.events[block].value == v(10)
    assert harness.blocks()["a"] == [v(10).interval]


async def test_a_block_that_shows_a_customer_just_before_the_write_is_not_removed(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    block = our_block(harness.b)
    harness.a.delete(event)
    read = harness.c.read

    async def slowly(*arguments: object, **named: object) -> object:
        found = await read(*arguments, **named)  # type: ignore[arg-type]
        harness.clock.pass_(seconds=15)
        make_meeting(harness.b, block, "kim")
        return found

    harness.c.read = slowly  # type: ignore[method-assign,assignment]
    await harness.engine.poll(near=False)
    del harness.c.read
    await settle(harness)
    assert block in harness.b.events
    assert harness.blocks() == {"a": [v(9).interval], "b": [], "c": [v(9).interval]}


async def test_a_block_that_no_list_shows_is_read_just_before_it_is_removed(
    harness: EngineHarness,
) -> None:
    harness.b.lists_blocks = False
    event = harness.a.book("p", v(9))
    await settle(harness)
    block = our_block(harness.b)
    harness.a.delete(event)
    make_meeting(harness.b, block, "kim")
    harness.b.hidden.add(block)
    await harness.engine.poll(near=False)
    assert block in harness.b.events


# --- a create without an answer -------------------------------------------------------------------


async def lose_create(harness: EngineHarness) -> str:
    """Create a block in b and lose the reply; the cycle ends before a lookup."""
    await settle(harness)
    harness.a.book("p", v(9))
    harness.b.faults["reply"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    return our_block(harness.b)


async def test_two_blocks_with_the_tag_of_an_unanswered_create_are_both_left_alone(
    harness: EngineHarness,
) -> None:
    block = await lose_create(harness)
    copied = copy(harness.b, block, v(10))
    report = await harness.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    for _ in range(3):
        await harness.engine.resync()
    held = [h.conflict for h in harness.store.open_conflicts()]
    assert [(c.kind, c.note) for c in held] == [
        (ConflictKind.AMBIGUOUS, "several blocks match this create, so syncd adopts none of them")
    ]
    assert len(harness.b.writes) == 1
    assert not any(r.created_by_us for r in harness.store.records("b", [block, copied]))
    harness.b.delete(copied)
    await settle(harness)
    assert harness.store.records("b", [block])[0].created_by_us


async def test_a_copy_for_somebody_else_does_not_take_an_unanswered_create_over(
    harness: EngineHarness,
) -> None:
    block = await lose_create(harness)
    harness.b.events[block] = replace(harness.b.events[block], provider="q")
    await harness.engine.resync()
    record = harness.store.records("b", [block])[0]
    assert (record.provider, record.created_by_us) == ("q", False)
    assert harness.blocks("p")["b"] == [v(9).interval]


async def test_an_unanswered_create_that_became_an_appointment_is_not_ours(
    harness: EngineHarness,
) -> None:
    block = await lose_create(harness)
    make_meeting(harness.b, block, "kim")
    await harness.engine.resync()
    record = harness.store.records("b", [block])[0]
    assert (record.kind, record.created_by_us) == (Kind.APPOINTMENT, False)
    assert block in harness.b.events


async def test_an_unanswered_create_that_was_moved_is_ours_and_put_back(
    harness: EngineHarness,
) -> None:
    block = await lose_create(harness)
    harness.b.move(block, v(9.5))
    await settle(harness)
    assert harness.store.records("b", [block])[0].created_by_us
    assert harness.blocks()["b"] == [v(9).interval]


async def test_an_unanswered_create_that_was_moved_to_another_day_is_not_made_twice(
    harness: EngineHarness,
) -> None:
    """Simulator, seed 17."""
    block = await lose_create(harness)
    harness.b.move(block, v(24 * 20))
    await settle(harness)
    assert harness.store.records("b", [block])[0].created_by_us
    assert harness.blocks()["b"] == [v(9).interval]
    assert [o.action for o in harness.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


async def test_by_interval_nothing_is_adopted_where_tags_are_kept(harness: EngineHarness) -> None:
    await settle(harness)
    harness.a.book("p", v(9))
    harness.b.faults["write"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    foreign = harness.b.human_block("p", v(9))
    await harness.engine.resync()
    assert not harness.store.records("b", [foreign])[0].created_by_us


@pytest.mark.parametrize("age", [timedelta(hours=1), None], ids=["older", "without a time"])
async def test_where_tags_are_stripped_only_a_newer_block_is_adopted(
    harness: EngineHarness, age: timedelta | None
) -> None:
    harness.b.strip_keys = True
    harness.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(harness)
    harness.a.book("p", v(9))
    harness.b.faults["write"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    foreign = harness.b.human_block("p", v(9))
    stamp = harness.clock.now() - age if age is not None else None
    harness.b.events[foreign] = replace(harness.b.events[foreign], updated_at=stamp)
    await harness.engine.resync()
    assert harness.store.records("b", [foreign])[0].created_by_us is (age is None)


async def test_where_tags_are_stripped_two_blocks_at_that_time_are_both_left_alone(
    harness: EngineHarness,
) -> None:
    harness.b.strip_keys = True
    harness.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(harness)
    harness.a.book("p", v(9))
    harness.b.faults["reply"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    foreign = harness.b.human_block("p", v(9))
    await harness.engine.resync()
    assert not any(r.created_by_us for r in harness.store.records("b", harness.b.events))
    assert foreign in harness.b.events
    assert len(harness.b.writes) == 1


# --- a lost or older state ------------------------------------------------------------------------


async def test_after_a_lost_state_orphans_are_neither_sources_nor_removed(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.delete(event)
    lose_state(harness)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert [(r.system, r.provider) for r in orphans(harness.store)] == [("b", "p"), ("c", "p")]


async def test_after_a_lost_state_an_orphan_is_adopted_once_it_is_wanted(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    held = harness.a.events.pop(event)
    lose_state(harness)
    await settle(harness)
    harness.a.events[event] = held
    await settle(harness)
    assert orphans(harness.store) == []
    assert created_ids(harness.store, "b", harness.b.events) == set(harness.b.events)
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_nothing_is_adopted_before_every_system_was_read_in_full(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    lose_state(harness)
    harness.c.incomplete = True
    await harness.engine.poll(near=False)
    assert not harness.store.records("b", harness.b.events)[0].created_by_us
    assert len(harness.b.writes) == 1
    harness.c.incomplete = False
    await settle(harness)
    assert harness.store.records("b", harness.b.events)[0].created_by_us
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_after_a_lost_state_of_two_with_one_tag_neither_is_adopted(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    other = harness.a.book("q", v(14))
    await settle(harness)
    for each in [e for e, h in harness.b.events.items() if h.provider == "q"]:
        harness.b.delete(each)
    copied = copy(harness.b, our_block(harness.b), v(14), "q")
    lose_state(harness)
    await settle(harness)
    assert not any(r.created_by_us for r in harness.store.records("b", harness.b.events))
    harness.a.delete(event)
    harness.a.delete(other)
    await settle(harness)
    assert copied in harness.b.events


async def test_an_older_state_takes_no_copy_for_its_own(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    source = harness.path.with_name("copy.db")
    create_backup(harness.path, source)
    copied = copy(harness.b, our_block(harness.b), v(14))
    later = harness.a.book("p", v(11))
    await settle(harness)
    second = copy(harness.b, our_block(harness.b), v(16), "q")
    harness.store.close()
    restore_backup(source, harness.path, harness.clock.now())
    harness.restart()
    await settle(harness)
    harness.a.delete(event)
    harness.a.delete(later)
    await settle(harness)
    assert set(harness.b.events) == {copied, second}
    assert harness.blocks("p")["c"] == [v(14).interval]
    assert harness.blocks("q")["c"] == [v(16).interval]


async def test_undo_removes_no_block_that_was_only_adopted(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    lose_state(harness)
    report = await harness.engine.resync()
    adopted = set(harness.b.events)
    later = harness.b.book("p", v(12))
    run = (await harness.engine.resync()).run
    await harness.engine.undo(run)
    assert report.converged
    assert set(harness.b.events) == {*adopted, later}
