"""The file of created ids: when lines are written, and how a damaged file is read."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from syncd.model import Baseline, Changes, Intent, IntentState
from syncd.store import StateError, Store
from syncd.store.backup import created_ids as store_created_ids
from syncd.store.backup import created_ids_sync
from syncd.store.backup.backup import create_backup, restore_backup
from syncd.store.backup.created_ids import created_ids_path, missing_creates, read_lines
from syncd.store.backup.created_ids_sync import save_proof
from syncd.store.backup.ownership_proof import created_ids, owned_ids_with_tag
from syncd.store.database.connection import ConnectionKeeper
from tests.store.kit import DAY, intent


def made(event: str, *, state: IntentState = IntentState.DONE, **more: Any) -> Intent:
    """Return a journal row of a create in system b that returned this id."""
    row = intent(f"i-{event}", state=state, key="abcdefghij", **more)
    return replace(row, operation=replace(row.operation, event=event))


def create(store: Store, *events: str) -> None:
    """Store the creates of these blocks in one transaction."""
    store.apply(Changes(intents=[made(event) for event in events]))


def ids(path: Path) -> list[str]:
    """Return the event ids in the file of this state, in order."""
    return [line.event for line in read_lines(created_ids_path(path))]


def lose(path: Path, *, keep: Path | None = None) -> None:
    """Remove the database or replace it with an older one; keep the file of created ids."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if keep is not None:
        path.write_bytes(keep.read_bytes())


def proven(path: Path, *events: str) -> set[str]:
    """Return the ids that a new process accepts as proven."""
    with closing(Store.open(path)) as store:
        return created_ids(store, "b", events)


# --- writing --------------------------------------------------------------------------------------


def test_a_line_names_system_event_provider_tag_and_time(store: Store, path: Path) -> None:
    create(store, "made")
    (line,) = [json.loads(raw) for raw in created_ids_path(path).read_text().splitlines()]
    assert line.pop("installation") > 0
    assert line == {
        "syncd": "block",
        "v": 1,
        "system": "b",
        "event": "made",
        "provider": "p",
        "tag": "abcdefghij",
        "intent": "i-made",
        "at": "2026-06-01T00:00:00.000000Z",
    }
    assert stat.S_IMODE(created_ids_path(path).stat().st_mode) == 0o600


def test_only_a_create_that_is_done_gets_a_line(store: Store, path: Path) -> None:
    open_ = made("open", state=IntentState.OPEN)
    store.apply(Changes(intents=[open_, made("refused", state=IntentState.FAILED)]))
    assert not created_ids_path(path).exists()
    create(store, "made")
    assert ids(path) == ["made"]


