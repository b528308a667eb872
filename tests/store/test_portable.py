"""Every statement compiles for PostgreSQL, too."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from syncd.model import (
    Baseline,
    Changes,
    Coverage,
    Exposure,
    ExposureCause,
    Kind,
    RateAllowance,
    SystemHealth,
    WaitingWrite,
    WaitReason,
)
from syncd.store import Store
from syncd.store.backup.ownership_proof import (
    created_ids,
    events_with_tag,
    is_unanswered,
    orphans,
    owned_ids_with_tag,
)
from syncd.store.queries import availability
from syncd.store.queries.reported import open_items
from syncd.store.queries.waiting import count_waiting, save_waiting, waiting_writes
from syncd.store.repository.journal import failed_operations, intents_of, intents_since
from syncd.store.repository.partial_load import load_parts, pending_changes
from syncd.store.retention.compact import compact
from syncd.store.tables.tables import METADATA
from tests.store.kit import DAY, book, held, intent, link, note, rec, span, v

EXPOSED = Exposure("p", "a", DAY, DAY, ExposureCause.IGNORED, ("m",), DAY)
WAITING = WaitingWrite("n", "a", "p", "create-block", None, WaitReason.CLOCK, DAY, DAY, DAY)


class Answer(list[Any]):
    """A result with one row that has every requested column."""

    rowcount = 1

    def mappings(self) -> Answer:
        return self

    @property
    def cursor(self) -> Answer:
        return self

    def fetchall(self) -> Answer:
        return self

    def all(self) -> Answer:
        return self


class Paper:
    """An engine that compiles statements for PostgreSQL and returns made-up rows."""

    def __init__(self) -> None:
        self.dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        self.statements: list[str] = []
        self.answer = Answer()

    @contextmanager
    def connect(self) -> Iterator[Paper]:
        yield self

    begin = connect

    @property
    def connection(self) -> Paper:
        """Return a DBAPI connection, which prepared statements use directly."""
        return self

    def cursor(self) -> Pen:
        return Pen(self)

    def raw_connection(self) -> Paper:
        return self

    def commit(self) -> None:
        return None

    rollback = commit

    def close(self) -> None:
        return None

    def execute(self, statement: Any, _values: Any = None) -> Answer:
        self.statements.append(str(statement.compile(dialect=self.dialect)))
        return self.answer


class Pen:
    """A DBAPI cursor that takes text and named parameters, like PostgreSQL's."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper

    def execute(self, text: str, values: dict[str, Any]) -> None:
        text % dict.fromkeys(values, "")  # all that the text names are given
        self.paper.statements.append(text)

    def executemany(self, text: str, values: list[dict[str, Any]]) -> None:
        for each in values:
            self.execute(text, each)

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        """Yield one row after the other."""
        return iter(self.fetchall())

    def close(self) -> None:
        return None


