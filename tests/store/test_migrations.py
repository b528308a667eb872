"""A state of every released version, with data in it, comes up to date with all of it.

When a version is released, its state is frozen: `python -m tests.store.released` writes
``tests/store/released/REVISION.sql``, and that file is never changed again.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from syncd.store import StateError, Store
from syncd.store.backup.backup import restore_backup
from syncd.store.database import version
from syncd.store.tables.tables import METADATA
from tests.store.kit import DAY
from tests.store.released import FROZEN, furnished, revisions

pytestmark = pytest.mark.usefixtures("every_state_is_migrated")

ADDS = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9001", "{head}", None, None
def upgrade():
    with op.batch_alter_table("booking") as table:
        table.add_column(sa.Column("colour", sa.String(), nullable=True))
    op.execute("UPDATE booking SET colour = 'red'")
"""
BREAKS = (
    ADDS
    + """
    op.execute("UPDATE no_such_table SET x = 1")
"""
)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows by table, with their columns ordered by name."""
    found: dict[str, list[tuple[object, ...]]] = {}
    with closing(sqlite3.connect(path)) as database:
        for table in METADATA.tables:
            columns = sorted(
                row[1] for row in database.execute(f'PRAGMA table_info("{table}")') if row[1]
            )
            chosen = ", ".join(f'"{column}"' for column in columns if column != "colour")
            if chosen:
                query = f'SELECT {chosen} FROM "{table}" ORDER BY {chosen}'
                found[table] = database.execute(query).fetchall()
    return found


@pytest.fixture
def a_later_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of migrations of a future version."""
    folder = tmp_path / "later"
    shutil.copytree(version.MIGRATIONS, folder)
    monkeypatch.setattr(version, "MIGRATIONS", folder)
    return folder / "versions" / "m9001_later.py"


def test_every_version_but_the_newest_is_frozen_with_data() -> None:
    frozen = {file.stem for file in FROZEN.glob("*.sql")}
    assert set(revisions()[:-1]) <= frozen
    assert frozen <= set(revisions())


@pytest.mark.parametrize(
    "file", [*FROZEN.glob("*.sql"), None], ids=lambda f: f.stem if f else "now"
)
def test_a_released_state_comes_up_to_date_with_all_its_data(path: Path, file: Path | None) -> None:
    furnished(path, file)
    before = contents(path)
    store = Store.open(path)
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    assert [b.id for b in store.bookings()] == ["m"]
    assert store.counts() == {"bookings": 1, "events": 2, "conflicts": 1, "intents": 1}
    assert store.history()
    store.close()
    after = contents(path)
    assert {table: len(rows) for table, rows in before.items()}.items() <= {
        table: len(rows) for table, rows in after.items()
    }.items()


def test_a_migration_keeps_every_row_and_is_done_once(path: Path, a_later_version: Path) -> None:
    furnished(path)
    before = contents(path)
    a_later_version.write_text(ADDS.format(head=revisions()[-1]))
    for _ in range(2):
        Store.open(path).close()
        assert contents(path) == before
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT colour FROM booking").fetchall() == [("red",)]


def test_a_migration_that_breaks_half_way_leaves_the_state_as_it_was(
    path: Path, a_later_version: Path
) -> None:
    furnished(path)
    before, head = contents(path), revisions()[-1]
    a_later_version.write_text(BREAKS.format(head=head))
    with pytest.raises(Exception, match="no such table"):
        Store.open(path)
    assert contents(path) == before
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT version_num FROM alembic_version").fetchall()
        columns = {row[1] for row in database.execute("PRAGMA table_info(booking)")}
    assert found == [(head,)]
    assert "colour" not in columns


def test_a_backup_of_an_older_version_is_migrated_as_it_is_restored(
    path: Path, a_later_version: Path
) -> None:
    source = path.with_name("older.db")
    furnished(source)
    before = source.read_bytes()
    a_later_version.write_text(ADDS.format(head=revisions()[-1]))
    assert restore_backup(source, path, DAY).bookings == 1
    assert source.read_bytes() == before
    Store.open(path, write=False).close()
    with pytest.raises(StateError, match="older syncd"):
        Store.open(source, write=False)
