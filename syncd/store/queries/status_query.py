"""Read a state for `syncd status`, with SQLite only.

`syncd status` must be fast, and the import of SQLAlchemy alone takes several times as long as this.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from syncd.model import (
    Acknowledgement,
    Action,
    Conflict,
    ConflictKind,
    Exposure,
    ExposureCause,
    Fact,
    HeldBack,
    Id,
    IntentState,
    Kind,
    Operation,
    OwnerChange,
    OwnerProof,
    PollSlot,
    RateAllowance,
    ReportedItem,
    StoredConflict,
    SystemHealth,
    SystemState,
    TimeToBlock,
    Topic,
    TrackedEvent,
    WaitingWrite,
    WaitReason,
    record_id,
)
from syncd.model.canary import Canary
from syncd.model.pauses import Pause
from syncd.model.runs import RunRecord
from syncd.model.summary import summarise
from syncd.store.database import layout
from syncd.store.database.files import state_exists
from syncd.store.database.version import newest_schema
from syncd.store.errors import translate_errors
from syncd.store.queries.left_behind import OUR_BLOCKS_SQL
from syncd.store.tables.timestamps import claim_of, instant_text, value_of

_PENDING = ", ".join(f"'{state}'" for state in IntentState if state.pending)
_LIVING = {
    "bookings": "SELECT count(*) FROM booking WHERE NOT retired",
    "events": "SELECT count(*) FROM event WHERE NOT retired",
    "conflicts": "SELECT count(*) FROM conflict WHERE closed_at IS NULL AND outcome = '' AND held",
    "intents": f"SELECT count(*) FROM intent WHERE state IN ({_PENDING})",  # noqa: S608 - our words
}
_UNSETTLED = (
    f"SELECT system, count(*) AS n FROM intent WHERE state IN ({_PENDING})"  # noqa: S608 - our words
    " GROUP BY system ORDER BY system"
)
_LAST = "SELECT * FROM run ORDER BY started_at DESC, id LIMIT 1"
_READ = "SELECT system, max(read_at) AS at FROM coverage GROUP BY system"
_EXPOSED = "SELECT * FROM exposure WHERE ends > ? ORDER BY starts, provider, system"
_ORPHANS = """
    SELECT provider, system, id, starts, ends FROM event
    WHERE key IS NOT NULL AND NOT mine AND NOT retired AND kind = 'block'
      AND provider <> '' AND ends > ?
      AND NOT EXISTS (
          SELECT 1 FROM replica WHERE replica.system = event.system AND replica.event = event.id
      )
    ORDER BY provider, starts, system, id
"""
"""The orphans of `store.backup.ownership_proof.orphans` without those that are over."""
_ROTA = "SELECT * FROM rota ORDER BY provider"
_CREATED = (
    "SELECT system, event FROM intent WHERE action = 'create-block' AND +state = 'done'"
    " AND event IS NOT NULL ORDER BY rowid DESC LIMIT 200"
)
_MAPPED = "SELECT provider, system, mapping FROM baseline"
_MARKS = "SELECT * FROM acknowledged"
_CONFLICTS = (
    "SELECT * FROM conflict WHERE closed_at IS NULL AND outcome = '' ORDER BY opened_at, id"
)
_OTHERS_EVENTS = "SELECT id FROM event WHERE system = ? AND NOT retired AND ends > ? AND NOT mine"
_REPORTED = "SELECT * FROM reported WHERE ended_at IS NULL ORDER BY system, topic, event"
_EVENT = "SELECT * FROM event WHERE system = ? AND id = ?"
_WAITING = "SELECT * FROM waiting ORDER BY system, starts, name"
_PAUSED = "SELECT * FROM pause ORDER BY since, provider, system"
_HELD_BACK = "SELECT * FROM held_back WHERE ended_at IS NULL ORDER BY system, provider, since, name"
THIS_MACHINE, CLOCK_ERROR = "", "clock_error_seconds"
"""System and name of the fact with the error of this machine's clock; it belongs to no system."""
_CLOCK = "SELECT value FROM fact WHERE system = ? AND name = ?"
_PROBES = "SELECT * FROM canary WHERE ended_at IS NULL ORDER BY system, made_at"
_CLOSINGS = "SELECT * FROM closing WHERE visible_at >= ? ORDER BY visible_at"


