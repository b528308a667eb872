"""Prepared statements write and read the same rows as SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select

from syncd.model import (
    Baseline,
    Changes,
    Coverage,
    IntentState,
    Kind,
    Status,
    SystemHealth,
    UndoSuppression,
)
from syncd.store import Store
from syncd.store.database.prepared_statements import compiled
from syncd.store.tables import rows
from syncd.store.tables import tables as t
from tests.store.kit import DAY, at, book, held, intent, item, link, note, rec, span, v

EVENT = replace(
    rec(
        "e",
        v(9),
        updated_at=at(8),
        written=v(9),
        written_at=at(8.5),
        before_write=v(7),
        created_by_us=True,
    ),
    base=replace(v(9), status=Status.NEW),
    customer="person",
    service="service",
    key="key",
    absence_proofs=2,
)
CHANGES = Changes(
    records=[EVENT, rec("empty", None)],
    bookings=[book("m", v(9)), book("n", v(10))],
    replicas=[link("m", "e"), link("n", "e")],
    intents=[intent("i"), intent("done", state=IntentState.DONE)],
    opened=[held("c")],
    coverage=[Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)],
    baselines=[Baseline("a", "p", "digest", None)],
    undo_suppressions=[UndoSuppression("m", "a", 3, "run")],
    history=[note("seen"), note("done")],
)
ROWS: Mapping[Table, Sequence[dict[str, Any]]] = {
    t.EVENT: [rows.from_record(r) for r in CHANGES.records],
    t.BOOKING: [rows.from_booking(b) for b in CHANGES.bookings],
    t.REPLICA: [rows.from_replica(r) for r in CHANGES.replicas],
    t.INTENT: [rows.from_intent(i) for i in CHANGES.intents],
    t.CONFLICT: [rows.from_conflict(h) for h in CHANGES.opened],
    t.COVERAGE: [rows.from_coverage(c) for c in CHANGES.coverage],
    t.BASELINE: [rows.from_baseline(b) for b in CHANGES.baselines],
    t.WAIVER: [rows.from_suppression(w) for w in CHANGES.undo_suppressions],
    t.HISTORY: [rows.from_history_entry(n) for n in CHANGES.history],
}


def on_disk(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Return all rows as SQLite stores them, without our column types."""
    found = connection.exec_driver_sql(f'SELECT * FROM "{table.name}" ORDER BY 1, 2, 3')
    return [tuple(row) for row in found]


def listen_to(store: Store) -> list[str]:
    """Return a list that collects all SQLite statements from now on."""
    statements: list[str] = []
    with store._driver.reading() as cursor:
        cursor.connection.set_trace_callback(statements.append)
    return statements


def waited(statements: list[str]) -> list[bool]:
    """Return for each transaction whether its commit waited for the disk."""
    how, found = True, []
    for words in statements:
        if words.startswith("PRAGMA synchronous"):
            how = words.endswith("FULL")
        elif words == "COMMIT":
            found.append(how)
    statements.clear()
    return found


def test_rows_are_stored_as_sqlalchemy_stores_them(store: Store, tmp_path: Path) -> None:
    store.apply(CHANGES)
    other = Store.open(tmp_path / "other.db")
    with store._engine.connect() as ours, other._engine.begin() as theirs:
        for table, values in ROWS.items():
            for row in values:
                theirs.execute(table.insert().values(**row))
            assert on_disk(ours, table) == on_disk(theirs, table) != []
    other.close()


def test_queries_return_what_sqlalchemy_returns(store: Store) -> None:
    store.apply(CHANGES)
    for table, values in ROWS.items():
        first = next(c for c in table.columns if c.name in values[0])
        asked = {"wanted": values[0][first.name]}
        query = select(table).where(first == bindparam("wanted", type_=first.type))
        with store._engine.connect() as connection:
            theirs = [dict(row) for row in connection.execute(query, asked).mappings()]
        with store._driver.reading() as cursor:
            assert compiled(store._engine.dialect, query).query(cursor, [asked]) == theirs != []


def test_an_intent_waits_for_the_disk_and_its_outcome_does_not(
    store: Store,
) -> None:
    """A lost outcome is read again; a lost intent would hide a write that was sent."""
    read = Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)
    done = intent("i", state=IntentState.DONE)
    statements = listen_to(store)
    for changes, waits in (
        (Changes(intents=[intent("i"), intent("j")]), True),
        (Changes(intents=[done], records=[EVENT], history=[note("done")]), False),
        (Changes(records=[EVENT]), True),
        (Changes(coverage=[read]), False),
        (Changes(coverage=[read], records=[EVENT]), True),
        (Changes(coverage=[read], intents=[intent("j")]), True),
        (Changes(intents=[done]), False),
        (Changes(intents=[done, intent("j", state=IntentState.ACCEPTED)]), True),
        (Changes(intents=[intent("j", state=IntentState.FAILED)]), True),
        (Changes(intents=[intent("j", state=IntentState.DROPPED)]), True),
    ):
        store.apply(changes)
        assert waited(statements) == [waits], changes


def test_steps_of_one_transaction_wait_for_the_disk_together(
    store: Store,
) -> None:
    statements = listen_to(store)
    store.apply(Changes(intents=[intent("i", state=IntentState.DONE)]), Changes(records=[EVENT]))
    assert waited(statements) == [True]


def test_other_changes_wait_for_the_disk(store: Store) -> None:
    done = Changes(intents=[intent("i", state=IntentState.DONE)])
    for store_it in (
        lambda: store.start_run("r", "resync", DAY),
        lambda: store.finish_run("r", DAY, {}),
        lambda: store.apply(Changes(reported=[item("e")])),
        lambda: store.save_health(SystemHealth("a")),
        lambda: store.execute([t.RUN.delete()]),
    ):
        statements = listen_to(store)
        store.apply(done)
        store._driver.close()  # SQLAlchemy may get this very connection
        store_it()
        assert waited(statements) == [False, True]


def test_an_unflushed_outcome_is_visible_to_other_processes(tmp_path: Path) -> None:
    """Only a power cut can lose it: it is in the log, where other processes read it."""
    store = Store.open(tmp_path / "state.db")
    store.apply(Changes(intents=[intent("i")]))
    store.apply(Changes(intents=[intent("i", state=IntentState.DONE)], records=[EVENT]))
    reader = Store.open(tmp_path / "state.db", write=False)
    assert reader.pending_intents() == []
    assert reader.records("a", ["e"]) == [EVENT]
    reader.close()
    store.close()
