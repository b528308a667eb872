"""A state file from elsewhere is rejected if it contains code or unreadable values."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.model import Baseline, Changes
from syncd.store import StateError, Store
from syncd.store.backup.backup import create_backup, restore_backup
from syncd.store.backup.created_ids import created_ids_path
from syncd.store.database import layout
from syncd.store.database.database import BACKUP_APPLICATION_ID, migrate_schema, open_database
from syncd.store.queries.status_query import read_status
from tests.store.kit import DAY
from tests.store.released import FROZEN, furnished

NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)

CODE = {
    "trigger": "CREATE TRIGGER t AFTER UPDATE ON baseline BEGIN UPDATE baseline "
    "SET settled_at = '2026-06-01T00:00:00.000000Z' WHERE settled_at IS NULL; END",
    "view": "CREATE VIEW v AS SELECT * FROM event",
    "view in place of a table": "DROP TABLE waiver; CREATE VIEW waiver AS SELECT 'm' AS booking, "
    "'a' AS system, 1 AS revision, 'r' AS run",
    "table": "CREATE TABLE extra (x)",
    "virtual table": "CREATE VIRTUAL TABLE extra USING fts5(x)",
    "index": "CREATE INDEX extra ON event (person)",
    "index with an expression": "CREATE INDEX extra ON event (hex(zeroblob(1000)))",
    "no index": "DROP INDEX event_window",
    "other index": "DROP INDEX event_key; CREATE INDEX event_key ON event (key) WHERE mine",
    "column": "ALTER TABLE event ADD COLUMN extra",
    "generated column": "ALTER TABLE event ADD COLUMN extra AS (upper(id))",
    "no table": "DROP TABLE fact",
    "other table": "DROP TABLE rota; CREATE TABLE rota (provider, slice, reads CHECK (slice > 0))",
    "two versions": "INSERT INTO alembic_version VALUES ('0001')",
    "no version": "DELETE FROM alembic_version",
    "version of no text": "UPDATE alembic_version SET version_num = x'00'",
    "unknown version": "UPDATE alembic_version SET version_num = '7777'",
    "older version": "UPDATE alembic_version SET version_num = '0001'",
    "no version table": "DROP TABLE alembic_version",
}

VALUES = {
    "no time": "UPDATE event SET starts = 'soon'",
    "a day that there is not": "UPDATE event SET observed_at = '2026-02-30T00:00:00.000000Z'",
    "a year 0": "UPDATE event SET observed_at = '0000-02-01T00:00:00.000000Z'",
    "a number for a time": "UPDATE event SET observed_at = 7",
    "an hour 29": "UPDATE run SET started_at = '2026-02-03T29:00:00.000000Z'",
    "a blob for an id": "UPDATE booking SET id = x'ff00' WHERE id = 'm'",
    "text for a number": "UPDATE booking SET revision = 'many'",
    "two for a truth": "UPDATE event SET mine = 2",
    "no value": "UPDATE booking SET agreed = 'whenever'",
    "a value of year 9999": "UPDATE booking SET agreed = "
    "'9999-12-31T00:00:00.000000Z/9999-12-31T23:00:00.000000Z confirmed'",
    "another status": "UPDATE event SET observed = replace(observed, 'confirmed', 'mine')",
    "another word": "UPDATE event SET kind = 'party'",
    "another state of a write": "UPDATE intent SET state = 'perhaps'",
    "no JSON": "UPDATE intent SET bookings = '[1'",
    "JSON of another shape": "UPDATE intent SET bookings = '{}'",
    "JSON without end": "UPDATE run SET report = replace(hex(zeroblob(100000)), '0', '[')",
    "claims of another shape": "UPDATE conflict SET claims = '[[]]'",
    "a text of a megabyte": "UPDATE history SET detail = hex(zeroblob(500000))",
    "a character 0": "UPDATE history SET detail = 'a' || char(0)",
}


def spoiled(source: Path, sql: str) -> Path:
    """Change a copy of the state with sqlite3, and return its path."""
    with closing(sqlite3.connect(source)) as database:
        database.executescript(f"PRAGMA journal_mode=DELETE; {sql}")
        database.commit()
    return source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a backup with rows in most tables."""
    state = tmp_path / "old.db"
    furnished(state)
    copy = tmp_path / "copy.db"
    create_backup(state, copy)
    return copy


