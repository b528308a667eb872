"""The state's path, its file modes, and the errors of a state that cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.model import Changes
from syncd.store import StateError, Store
from syncd.store.database import database, version
from syncd.store.tables.tables import METADATA
from tests.store.kit import DAY, note, rec, v

pytestmark = pytest.mark.usefixtures("every_state_is_migrated")

NOBODY = 65534


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set the umask of the process."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run as an unprivileged user, so that file modes apply even if the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder that every user can access, with a copy of the migrations."""
    reachable = Path(tempfile.mkdtemp())
    reachable.chmod(0o755)
    scripts = shutil.copytree(version.MIGRATIONS, reachable / "migrations")
    monkeypatch.setattr(version, "MIGRATIONS", scripts)
    folder = reachable / "state"
    folder.mkdir(mode=0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(reachable)


def modes(path: Path) -> dict[str, int]:
    """Return the modes of the database and of the files beside it."""
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.glob("*.db*")}


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o000, 0o077])
def test_the_state_and_the_files_beside_it_are_for_their_owner_only(path: Path, mask: int) -> None:
    with umask(mask):
        store = Store.open(path)
        store.apply(Changes(history=[note("seen")]))
        found = modes(path)
        store.close()
    assert found == {"syncd.db": 0o600, "syncd.db-wal": 0o600, "syncd.db-shm": 0o600}


def test_missing_folders_are_created(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "syncd.db"
    Store.open(path).close()
    assert path.is_file()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name", ["a?b.db", "100% sure.db", "a%20b.db", "a#b.db", "é b.db", "a:b@c.db"]
)
def test_a_path_may_hold_any_character(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path / name)
    store.start_run(name, "far", DAY)
    store.close()
    with closing(sqlite3.connect(tmp_path / name)) as database:
        assert database.execute("SELECT id FROM run").fetchall() == [(name,)]
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_url_is_accepted(path: Path) -> None:
    Store.open(f"sqlite:///{path}").close()
    Store.open(path, write=False).close()


def test_a_state_in_memory_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store.open("sqlite://")
    store.apply(Changes(records=[rec("e", v(9))]))
    assert store.counts()["events"] == 1
    store.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [True, False])
def test_every_connection_logs_ahead_syncs_fully_and_checks_links(
    path: Path, *, write: bool
) -> None:
    Store.open(path).close()
    store = Store.open(path, write=write)
    with store._engine.connect() as one, store._engine.connect() as other:
        for connection in (one, other):
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
            assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.close()


# --- migrations -----------------------------------------------------------------------------------


def head(path: Path) -> Any:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchall()


def test_an_empty_file_is_migrated_by_itself(path: Path) -> None:
    path.touch()
    Store.open(path).close()
    assert head(path) == [(version.newest_schema(),)]
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in found} == {*METADATA.tables, "alembic_version"}


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    store = Store.open(path)
    store.apply(Changes(records=[rec("e", v(9))]))
    store.close()
    store = Store.open(path)
    assert store.counts()["events"] == 1
    store.close()


