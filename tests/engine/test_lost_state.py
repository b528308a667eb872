"""Test that the file of created ids proves our blocks after the state was lost or replaced.

docs/design.md#ownership. `test_ownership` tests blocks that only have a tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from syncd.engine.report import Report
from syncd.model import Action, Intent, Kind, Value
from syncd.store.backup import create_backup, restore_backup
from syncd.store.connection import ConnectionKeeper
from syncd.store.created_ids import CreatedIds, created_ids_path, read_lines
from syncd.store.journal import intents_since
from syncd.store.store import Store
from tests.core.kit import v
from tests.engine.conftest import EngineHarness, make_engine
from tests.engine.fakes import lost_reply
from tests.engine.test_ownership import copy, our_block
from tests.engine.test_promises import settle

ABSENT: dict[str, list[Any]] = {"a": [], "b": [], "c": []}

Accident = Callable[[EngineHarness], None]


def stop(harness: EngineHarness) -> None:
    """End the process; its journal is in the database then."""
    harness.store.close()


def start(harness: EngineHarness) -> None:
    """Start with the state on disk."""
    harness.store = Store.open(harness.path)
    harness.engine = make_engine(harness.store, harness.clock, harness.systems, harness.rows)


def loses_the_database(harness: EngineHarness) -> None:
    stop(harness)
    harness.path.unlink()
    start(harness)


def restores_the_backup(harness: EngineHarness) -> None:
    stop(harness)
    restore_backup(copy_of(harness), harness.path, harness.clock.now())
    start(harness)


def puts_back_an_old_file(harness: EngineHarness) -> None:
    """Copy the database by hand, without `syncd restore`."""
    stop(harness)
    copyfile(copy_of(harness), harness.path)
    start(harness)


ACCIDENTS = [loses_the_database, restores_the_backup, puts_back_an_old_file]


def copy_of(harness: EngineHarness) -> Path:
    return harness.path.with_name("copy.db")


def is_ours(harness: EngineHarness, system: str, event: str) -> bool:
    return [r.created_by_us for r in harness.store.records(system, [event])] == [True]


async def cycle(harness: EngineHarness) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await harness.engine.cycle(harness.engine.window(near=False), report)
    return report


def intents(harness: EngineHarness) -> list[Intent]:
    """Return the journal of provider p."""
    return intents_since(harness.store, "p", datetime(2000, 1, 1, tzinfo=UTC))


def removals(harness: EngineHarness) -> list[str]:
    return [o.system for s in harness.systems for o in s.writes if o.action is Action.REMOVE_BLOCK]


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_blocks_made_since_are_ours_again_and_follow_their_meeting(
    harness: EngineHarness, accident: Accident
) -> None:
    create_backup(harness.path, copy_of(harness))
    event = harness.a.book("p", v(9))
    await settle(harness)
    before = harness.writes()
    accident(harness)
    await settle(harness)
    assert harness.writes() == before
    assert is_ours(harness, "b", our_block(harness.b))
    harness.a.move(event, v(14))
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    harness.a.cancel(event)
    await settle(harness)
    assert harness.blocks() == ABSENT


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_unneeded_blocks_are_removed_by_the_second_cycle(
    harness: EngineHarness, accident: Accident
) -> None:
    create_backup(harness.path, copy_of(harness))
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.delete(event)
    accident(harness)
    first = await cycle(harness)
    assert (removals(harness), len(first.waiting)) == ([], 2)
    await settle(harness)
    assert harness.blocks() == ABSENT


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_a_system_has_not_been_read_since(
    harness: EngineHarness, accident: Accident
) -> None:
    await settle(harness)
    create_backup(harness.path, copy_of(harness))
    harness.c.book("p", v(9))
    await settle(harness)
    accident(harness)
    # The meeting's own system does not answer, so nobody knows of the meeting.
    for _ in range(3):
        harness.c.faults["read"] = [lost_reply("c")]
        await cycle(harness)
    assert removals(harness) == []
    harness.c.faults.clear()
    await settle(harness)
    assert harness.blocks() == {"a": [v(9).interval], "b": [v(9).interval], "c": []}


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_an_event_cannot_be_read_that_it_may_be_for(
    harness: EngineHarness, accident: Accident
) -> None:
    # Seed 148: a leave had lost its end when the state was lost, and its blocks were removed.
    await settle(harness)
    create_backup(harness.path, copy_of(harness))
    event, gone = harness.a.book("p", v(9)), harness.b.book("p", v(14))
    await settle(harness)
    harness.a.broken.add(event)
    await settle(harness)
    harness.b.delete(gone)
    accident(harness)
    for _ in range(3):
        await cycle(harness)
    # Nobody can tell which of the blocks were for it; but none was where it stands itself.
    assert removals(harness) == ["a"]
    assert harness.c.blocks("p") == [v(9).interval, v(14).interval]
    harness.a.broken.clear()
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_no_block_is_created_where_an_unread_one_may_exist(harness: EngineHarness) -> None:
    far = harness.clock.now() + timedelta(days=40)
    value = Value(far, far + timedelta(hours=1))
    harness.a.book("p", value)
    await settle(harness)
    loses_the_database(harness)
    harness.c.faults["read"] = [lost_reply("c")]
    await cycle(harness)
    # It answers again, but only the near window is read.
    await harness.engine.poll(near=True)
    await harness.engine.poll(near=True)
    assert harness.blocks()["c"] == [value.interval]
    await settle(harness)
    assert harness.blocks()["c"] == [value.interval]
    soon = harness.clock.now() + timedelta(hours=3)
    harness.a.book("p", Value(soon, soon + timedelta(hours=1)))
    await harness.engine.poll(near=True)
    assert len(harness.blocks()["c"]) == 2


async def test_no_second_block_is_made_for_a_leave_that_began_before_a_near_read(
    harness: EngineHarness,
) -> None:
    """Regression, seed 13: after the loss lists hid everything, and a later near list did not."""
    for system in harness.systems:
        system.by_start = True
    now = harness.clock.now()
    leave = Value(now - timedelta(days=20), now + timedelta(days=4))
    harness.a.human_block("p", leave)
    await settle(harness)
    loses_the_database(harness)
    harness.c.incomplete, harness.c.empty = True, True
    await harness.engine.resync()
    await harness.engine.poll(near=False)
    harness.c.incomplete, harness.c.empty = False, False
    await harness.engine.poll(near=True)
    assert harness.blocks()["c"] == [leave.interval]
    await harness.engine.poll(near=False)
    assert harness.blocks()["c"] == [leave.interval]
    assert is_ours(harness, "c", our_block(harness.c))


async def test_near_changes_are_blocked_in_a_calendar_with_near_reads_only(
    harness: EngineHarness,
) -> None:
    harness.c.faults["read"] = [lost_reply("c")]
    await cycle(harness)
    soon = harness.clock.now() + timedelta(hours=3)
    value = Value(soon, soon + timedelta(hours=1))
    harness.a.book("p", value)
    await harness.engine.poll(near=True)
    assert harness.blocks()["c"] == [value.interval]


async def test_a_block_whose_tag_was_stripped_is_ours_by_its_id(harness: EngineHarness) -> None:
    harness.b.strip_keys = harness.c.strip_keys = True
    event = harness.a.book("p", v(9))
    await settle(harness)
    loses_the_database(harness)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == ABSENT


async def test_a_copy_of_a_proven_block_counts_as_busy_time(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    copied = copy(harness.b, our_block(harness.b), v(14))
    loses_the_database(harness)
    await settle(harness)
    assert harness.blocks()["a"] == [v(14).interval]
    harness.a.delete(event)
    await settle(harness)
    assert set(harness.b.events) == {copied}


async def test_a_copy_whose_block_is_gone_is_still_no_orphan(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    copied = copy(harness.b, our_block(harness.b), v(14))
    harness.a.delete(event)
    harness.b.delete(our_block(harness.b))
    loses_the_database(harness)
    await settle(harness)
    assert harness.blocks()["a"] == [v(14).interval]
    assert copied in harness.b.events


async def test_a_customer_in_a_proven_block_makes_it_a_meeting(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    ours = our_block(harness.b)
    harness.b.events[ours] = replace(harness.b.events[ours], kind=Kind.APPOINTMENT, person="kim")
    loses_the_database(harness)
    await settle(harness, doubles=1)
    assert ours in harness.b.events
    assert not is_ours(harness, "b", ours)


async def test_an_adopted_create_and_an_undone_removal_are_in_the_file(
    harness: EngineHarness,
) -> None:
    harness.b.faults["reply"] = [lost_reply("b")]
    event = harness.a.book("p", v(9))
    await settle(harness)
    assert {
        line.event for line in read_lines(created_ids_path(harness.path)) if line.system == "b"
    } == {our_block(harness.b)}
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == ABSENT
    removed = next(i for i in intents(harness) if i.operation.action is Action.REMOVE_BLOCK)
    await harness.engine.undo(removed.run)
    for system in (harness.b, harness.c):
        (standing,) = system.events
        assert standing in {line.event for line in read_lines(created_ids_path(harness.path))}


async def test_a_crash_between_reply_and_transaction_and_then_a_lost_state(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    begin = ConnectionKeeper.transaction

    @contextmanager
    def transaction(self: ConnectionKeeper, **named: Any) -> Iterator[Any]:
        if harness.b.writes or harness.c.writes:
            raise Killed
        with begin(self, **named) as cursor:
            yield cursor

    event = harness.a.book("p", v(9))
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionKeeper, "transaction", transaction)
        with pytest.raises(Killed):
            await harness.engine.resync()
    made = [system for system in (harness.b, harness.c) if system.events]
    assert made
    loses_the_database(harness)
    for system in made:
        assert [
            line.event
            for line in read_lines(created_ids_path(harness.path))
            if line.system == system.name
        ]
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == ABSENT


async def test_a_plan_after_a_loss_knows_what_the_file_proves(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.delete(event)
    stop(harness)
    harness.path.unlink()
    before = created_ids_path(harness.path).read_bytes()
    empty = Store.open("sqlite://")
    empty.use_created_ids(created_ids_path(harness.path), append=False)
    looking = make_engine(empty, harness.clock, harness.systems, harness.rows)
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert created_ids_path(harness.path).read_bytes() == before
    start(harness)


# --- planted bugs ---------------------------------------------------------------------------------


def the_file_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Ignore the ids that the file proves."""
    patch.setattr(CreatedIds, "proven", lambda *_given: set())


def an_old_database_is_believed(patch: pytest.MonkeyPatch) -> None:
    """Trust a database that is older than the file: its calendars count as read in full."""
    patch.setattr("syncd.store.created_ids_sync.revoke_proof", lambda _engine: None)


async def test_ignoring_the_file_of_created_ids_is_caught(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_file_is_ignored(monkeypatch)
    with pytest.raises(AssertionError):
        await test_unneeded_blocks_are_removed_by_the_second_cycle(harness, loses_the_database)


async def test_trusting_an_old_database_is_caught(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_old_database_is_believed(monkeypatch)
    with pytest.raises(AssertionError):
        await test_nothing_is_removed_while_a_system_has_not_been_read_since(
            harness, puts_back_an_old_file
        )
