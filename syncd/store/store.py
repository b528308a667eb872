"""The repository: what is known is asked for here, and what a step found out is put here.

Every write is one `apply`: one transaction, never open across a request to a system.
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
    HeldConflict,
    HistoryEntry,
    Intent,
    IntentState,
    ProviderState,
    RateAllowance,
    Replica,
    SystemHealth,
    SystemState,
    TrackedEvent,
    Window,
)
from syncd.store import owners, queries, reported, rows
from syncd.store.connection import ConnectionKeeper
from syncd.store.created_ids import CreatedIds
from syncd.store.created_ids_sync import created_ids_file, save_proof, sync_created_ids
from syncd.store.database import (
    check_schema_current,
    check_state_file,
    migrate_schema,
    open_database,
    path_of,
)
from syncd.store.deletion import CHUNK, archive_events, delete_events, delete_links
from syncd.store.errors import translate_errors
from syncd.store.load import PENDING, load_provider
from syncd.store.prepared_statements import compiled, insert, upsert
from syncd.store.status_query import RunRecord
from syncd.store.tables import (
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
        """Use `Store.open`."""
        self._engine = engine
        self._driver = ConnectionKeeper(engine)
        self.place = place
        self.created: CreatedIds | None = None

    @classmethod
    def open(cls, where: str | Path, *, write: bool = True) -> Self:
        """Open the state at a path or SQLAlchemy URL.

        For writing it is made if it is missing (mode 0600), and migrated. For reading it must be
        there, in this program's version. Raises `StateError` with the remedy.
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
        """Take the ids in this file for proven ours; with ``append``, add to it what is created."""
        if file is not None:
            self.created = CreatedIds(file, append=append)
            with translate_errors(self.place):
                sync_created_ids(self._engine, self.created, opening=True)

    def close(self) -> None:
        """Let go of the database."""
        self._driver.close()
        self._engine.dispose()

    def in_memory_copy(self) -> Store:
        """A copy in memory, to try things on: what a dry run works with."""
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
        tried = Store(copy, f"a copy of {self.place}")
        tried.use_created_ids(created_ids_file(self.place), append=False)
        return tried

    # --- observe ------------------------------------------------------------------------------

    def fingerprints(
        self, system: str, window: Window, providers: Collection[str] | None = None
    ) -> dict[str, str]:
        """The fingerprints, by id, of what is alive and touches the window, of all or of these."""
        asked: dict[str, Any] = {"system": system, "start": window.start, "end": window.end}
        query = queries.FINGERPRINTS
        if providers is not None:
            # Filled up to a power of two, so that there are few statements to keep.
            names = sorted(providers) or [""]
            names += names[-1:] * ((1 << (len(names) - 1).bit_length()) - len(names))
            query = queries.fingerprints_of(len(names))
            asked |= {f"provider{number}": name for number, name in enumerate(names)}
        with translate_errors(self.place), self._driver.reading() as cursor:
            return compiled(self._engine.dialect, query).pairs(cursor, asked)

    def records(self, system: str, ids: Iterable[str]) -> list[TrackedEvent]:
        """The records of these events, retired ones too; unknown ids are left out."""
        asked = [{"system": system, "event": event} for event in ids]
        return [rows.to_record(row) for row in self.query(queries.EVENT_BY_ID, *asked)]

    def links(self, system: str, event: str) -> list[Replica]:
        """The replicas that this event is."""
        asked = {"system": system, "event": event}
        return [rows.to_replica(row) for row in self.query(queries.REPLICAS_OF_EVENT, asked)]

    def last_coverage(self) -> list[Coverage]:
        """What the last complete reads proved, per calendar and kinds."""
        return [rows.to_coverage(row) for row in self.query(queries.LAST_COVERAGE, {})]

    def baselines(self) -> list[Baseline]:
        """Which calendars were read in full, and under which mapping."""
        return [rows.to_baseline(row) for row in self.query(queries.BASELINES, {})]

    def events_of(self, system: str, provider: str) -> list[TrackedEvent]:
        """The living events of one calendar."""
        asked = {"system": system, "provider": provider}
        return [rows.to_record(row) for row in self.query(queries.EVENTS_OF_CALENDAR, asked)]

    # --- decide -------------------------------------------------------------------------------

    def state(self, provider: str) -> ProviderState:
        """All that is alive of a provider."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            return load_provider(self._engine.dialect, cursor, provider)

    # --- write --------------------------------------------------------------------------------

    def pending_intents(self) -> list[Intent]:
        """The journal rows whose outcome is still to be learned, oldest first."""
        return [rows.to_intent(row) for row in self.query(queries.PENDING_INTENTS, {})]

    def apply(self, *steps: Changes) -> None:
        """Store what steps found out, in this order: all of it, or nothing.

        It is on the disk when this returns, unless a loss of power would only have it read again.
        The ids of new blocks are in the file of created ids before.
        """
        at_once = not all(map(_is_read_again, steps))
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
            gone = [owners.owner_change_key(c) for c in changes.owners_resolved]
            compiled(dialect, owners.DELETE_OWNER_CHANGE).execute(cursor, gone)
        changed = [rows.from_owner_change(c) for c in changes.owner_changes]
        self._put(cursor, OWNER_CHANGE, changed)
        self._put(cursor, CALENDAR_USER, [rows.from_user(u) for u in changes.users])
        self._put(cursor, REPORTED, [reported.from_item(i) for i in changes.reported])
        if changes.history:
            lines = [rows.from_history_entry(n) for n in changes.history]
            insert(dialect, HISTORY, tuple(lines[0])).execute(cursor, lines)
        if changes.archived:
            archive_events(dialect, cursor, changes.archived)

    def start_run(self, run: str, kind: str, at: datetime) -> None:
        """Note that a run began."""
        row = {"id": run, "kind": kind, "started_at": at, "finished_at": None, "report": None}
        self.replace(RUN, [row])

    def finish_run(self, run: str, at: datetime, report: Mapping[str, Any]) -> None:
        """Note how a run ended."""
        row = {"run": run, "finished_at": at, "report": dict(report)}
        with translate_errors(self.place), self._driver.transaction() as cursor:
            compiled(self._engine.dialect, queries.FINISH_RUN).execute(cursor, [row])

    # --- the systems themselves ---------------------------------------------------------------

    def health(self) -> dict[str, SystemHealth]:
        """How each system is that was asked at least once."""
        found = [dict(row) for row in self.query(queries.ALL_HEALTH, {})]
        return {
            row["system"]: SystemHealth(**{**row, "state": SystemState(row["state"])})
            for row in found
        }

    def allowances(self) -> dict[str, RateAllowance]:
        """The calls of each account, as last counted."""
        return {row["system"]: RateAllowance(**row) for row in self.query_once(select(ALLOWANCE))}

    def save_health(self, *facts: SystemHealth | RateAllowance | Fact) -> None:
        """Keep how systems are, what their accounts allow, or what was measured of them."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            for fact in facts:
                self._put(cursor, _STANDING[type(fact)], [asdict(fact)])

    # --- show ---------------------------------------------------------------------------------

    def open_conflicts(self, provider: str | None = None) -> list[HeldConflict]:
        """The conflicts that wait for a person or are told of, oldest first; no dismissed ones."""
        found = [rows.to_conflict(row) for row in self.query(queries.OPEN_CONFLICTS, {})]
        return [held for held in found if provider in {None, held.conflict.provider}]

    def conflicts_of(self, run: str) -> list[HeldConflict]:
        """The conflicts that were opened in a run, closed ones too."""
        query = select(CONFLICT).where(CONFLICT.c.run == run)
        return [rows.to_conflict(row) for row in self.query_once(query)]

    def ended_conflicts(self, provider: str, outcome: str) -> list[HeldConflict]:
        """The conflicts of a provider that ended in that way."""
        asked = {"provider": provider, "outcome": outcome}
        return [rows.to_conflict(row) for row in self.query(queries.ENDED_CONFLICTS, asked)]

    def find_conflicts(self, start: str) -> list[HeldConflict]:
        """The conflicts whose id begins so."""
        query = select(CONFLICT).where(CONFLICT.c.id.startswith(start, autoescape=True))
        return [rows.to_conflict(row) for row in self.query_once(query.order_by(CONFLICT.c.id))]

    def bookings(self, provider: str | None = None, window: Window | None = None) -> list[Booking]:
        """The living bookings, by provider and start."""
        query, asked = queries.BOOKINGS, {}
        if provider is not None:
            query, asked = queries.BOOKINGS_OF, {"provider": provider}
        found = [rows.to_booking(row) for row in self.query(query, asked)]
        shown = [b for b in found if window is None or window.overlaps(b.agreed)]
        return sorted(shown, key=lambda b: (b.provider, b.agreed.start, b.id))

    def find_bookings(self, start: str) -> list[Booking]:
        """The bookings, retired ones too, whose id begins so."""
        query = select(BOOKING).where(BOOKING.c.id.startswith(start, autoescape=True))
        return [rows.to_booking(row) for row in self.query_once(query.order_by(BOOKING.c.id))]

    def replicas(self, bookings: Sequence[str]) -> list[tuple[Replica, TrackedEvent | None]]:
        """The replicas of these bookings, each with what is known of its event."""
        joined = REPLICA.join(
            EVENT,
            and_(EVENT.c.system == REPLICA.c.system, EVENT.c.id == REPLICA.c.event),
            isouter=True,
        )
        wanted = [*REPLICA.c, *(c.label(f"event_{c.name}") for c in EVENT.c)]
        found: list[tuple[Replica, TrackedEvent | None]] = []
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
                found.append((rows.to_replica(row), record))
        return found

    def history(
        self,
        *,
        booking: str | None = None,
        provider: str | None = None,
        run: str | None = None,
        limit: int | None = None,
    ) -> list[HistoryEntry]:
        """Lines of history, newest first."""
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
        """The last runs, newest first."""
        query = select(RUN).order_by(RUN.c.started_at.desc(), RUN.c.id).limit(limit)
        return [RunRecord(**row) for row in self.query_once(query)]

    def run(self, run: str) -> RunRecord | None:
        """A run by its id."""
        return next(
            (RunRecord(**row) for row in self.query_once(select(RUN).where(RUN.c.id == run))), None
        )

    def counts(self) -> dict[str, int]:
        """How many rows are alive: bookings, events, conflicts, intents."""
        living = {
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
            for name, (t, c) in living.items()
        }

    # --- for the rest of this room --------------------------------------------------------------

    def query_once(self, query: Any) -> Sequence[Mapping[str, Any]]:
        """All rows of a query that was made for the occasion."""
        with translate_errors(self.place), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()  # type: ignore[return-value]

    def query(self, query: Any, *questions: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """What a query that is a constant of the program tells, for each of these parameters.

        Several are asked of one moment: SQLite would look for each whether there is anything new.
        """
        if not questions:
            return []
        one_moment = self._driver.transaction if len(questions) > 1 else self._driver.reading
        with translate_errors(self.place), one_moment() as cursor:
            return compiled(self._engine.dialect, query).query(cursor, questions)

    def replace(
        self,
        table: Table,
        values: list[dict[str, Any]],
        delete: Any = None,
        *where: Mapping[str, Any],
    ) -> None:
        """Put rows in one transaction, after a DELETE, a constant, for each of these parameters."""
        with translate_errors(self.place), self._driver.transaction() as cursor:
            if where:
                compiled(self._engine.dialect, delete).execute(cursor, where)
            self._put(cursor, table, values)

    def execute(self, statements: Sequence[Any]) -> int:
        """Carry out statements in one transaction; how many rows they met."""
        with translate_errors(self.place), self._engine.begin() as connection:
            return sum(connection.execute(each).rowcount for each in statements)

    def purge(self) -> None:
        """Rewrite the database file, so that nothing that was erased is left in its free pages."""
        if self._engine.dialect.name != "sqlite":
            return
        with translate_errors(self.place), closing(self._engine.raw_connection()) as connection:
            database = connection.driver_connection
            database.execute("VACUUM")  # type: ignore[union-attr]
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    # --- within -------------------------------------------------------------------------------

    def _put(self, cursor: DBAPICursor, table: Table, values: list[dict[str, Any]]) -> None:
        """Insert rows, or replace those that are there (`store.prepared_statements.upsert`)."""
        if values:
            put = upsert(self._engine.dialect, table, tuple(values[0]))
            put.execute(cursor, values)


_STANDING = {SystemHealth: HEALTH, RateAllowance: ALLOWANCE, Fact: FACT}


def _is_read_again(changes: Changes) -> bool:
    """Whether the systems would tell the same once more, if these rows were lost with the power.

    That is so of writes that happened, which an older journal calls open: it is looked what became
    of them. And of reads that brought nothing but themselves: older coverage proves less, and what
    is committed later is never there without it, as the log is lost from its end.
    """
    if changes.intents:
        return all(i.state is IntentState.DONE for i in changes.intents)
    return not any(getattr(changes, name) for name in Changes.__slots__ if name != "coverage")
