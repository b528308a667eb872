"""A statement is compiled once per process, for all states."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url, select

from syncd.model import Changes
from syncd.store import Store
from syncd.store.database.compiled import SHARED_STATEMENTS, SharedStatements
from syncd.store.tables.tables import HISTORY
from tests.store.kit import note


def test_a_second_state_uses_the_compiled_statements(tmp_path: Path) -> None:
    results = []
    sizes = []
    for name in ("one", "two"):
        store = Store.open(tmp_path / f"{name}.db")
        store.apply(Changes(history=[note(name)]))
        query = select(HISTORY.c.what).where(HISTORY.c.what == name)
        results.append([row["what"] for row in store.query_once(query)])
        store.counts()
        store.close()
        sizes.append(len(SHARED_STATEMENTS))
    assert results == [["one"], ["two"]]
    assert sizes[0] == sizes[1] > 0


def test_a_dry_run_on_a_copy_compiles_nothing_anew(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "state.db")
    counts = store.counts()
    known = len(SHARED_STATEMENTS)
    copy = store.in_memory_copy()
    assert copy.counts() == counts
    assert len(SHARED_STATEMENTS) == known
    copy.close()
    store.close()


def test_databases_of_another_kind_do_not_share_their_sql() -> None:
    one, two, other = (
        make_url(url).get_dialect()() for url in ("sqlite://", "sqlite://", "postgresql://")
    )
    cache = SharedStatements(10)
    cache[one, "SELECT"] = "of SQLite"
    assert cache.get((two, "SELECT")) == "of SQLite"
    assert cache.get((other, "SELECT")) is None
