"""A backup is one consistent file, also during writes; a restore checks all of its content."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from syncd.model import Baseline, Changes, IntentState
from syncd.store import StateError, Store
from syncd.store.backup.backup import create_backup, restore_backup, serialize_backup
from syncd.store.repository.journal import intents_of
from tests.store.kit import DAY, book, intent, link, note, rec, v

NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)


def furnish(store: Store) -> None:
    """Store a booking with its event, an open write, and a calendar that was read in full."""
    store.apply(
        Changes(
            records=[rec("e", v(9))],
            bookings=[book("m", v(9))],
            replicas=[link("m", "e")],
            intents=[intent("open", key="abcdefghij"), intent("done", state=IntentState.DONE)],
            baselines=[Baseline("a", "p", "digest", DAY)],
            history=[note("seen")],
        )
    )


def leftovers(folder: Path) -> list[str]:
    """Return the files that an unfinished copy left behind."""
    return [p.name for p in folder.iterdir() if ".new-" in p.name]


def refused(source: Path, state: Path) -> StateError:
    """Return the error of a restore, and check that the state did not change."""
    before = state.read_bytes() if state.exists() else None
    with pytest.raises(StateError) as caught:
        restore_backup(source, state, NOW)
    assert (state.read_bytes() if state.exists() else None) == before
    assert leftovers(state.parent) == []
    return caught.value


# --- backup ---------------------------------------------------------------------------------------


def test_a_backup_is_one_file_for_its_owner_that_holds_everything(path: Path) -> None:
    store = Store.open(path)
    furnish(store)
    target = path.with_name("copy.db")
    assert create_backup(path, target) == target.stat().st_size
    store.close()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.glob("copy*")] == ["copy.db"]
    copy = Store.open(target, write=False)
    assert [b.id for b in copy.bookings()] == ["m"]
    copy.close()


def test_a_backup_during_writes_is_consistent(path: Path) -> None:
    store = Store.open(path)
    furnish(store)
    stop = Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            # A meeting and its event are one transaction: no copy may hold one without the other.
            name = f"w{number}"
            store.apply(Changes(records=[rec(name, v(9))], bookings=[book(name, v(9))]))

    writer = Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            target = path.with_name(f"copy{number}.db")
            create_backup(path, target)
            with closing(sqlite3.connect(target)) as copy:
                events, bookings = copy.execute(
                    "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM booking)"
                ).fetchone()
            assert events == bookings
    finally:
        stop.set()
        writer.join()
        store.close()


def test_a_backup_replaces_a_file_only_with_overwrite(path: Path) -> None:
    Store.open(path).close()
    target = path.with_name("copy.db")
    target.write_text("holiday photos")
    with pytest.raises(StateError, match="exists already"):
        create_backup(path, target)
    assert target.read_text() == "holiday photos"
    create_backup(path, target, overwrite=True)
    Store.open(target, write=False).close()


@pytest.mark.parametrize("force", [True, False])
def test_the_state_is_not_backed_up_onto_itself(path: Path, *, force: bool) -> None:
    Store.open(path).close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"exists already|the state itself"):
        create_backup(path, path, overwrite=force)
    assert path.read_bytes() == before


def test_without_a_state_there_is_nothing_to_back_up(path: Path) -> None:
    with pytest.raises(StateError, match="no state yet"):
        create_backup(path, path.with_name("copy.db"))
    assert list(path.parent.iterdir()) == []


def test_a_damaged_state_gives_no_backup(path: Path) -> None:
    store = Store.open(path)
    store.apply(Changes(records=[rec(f"e{n}", v(9)) for n in range(500)]))
    store.close()
    with path.open("r+b") as file:
        file.seek(len(path.read_bytes()) // 2)
        file.write(b"\xff" * 8192)
    target = path.with_name("copy.db")
    with pytest.raises(StateError, match="damaged"):
        create_backup(path, target)
    assert not target.exists()
    assert leftovers(path.parent) == []


def test_a_missing_folder_is_reported(path: Path) -> None:
    Store.open(path).close()
    with pytest.raises(StateError, match=r"cannot be written .No such file"):
        create_backup(path, path.parent / "nowhere" / "copy.db")


# --- restore --------------------------------------------------------------------------------------


def made(path: Path) -> Path:
    """Return a backup of a filled state, which changes afterwards."""
    store = Store.open(path)
    furnish(store)
    target = path.with_name("copy.db")
    create_backup(path, target)
    store.apply(Changes(bookings=[book("later", v(12))]))
    store.close()
    return target


def test_a_restore_keeps_the_replaced_state(path: Path) -> None:
    source = made(path)
    done = restore_backup(source, path, NOW)
    assert (done.bookings, done.dropped) == (1, 1)
    assert done.aside == path.with_name("syncd.db.before-restore-20260602T083000Z")
    for file, expected in ((path, ["m"]), (done.aside, ["m", "later"])):
        store = Store.open(file, write=False)
        assert [b.id for b in store.bookings()] == expected
        store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert leftovers(path.parent) == []


def test_a_restore_forgets_reads_and_open_writes(path: Path) -> None:
    restore_backup(made(path), path, NOW)
    store = Store.open(path)
    assert [b.completed_at for b in store.baselines()] == [None]
    assert [r.fingerprint for r in store.records("a", ["e"])] == [""]
    assert store.pending_intents() == []
    assert "abcdefghij" in {i.operation.key for i in intents_of(store, "run")}
    store.close()


def test_a_restore_moves_the_old_log_with_the_old_state(path: Path) -> None:
    source = made(path)
    living = Store.open(path)
    living.apply(Changes(bookings=[book("unsaved", v(15))]))
    assert path.with_name("syncd.db-wal").stat().st_size > 0
    killed = {p: p.read_bytes() for p in path.parent.glob("syncd.db*")}
    living.close()
    for file, content in killed.items():
        file.write_bytes(content)
    done = restore_backup(source, path, NOW)
    assert done.aside is not None
    for file, expected in ((path, {"m"}), (done.aside, {"m", "later", "unsaved"})):
        store = Store.open(file)
        assert {b.id for b in store.bookings()} == expected
        store.close()


def test_a_lost_or_damaged_state_can_be_restored(path: Path) -> None:
    source = made(path)
    path.write_bytes(b"\xff" * 5000)
    assert restore_backup(source, path, NOW).aside is not None
    for file in path.parent.glob("syncd.db*"):
        file.unlink()
    assert restore_backup(source, path, NOW).aside is None
    Store.open(path).close()


def test_only_a_complete_backup_of_a_known_version_is_restored(path: Path) -> None:
    source = made(path)
    assert "no such file" in refused(path.with_name("missing.db"), path).reason
    assert "the state itself" in refused(path, path).reason
    text = path.with_name("notes.db")
    text.write_text("dear diary\n" * 500)
    assert "damaged, or not a syncd state" in refused(text, path).reason
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")
    assert "not a state of syncd" in refused(other, path).reason
    with closing(sqlite3.connect(source)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    assert "newer syncd (schema 9999)" in refused(source, path).reason
    source.write_bytes(source.read_bytes()[:9000])
    assert "damaged" in refused(source, path).reason


def test_a_full_disk_leaves_the_state_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made(path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refused(source, path).reason


# --- files that this process may not open by name -------------------------------------------------


def test_a_snapshot_in_memory_is_a_backup_that_needs_no_log(path: Path) -> None:
    store = Store.open(path)
    furnish(store)
    target = path.with_name("copy.db")
    target.write_bytes(serialize_backup(path))
    store.close()
    with closing(sqlite3.connect(target)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    copy = Store.open(target, write=False)
    assert [b.id for b in copy.bookings()] == ["m"]
    copy.close()


def test_a_snapshot_of_a_damaged_state_is_refused(path: Path) -> None:
    source = made(path)
    source.write_bytes(source.read_bytes()[:9000])
    with pytest.raises(StateError, match="damaged"):
        serialize_backup(source)


def test_a_backup_is_restored_from_a_descriptor(path: Path) -> None:
    source = made(path)
    with source.open("rb") as file:
        done = restore_backup(Path("gone.db"), path, NOW, opened=file.fileno())
    assert done.bookings == 1
    assert leftovers(path.parent) == []


def test_a_descriptor_that_is_not_a_state_changes_nothing(path: Path) -> None:
    made(path)
    before = path.read_bytes() if path.exists() else None
    other = path.with_name("other")
    other.write_text("root:$6$hash:19000:0:99999:7:::\n" * 200)
    with other.open("rb") as file, pytest.raises(StateError) as caught:
        restore_backup(Path("other"), path, NOW, opened=file.fileno())
    assert "$6$" not in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == before
    assert leftovers(path.parent) == []