def everything(store: Store, paper: Paper) -> dict[str, Any]:
    """Return a call of each public method, by name."""
    changes = Changes(
        records=[rec("e", v(9))],
        bookings=[book("m", v(9))],
        replicas=[link("m", "e")],
        unlinked=[link("m", "f")],
        deleted=[rec("g", v(9)).ref],
        archived=["m"],
        opened=[held("c")],
        closed=[held("c")],
        intents=[intent("i")],
        coverage=[Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)],
        history=[note("seen")],
        baselines=[Baseline("a", "p", "digest", DAY)],
    )

    def counts() -> None:
        paper.answer = Answer([{"n": 0}])
        store.counts()

    def apply() -> None:
        paper.answer = Answer([("a", "e")])
        store.apply(changes)

    def tell() -> None:
        load_parts(store, {"p": [("a", "e")]})
        pending_changes(store, "p")
        availability.exposures(store, DAY)
        availability.availabilities(store, "p")
        availability.ended_events(store, "p", DAY)
        availability.times_to_block_of(store, ["m"])
        availability.first_reads(store, "p")
        waiting_writes(store)
        count_waiting(store)

    def keep() -> None:
        availability.save_exposures(store, {"p": [EXPOSED]})
        save_waiting(store, [WAITING], ["gone"])

    def health() -> None:
        paper.answer = Answer([{"system": "a", "state": "ok"}])
        store.health()

    def standing() -> None:
        store.save_health(
            SystemHealth("a"), RateAllowance("a", DAY, planned=7.0, near=60.0, far=900.0)
        )

    def allowances() -> None:
        row = {"system": "a", "at": DAY, "planned": 7.0, "near": 60.0, "far": 900.0}
        paper.answer = Answer([row])
        store.allowances()

    return {
        "fingerprints": lambda: [store.fingerprints("a", span(0, 24), p) for p in (None, ["p"])],
        "records": lambda: store.records("a", ["e"]),
        "links": lambda: store.links("a", "e"),
        "last_coverage": store.last_coverage,
        "baselines": store.baselines,
        "events_of": lambda: store.events_of("a", "p"),
        "open_items": lambda: [open_items(store), open_items(store, "a")],
        "state": lambda: store.state("p"),
        "failed_operations": lambda: failed_operations(store, "p"),
        "created_ids": lambda: created_ids(store, "a", ["e"]),
        "events_with_tag": lambda: events_with_tag(store, "k"),
        "owned_ids_with_tag": lambda: owned_ids_with_tag(store, "k", [rec("k", v(9))]),
        "is_unanswered": lambda: is_unanswered(store, "k"),
        "orphans": lambda: orphans(store),
        "pending_intents": store.pending_intents,
        "apply": apply,
        "start_run": lambda: store.start_run("r", "resync", DAY),
        "finish_run": lambda: store.finish_run("r", DAY, {}),
        "open_conflicts": lambda: store.open_conflicts("p"),
        "conflicts_of": lambda: store.conflicts_of("r"),
        "ended_conflicts": lambda: store.ended_conflicts("p", "resolved"),
        "find_conflicts": lambda: store.find_conflicts("c"),
        "bookings": lambda: store.bookings("p"),
        "find_bookings": lambda: store.find_bookings("m"),
        "replicas": lambda: store.replicas(["m"]),
        "history": lambda: store.history(booking="m", provider="p", run="r", limit=3),
        "runs": store.runs,
        "run": lambda: store.run("r"),
        "counts": counts,
        "health": health,
        "allowances": allowances,
        "save_health": standing,
        "intents_of": lambda: intents_of(store, "r"),
        "intents_since": lambda: intents_since(store, "p", DAY),
        "execute": lambda: compact(store, DAY),
        "query_once": lambda: intents_of(store, "r"),
        "query": tell,
        "replace": keep,
    }


WITHOUT_SQL = {"open", "close", "in_memory_copy", "use_created_ids", "purge"}
"""Methods that run no statement themselves, or only on SQLite."""
METHODS = sorted(
    name
    for name, _ in inspect.getmembers(Store, callable)
    if not name.startswith("_") and name not in WITHOUT_SQL
)


@pytest.mark.parametrize("method", METHODS)
def test_every_statement_of_a_method_compiles_for_postgresql(method: str) -> None:
    paper = Paper()
    everything(Store(cast(Engine, paper), "paper"), paper)[method]()
    assert paper.statements


def test_putting_a_row_again_is_an_upsert_in_postgresql_too() -> None:
    paper = Paper()
    everything(Store(cast(Engine, paper), "paper"), paper)["start_run"]()
    (statement,) = paper.statements
    assert "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind" in statement
    assert "%(id)s" in statement


@pytest.mark.parametrize("name", sorted(METADATA.tables))
def test_every_table_and_index_can_be_made_in_postgresql(name: str) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    table = METADATA.tables[name]
    made = str(CreateTable(table).compile(dialect=dialect))
    assert all(column.name in made for column in table.columns)
    for index in table.indexes:
        assert str(index.name) in str(CreateIndex(index).compile(dialect=dialect))
