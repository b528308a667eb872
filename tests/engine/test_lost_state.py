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

from syncd.engine.cycle import cycle as run_cycle
from syncd.engine.report.run_report import Report
from syncd.model import Action, Intent, Kind, Value
from syncd.store.backup.backup import create_backup, restore_backup
from syncd.store.backup.created_ids import CreatedIds, created_ids_path, read_lines
from syncd.store.database.connection import ConnectionKeeper
from syncd.store.repository.journal import intents_since
from syncd.store.store import Store
from tests.core.kit import v
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import lost_reply
from tests.engine.test_ownership import copy, our_block
from tests.engine.test_promises import settle

ABSENT: dict[str, list[Any]] = {"a": [], "b": [], "c": []}

Accident = Callable[[Rig], None]


def stop(rig: Rig) -> None:
    """End the process; its journal is in the database then."""
    rig.store.close()


def start(rig: Rig) -> None:
    """Start with the state on disk."""
    rig.store = Store.open(rig.path)
    rig.engine = make_engine(rig.store, rig.clock, rig.systems, rig.rows)


def loses_the_database(rig: Rig) -> None:
    stop(rig)
    rig.path.unlink()
    start(rig)


def restores_the_backup(rig: Rig) -> None:
    stop(rig)
    restore_backup(copy_of(rig), rig.path, rig.clock.now())
    start(rig)


def puts_back_an_old_file(rig: Rig) -> None:
    """Copy the database by hand, without `syncd restore`."""
    stop(rig)
    copyfile(copy_of(rig), rig.path)
    start(rig)


ACCIDENTS = [loses_the_database, restores_the_backup, puts_back_an_old_file]


def copy_of(rig: Rig) -> Path:
    return rig.path.with_name("copy.db")


def is_ours(rig: Rig, system: str, event: str) -> bool:
    return [r.created_by_us for r in rig.store.records(system, [event])] == [True]


async def cycle(rig: Rig) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await run_cycle(rig.engine, rig.engine.window(near=False), report)
    return report


def intents(rig: Rig) -> list[Intent]:
    """Return the journal of provider p."""
    return intents_since(rig.store, "p", datetime(2000, 1, 1, tzinfo=UTC))


def removals(rig: Rig) -> list[str]:
    return [o.system for s in rig.systems for o in s.writes if o.action is Action.REMOVE_BLOCK]


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_blocks_made_since_are_ours_again_and_follow_their_meeting(
    rig: Rig, accident: Accident
) -> None:
    create_backup(rig.path, copy_of(rig))
    event = rig.a.book("p", v(9))
    await settle(rig)
    before = rig.writes()
    accident(rig)
    await settle(rig)
    assert rig.writes() == before
    assert is_ours(rig, "b", our_block(rig.b))
    rig.a.move(event, v(14))
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    rig.a.cancel(event)
    await settle(rig)
    assert rig.blocks() == ABSENT


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_unneeded_blocks_are_removed_by_the_second_cycle(
    rig: Rig, accident: Accident
) -> None:
    create_backup(rig.path, copy_of(rig))
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.delete(event)
    accident(rig)
    first = await cycle(rig)
    assert (removals(rig), len(first.waiting)) == ([], 2)
    await settle(rig)
    assert rig.blocks() == ABSENT


