"""Promise 6: a block is ours only if its id is from our create. A tag proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.model import Action, ConflictKind, Kind, Value
from syncd.store.backup.backup import create_backup, restore_backup
from syncd.store.backup.ownership_proof import created_ids, orphans
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Rig
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
    system.events[event] = replace(held, kind=Kind.APPOINTMENT, customer=person)


# --- copies ---------------------------------------------------------------------------------------


async def test_copies_of_a_block_are_busy_time_of_whoever_made_them(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    original = our_block(rig.b)
    copies = [copy(rig.b, original, v(14)), copy(rig.b, original, v(11), "q")]
    await settle(rig)
    assert rig.blocks("p") == {
        "a": [v(14).interval],
        "b": [v(9).interval, v(14).interval],
        "c": [v(9).interval, v(14).interval],
    }
    assert rig.blocks("q") == {system: [v(11).interval] for system in "abc"}
    rig.b.move(copies[0], v(16))
    rig.b.delete(copies[1])
    await settle(rig)
    assert rig.blocks("p")["c"] == [v(9).interval, v(16).interval]
    assert rig.blocks("q") == {"a": [], "b": [], "c": []}
    assert set(rig.b.events) == {original, copies[0]}


async def test_an_appointment_made_out_of_a_copy_is_never_removed(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    meeting = copy(rig.b, our_block(rig.b), v(14), kind=Kind.APPOINTMENT, customer="kim")
    await settle(rig)
    rig.a.delete(event)
    await settle(rig)
    assert rig.b.events[meeting].value == v(14)
    assert rig.blocks() == {"a": [v(14).interval], "b": [], "c": [v(14).interval]}


async def test_our_text_pasted_into_an_appointment_changes_nothing(rig: Rig) -> None:
    rig.a.book("p", v(9))
    meeting = rig.b.book("p", v(14), "kim")
    await settle(rig)
    title = rig.b.events[our_block(rig.b)].title
    rig.b.events[meeting] = replace(rig.b.events[meeting], title=title)
    rig.b.move(meeting, v(15))
    await settle(rig)
    assert rig.b.events[meeting].value == v(15)
    assert rig.blocks()["a"] == [v(15).interval]


async def test_a_copy_stays_busy_time_when_the_block_it_was_copied_from_is_gone(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    copied = copy(rig.b, our_block(rig.b), v(14))
    rig.a.delete(event)
    await settle(rig)
    later = copy(rig.b, copied, v(16), "q")
    await settle(rig)
    assert set(rig.b.events) == {copied, later}
    assert rig.blocks("p")["c"] == [v(14).interval]
    assert rig.blocks("q")["c"] == [v(16).interval]


async def test_a_block_cut_and_pasted_is_made_again_and_the_copy_is_busy_time(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    original = our_block(rig.b)
    pasted = copy(rig.b, original, v(14))
    rig.b.delete(original)
    await settle(rig)
    assert pasted in rig.b.events
    assert rig.blocks()["b"] == [v(9).interval, v(14).interval]
    assert rig.blocks()["a"] == [v(14).interval]


# --- a customer in our block ----------------------------------------------------------------------


async def test_our_block_with_a_customer_in_it_is_somebodys_appointment(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    block = our_block(rig.b)
    make_meeting(rig.b, block, "kim")
    rig.b.move(block, v(10))  # Change the row, so that it is parsed.
    await settle(rig)
    assert not rig.store.records("b", [block])[0].created_by_us
    rig.a.delete(event)
    await settle(rig)
    assert rig.b.events[block].value == v(10)
    assert rig.blocks()["a"] == [v(10).interval]


async def test_a_block_that_shows_a_customer_just_before_the_write_is_not_removed(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    block = our_block(rig.b)
    rig.a.delete(event)
    read = rig.c.read

    async def slowly(*arguments: object, **named: object) -> object:
        found = await read(*arguments, **named)  # type: ignore[arg-type]
        rig.clock.pass_(seconds=15)
        make_meeting(rig.b, block, "kim")
        return found

    rig.c.read = slowly  # type: ignore[method-assign,assignment]
    await rig.engine.poll(near=False)
    del rig.c.read
    await settle(rig)
    assert block in rig.b.events
    assert rig.blocks() == {"a": [v(9).interval], "b": [], "c": [v(9).interval]}


async def test_a_block_that_no_list_shows_is_read_just_before_it_is_removed(rig: Rig) -> None:
    rig.b.lists_blocks = False
    event = rig.a.book("p", v(9))
    await settle(rig)
    block = our_block(rig.b)
    rig.a.delete(event)
    make_meeting(rig.b, block, "kim")
    rig.b.hidden.add(block)
    await rig.engine.poll(near=False)
    assert block in rig.b.events


# --- a create without an answer -------------------------------------------------------------------


async def lose_create(rig: Rig) -> str:
    """Create a block in b and lose the reply; the cycle ends before a lookup."""
    await settle(rig)
    rig.a.book("p", v(9))
    rig.b.faults["reply"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    return our_block(rig.b)


async def test_two_blocks_with_the_tag_of_an_unanswered_create_are_both_left_alone(
    rig: Rig,
) -> None:
    block = await lose_create(rig)
    copied = copy(rig.b, block, v(10))
    report = await rig.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    for _ in range(3):
        await rig.engine.resync()
    held = [h.conflict for h in rig.store.open_conflicts()]
    assert [(c.kind, c.note) for c in held] == [
        (ConflictKind.AMBIGUOUS, "several blocks match this create, so syncd adopts none of them")
    ]
    assert len(rig.b.writes) == 1
    assert not any(r.created_by_us for r in rig.store.records("b", [block, copied]))
    rig.b.delete(copied)
    await settle(rig)
    assert rig.store.records("b", [block])[0].created_by_us


async def test_a_copy_for_somebody_else_does_not_take_an_unanswered_create_over(
    rig: Rig,
) -> None:
    block = await lose_create(rig)
    rig.b.events[block] = replace(rig.b.events[block], provider="q")
    await rig.engine.resync()
    record = rig.store.records("b", [block])[0]
    assert (record.provider, record.created_by_us) == ("q", False)
    assert rig.blocks("p")["b"] == [v(9).interval]


async def test_an_unanswered_create_that_became_an_appointment_is_not_ours(rig: Rig) -> None:
    block = await lose_create(rig)
    make_meeting(rig.b, block, "kim")
    await rig.engine.resync()
    record = rig.store.records("b", [block])[0]
    assert (record.kind, record.created_by_us) == (Kind.APPOINTMENT, False)
    assert block in rig.b.events


async def test_an_unanswered_create_that_was_moved_is_ours_and_put_back(rig: Rig) -> None:
    block = await lose_create(rig)
    rig.b.move(block, v(9.5))
    await settle(rig)
    assert rig.store.records("b", [block])[0].created_by_us
    assert rig.blocks()["b"] == [v(9).interval]


async def test_an_unanswered_create_that_was_moved_to_another_day_is_not_made_twice(
    rig: Rig,
) -> None:
    """Simulator, seed 17."""
    block = await lose_create(rig)
    rig.b.move(block, v(24 * 20))
    await settle(rig)
    assert rig.store.records("b", [block])[0].created_by_us
    assert rig.blocks()["b"] == [v(9).interval]
    assert [o.action for o in rig.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


async def test_by_interval_nothing_is_adopted_where_tags_are_kept(rig: Rig) -> None:
    await settle(rig)
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    foreign = rig.b.human_block("p", v(9))
    await rig.engine.resync()
    assert not rig.store.records("b", [foreign])[0].created_by_us


@pytest.mark.parametrize("age", [timedelta(hours=1), None], ids=["older", "without a time"])
async def test_where_tags_are_stripped_only_a_newer_block_is_adopted(
    rig: Rig, age: timedelta | None
) -> None:
    rig.b.strip_keys = True
    rig.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(rig)
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    foreign = rig.b.human_block("p", v(9))
    stamp = rig.clock.now() - age if age is not None else None
    rig.b.events[foreign] = replace(rig.b.events[foreign], updated_at=stamp)
    await rig.engine.resync()
    assert rig.store.records("b", [foreign])[0].created_by_us is (age is None)


async def test_where_tags_are_stripped_two_blocks_at_that_time_are_both_left_alone(
    rig: Rig,
) -> None:
    rig.b.strip_keys = True
    rig.b.capabilities = Capabilities(lag=timedelta(0), key_survives=False)
    await settle(rig)
    rig.a.book("p", v(9))
    rig.b.faults["reply"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    foreign = rig.b.human_block("p", v(9))
    await rig.engine.resync()
    assert not any(r.created_by_us for r in rig.store.records("b", rig.b.events))
    assert foreign in rig.b.events
    assert len(rig.b.writes) == 1


# --- a lost or older state ------------------------------------------------------------------------


async def test_after_a_lost_state_orphans_are_neither_sources_nor_removed(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.delete(event)
    lose_state(rig)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert [(r.system, r.provider) for r in orphans(rig.store)] == [("b", "p"), ("c", "p")]


async def test_after_a_lost_state_an_orphan_is_adopted_once_it_is_wanted(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    held = rig.a.events.pop(event)
    lose_state(rig)
    await settle(rig)
    rig.a.events[event] = held
    await settle(rig)
    assert orphans(rig.store) == []
    assert created_ids(rig.store, "b", rig.b.events) == set(rig.b.events)
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_nothing_is_adopted_before_every_system_was_read_in_full(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    lose_state(rig)
    rig.c.incomplete = True
    await rig.engine.poll(near=False)
    assert not rig.store.records("b", rig.b.events)[0].created_by_us
    assert len(rig.b.writes) == 1
    rig.c.incomplete = False
    await settle(rig)
    assert rig.store.records("b", rig.b.events)[0].created_by_us
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_after_a_lost_state_of_two_with_one_tag_neither_is_adopted(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    other = rig.a.book("q", v(14))
    await settle(rig)
    for each in [e for e, h in rig.b.events.items() if h.provider == "q"]:
        rig.b.delete(each)
    copied = copy(rig.b, our_block(rig.b), v(14), "q")
    lose_state(rig)
    await settle(rig)
    assert not any(r.created_by_us for r in rig.store.records("b", rig.b.events))
    rig.a.delete(event)
    rig.a.delete(other)
    await settle(rig)
    assert copied in rig.b.events


async def test_an_older_state_takes_no_copy_for_its_own(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    source = rig.path.with_name("copy.db")
    create_backup(rig.path, source)
    copied = copy(rig.b, our_block(rig.b), v(14))
    later = rig.a.book("p", v(11))
    await settle(rig)
    second = copy(rig.b, our_block(rig.b), v(16), "q")
    rig.store.close()
    restore_backup(source, rig.path, rig.clock.now())
    rig.restart()
    await settle(rig)
    rig.a.delete(event)
    rig.a.delete(later)
    await settle(rig)
    assert set(rig.b.events) == {copied, second}
    assert rig.blocks("p")["c"] == [v(14).interval]
    assert rig.blocks("q")["c"] == [v(16).interval]


async def test_undo_removes_no_block_that_was_only_adopted(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    lose_state(rig)
    report = await rig.engine.resync()
    adopted = set(rig.b.events)
    later = rig.b.book("p", v(12))
    run = (await rig.engine.resync()).run
    await rig.engine.undo(run)
    assert report.converged
    assert set(rig.b.events) == {*adopted, later}