def settled(path: Path) -> bool:
    """Return true if any calendar of the state counts as read in full."""
    store = Store.open(path)
    found = any(each.completed_at for each in store.baselines())
    store.close()
    return found


@pytest.mark.parametrize("sql", [*CODE.values(), *VALUES.values()], ids=[*CODE, *VALUES])
def test_a_backup_with_code_or_unreadable_values_is_refused_untouched(
    path: Path, source: Path, sql: str
) -> None:
    furnished(path)
    before = path.read_bytes()
    spoiled(source, sql)
    with pytest.raises(StateError) as caught:
        restore_backup(source, path, NOW)
    assert caught.value.remedy
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.glob(".*")] == []


@pytest.mark.parametrize("sql", CODE.values(), ids=CODE)
def test_a_state_with_code_in_it_is_not_opened_and_not_touched(path: Path, sql: str) -> None:
    furnished(path)
    spoiled(path, sql)
    before = path.read_bytes()
    for look in (
        lambda: Store.open(path),
        lambda: Store.open(path, write=False),
        lambda: read_status(path, NOW, NOW),
    ):
        with pytest.raises(StateError):
            look()
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["no time", "a number for a time", "another word"])
def test_status_reports_an_unreadable_row(path: Path, name: str) -> None:
    furnished(path)
    spoiled(path, VALUES[name].replace("starts =", "base ="))
    spoiled(path, "UPDATE run SET started_at = 'x'")
    with pytest.raises(StateError, match="damaged"):
        read_status(path, NOW, NOW)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to a pipe"])
def test_only_a_regular_file_is_opened_and_nothing_blocks(path: Path, kind: str) -> None:
    source = path.with_name("source")
    if kind == "a folder":
        source.mkdir()
    else:
        os.mkfifo(path.with_name("pipe"))
        source.symlink_to("pipe") if "link" in kind else os.mkfifo(source)
    with pytest.raises(StateError, match="not a regular file"):
        restore_backup(source, path, NOW)


def test_every_released_layout_is_accepted(tmp_path: Path) -> None:
    for file in sorted(FROZEN.glob("*.sql"))[-2:]:
        state = tmp_path / f"{file.stem}.db"
        furnished(state, file)
        restore_backup(state, tmp_path / f"restored-{file.stem}.db", NOW)


def test_the_digest_of_the_newest_layout_is_that_of_the_migrations() -> None:
    engine = open_database("sqlite://", create=True)
    migrate_schema(engine, "a new state")
    with closing(engine.raw_connection()) as raw:
        found = layout.list_objects(raw.driver_connection)  # type: ignore[arg-type]
    engine.dispose()
    digest = layout.layout_digest(layout.layout_of(found))
    assert digest == layout.NEWEST, f"write {digest!r} into syncd/store/database/layout.py"


def test_statistics_of_analyze_are_accepted(path: Path) -> None:
    furnished(path)
    spoiled(path, "ANALYZE")
    Store.open(path).close()


# --- the first cycle after it removes nothing -----------------------------------------------------


def test_a_backup_copied_into_place_by_hand_is_distrusted_once(path: Path, source: Path) -> None:
    shutil.copy(source, path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (BACKUP_APPLICATION_ID,)
    store = Store.open(path)
    assert not any(each.completed_at for each in store.baselines())
    store.apply(Changes(baselines=[Baseline("a", "p", "digest", DAY)]))
    store.close()
    assert settled(path), "it is a state like any other from then on"


def test_a_state_that_came_without_its_file_of_created_ids_is_distrusted(path: Path) -> None:
    furnished(path)
    assert settled(path)
    created_ids_path(path).unlink()
    assert not settled(path)


@pytest.mark.parametrize("sql", VALUES.values(), ids=VALUES)
def test_a_backup_put_in_place_by_hand_with_unreadable_values_is_refused(
    path: Path, source: Path, sql: str
) -> None:
    shutil.copy(spoiled(source, sql), path)
    with pytest.raises(StateError):
        Store.open(path)