@pytest.mark.parametrize("strip_keys", [False, True], ids=["tagged", "tags-stripped"])
@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_blocks_of_a_merged_user_do_not_become_those_of_the_other_one(
    rig: Rig, accident: Accident, *, strip_keys: bool
) -> None:
    # Seed 7029: a user was merged into another one, and then the state was lost.
    rig.b.strip_keys = strip_keys
    rig.b.capabilities = replace(rig.b.capabilities, key_survives=not strip_keys)
    create_backup(rig.path, copy_of(rig))
    rig.a.book("p", v(9))
    await settle(rig)
    (block,) = (id_ for id_, held in rig.b.events.items() if held.kind is Kind.BLOCK)
    rig.b.events[block] = replace(rig.b.events[block], provider="q")
    accident(rig)
    await settle(rig)
    await settle(rig)
    assert removals(rig) == []
    assert not is_ours(rig, "b", block)
    # Such a block is never a source: no other calendar of q is closed for it.
    assert rig.a.blocks("q") == rig.c.blocks("q") == []
    rig.b.events[block] = replace(rig.b.events[block], provider="p")
    await settle(rig)
    assert is_ours(rig, "b", block)


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_a_system_has_not_been_read_since(
    rig: Rig, accident: Accident
) -> None:
    await settle(rig)
    create_backup(rig.path, copy_of(rig))
    rig.c.book("p", v(9))
    await settle(rig)
    accident(rig)
    # The meeting's own system does not answer, so nobody knows of the meeting.
    for _ in range(3):
        rig.c.faults["read"] = [lost_reply("c")]
        await cycle(rig)
    assert removals(rig) == []
    rig.c.faults.clear()
    await settle(rig)
    assert rig.blocks() == {"a": [v(9).interval], "b": [v(9).interval], "c": []}


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_an_event_cannot_be_read_that_it_may_be_for(
    rig: Rig, accident: Accident
) -> None:
    # Seed 148: a leave had lost its end when the state was lost, and its blocks were removed.
    await settle(rig)
    create_backup(rig.path, copy_of(rig))
    event, gone = rig.a.book("p", v(9)), rig.b.book("p", v(14))
    await settle(rig)
    rig.a.broken.add(event)
    await settle(rig)
    rig.b.delete(gone)
    accident(rig)
    for _ in range(3):
        await cycle(rig)
    # Nobody can tell which of the blocks were for it; but none was where it stands itself.
    assert removals(rig) == ["a"]
    assert rig.c.blocks("p") == [v(9).interval, v(14).interval]
    rig.a.broken.clear()
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_no_block_is_created_where_an_unread_one_may_exist(rig: Rig) -> None:
    far = rig.clock.now() + timedelta(days=40)
    value = Value(far, far + timedelta(hours=1))
    rig.a.book("p", value)
    await settle(rig)
    loses_the_database(rig)
    rig.c.faults["read"] = [lost_reply("c")]
    await cycle(rig)
    # It answers again, but only the near window is read.
    await rig.engine.poll(near=True)
    await rig.engine.poll(near=True)
    assert rig.blocks()["c"] == [value.interval]
    await settle(rig)
    assert rig.blocks()["c"] == [value.interval]
    soon = rig.clock.now() + timedelta(hours=3)
    rig.a.book("p", Value(soon, soon + timedelta(hours=1)))
    await rig.engine.poll(near=True)
    assert len(rig.blocks()["c"]) == 2


async def test_no_second_block_is_made_for_a_leave_that_began_before_a_near_read(
    rig: Rig,
) -> None:
    """Regression, seed 13: after the loss lists hid everything, and a later near list did not."""
    for system in rig.systems:
        system.by_start = True
    now = rig.clock.now()
    leave = Value(now - timedelta(days=20), now + timedelta(days=4))
    rig.a.human_block("p", leave)
    await settle(rig)
    loses_the_database(rig)
    rig.c.incomplete, rig.c.empty = True, True
    await rig.engine.resync()
    await rig.engine.poll(near=False)
    rig.c.incomplete, rig.c.empty = False, False
    await rig.engine.poll(near=True)
    assert rig.blocks()["c"] == [leave.interval]
    await rig.engine.poll(near=False)
    assert rig.blocks()["c"] == [leave.interval]
    assert is_ours(rig, "c", our_block(rig.c))


async def test_near_changes_are_blocked_in_a_calendar_with_near_reads_only(rig: Rig) -> None:
    rig.c.faults["read"] = [lost_reply("c")]
    await cycle(rig)
    soon = rig.clock.now() + timedelta(hours=3)
    value = Value(soon, soon + timedelta(hours=1))
    rig.a.book("p", value)
    await rig.engine.poll(near=True)
    assert rig.blocks()["c"] == [value.interval]


async def test_a_block_whose_tag_was_stripped_is_ours_by_its_id(rig: Rig) -> None:
    rig.b.strip_keys = rig.c.strip_keys = True
    event = rig.a.book("p", v(9))
    await settle(rig)
    loses_the_database(rig)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == ABSENT


