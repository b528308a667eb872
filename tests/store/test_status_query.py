"""The fast status query returns the same as the repository, and raises the same errors."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.model import (
    Changes,
    Coverage,
    Exposure,
    ExposureCause,
    Fact,
    Kind,
    PollSlot,
    RateAllowance,
    SystemHealth,
    SystemState,
    TimeToBlock,
    WaitingWrite,
    WaitReason,
)
from syncd.store import StateError, Store
from syncd.store.database.database import _scripts
from syncd.store.database.version import newest_schema
from syncd.store.queries.availability import (
    exposures,
    save_exposures,
    save_times_to_block,
    stored_times_to_block,
)
from syncd.store.queries.poll_schedule import save_poll_schedule, stored_poll_schedule
from syncd.store.queries.status_query import (
    CLOCK_ERROR,
    EMPTY_STATUS,
    THIS_MACHINE,
    StatusSnapshot,
    read_status,
)
from syncd.store.queries.waiting import count_waiting, save_waiting, waiting_writes
from tests.store.kit import at, book, held, span, v


def test_the_expected_schema_is_the_newest_migration() -> None:
    _, scripts = _scripts()
    assert scripts.get_current_head() == newest_schema()


NOW, SINCE = at(12), at(6)


def _glance(path: Path) -> StatusSnapshot:
    return read_status(path, NOW, SINCE)


def test_the_status_equals_that_of_the_repository(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    assert _glance(path) == EMPTY_STATUS
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
    store.apply(Changes(archived=["a"]))
    store.start_run("one", "resync", at(1))
    store.finish_run("one", at(2), {"exposures": 3})
    store.start_run("two", "near", at(5))
    seen = _glance(path)
    assert (
        dict(seen.counts)
        == store.counts()
        == {**EMPTY_STATUS.counts, "bookings": 1, "conflicts": 1}
    )
    assert seen.last == store.runs(1)[0]
    assert dict(seen.read_at) == {"x": at(4)}
    store.finish_run("two", at(6), {"exposures": 0})
    assert _glance(path).last == store.runs(1)[0]
    store.close()


def test_health_and_open_items_equal_those_of_the_repository(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    store.save_health(
        SystemHealth("x"),
        SystemHealth(
            "y", SystemState.DOWN, at(1), "is silent", "Wait.", 3, at(2), at(3), writing=True
        ),
        RateAllowance("x", at(4), 1.5, 20.0, 300.0),
        RateAllowance("y", at(5), 2.5, 30.0, 600.0, 100.0, 9_000, 10_000),
    )
    over, lasting = (
        Exposure("p", "x", at(9), end, ExposureCause.READ_ONLY, ("a", "b"), at(1), ("seat",))
        for end in (NOW, at(13))
    )
    save_exposures(store, {"p": [over, lasting]})
    early, closed, open_ = (
        TimeToBlock(name, 2, "p", seen, end)
        for name, seen, end in (("a", at(5), at(6)), ("b", SINCE, at(7)), ("c", at(8), None))
    )
    save_times_to_block(store, [early, closed, open_])
    save_poll_schedule(store, [PollSlot("gone", 0)])
    rota = (PollSlot("p", 0), PollSlot("q", 1))
    save_poll_schedule(store, rota[::-1])
    seen = _glance(path)
    assert seen.poll_schedule == stored_poll_schedule(store) == rota
    assert (dict(seen.health), dict(seen.allowances)) == (store.health(), store.allowances())
    assert seen.health["y"].writing is True
    assert list(seen.exposures) == exposures(store, NOW) == [lasting]
    assert list(seen.times_to_block) == stored_times_to_block(store, since=SINCE) == [closed, open_]
    assert (seen.waiting, seen.clock_error) == ((), timedelta(0))
    store.close()


def test_waiting_writes_and_the_clock_error_are_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    first, second = (
        WaitingWrite(name, "x", "p", "create-block", None, WaitReason.NO_ACCESS, start, end, NOW)
        for name, start, end in (("b", at(13), at(14)), ("a", at(15), at(16)))
    )
    save_waiting(store, [second, first], [])
    store.save_health(Fact(THIS_MACHINE, CLOCK_ERROR, "-720", NOW))
    seen = _glance(path)
    assert list(seen.waiting) == waiting_writes(store) == [first, second]
    assert seen.clock_error == timedelta(minutes=-12)
    assert count_waiting(store) == {("x", WaitReason.NO_ACCESS): 2}
    save_waiting(store, [], ["a", "b"])
    assert _glance(path).waiting == ()
    store.close()


def test_thousands_of_waiting_writes_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    many = [
        WaitingWrite(str(n), "x", "p", "create-block", None, WaitReason.CLOCK, NOW, NOW, NOW)
        for n in range(5_000)
    ]
    save_waiting(store, many, [])
    began = time.perf_counter()
    assert len(_glance(path).waiting) == 5_000
    assert time.perf_counter() - began < 1
    store.close()


def test_only_conflicts_that_wait_for_a_person_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(path)
    waiting, reported, dismissed = held("a"), held("b"), held("c")
    reported = replace(reported, conflict=replace(reported.conflict, held=False))
    store.apply(Changes(opened=[waiting, reported, replace(dismissed, outcome="dismissed")]))
    assert _glance(path).counts == store.counts() == {**EMPTY_STATUS.counts, "conflicts": 1}
    store.close()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("9999", "newer syncd"),
        ("0000", "damaged"),
        (None, "another program's database"),
    ],
)
def test_a_state_of_another_version_raises_the_usual_error(
    tmp_path: Path, version: str | None, message: str
) -> None:
    path = tmp_path / "state.db"
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        if version is None:
            connection.execute("DROP TABLE alembic_version")
        else:
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()
    with pytest.raises(StateError, match=message):
        _glance(path)


def test_a_right_layout_with_another_digest_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another SQLite may format it so, or a release added a migration but no digest."""
    path = tmp_path / "state.db"
    Store.open(path).close()
    seen = _glance(path)
    monkeypatch.setattr("syncd.store.database.layout.NEWEST", "0" * 32)
    assert _glance(path) == seen


def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("something else altogether, and long enough to be looked at" * 20)
    with pytest.raises(StateError, match="not a syncd state"):
        _glance(path)
