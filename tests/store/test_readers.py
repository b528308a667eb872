"""Readers and in-memory copies during writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.model import Changes
from syncd.store import Store
from tests.store.kit import DAY, alive, book, link, note, rec, v


def test_changes_in_a_copy_do_not_reach_the_state(store: Store, path: Path) -> None:
    store.apply(Changes(records=[rec("e", v(9))], bookings=[book("m", v(9))]))
    copy = store.in_memory_copy()
    assert copy.state("p") == store.state("p")
    copy.apply(Changes(records=[rec("f", v(9))], archived=["m"], history=[note("tried")]))
    copy.start_run("tried", "resync", DAY)
    assert alive(copy) == (set(), {"e", "f"})
    assert alive(store) == ({"m"}, {"e"})
    assert store.run("tried") is None
    store.apply(Changes(records=[rec("g", v(9))]))
    assert alive(copy)[1] == {"e", "f"}
    copy.close()
    assert {p.name for p in path.parent.iterdir()} <= {
        "syncd.db",
        "syncd.db-wal",
        "syncd.db-shm",
    }


def test_a_scratch_copy_can_be_made_of_a_state_that_is_only_read(store: Store, path: Path) -> None:
    store.apply(Changes(records=[rec("e", v(9))]))
    reader = Store.open(path, write=False)
    copy = reader.in_memory_copy()
    reader.close()
    copy.apply(Changes(records=[rec("f", v(9))]))
    second = copy.in_memory_copy()
    assert alive(second)[1] == {"e", "f"}
    copy.close()
    second.close()


def test_reader_and_scratch_copy_see_nothing_that_is_not_committed(
    store: Store, path: Path
) -> None:
    store.apply(Changes(records=[rec("e", v(9))]))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO run VALUES ('uncommitted', 'far', '2026-06-01T00', NULL, NULL)")
        writer.execute("DELETE FROM event")
        reader = Store.open(path, write=False)
        copy = reader.in_memory_copy()
        for seen in (reader, copy):
            assert seen.run("uncommitted") is None
            assert alive(seen)[1] == {"e"}
        writer.execute("COMMIT")
        assert reader.run("uncommitted") is not None
        assert alive(reader)[1] == set()
        assert copy.run("uncommitted") is None
        copy.close()
        reader.close()


def test_a_state_is_read_as_of_one_moment(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncd.store.tables import rows  # noqa: PLC0415  patched below

    store.apply(
        Changes(records=[rec("e", v(9))], bookings=[book("m", v(9))], replicas=[link("m", "e")])
    )
    reader = Store.open(path, write=False)
    plain = rows.to_record

    def meanwhile(row: rows.RowLike) -> object:
        # Another process commits just after the reader has seen its first table.
        store.apply(Changes(archived=["m"]))
        return plain(row)

    monkeypatch.setattr(rows, "to_record", meanwhile)
    assert alive(reader) == ({"m"}, {"e"})
    monkeypatch.undo()
    assert alive(reader) == (set(), set())
    reader.close()
