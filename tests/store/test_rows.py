"""Stored values are read back equal, through a real file."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from syncd.model import (
    Action,
    Booking,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    Coverage,
    HistoryEntry,
    Intent,
    IntentState,
    Kind,
    Operation,
    Replica,
    Role,
    Status,
    StoredConflict,
    TrackedEvent,
    Value,
    Window,
)
from syncd.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import INTENT
from tests.store.kit import DAY, at, book, held, intent, link, note, rec, v

EXACT = datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=UTC)
VALUE = Value(EXACT, EXACT + timedelta(microseconds=1), Status.NEW)

FULL_RECORD = TrackedEvent(
    system="clinic",
    provider="alice",
    id="e/1",
    kind=Kind.BLOCK,
    observed=VALUE,
    observed_at=EXACT,
    fingerprint="0f",
    base=v(9),
    created_by_us=True,
    customer="opaque person",
    service="opaque service",
    key="abcdefghij",
    updated_at=at(1),
    written=v(10, status=Status.SHOWED),
    written_at=at(2),
    before_write=v(11, status=Status.NOSHOW),
    absence_proofs=2,
    absent_since=DAY,
    series="master",
    original_start=at(3),
    created_at=at(4),
    off_at=at(5),
    off_seen_at=at(6),
    moved_in_at=at(7),
)
FULL_OPERATION = Operation(
    action=Action.MOVE_BLOCK,
    system="clinic",
    provider="alice",
    kind=Kind.BLOCK,
    event="e/1",
    before=v(9),
    after=VALUE,
    bookings=("m2", "m1"),
    key="abcdefghij",
    reason="follows its booking",
)


def again(path: Path) -> Store:
    """Open the same state again, like another process."""
    return Store.open(path, write=False)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(FULL_RECORD, id="every field set"),
        pytest.param(rec("e", v(9)), id="no more than needed"),
        pytest.param(rec("e", None, base=v(9), absence_proofs=1), id="gone, not decided on"),
        pytest.param(rec("e", None, end_accepted=True, archived=True), id="gone and accepted"),
        pytest.param(rec("é\U0001f4c5'\"\n%", v(9)), id="an odd id"),
    ],
)
def test_a_record_comes_back_equal(store: Store, path: Path, record: TrackedEvent) -> None:
    store.apply(Changes(records=[record]))
    reader = again(path)
    assert reader.records(record.system, [record.id]) == [record]
    reader.close()


def test_the_full_record_leaves_no_field_at_its_default() -> None:
    plain = rec("e", v(9))
    alike = {
        f.name
        for f in fields(TrackedEvent)
        if getattr(plain, f.name) == getattr(FULL_RECORD, f.name)
    }
    # These two are how a record says that it is history; the next rows of the table have them.
    assert alike == {"end_accepted", "archived"}


@pytest.mark.parametrize("status", Status)
def test_every_status_comes_back(store: Store, status: Status) -> None:
    store.apply(Changes(records=[rec("e", v(9, status=status))]))
    (found,) = store.records("a", ["e"])
    assert found.observed == v(9, status=status)


@pytest.mark.parametrize(
    "booking",
    [
        Booking("m", "p", Kind.BLOCK, VALUE, 7, EXACT),
        Booking("m", "p", Kind.APPOINTMENT, v(9)),
    ],
)
def test_a_booking_comes_back_equal(store: Store, path: Path, booking: Booking) -> None:
    store.apply(Changes(bookings=[booking]))
    reader = again(path)
    assert reader.bookings() == [booking]
    assert reader.state("p").bookings == (booking,)
    reader.close()


@pytest.mark.parametrize("role", Role)
def test_a_replica_comes_back_equal(store: Store, role: Role) -> None:
    replica = Replica("m", "a", "e", role, 5)
    store.apply(Changes(bookings=[book("m", v(9))], replicas=[replica]))
    assert store.links("a", "e") == [replica]
    assert store.state("p").replicas == (replica,)
    assert store.replicas(["m"]) == [(replica, None)]


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize(
    "operation",
    [
        FULL_OPERATION,
        replace(FULL_OPERATION, action=Action.REMOVE_BLOCK, after=None),
        replace(FULL_OPERATION, event=None, before=None, key=None, bookings=()),
    ],
)
def test_an_intent_comes_back_equal(store: Store, state: IntentState, operation: Operation) -> None:
    put = Intent("i", "run", operation, state, EXACT, 3, "bulk job 7", "it said no")
    store.apply(Changes(intents=[put]))
    assert [rows.to_intent(row) for row in store.query_once(select(INTENT))] == [put]
    assert store.pending_intents() == ([put] if state.pending else [])


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param((), id="none"),
        pytest.param((Claim("a", None, None), Claim("b", "e", None, EXACT)), id="without values"),
        pytest.param((Claim("a", "e1", VALUE, EXACT), Claim("b", "e2", v(9))), id="with values"),
    ],
)
@pytest.mark.parametrize("kind", ConflictKind)
def test_a_conflict_comes_back_with_every_claim(
    store: Store, claims: tuple[Claim, ...], kind: ConflictKind
) -> None:
    conflict = Conflict(kind, "p", "m", claims, "digest", "what is wrong")
    put = StoredConflict("c", conflict, EXACT, "run")
    store.apply(Changes(opened=[put]))
    assert store.open_conflicts() == [put]
    ended = replace(put, closed_at=at(3), outcome="taken from a")
    store.apply(Changes(closed=[ended]))
    assert store.open_conflicts() == []
    assert store.conflicts_of("run") == [ended]


@pytest.mark.parametrize("kinds", [frozenset(Kind), frozenset({Kind.BLOCK}), frozenset[Kind]()])
def test_a_coverage_comes_back_equal(store: Store, kinds: frozenset[Kind]) -> None:
    put = Coverage("a", "p", kinds, Window(EXACT, at(30)), at(1))
    store.apply(Changes(coverage=[put]))
    assert store.last_coverage() == [put]


def test_a_line_of_history_comes_back_equal(store: Store) -> None:
    full = HistoryEntry(
        EXACT, "run", "p", "moved", "m", "a", "e", v(9), VALUE, "latest", "said the platform"
    )
    plain = note("seen")
    store.apply(Changes(history=[full, plain]))
    assert store.history() == [plain, full]


def test_a_run_comes_back_with_its_report(store: Store) -> None:
    store.start_run("r", "resync", EXACT)
    begun = store.run("r")
    assert begun is not None
    assert (begun.kind, begun.started_at, begun.finished_at, begun.report) == (
        "resync",
        EXACT,
        None,
        None,
    )
    report = {"cycles": 2, "systems": {"é": {"state": "ok"}}, "converged": True, "none": None}
    store.finish_run("r", at(1), report)
    ended = store.run("r")
    assert ended is not None
    assert (ended.finished_at, ended.report) == (at(1), report)
    assert store.run("never") is None


ZONES = [ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York"), timezone(timedelta(hours=-3))]


@pytest.mark.parametrize("where", ZONES, ids=str)
def test_an_instant_of_any_zone_comes_back_as_the_same_instant_in_utc(
    store: Store, where: Any
) -> None:
    local = EXACT.astimezone(where)
    value = Value(local, local + timedelta(hours=1))
    claim = Claim("a", "e", value, local)
    conflict = StoredConflict("c", replace(held("c").conflict, claims=(claim,)), local, "run")
    store.apply(
        Changes(
            records=[rec("e", value, observed_at=local)],
            bookings=[book("m", value)],
            opened=[conflict],
            history=[note("seen", at=local, before=value)],
        )
    )
    (record,) = store.records("a", ["e"])
    (stored,) = store.open_conflicts()
    (line,) = store.history()
    seen = record.observed
    assert seen == value
    found = [
        record.observed_at,
        line.at,
        stored.opened_at,
        stored.conflict.claims[0].seen_at,
    ]
    assert found == [EXACT] * 4
    assert [instant.tzinfo for instant in (*found, seen.start) if instant] == [UTC] * 5


def test_the_second_of_two_equal_wall_times_stays_the_second(store: Store) -> None:
    fold = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)
    store.apply(Changes(history=[note("seen", at=fold)]))
    assert store.history()[0].at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


NAIVE = datetime(2026, 6, 1, 9)  # noqa: DTZ001  the point of the tests below
NAIVE_VALUE = Value(NAIVE, at(10))


@pytest.mark.parametrize(
    "changes",
    [
        Changes(records=[rec("e", v(9), observed_at=NAIVE)]),
        Changes(records=[rec("e", NAIVE_VALUE)]),
        Changes(bookings=[book("m", NAIVE_VALUE)]),
        Changes(intents=[intent("i", opened_at=NAIVE)]),
        Changes(opened=[held("c", closed_at=NAIVE)]),
        Changes(
            opened=[
                StoredConflict(
                    "c",
                    Conflict(
                        ConflictKind.AMBIGUOUS, "p", "m", (Claim("a", None, NAIVE_VALUE),), "x"
                    ),
                    DAY,
                    "run",
                )
            ]
        ),
        Changes(coverage=[Coverage("a", "p", frozenset(Kind), Window(NAIVE, at(9)), DAY)]),
        Changes(history=[note("seen", at=NAIVE)]),
    ],
)
def test_an_instant_without_a_zone_is_refused_and_nothing_is_stored(
    store: Store, changes: Changes
) -> None:
    changes.history.insert(0, note("put with it"))
    with pytest.raises((ValueError, StatementError), match="has no time zone"):
        store.apply(changes)
    assert store.history() == []
    assert set(store.counts().values()) == {0}


def test_putting_a_row_again_replaces_all_of_it(store: Store) -> None:
    store.apply(Changes(records=[FULL_RECORD], bookings=[book("m", v(9))]))
    bare = replace(rec("e/1", v(20)), system="clinic")
    moved = Booking("m", "q", Kind.BLOCK, v(20), 4, EXACT)
    store.apply(Changes(records=[bare], bookings=[moved], replicas=[link("m", "e/1", "clinic")]))
    assert store.records("clinic", ["e/1"]) == [bare]
    assert store.bookings() == [moved]
    settled = Replica("m", "clinic", "e/1", Role.TWIN, 9)
    store.apply(Changes(replicas=[settled]))
    assert store.replicas(["m"]) == [(settled, bare)]
