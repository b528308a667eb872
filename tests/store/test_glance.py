"""The quick look says what the repository says, and fails with the same words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from syncd.model import Changes, Coverage, Kind
from syncd.store import StateError, Store
from syncd.store.connect import _scripts
from syncd.store.glance import NOTHING, SCHEMA, glance
from tests.store.kit import at, book, held, span, v


def test_the_schema_that_it_expects_is_the_newest_migration() -> None:
    _, scripts = _scripts()
    assert scripts.get_current_head() == SCHEMA


def test_it_says_what_the_repository_says(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    assert glance(path) == NOTHING
    store.apply(
        Changes(
            bookings=[book("a", v(9)), book("b", v(10))],
            opened=[held("c")],
            coverage=[
                Coverage("x", provider, frozenset({Kind.BLOCK}), span(1, 2), at(hour))
                for provider, hour in (("p", 3), ("q", 4))
            ],
        )
    )
    store.apply(Changes(retired=["a"]))
    store.start_run("one", "resync", at(1))
    store.finish_run("one", at(2), {"exposures": 3})
    store.start_run("two", "near", at(5))
    seen = glance(path)
    assert dict(seen.counts) == store.counts() == {**NOTHING.counts, "bookings": 1, "conflicts": 1}
    assert seen.last == store.runs(1)[0]
    assert dict(seen.read_at) == {"x": at(4)}
    store.finish_run("two", at(6), {"exposures": 0})
    assert glance(path).last == store.runs(1)[0]
    store.close()


@pytest.mark.parametrize(
    ("version", "told"), [("0000", "newer syncd"), (None, "another program's database")]
)
def test_a_state_of_another_version_is_told_as_ever(
    tmp_path: Path, version: str | None, told: str
) -> None:
    path = tmp_path / "state.db"
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        if version is None:
            connection.execute("DROP TABLE alembic_version")
        else:
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()
    with pytest.raises(StateError, match=told):
        glance(path)


def test_a_file_that_is_no_database_is_told_with_place_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("something else altogether, and long enough to be looked at" * 20)
    with pytest.raises(StateError, match="not a syncd state"):
        glance(path)
