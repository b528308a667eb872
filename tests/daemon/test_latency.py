"""The latency of changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.daemon.latency import latencies
from syncd.model import Changes, Kind, Replica, Role, TrackedEvent
from syncd.store.store import Store
from tests.core.kit import NOW, booking, rec, v

WRITTEN = {"m": NOW}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state.db")
    opened.apply(Changes(bookings=[booking("m", v(9))]))
    yield opened
    opened.close()


def put(store: Store, *records: TrackedEvent) -> None:
    store.apply(
        Changes(
            records=list(records),
            replicas=[
                Replica("m", r.system, r.id, Role.BLOCK if r.created_by_us else Role.ORIGIN)
                for r in records
            ],
        )
    )


def seen(seconds_ago: float, updated: float | None = None) -> TrackedEvent:
    """The origin, first seen so long ago; its platform says that it changed ``updated`` ago."""
    return replace(
        rec("a", "e", v(9)),
        observed_at=NOW - timedelta(seconds=seconds_ago),
        updated_at=None if updated is None else NOW - timedelta(seconds=updated),
    )


def test_a_change_is_dated_by_its_platform(store: Store) -> None:
    put(store, seen(3, updated=45))
    assert latencies(store, WRITTEN, {}) == [45.0]


def test_a_fast_platform_clock_is_corrected(store: Store) -> None:
    record = seen(3, updated=45)
    put(store, record)
    assert latencies(store, WRITTEN, {record.system: timedelta(seconds=30)}) == [75.0]


def test_without_a_time_of_change_the_first_read_counts(store: Store) -> None:
    put(store, seen(3))
    assert latencies(store, WRITTEN, {}) == [3.0]


def test_our_own_block_does_not_count_as_a_change(store: Store) -> None:
    ours = replace(rec("b", "b", v(9)), kind=Kind.BLOCK, created_by_us=True, observed_at=NOW)
    put(store, seen(30), ours)
    assert latencies(store, WRITTEN, {}) == [30.0]


def test_a_twin_that_syncd_moved_does_not_count_as_a_change(store: Store) -> None:
    twin = replace(rec("b", "t", v(9)), written=v(9), observed_at=NOW)
    put(store, seen(30), twin)
    assert latencies(store, WRITTEN, {}) == [30.0]


def test_old_meetings_of_a_first_run_have_no_latency(store: Store) -> None:
    put(store, seen(3, updated=3 * 86_400))
    assert latencies(store, WRITTEN, {}) == []