def test_a_migration_that_fails_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Store.open(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []
    Store.open(path).close()
    assert head(path) == [(version.newest_schema(),)]


def test_several_processes_can_open_an_empty_file_at_once(path: Path) -> None:
    Store.open(path.with_name("warm.db")).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with ThreadPoolExecutor(4) as pool:
            for store in [f.result() for f in [pool.submit(Store.open, path) for _ in range(4)]]:
                assert store.counts()["events"] == 0
                store.close()
    assert head(path) == [(version.newest_schema(),)]


def test_the_program_may_live_in_a_folder_with_a_percent_sign(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "100%(sure)s"
    shutil.copytree(version.MIGRATIONS, copy)
    monkeypatch.setattr(version, "MIGRATIONS", copy)
    Store.open(path).close()
    assert head(path) == [(version.newest_schema(),)]


# --- what can be wrong ----------------------------------------------------------------------------


def refused(path: Path, *, write: bool) -> StateError:
    """Return the error of opening a state."""
    with pytest.raises(StateError) as caught:
        Store.open(path, write=write)
    assert caught.value.place == str(path)
    assert caught.value.remedy.endswith(".")
    return caught.value


def test_reading_a_missing_state_explains_how_to_begin(path: Path) -> None:
    error = refused(path, write=False)
    assert error.reason == "there is no state yet"
    assert "syncd resync --dry-run" in error.remedy
    assert not path.exists()


def test_reading_an_empty_file_says_the_same(path: Path) -> None:
    path.touch()
    assert refused(path, write=False).reason == "there is no state yet"


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_schema_is_refused_and_left_alone(path: Path, *, write: bool) -> None:
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    error = refused(path, write=write)
    assert "newer syncd (schema 9999)" in error.reason
    assert "Install that version" in error.remedy
    assert head(path) == [("9999",)]


def test_an_older_schema_is_refused_for_reading_only(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(path).close()
    newer = shutil.copytree(version.MIGRATIONS, tmp_path / "newer")
    text = f'revision, down_revision = "9001", "{version.newest_schema()}"\n'
    (newer / "versions" / "m9001_more.py").write_text(text)
    monkeypatch.setattr(version, "MIGRATIONS", newer)
    error = refused(path, write=False)
    assert "older syncd" in error.reason
    assert "syncd resync" in error.remedy


@pytest.mark.parametrize("write", [True, False])
def test_another_programs_database_is_refused_and_left_alone(path: Path, *, write: bool) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")
    error = refused(path, write=write)
    assert "another program's" in error.reason
    assert "Set `state`" in error.remedy
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]


@pytest.mark.parametrize("write", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, *, write: bool) -> None:
    path.write_text("[syncd]\nstate = 'somewhere else'\n" * 100)
    before = path.read_bytes()
    error = refused(path, write=write)
    assert "damaged, or not a syncd state" in error.reason
    assert "Restore a backup" in error.remedy
    assert path.read_bytes() == before


def damaged(path: Path) -> bytes:
    """Overwrite a page of a state, and return the content of the file."""
    store = Store.open(path)
    store.apply(Changes(records=[rec(f"e{n}", v(9)) for n in range(500)]))
    store.close()
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("PRAGMA page_size").fetchone()
        find = "SELECT rootpage FROM sqlite_master WHERE name = 'event'"
        (root,) = database.execute(find).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    return path.read_bytes()


def test_damage_is_reported_at_start_and_the_file_stays(path: Path) -> None:
    before = damaged(path)
    error = refused(path, write=True)
    assert "damaged" in error.reason
    assert "`syncd restore FILE`" in error.remedy
    assert path.read_bytes() == before


def test_a_truncated_state_is_reported_at_start(path: Path) -> None:
    size = len(damaged(path.with_name("whole.db")))
    whole = path.with_name("other.db")
    store = Store.open(whole)
    store.apply(Changes(records=[rec(f"e{n}", v(9)) for n in range(500)]))
    store.close()
    path.write_bytes(whole.read_bytes()[: size // 2])
    assert "damaged" in refused(path, write=True).reason


def test_damage_is_reported_when_a_reader_finds_it(path: Path) -> None:
    damaged(path)
    store = Store.open(path, write=False)
    with pytest.raises(StateError, match="damaged"):
        store.state("p")
    store.close()


def test_a_folder_in_the_place_of_the_state_is_reported(path: Path) -> None:
    path.mkdir()
    assert "not a regular file" in refused(path, write=True).reason


def test_a_read_only_folder_is_reported(public: Path) -> None:
    public.chmod(0o555)
    with without_privileges():
        error = refused(public / "syncd.db", write=True)
    assert "it cannot be created (Permission denied)" in error.reason
    assert "Set `state`" in error.remedy
    assert list(public.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "folder", "write", "reason"),
    [
        (0o444, 0o755, True, "it cannot be opened for writing"),
        (0o000, 0o755, True, "it cannot be opened for writing"),
        (0o000, 0o755, False, "it cannot be opened"),
        # The log of what is written lies beside the file, and reading needs it as well.
        (0o666, 0o555, True, "it cannot be opened for writing"),
        (0o666, 0o555, False, "it cannot be opened for writing"),
        (0o666, 0o000, True, "it cannot be accessed (Permission denied)"),
        (0o666, 0o000, False, "it cannot be accessed (Permission denied)"),
    ],
)
def test_an_inaccessible_state_is_reported_with_a_remedy(
    public: Path, file: int, folder: int, reason: str, *, write: bool
) -> None:
    path = public / "syncd.db"
    Store.open(path).close()
    path.chmod(file)
    public.chmod(folder)
    with without_privileges():
        error = refused(path, write=write)
    assert error.reason == reason
    assert error.remedy.startswith("Give the user that runs syncd")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a lock."""
    monkeypatch.setattr(database, "LOCK_WAIT", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_locked_state_is_reported_until_it_is_free(path: Path) -> None:
    store = Store.open(path)
    changes = Changes(records=[rec("e", v(9))])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="another program has locked it") as caught:
            store.apply(changes)
        assert "Close that program" in caught.value.remedy
        assert store.counts()["events"] == 0
        other.execute("ROLLBACK")
    store.apply(changes)
    assert store.counts()["events"] == 1
    store.close()


@pytest.mark.usefixtures("impatient")
def test_a_locked_empty_file_is_reported(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in refused(path, write=True).reason


def test_a_writer_waits_for_another_writer_that_ends_in_time(path: Path) -> None:
    store = Store.open(path)
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(store.apply, Changes(history=[note("seen")]))
        assert not waiting.done()
        other.execute("COMMIT")
        waiting.result()
    assert [line.what for line in store.history()] == ["seen"]
    store.close()


def test_a_full_disk_is_reported_and_nothing_is_stored(store: Store) -> None:
    store.apply(Changes(records=[rec("kept", v(9))]))
    with store._driver.reading() as cursor:
        cursor.execute("PRAGMA page_count")
        ((used,),) = cursor.fetchall()
        cursor.execute(f"PRAGMA max_page_count = {used}")
    with pytest.raises(StateError, match="the disk is full"):
        store.apply(Changes(records=[rec(f"e{n}", v(9)) for n in range(500)]))
    assert store.counts()["events"] == 1


@pytest.mark.parametrize("name", ["syncd.db", "syncd.db-wal", "syncd.db-shm", "syncd.db-journal"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_state_is_not_opened_through_a_link_or_a_pipe(
    tmp_path: Path, name: str, kind: str
) -> None:
    state, other = tmp_path / "syncd.db", tmp_path / "other"
    if name != state.name:
        Store.open(state).close()
    if kind == "link":
        (tmp_path / name).symlink_to(other)
    else:
        os.mkfifo(tmp_path / name)
    for write in (True, False):
        with pytest.raises(StateError, match="it is a link" if kind == "link" else "regular file"):
            Store.open(state, write=write)
    assert not other.exists()
