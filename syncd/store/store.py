"""The repository: load the state, and store changes to it.

`Store.apply` stores all changes of a step in one transaction. No transaction is open during a
request to a system.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, Table, and_, func, select
from sqlalchemy.engine.interfaces import DBAPICursor

from syncd.model import (
    Baseline,
    Booking,
    Changes,
    Coverage,
    Fact,
    HistoryEntry,
    Intent,
    IntentState,
    ProviderState,
    RateAllowance,
    Replica,
    StoredConflict,
    SystemHealth,
    SystemState,
    TrackedEvent,
    Window,
)
from syncd.model.runs import RunRecord
from syncd.store.backup.created_ids import CreatedIds
from syncd.store.backup.created_ids_sync import created_ids_file, save_proof, sync_created_ids
from syncd.store.database.connection import ConnectionKeeper
from syncd.store.database.database import (
    check_schema_current,
    check_state_file,
    migrate_schema,
    open_database,
    path_of,
)
from syncd.store.database.prepared_statements import compiled, insert, upsert
from syncd.store.errors import translate_errors
from syncd.store.repository import queries
from syncd.store.repository.deletion import (
    CHUNK,
    DELETE_OWNER_CHANGE,
    archive_events,
    delete_events,
    delete_links,
    owner_change_key,
)
from syncd.store.repository.load import PENDING, load_provider
from syncd.store.tables import rows
from syncd.store.tables.tables import (
    ALLOWANCE,
    BASELINE,
    BOOKING,
    CALENDAR_USER,
    CONFLICT,
    COVERAGE,
    EVENT,
    FACT,
    HEALTH,
    HISTORY,
    INTENT,
    OWNER_CHANGE,
    REPLICA,
    REPORTED,
    RUN,
    WAIVER,
)


class Store:
    """The state of one syncd. Every method may raise `StateError`."""

    def __init__(self, engine: Engine, place: str) -> None:
        """Wrap an engine. Use `Store.open` instead."""
        self._engine = engine
        self._driver = ConnectionKeeper(engine)
        self.place = place
        self.created: CreatedIds | None = None

    @classmethod
    def open(cls, where: str | Path, *, write: bool = True) -> Self:
        """Open the state at a path or SQLAlchemy URL.

        For writing, a missing state is created (mode 0600) and an older one is migrated. For
        reading, it must exist and have this program's version. Raises `StateError`.
        """
        place = str(where)
        engine = open_database(where, create=write)
        try:
            with translate_errors(place):
                if (file := path_of(where)) is not None:
                    check_state_file(file, place, sound=write)
                (migrate_schema if write else check_schema_current)(engine, place)
                store = cls(engine, place)
                if write:
                    store.use_created_ids(created_ids_file(where), append=True)
        except BaseException:
            engine.dispose()
            raise
        return store

    def use_created_ids(self, file: Path | None, *, append: bool) -> None:
        """Use this file as proof of our blocks; with ``append``, add new blocks to the file."""
        if file is not None:
            self.created = CreatedIds(file, append=append)
            with translate_errors(self.place):
                sync_created_ids(self._engine, self.created, opening=True)

    def close(self) -> None:
        """Close all connections."""
        self._driver.close()
        self._engine.dispose()

    def in_memory_copy(self) -> Store:
        """Return a copy of the state in memory, for a dry run; writes to the copy are lost."""
        copy = open_database("sqlite://", create=True)
        with translate_errors(self.place):
            if self._engine.dialect.name == "sqlite":
                with (
                    closing(self._engine.raw_connection()) as source,
                    closing(copy.raw_connection()) as target,
                ):
                    source.driver_connection.backup(target.driver_connection)  # type: ignore[union-attr]
            else:
                migrate_schema(copy, "a scratch copy")
                with self._engine.connect() as old, copy.begin() as new:
                    for table in EVENT.metadata.sorted_tables:
                        for batch in old.execute(select(table)).mappings().partitions(CHUNK):
                            new.execute(table.insert(), [dict(row) for row in batch])
        store = Store(copy, f"a copy of {self.place}")
        store.use_created_ids(created_ids_file(self.place), append=False)
        return store

    # --- reading ------------------------------------------------------------------------------

    def fingerprints(
        self, system: str, window: Window, providers: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return the fingerprints, by event id, of a system's active events in a window.

        ``providers`` limits the result to some providers; None means all.
        """
        parameters: dict[str, Any] = {"system": system, "start": window.start, "end": window.end}
        query = queries.FINGERPRINTS
        if providers is not None:
            # Pad the names to a power of two, so that few statements are cached.
            names = sorted(providers) or [""]
            names += names[-1:] * ((1 << (len(names) - 1).bit_length()) - len(names))
            query = queries.fingerprints_of(len(names))
            parameters |= {f"provider{number}": name for number, name in enumerate(names)}
        with translate_errors(self.place), self._driver.reading() as cursor:
            return compiled(self._engine.dialect, query).pairs(cursor, parameters)

    def records(self, system: str, ids: Iterable[str]) -> list[TrackedEvent]:
        """Load the events with these ids, including archived ones. Unknown ids are left out."""
        parameters = [{"system": system, "event": event} for event in ids]
        return [rows.to_record(row) for row in self.query(queries.EVENT_BY_ID, *parameters)]

    def links(self, system: str, event: str) -> list[Replica]:
        """Load the links of an event to bookings."""
        parameters = {"system": system, "event": event}
        return [rows.to_replica(row) for row in self.query(queries.REPLICAS_OF_EVENT, parameters)]

    def last_coverage(self) -> list[Coverage]:
        """Load the coverage of the last complete read of each calendar and kinds."""
        return [rows.to_coverage(row) for row in self.query(queries.LAST_COVERAGE, {})]

    def baselines(self) -> list[Baseline]:
        """Load the baselines: which calendars were read in full, under which mapping."""
        return [rows.to_baseline(row) for row in self.query(queries.BASELINES, {})]

    def events_of(self, system: str, provider: str) -> list[TrackedEvent]:
        """Load the active events of one calendar."""
        parameters = {"system": system, "provider": provider}
        return [rows.to_record(row) for row in self.query(queries.EVENTS_OF_CALENDAR, parameters)]

    # --- deciding -----------------------------------------------------------------------------

    def state(self, provider: str) -> ProviderState:
        """Load the active state of a provider."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            return load_provider(self._engine.dialect, cursor, provider)

    # --- writing ------------------------------------------------------------------------------

    def pending_intents(self) -> list[Intent]:
        """Load the journal rows whose outcome is not known yet, oldest first."""
        return [rows.to_intent(row) for row in self.query(queries.PENDING_INTENTS, {})]

    def apply(self, *steps: Changes) -> None:
        """Store the changes of some steps, in this order, in one transaction.

        They are on the disk when this method returns, except for changes that the next read would
        bring again. The ids of new blocks are written to the file of created ids first.
        """
        at_once = not all(map(_can_be_read_again, steps))
        with translate_errors(self.place):
            if self.created is not None:
                save_proof(self._engine, self.created, steps)
            with self._driver.transaction(at_once=at_once) as cursor:
                for changes in steps:
                    self._apply(cursor, changes)

    def _apply(self, cursor: DBAPICursor, changes: Changes) -> None:
        self._put(cursor, EVENT, [rows.from_record(r) for r in changes.records])
        self._put(cursor, BOOKING, [rows.from_booking(b) for b in changes.bookings])
        dialect = self._engine.dialect
        if changes.unlinked:
            delete_links(dialect, cursor, changes.unlinked)
        self._put(cursor, REPLICA, [rows.from_replica(r) for r in changes.replicas])
        if changes.deleted:
            delete_events(dialect, cursor, changes.deleted)
        self._put(cursor, CONFLICT, [rows.from_conflict(h) for h in changes.opened])
        self._put(cursor, CONFLICT, [rows.from_conflict(h) for h in changes.closed])
        self._put(cursor, INTENT, [rows.from_intent(i) for i in changes.intents])
        self._put(cursor, COVERAGE, [rows.from_coverage(c) for c in changes.coverage])
        self._put(cursor, BASELINE, [rows.from_baseline(b) for b in changes.baselines])
        self._put(cursor, WAIVER, [rows.from_suppression(w) for w in changes.undo_suppressions])
        if changes.owners_resolved:
            keys = [owner_change_key(c) for c in changes.owners_resolved]
            compiled(dialect, DELETE_OWNER_CHANGE).execute(cursor, keys)
        changed = [rows.from_owner_change(c) for c in changes.owner_changes]
        self._put(cursor, OWNER_CHANGE, changed)
        self._put(cursor, CALENDAR_USER, [rows.from_user(u) for u in changes.users])
        self._put(cursor, REPORTED, [rows.from_reported_item(i) for i in changes.reported])
        if changes.history:
            entries = [rows.from_history_entry(n) for n in changes.history]
            insert(dialect, HISTORY, tuple(entries[0])).execute(cursor, entries)
        if changes.archived:
            archive_events(dialect, cursor, changes.archived)

    def start_run(self, run: str, kind: str, at: datetime) -> None:
        """Store the start of a run."""
        row = {"id": run, "kind": kind, "started_at": at, "finished_at": None, "report": None}
        self.replace(RUN, [row])

    def finish_run(self, run: str, at: datetime, report: Mapping[str, Any]) -> None:
        """Store the end of a run and its report."""
        row = {"run": run, "finished_at": at, "report": dict(report)}
        with translate_errors(self.place), self._driver.transaction() as cursor:
            compiled(self._engine.dialect, queries.FINISH_RUN).execute(cursor, [row])

    # --- systems ------------------------------------------------------------------------------

    def health(self) -> dict[str, SystemHealth]:
        """Load the health of each system that was ever asked, by system name."""
        loaded = [dict(row) for row in self.query(queries.ALL_HEALTH, {})]
        return {
            row["system"]: SystemHealth(**{**row, "state": SystemState(row["state"])})
            for row in loaded
        }

    def allowances(self) -> dict[str, RateAllowance]:
        """Load the rate allowance of each account."""
        return {row["system"]: RateAllowance(**row) for row in self.query_once(select(ALLOWANCE))}

    def save_health(self, *facts: SystemHealth | RateAllowance | Fact) -> None:
        """Store the health, rate allowances or measured facts of systems."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            for fact in facts:
                self._put(cursor, _SYSTEM_TABLES[type(fact)], [asdict(fact)])

    # --- showing ------------------------------------------------------------------------------

    def open_conflicts(self, provider: str | None = None) -> list[StoredConflict]:
        """Load the open conflicts, held and reported ones, oldest first; without dismissed ones."""
        conflicts = [rows.to_conflict(row) for row in self.query(queries.OPEN_CONFLICTS, {})]
        return [held for held in conflicts if provider in {None, held.conflict.provider}]

    def conflicts_of(self, run: str) -> list[StoredConflict]:
        """Load the conflicts that were opened in a run, including closed ones."""
        query = select(CONFLICT).where(CONFLICT.c.run == run)
        return [rows.to_conflict(row) for row in self.query_once(query)]

    def ended_conflicts(self, provider: str, outcome: str) -> list[StoredConflict]:
        """Load the conflicts of a provider with this outcome."""
        parameters = {"provider": provider, "outcome": outcome}
        return [rows.to_conflict(row) for row in self.query(queries.ENDED_CONFLICTS, parameters)]

    def find_conflicts(self, start: str) -> list[StoredConflict]:
        """Load the conflicts whose id begins with ``start``."""
        query = select(CONFLICT).where(CONFLICT.c.id.startswith(start, autoescape=True))
        return [rows.to_conflict(row) for row in self.query_once(query.order_by(CONFLICT.c.id))]

    def bookings(self, provider: str | None = None, window: Window | None = None) -> list[Booking]:
        """Load the active bookings, ordered by provider and start.

        ``provider`` and ``window`` limit the result; None means no limit.
        """
        if provider is None:
            loaded = self.query(queries.BOOKINGS, {})
        else:
            loaded = self.query(queries.BOOKINGS_OF, {"provider": provider})
        bookings = [rows.to_booking(row) for row in loaded]
        chosen = [b for b in bookings if window is None or window.overlaps(b.agreed)]
        return sorted(chosen, key=lambda b: (b.provider, b.agreed.start, b.id))

    def find_bookings(self, start: str) -> list[Booking]:
        """Load the bookings whose id begins with ``start``, including retired ones."""
        query = select(BOOKING).where(BOOKING.c.id.startswith(start, autoescape=True))
        return [rows.to_booking(row) for row in self.query_once(query.order_by(BOOKING.c.id))]

    def replicas(self, bookings: Sequence[str]) -> list[tuple[Replica, TrackedEvent | None]]:
        """Load the replicas of these bookings, each with its event if it is stored."""
        joined = REPLICA.join(
            EVENT,
            and_(EVENT.c.system == REPLICA.c.system, EVENT.c.id == REPLICA.c.event),
            isouter=True,
        )
        wanted = [*REPLICA.c, *(c.label(f"event_{c.name}") for c in EVENT.c)]
        replicas: list[tuple[Replica, TrackedEvent | None]] = []
        for at in range(0, len(bookings), CHUNK):
            query = (
                select(*wanted)
                .select_from(joined)
                .where(REPLICA.c.booking.in_(bookings[at : at + CHUNK]))
                .order_by(REPLICA.c.booking, REPLICA.c.system, REPLICA.c.event)
            )
            for row in self.query_once(query):
                event = {c.name: row[f"event_{c.name}"] for c in EVENT.c}
                record = rows.to_record(event) if event["id"] is not None else None
                replicas.append((rows.to_replica(row), record))
        return replicas

    def history(
        self,
        *,
        booking: str | None = None,
        provider: str | None = None,
        run: str | None = None,
        limit: int | None = None,
    ) -> list[HistoryEntry]:
        """Load history, newest first. Each argument limits the result; None means no limit."""
        query = select(HISTORY).order_by(HISTORY.c.seq.desc()).limit(limit)
        for column, value in (
            (HISTORY.c.booking, booking),
            (HISTORY.c.provider, provider),
            (HISTORY.c.run, run),
        ):
            if value is not None:
                query = query.where(column == value)
        return [rows.to_history_entry(row) for row in self.query_once(query)]

    def runs(self, limit: int = 20) -> list[RunRecord]:
        """Load the last runs, newest first."""
        query = select(RUN).order_by(RUN.c.started_at.desc(), RUN.c.id).limit(limit)
        return [RunRecord(**row) for row in self.query_once(query)]

    def run(self, run: str) -> RunRecord | None:
        """Load a run by its id, or return None."""
        found = self.query_once(select(RUN).where(RUN.c.id == run))
        return next((RunRecord(**row) for row in found), None)

    def counts(self) -> dict[str, int]:
        """Count the active rows: bookings, events, conflicts, intents."""
        active = {
            "bookings": (BOOKING, BOOKING.c.retired.is_(False)),
            "events": (EVENT, EVENT.c.retired.is_(False)),
            "conflicts": (
                CONFLICT,
                and_(CONFLICT.c.closed_at.is_(None), CONFLICT.c.outcome == "", CONFLICT.c.held),
            ),
            "intents": (INTENT, PENDING),
        }
        return {
            name: int(
                self.query_once(select(func.count().label("n")).select_from(t).where(c))[0]["n"]
            )
            for name, (t, c) in active.items()
        }

    # --- for the other modules of this package ------------------------------------------------

    def query_once(self, query: Any) -> Sequence[Mapping[str, Any]]:
        """Run an ad-hoc query and return all rows."""
        with translate_errors(self.place), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()  # type: ignore[return-value]

    def query(self, query: Any, *parameters: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Run a constant query once for each set of parameters, and return all rows.

        The query is compiled once and cached. Several sets run in one transaction, because without
        one SQLite checks for changes before each.
        """
        if not parameters:
            return []
        context = self._driver.transaction if len(parameters) > 1 else self._driver.reading
        with translate_errors(self.place), context() as cursor:
            return compiled(self._engine.dialect, query).query(cursor, parameters)

    def replace(
        self,
        table: Table,
        values: list[dict[str, Any]],
        delete: Any = None,
        *where: Mapping[str, Any],
    ) -> None:
        """Upsert rows in one transaction, after a constant DELETE for each set of parameters."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            if where:
                compiled(self._engine.dialect, delete).execute(cursor, where)
            self._put(cursor, table, values)

    def execute(self, statements: Sequence[Any]) -> int:
        """Execute ad-hoc statements in one transaction; return the number of affected rows."""
        with translate_errors(self.place), self._engine.begin() as connection:
            return sum(connection.execute(each).rowcount for each in statements)

    def purge(self) -> None:
        """Rewrite the database file, so that its free pages contain no erased data."""
        if self._engine.dialect.name != "sqlite":
            return
        with translate_errors(self.place), closing(self._engine.raw_connection()) as connection:
            database = connection.driver_connection
            database.execute("VACUUM")  # type: ignore[union-attr]
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    # --- internal -----------------------------------------------------------------------------

    def _put(self, cursor: DBAPICursor, table: Table, values: list[dict[str, Any]]) -> None:
        """Insert rows, or replace existing ones (`store.database.prepared_statements.upsert`)."""
        if values:
            statement = upsert(self._engine.dialect, table, tuple(values[0]))
            statement.execute(cursor, values)


_SYSTEM_TABLES = {SystemHealth: HEALTH, RateAllowance: ALLOWANCE, Fact: FACT}


def _can_be_read_again(changes: Changes) -> bool:
    """Return true if losing these rows in a power cut is harmless: the next read brings them again.

    That is so for finished writes: the older journal has them as open, and their outcome is looked
    up. It is also so for coverage alone: older coverage only proves less. Later transactions cannot
    survive without earlier ones, because SQLite loses its log from the end.
    """
    if changes.intents:
        return all(i.state is IntentState.DONE for i in changes.intents)
    return not any(getattr(changes, name) for name in Changes.__slots__ if name != "coverage")
