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
from tests.engine.conftest import Shop, make_engine
from tests.engine.fakes import lost_reply
from tests.engine.test_ownership import copy, our_block
from tests.engine.test_promises import settle

ABSENT: dict[str, list[Any]] = {"a": [], "b": [], "c": []}

Accident = Callable[[Shop], None]


def stop(shop: Shop) -> None:
    """End the process; its journal is in the database then."""
    shop.store.close()


def start(shop: Shop) -> None:
    """Start with the state on disk."""
    shop.store = Store.open(shop.path)
    shop.engine = make_engine(shop.store, shop.clock, shop.systems, shop.rows)


def loses_the_database(shop: Shop) -> None:
    stop(shop)
    shop.path.unlink()
    start(shop)


def restores_the_backup(shop: Shop) -> None:
    stop(shop)
    restore_backup(copy_of(shop), shop.path, shop.clock.now())
    start(shop)


def puts_back_an_old_file(shop: Shop) -> None:
    """Copy the database by hand, without `syncd restore`."""
    stop(shop)
    copyfile(copy_of(shop), shop.path)
    start(shop)


ACCIDENTS = [loses_the_database, restores_the_backup, puts_back_an_old_file]


def copy_of(shop: Shop) -> Path:
    return shop.path.with_name("copy.db")


def is_ours(shop: Shop, system: str, event: str) -> bool:
    return [r.created_by_us for r in shop.store.records(system, [event])] == [True]


async def cycle(shop: Shop) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await shop.engine.cycle(shop.engine.window(near=False), report)
    return report


def intents(shop: Shop) -> list[Intent]:
    """Return the journal of provider p."""
    return intents_since(shop.store, "p", datetime(2000, 1, 1, tzinfo=UTC))


def removals(shop: Shop) -> list[str]:
    return [o.system for s in shop.systems for o in s.writes if o.action is Action.REMOVE_BLOCK]


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_blocks_made_since_are_ours_again_and_follow_their_meeting(
    shop: Shop, accident: Accident
) -> None:
    create_backup(shop.path, copy_of(shop))
    event = shop.a.book("p", v(9))
    await settle(shop)
    before = shop.writes()
    accident(shop)
    await settle(shop)
    assert shop.writes() == before
    assert is_ours(shop, "b", our_block(shop.b))
    shop.a.move(event, v(14))
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    shop.a.cancel(event)
    await settle(shop)
    assert shop.blocks() == ABSENT


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_unneeded_blocks_are_removed_by_the_second_cycle(
    shop: Shop, accident: Accident
) -> None:
    create_backup(shop.path, copy_of(shop))
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.delete(event)
    accident(shop)
    first = await cycle(shop)
    assert (removals(shop), len(first.waiting)) == ([], 2)
    await settle(shop)
    assert shop.blocks() == ABSENT


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_a_system_has_not_been_read_since(
    shop: Shop, accident: Accident
) -> None:
    await settle(shop)
    create_backup(shop.path, copy_of(shop))
    shop.c.book("p", v(9))
    await settle(shop)
    accident(shop)
    # The meeting's own system does not answer, so nobody knows of the meeting.
    for _ in range(3):
        shop.c.faults["read"] = [lost_reply("c")]
        await cycle(shop)
    assert removals(shop) == []
    shop.c.faults.clear()
    await settle(shop)
    assert shop.blocks() == {"a": [v(9).interval], "b": [v(9).interval], "c": []}


@pytest.mark.parametrize("accident", ACCIDENTS)
async def test_nothing_is_removed_while_an_event_cannot_be_read_that_it_may_be_for(
    shop: Shop, accident: Accident
) -> None:
    # Seed 148: a leave had lost its end when the state was lost, and its blocks were removed.
    await settle(shop)
    create_backup(shop.path, copy_of(shop))
    event, gone = shop.a.book("p", v(9)), shop.b.book("p", v(14))
    await settle(shop)
    shop.a.broken.add(event)
    await settle(shop)
    shop.b.delete(gone)
    accident(shop)
    for _ in range(3):
        await cycle(shop)
    # Nobody can tell which of the blocks were for it; but none was where it stands itself.
    assert removals(shop) == ["a"]
    assert shop.c.blocks("p") == [v(9).interval, v(14).interval]
    shop.a.broken.clear()
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_no_block_is_created_where_an_unread_one_may_exist(shop: Shop) -> None:
    far = shop.clock.now() + timedelta(days=40)
    value = Value(far, far + timedelta(hours=1))
    shop.a.book("p", value)
    await settle(shop)
    loses_the_database(shop)
    shop.c.faults["read"] = [lost_reply("c")]
    await cycle(shop)
    # It answers again, but only the near window is read.
    await shop.engine.poll(near=True)
    await shop.engine.poll(near=True)
    assert shop.blocks()["c"] == [value.interval]
    await settle(shop)
    assert shop.blocks()["c"] == [value.interval]
    soon = shop.clock.now() + timedelta(hours=3)
    shop.a.book("p", Value(soon, soon + timedelta(hours=1)))
    await shop.engine.poll(near=True)
    assert len(shop.blocks()["c"]) == 2