async def test_a_copy_of_a_proven_block_counts_as_busy_time(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    copied = copy(rig.b, our_block(rig.b), v(14))
    loses_the_database(rig)
    await settle(rig)
    assert rig.blocks()["a"] == [v(14).interval]
    rig.a.delete(event)
    await settle(rig)
    assert set(rig.b.events) == {copied}


async def test_a_copy_whose_block_is_gone_is_still_no_orphan(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    copied = copy(rig.b, our_block(rig.b), v(14))
    rig.a.delete(event)
    rig.b.delete(our_block(rig.b))
    loses_the_database(rig)
    await settle(rig)
    assert rig.blocks()["a"] == [v(14).interval]
    assert copied in rig.b.events


async def test_a_customer_in_a_proven_block_makes_it_a_meeting(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    ours = our_block(rig.b)
    rig.b.events[ours] = replace(rig.b.events[ours], kind=Kind.APPOINTMENT, customer="kim")
    loses_the_database(rig)
    await settle(rig, doubles=1)
    assert ours in rig.b.events
    assert not is_ours(rig, "b", ours)


async def test_an_adopted_create_and_an_undone_removal_are_in_the_file(rig: Rig) -> None:
    rig.b.faults["reply"] = [lost_reply("b")]
    event = rig.a.book("p", v(9))
    await settle(rig)
    assert {
        line.event for line in read_lines(created_ids_path(rig.path)) if line.system == "b"
    } == {our_block(rig.b)}
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == ABSENT
    removed = next(i for i in intents(rig) if i.operation.action is Action.REMOVE_BLOCK)
    await rig.engine.undo(removed.run)
    for system in (rig.b, rig.c):
        (standing,) = system.events
        assert standing in {line.event for line in read_lines(created_ids_path(rig.path))}


async def test_a_crash_between_reply_and_transaction_and_then_a_lost_state(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    begin = ConnectionKeeper.transaction

    @contextmanager
    def transaction(self: ConnectionKeeper, **named: Any) -> Iterator[Any]:
        if rig.b.writes or rig.c.writes:
            raise Killed
        with begin(self, **named) as cursor:
            yield cursor

    event = rig.a.book("p", v(9))
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionKeeper, "transaction", transaction)
        with pytest.raises(Killed):
            await rig.engine.resync()
    made = [system for system in (rig.b, rig.c) if system.events]
    assert made
    loses_the_database(rig)
    for system in made:
        assert [
            line.event
            for line in read_lines(created_ids_path(rig.path))
            if line.system == system.name
        ]
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == ABSENT


async def test_a_plan_after_a_loss_knows_what_the_file_proves(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.delete(event)
    stop(rig)
    rig.path.unlink()
    before = created_ids_path(rig.path).read_bytes()
    empty = Store.open("sqlite://")
    empty.use_created_ids(created_ids_path(rig.path), append=False)
    looking = make_engine(empty, rig.clock, rig.systems, rig.rows)
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert created_ids_path(rig.path).read_bytes() == before
    start(rig)


# --- planted bugs ---------------------------------------------------------------------------------


def the_file_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Ignore the ids that the file proves."""
    patch.setattr(CreatedIds, "proven", lambda *_given: set())


def an_old_database_is_believed(patch: pytest.MonkeyPatch) -> None:
    """Trust a database that is older than the file: its calendars count as read in full."""
    patch.setattr("syncd.store.backup.created_ids_sync.revoke_proof", lambda _engine: None)


async def test_ignoring_the_file_of_created_ids_is_caught(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_file_is_ignored(monkeypatch)
    with pytest.raises(AssertionError):
        await test_unneeded_blocks_are_removed_by_the_second_cycle(rig, loses_the_database)


async def test_trusting_an_old_database_is_caught(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_old_database_is_believed(monkeypatch)
    with pytest.raises(AssertionError):
        await test_nothing_is_removed_while_a_system_has_not_been_read_since(
            rig, puts_back_an_old_file
        )