@dataclass(frozen=True, slots=True)
class OrphanBlock:
    """A block with a tag that this state does not know. syncd does not change it."""

    provider: str
    system: str
    event: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """All that `syncd status` needs of a state.

    - ``counts``: the number of active rows; ``last``: the last run.
    - ``read_at``: when each system was last read in full.
    - ``created``: the last blocks, (system, event), that this ``installation`` created.
    - ``mapped``: the digest of the mapping of each calendar, (provider, system), at its last read.
    - ``items``: the open reported items, summarised.
    - ``conflicts``: the held and the reported conflicts.
    - ``our_blocks``: the number of our blocks by calendar (`store.queries.left_behind`).
    - ``clock_error``: how far the platforms' time is ahead of this machine's clock.
    - ``unsettled``: the number of writes without a confirmed outcome, by system.
    - ``stopped``: the tracked events to which the guard's open stops refer.
    - ``canaries``: the canary events of probes that may still exist.
    """

    counts: Mapping[str, int]
    last: RunRecord | None = None
    read_at: Mapping[str, datetime] = field(default_factory=dict)
    health: Mapping[str, SystemHealth] = field(default_factory=dict)
    allowances: Mapping[str, RateAllowance] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()
    times_to_block: tuple[TimeToBlock, ...] = ()
    poll_schedule: tuple[PollSlot, ...] = ()
    orphans: tuple[OrphanBlock, ...] = ()
    installation: int = 0
    created: tuple[tuple[str, str], ...] = ()
    owner_changes: tuple[OwnerChange, ...] = ()
    mapped: Mapping[tuple[str, str], str] = field(default_factory=dict)
    items: tuple[ReportedItem, ...] = ()
    conflicts: tuple[StoredConflict, ...] = ()
    acknowledgements: Mapping[str, Acknowledgement] = field(default_factory=dict)
    our_blocks: tuple[Mapping[str, Any], ...] = ()
    waiting: tuple[WaitingWrite, ...] = ()
    clock_error: timedelta = timedelta(0)
    facts: tuple[Fact, ...] = ()
    unsettled: Mapping[str, int] = field(default_factory=dict)
    stopped: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    paused: tuple[Pause, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    canaries: tuple[Canary, ...] = ()


EMPTY_STATUS = StatusSnapshot(dict.fromkeys(_LIVING, 0))
"""The status of a state before its first run."""


def read_status(path: Path, now: datetime, since: datetime) -> StatusSnapshot:
    """Read the status of the state in this file. Raises `StateError` as `Store.open` does.

    The result contains the exposures that end after ``now``, and the times to block of values that
    became visible at or after ``since``.
    """
    state_exists(path)
    result = _read(path, now, since, lambda database: layout.is_newest(database, newest_schema()))
    if isinstance(result, StatusSnapshot):
        return result
    # `Store.open` makes the full check and raises the error.
    from syncd.store.store import Store  # noqa: PLC0415

    Store.open(path, write=False).close()
    if result is None:
        # The layout is right, but its digest differs from `layout.NEWEST`.
        result = _read(path, now, since, _has_newest_version)
    if isinstance(result, StatusSnapshot):
        return result
    with translate_errors(str(path)):
        raise result or sqlite3.DatabaseError("not a database of this version")


def _has_newest_version(database: sqlite3.Connection) -> bool:
    return layout.version_of(database, "") == newest_schema()


def _read(
    path: Path, now: datetime, since: datetime, is_expected: Callable[[sqlite3.Connection], bool]
) -> StatusSnapshot | sqlite3.Error | None:
    """Read a state. Return None if it is not as expected, and return an error of SQLite."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            layout.harden(connection)
            return _read_all(connection, now, since) if is_expected(connection) else None
    except sqlite3.Error as error:
        return error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return sqlite3.DataError("malformed value in a row")


def _read_all(connection: sqlite3.Connection, now: datetime, since: datetime) -> StatusSnapshot:
    ask = connection.execute
    last = ask(_LAST).fetchone()
    marks = {row["subject"]: _mark(row) for row in ask(_MARKS)}
    conflicts = tuple(_conflict(row) for row in ask(_CONFLICTS))

    def is_every(system: str, events: Collection[str]) -> bool:
        current = (row["id"] for row in ask(_OTHERS_EVENTS, [system, instant_text(now)]))
        return all(event in events or record_id(event) in events for event in current)

    return StatusSnapshot(
        {name: int(ask(sql).fetchone()[0]) for name, sql in _LIVING.items()},
        None if last is None else _run(last),
        {row["system"]: datetime.fromisoformat(row["at"]) for row in ask(_READ)},
        {row["system"]: _health(row) for row in ask("SELECT * FROM health")},
        {row["system"]: _allowance(row) for row in ask("SELECT * FROM allowance")},
        tuple(_exposure(row) for row in ask(_EXPOSED, [instant_text(now)])),
        tuple(_closing(row) for row in ask(_CLOSINGS, [instant_text(since)])),
        tuple(PollSlot(**row) for row in ask(_ROTA)),
        tuple(_orphan(row) for row in ask(_ORPHANS, [instant_text(now)])),
        int(ask("PRAGMA user_version").fetchone()[0]),
        tuple((row["system"], row["event"]) for row in ask(_CREATED)),
        tuple(_owner_change(row) for row in ask("SELECT * FROM owner_change")),
        {(row["provider"], row["system"]): row["mapping"] for row in ask(_MAPPED)},
        tuple(summarise([_item(row) for row in ask(_REPORTED)], marks, is_every)),
        conflicts,
        marks,
        tuple(dict(row) for row in ask(OUR_BLOCKS_SQL, {"now": instant_text(now)})),
        tuple(_waiting(row) for row in ask(_WAITING)),
        _clock_error(ask(_CLOCK, [THIS_MACHINE, CLOCK_ERROR]).fetchone()),
        tuple(_fact(row) for row in ask("SELECT * FROM fact")),
        {row["system"]: row["n"] for row in ask(_UNSETTLED)},
        _stopped(connection, conflicts),
        tuple(_pause(row) for row in ask(_PAUSED)),
        tuple(_held_back(row) for row in ask(_HELD_BACK)),
        tuple(_canary(row) for row in ask(_PROBES)),
    )


def _at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _run(row: sqlite3.Row) -> RunRecord:
    report = None if row["report"] is None else json.loads(row["report"])
    at = datetime.fromisoformat(row["started_at"])
    return RunRecord(row["id"], row["kind"], at, _at(row["finished_at"]), report)


def _health(row: sqlite3.Row) -> SystemHealth:
    times = {name: _at(row[name]) for name in ("since", "asked_at", "retry_at")}
    state, writing = SystemState(row["state"]), bool(row["writing"])
    return SystemHealth(**{**dict(row), **times, "state": state, "writing": writing})


def _allowance(row: sqlite3.Row) -> RateAllowance:
    return RateAllowance(**{**dict(row), "at": datetime.fromisoformat(row["at"])})


def _fact(row: sqlite3.Row) -> Fact:
    return Fact(**{**dict(row), "at": datetime.fromisoformat(row["at"])})


def _canary(row: sqlite3.Row) -> Canary:
    start, end, at = (datetime.fromisoformat(row[name]) for name in ("starts", "ends", "made_at"))
    return Canary(row["tag"], row["system"], row["provider"], start, end, at, row["event"])


def _exposure(row: sqlite3.Row) -> Exposure:
    starts, ends, since = (
        datetime.fromisoformat(row[name]) for name in ("starts", "ends", "since")
    )
    bookings, calendars = (tuple(json.loads(row[name])) for name in ("bookings", "seats"))
    cause = ExposureCause(row["cause"])
    return Exposure(row["provider"], row["system"], starts, ends, cause, bookings, since, calendars)


def _orphan(row: sqlite3.Row) -> OrphanBlock:
    starts, ends = datetime.fromisoformat(row["starts"]), datetime.fromisoformat(row["ends"])
    return OrphanBlock(row["provider"], row["system"], row["id"], starts, ends)


def _owner_change(row: sqlite3.Row) -> OwnerChange:
    times = {name: datetime.fromisoformat(row[name]) for name in ("since", "asked_at")}
    proof, value = OwnerProof(row["proof"]), value_of(row["value"])
    return OwnerChange(**{**dict(row), **times, "proof": proof, "value": value})


def _item(row: sqlite3.Row) -> ReportedItem:
    return ReportedItem(
        row["system"],
        row["event"],
        Topic(row["topic"]),
        row["reason"],
        tuple(json.loads(row["calendars"])),
        timedelta(seconds=row["back"]),
        timedelta(seconds=row["ahead"]),
        datetime.fromisoformat(row["since"]),
        datetime.fromisoformat(row["seen_at"]),
    )


def _mark(row: sqlite3.Row) -> Acknowledgement:
    return Acknowledgement(
        row["subject"], row["inputs"], datetime.fromisoformat(row["at"]), row["by"]
    )


def _conflict(row: sqlite3.Row) -> StoredConflict:
    kind, claims = ConflictKind(row["kind"]), map(claim_of, json.loads(row["claims"]))
    conflict = Conflict(
        kind,
        row["provider"],
        row["subject"],
        tuple(claims),
        row["inputs"],
        row["note"],
        row["rule"],
        bool(row["held"]),
    )
    return StoredConflict(
        row["id"], conflict, datetime.fromisoformat(row["opened_at"]), row["run"], None, ""
    )


def _waiting(row: sqlite3.Row) -> WaitingWrite:
    start, end, since = (datetime.fromisoformat(row[name]) for name in ("starts", "ends", "since"))
    return WaitingWrite(
        row["name"],
        row["system"],
        row["provider"],
        row["action"],
        row["event"],
        WaitReason(row["why"]),
        start,
        end,
        since,
    )


def _pause(row: sqlite3.Row) -> Pause:
    since = datetime.fromisoformat(row["since"])
    return Pause(row["system"], row["provider"], since, row["who"], row["reason"])


def _held_back(row: sqlite3.Row) -> HeldBack:
    before, after = (None if row[n] is None else value_of(row[n]) for n in ("before", "after"))
    operation = Operation(
        Action(row["action"]),
        row["system"],
        row["provider"],
        Kind(row["kind"]),
        row["event"],
        before,
        after,
        tuple(json.loads(row["bookings"])),
        reason=row["reason"],
    )
    since, seen_at = (datetime.fromisoformat(row[name]) for name in ("since", "seen_at"))
    return HeldBack(row["name"], operation, WaitReason(row["why"]), since, seen_at)


def _stopped(
    connection: sqlite3.Connection, conflicts: Iterable[StoredConflict]
) -> dict[Id, TrackedEvent]:
    """Return the tracked events to which the guard's open stops refer."""
    ids = sorted(
        {
            (claim.system, claim.event)
            for held in conflicts
            if held.conflict.kind is ConflictKind.GUARD
            for claim in held.conflict.claims
            if claim.event
        }
    )
    loaded = (connection.execute(_EVENT, id_).fetchone() for id_ in ids)
    return {(row["system"], row["id"]): _record(row) for row in loaded if row is not None}


def _record(row: sqlite3.Row) -> TrackedEvent:
    """Read the fields that identify a meeting (`core.mass_change.guard.count_meetings`)."""
    return TrackedEvent(
        row["system"],
        row["provider"],
        row["id"],
        Kind(row["kind"]),
        None,
        datetime.fromisoformat(row["observed_at"]),
        "",
        base=None if row["base"] is None else value_of(row["base"]),
        customer=row["person"],
        service=row["service"],
        series=row["series"],
    )


def _clock_error(row: sqlite3.Row | None) -> timedelta:
    return timedelta(seconds=0 if row is None else float(row["value"]))


def _closing(row: sqlite3.Row) -> TimeToBlock:
    visible_at, closed_at = datetime.fromisoformat(row["visible_at"]), _at(row["closed_at"])
    return TimeToBlock(row["booking"], row["revision"], row["provider"], visible_at, closed_at)