async def test_no_second_block_is_made_for_a_leave_that_began_before_a_near_read(
    shop: Shop,
) -> None:
    """Regression, seed 13: after the loss lists hid everything, and a later near list did not."""
    for system in shop.systems:
        system.by_start = True
    now = shop.clock.now()
    leave = Value(now - timedelta(days=20), now + timedelta(days=4))
    shop.a.human_block("p", leave)
    await settle(shop)
    loses_the_database(shop)
    shop.c.incomplete, shop.c.empty = True, True
    await shop.engine.resync()
    await shop.engine.poll(near=False)
    shop.c.incomplete, shop.c.empty = False, False
    await shop.engine.poll(near=True)
    assert shop.blocks()["c"] == [leave.interval]
    await shop.engine.poll(near=False)
    assert shop.blocks()["c"] == [leave.interval]
    assert is_ours(shop, "c", our_block(shop.c))


async def test_near_changes_are_blocked_in_a_calendar_with_near_reads_only(shop: Shop) -> None:
    shop.c.faults["read"] = [lost_reply("c")]
    await cycle(shop)
    soon = shop.clock.now() + timedelta(hours=3)
    value = Value(soon, soon + timedelta(hours=1))
    shop.a.book("p", value)
    await shop.engine.poll(near=True)
    assert shop.blocks()["c"] == [value.interval]


async def test_a_block_whose_tag_was_stripped_is_ours_by_its_id(shop: Shop) -> None:
    shop.b.strip_keys = shop.c.strip_keys = True
    event = shop.a.book("p", v(9))
    await settle(shop)
    loses_the_database(shop)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == ABSENT


async def test_a_copy_of_a_proven_block_counts_as_busy_time(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    copied = copy(shop.b, our_block(shop.b), v(14))
    loses_the_database(shop)
    await settle(shop)
    assert shop.blocks()["a"] == [v(14).interval]
    shop.a.delete(event)
    await settle(shop)
    assert set(shop.b.events) == {copied}


async def test_a_copy_whose_block_is_gone_is_still_no_orphan(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    copied = copy(shop.b, our_block(shop.b), v(14))
    shop.a.delete(event)
    shop.b.delete(our_block(shop.b))
    loses_the_database(shop)
    await settle(shop)
    assert shop.blocks()["a"] == [v(14).interval]
    assert copied in shop.b.events


async def test_a_customer_in_a_proven_block_makes_it_a_meeting(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    ours = our_block(shop.b)
    shop.b.events[ours] = replace(shop.b.events[ours], kind=Kind.APPOINTMENT, person="kim")
    loses_the_database(shop)
    await settle(shop, doubles=1)
    assert ours in shop.b.events
    assert not is_ours(shop, "b", ours)


async def test_an_adopted_create_and_an_undone_removal_are_in_the_file(shop: Shop) -> None:
    shop.b.faults["reply"] = [lost_reply("b")]
    event = shop.a.book("p", v(9))
    await settle(shop)
    assert {
        line.event for line in read_lines(created_ids_path(shop.path)) if line.system == "b"
    } == {our_block(shop.b)}
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == ABSENT
    removed = next(i for i in intents(shop) if i.operation.action is Action.REMOVE_BLOCK)
    await shop.engine.undo(removed.run)
    for system in (shop.b, shop.c):
        (standing,) = system.events
        assert standing in {line.event for line in read_lines(created_ids_path(shop.path))}


async def test_a_crash_between_reply_and_transaction_and_then_a_lost_state(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    begin = ConnectionKeeper.transaction

    @contextmanager
    def transaction(self: ConnectionKeeper, **named: Any) -> Iterator[Any]:
        if shop.b.writes or shop.c.writes:
            raise Killed
        with begin(self, **named) as cursor:
            yield cursor

    event = shop.a.book("p", v(9))
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionKeeper, "transaction", transaction)
        with pytest.raises(Killed):
            await shop.engine.resync()
    made = [system for system in (shop.b, shop.c) if system.events]
    assert made
    loses_the_database(shop)
    for system in made:
        assert [
            line.event
            for line in read_lines(created_ids_path(shop.path))
            if line.system == system.name
        ]
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == ABSENT


async def test_a_plan_after_a_loss_knows_what_the_file_proves(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.delete(event)
    stop(shop)
    shop.path.unlink()
    before = created_ids_path(shop.path).read_bytes()
    empty = Store.open("sqlite://")
    empty.use_created_ids(created_ids_path(shop.path), append=False)
    looking = make_engine(empty, shop.clock, shop.systems, shop.rows)
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert created_ids_path(shop.path).read_bytes() == before
    start(shop)


# --- planted bugs ---------------------------------------------------------------------------------


def the_file_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Ignore the ids that the file proves."""
    patch.setattr(CreatedIds, "proven", lambda *_given: set())


def an_old_database_is_believed(patch: pytest.MonkeyPatch) -> None:
    """Trust a database that is older than the file: its calendars count as read in full."""
    patch.setattr("syncd.store.created_ids_sync.revoke_proof", lambda _engine: None)


async def test_ignoring_the_file_of_created_ids_is_caught(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_file_is_ignored(monkeypatch)
    with pytest.raises(AssertionError):
        await test_unneeded_blocks_are_removed_by_the_second_cycle(shop, loses_the_database)


async def test_trusting_an_old_database_is_caught(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_old_database_is_believed(monkeypatch)
    with pytest.raises(AssertionError):
        await test_nothing_is_removed_while_a_system_has_not_been_read_since(
            shop, puts_back_an_old_file
        )