def test_the_line_is_on_disk_before_the_transaction_begins(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    waited: list[int] = []
    assert store.created is not None
    store.created.wait = waited.append
    begin = ConnectionKeeper.transaction

    @contextmanager
    def transaction(self: ConnectionKeeper, **named: Any) -> Iterator[Any]:
        seen.append(ids(path) if waited else [])
        with begin(self, **named) as cursor:
            yield cursor

    monkeypatch.setattr(ConnectionKeeper, "transaction", transaction)
    create(store, "made")
    assert seen == [["made"]]


def test_a_batch_waits_for_the_disk_once(store: Store) -> None:
    waited: list[int] = []
    assert store.created is not None
    store.created.wait = waited.append
    create(store, *"abcdef")
    assert len(waited) == 1


def test_an_id_that_has_a_line_gets_no_second_one(store: Store, path: Path) -> None:
    create(store, "made")
    create(store, "made", "other")
    assert ids(path) == ["made", "other"]


def test_a_crash_before_the_transaction_loses_no_proof(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(_self: ConnectionKeeper, **_named: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ConnectionKeeper, "transaction", killed)
        with pytest.raises(Killed):
            create(store, "made")
    store.close()
    lose(path)
    assert proven(path, "made") == {"made"}


def test_a_dry_run_writes_no_line_and_reads_them_all(store: Store, path: Path) -> None:
    create(store, "made")
    before = created_ids_path(path).read_bytes()
    with closing(store.in_memory_copy()) as tried:
        create(tried, "tried")
        assert created_ids(tried, "b", ["made", "tried"]) == {"made", "tried"}
    assert created_ids_path(path).read_bytes() == before


# --- a file that cannot be written ----------------------------------------------------------------


def test_a_link_in_the_place_of_the_file_is_not_followed(store: Store, path: Path) -> None:
    target = path.with_name("passwd")
    target.write_text("root\n")
    created_ids_path(path).symlink_to(target)
    with capture_logs() as logs:
        create(store, "made")
    assert target.read_text() == "root\n"
    assert [entry["event"] for entry in logs] == ["file of created ids cannot be used"]
    assert created_ids(store, "b", ["made"]) == {"made"}


def test_a_pipe_in_the_place_of_the_file_does_not_hang(store: Store, path: Path) -> None:
    os.mkfifo(created_ids_path(path))
    create(store, "made")
    assert store.created is not None
    assert "not a regular file" in store.created.fault


def test_a_full_disk_is_logged_once_and_lines_are_added_later(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            create(store, "first")
            create(store, "second")
        create(store, "third")
    assert ids(path) == ["first", "second", "third"]
    logged = [(entry["event"], entry["log_level"]) for entry in logs]
    assert logged == [
        ("file of created ids cannot be used", "error"),
        ("created ids are written again", "info"),
    ]


def test_a_line_that_was_cut_short_by_a_full_disk_is_written_again(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda d, data: write(d, data[:40]))
        create(store, "first")
    assert ids(path) == []
    create(store, "second")
    assert ids(path) == ["first", "second"]


def test_missing_lines_are_added_by_the_next_process(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda _d, _data: 0)
        create(store, "first")
    store.close()
    Store.open(path).close()
    assert ids(path) == ["first"]


def test_a_file_that_is_removed_while_syncd_runs_is_made_again_whole(
    store: Store, path: Path
) -> None:
    create(store, "first")
    created_ids_path(path).unlink()
    create(store, "second")
    assert sorted(ids(path)) == ["first", "second"]


def test_a_state_from_before_the_file_gets_one_from_its_journal(store: Store, path: Path) -> None:
    create(store, "first")
    store.close()
    created_ids_path(path).unlink()
    Store.open(path, write=False).close()
    assert not created_ids_path(path).exists()
    Store.open(path).close()
    assert ids(path) == ["first"]


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        b'{"syncd":"block","v":1,"install',
        b"\x00" * 5000,
        b"not json\n",
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        b'{"syncd":"block","v":1,"event":7}\n',
        b"x" * (3 * store_created_ids.MAX_LINE),
        b"\n\n\n",
    ],
    ids=["torn", "zeros", "text", "nested", "not UTF-8", "wrong types", "endless", "empty"],
)
def test_damage_in_the_file_costs_no_other_line(store: Store, path: Path, damage: bytes) -> None:
    create(store, "before")
    with created_ids_path(path).open("ab") as file:
        file.write(damage)
    create(store, "after")
    store.close()
    lose(path)
    assert proven(path, "before", "after", "never") == {"before", "after"}


def test_after_loss_the_file_proves_what_it_lists_and_no_more(store: Store, path: Path) -> None:
    create(store, "made")
    store.close()
    lose(path)
    with closing(Store.open(path)) as again:
        assert created_ids(again, "b", ["made", "stranger"]) == {"made"}
        assert created_ids(again, "a", ["made"]) == set()


def test_lines_of_another_installation_prove_nothing(store: Store, path: Path) -> None:
    create(store, "mine")
    other = path.with_name("other.db")
    with closing(Store.open(other)) as another:
        create(another, "theirs")
    with created_ids_path(path).open("ab") as file:
        file.write(created_ids_path(other).read_bytes())
    assert created_ids(store, "b", ["mine", "theirs"]) == {"mine"}
    store.close()
    assert proven(path, "mine", "theirs") == {"mine"}


def test_a_file_of_another_installation_is_not_taken_for_ours(store: Store, path: Path) -> None:
    create(store, "mine")
    store.close()
    other = path.with_name("other.db")
    with closing(Store.open(other)) as another:
        create(another, "theirs")
    created_ids_path(path).write_bytes(created_ids_path(other).read_bytes())
    assert proven(path, "mine", "theirs") == {"mine"}
    lose(path)
    # The newest line says whose file it is by now: ours was added to it.
    assert proven(path, "mine", "theirs") == {"mine"}


def test_a_state_without_a_file_does_not_adopt_a_foreign_file(store: Store, path: Path) -> None:
    create(store, "mine")
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 0")
    other = path.with_name("other.db")
    with closing(Store.open(other)) as another:
        create(another, "theirs")
    created_ids_path(path).write_bytes(created_ids_path(other).read_bytes())
    assert proven(path, "mine", "theirs") == {"mine"}


def test_missing_lines_are_reported(store: Store, path: Path) -> None:
    create(store, "first", "second")
    assert store.created is not None
    number = store.created.installation
    assert missing_creates(created_ids_path(path), number, [("b", "first"), ("b", "third")]) == {
        ("b", "third")
    }
    assert (
        missing_creates(created_ids_path(path), number, [("b", "first"), ("b", "second")]) == set()
    )
    created_ids_path(path).unlink()
    assert missing_creates(created_ids_path(path), number, [("b", "first")]) == {("b", "first")}


def test_after_loss_the_file_shows_the_block_of_a_tag(store: Store, path: Path) -> None:
    create(store, "made")
    store.close()
    lose(path)
    with closing(Store.open(path)) as again:
        assert owned_ids_with_tag(again, "abcdefghij", []) == {("b", "made")}
        assert owned_ids_with_tag(again, "other", []) == set()


def test_every_line_of_a_long_file_is_found(store: Store, path: Path) -> None:
    wanted = [f"e{number}" for number in range(5000)]
    create(store, *wanted)
    store.close()
    lose(path)
    assert proven(path, *wanted, "stranger") == set(wanted)


# --- a database that is older than the file -------------------------------------------------------


def test_a_database_older_than_the_file_counts_as_not_read_yet(store: Store, path: Path) -> None:
    create(store, "first")
    store.apply(Changes(baselines=[Baseline("b", "p", "digest", DAY)]))
    store.close()
    older = path.with_name("older.db")
    older.write_bytes(path.read_bytes())
    for events, settled in (([], DAY), (["second"], None)):
        with closing(Store.open(path)) as again:
            if events:
                create(again, *events)
        lose(path, keep=older)
        with closing(Store.open(path)) as old:
            assert [b.completed_at for b in old.baselines()] == [settled]
            assert created_ids(old, "b", ["first", *events]) == {"first", *events}


def test_a_state_that_cannot_be_opened_leaves_the_file_alone(store: Store, path: Path) -> None:
    create(store, "first")
    store.close()
    before = created_ids_path(path).read_bytes()
    path.write_bytes(b"no database at all" * 400)
    with pytest.raises(StateError):
        Store.open(path)
    assert created_ids_path(path).read_bytes() == before


# --- restore --------------------------------------------------------------------------------------


def test_a_restore_keeps_every_line_that_came_after_the_backup(store: Store, path: Path) -> None:
    create(store, "first")
    copy = path.with_name("copy.db")
    create_backup(path, copy)
    create(store, "second")
    store.close()
    restore_backup(copy, path, DAY)
    assert ids(path) == ["first", "second"]
    assert proven(path, "first", "second") == {"first", "second"}


def test_a_restore_saves_what_only_the_replaced_state_proves(store: Store, path: Path) -> None:
    create(store, "first")
    copy = path.with_name("copy.db")
    create_backup(path, copy)
    create(store, "second")
    store.close()
    created_ids_path(path).unlink()
    restore_backup(copy, path, DAY)
    assert proven(path, "first", "second") == {"first", "second"}


def test_a_restore_over_a_damaged_state_keeps_the_file(store: Store, path: Path) -> None:
    create(store, "first")
    copy = path.with_name("copy.db")
    create_backup(path, copy)
    create(store, "second")
    store.close()
    path.write_bytes(b"\xff" * 5000)
    restore_backup(copy, path, DAY)
    assert proven(path, "first", "second") == {"first", "second"}


def test_a_backup_of_another_installation_brings_its_own_proof_only(
    store: Store, path: Path
) -> None:
    create(store, "mine")
    store.close()
    other = path.with_name("other.db")
    with closing(Store.open(other)) as another:
        create(another, "theirs")
    copy = path.with_name("copy.db")
    create_backup(other, copy)
    restore_backup(copy, path, DAY)
    assert proven(path, "mine", "theirs") == {"theirs"}


# --- planted bugs ---------------------------------------------------------------------------------


def test_a_line_that_is_written_after_the_transaction_is_caught(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Store.apply

    def late(self: Store, *steps: Changes) -> None:
        created, self.created = self.created, None
        apply(self, *steps)
        self.created = created
        assert created is not None
        save_proof(self._engine, created, steps)

    monkeypatch.setattr(Store, "apply", late)
    with pytest.raises(AssertionError):
        test_a_crash_before_the_transaction_loses_no_proof(store, path, monkeypatch)


def test_a_torn_line_that_ends_the_reading_is_caught(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_created_ids, "DAMAGED_LINE_ERRORS", ())
    with pytest.raises(msgspec.DecodeError):
        test_damage_in_the_file_costs_no_other_line(store, path, b"\x00" * 50)


def test_installations_that_cannot_be_told_apart_are_caught(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(created_ids_sync, "installation_number", lambda _intent: 7)
    with pytest.raises(AssertionError):
        test_lines_of_another_installation_prove_nothing(store, path)
