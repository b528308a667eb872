"""The idle connection is never used twice at once, nor left inside a transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from syncd.store import Store
from syncd.store.database.connection import ConnectionKeeper
from tests.store.kit import DAY

RUN = "INSERT INTO run (id, kind, started_at) VALUES ('r', 'near', '2026')"


def put(driver: ConnectionKeeper, *statements: str) -> None:
    with driver.transaction() as cursor:
        for statement in statements:
            cursor.execute(statement)


def runs(driver: ConnectionKeeper) -> int:
    with driver.reading() as cursor:
        cursor.execute("SELECT count(*) FROM run")
        ((found,),) = cursor.fetchall()
    return int(found)


@pytest.fixture
def driver(store: Store) -> ConnectionKeeper:
    return store._driver


def test_an_error_rolls_back_and_the_next_transaction_works(driver: ConnectionKeeper) -> None:
    with pytest.raises(sqlite3.OperationalError):
        put(driver, RUN, "nonsense")
    assert runs(driver) == 0
    put(driver, RUN)
    assert runs(driver) == 1


def test_a_reader_in_the_middle_of_a_transaction_neither_sees_nor_ends_it(
    driver: ConnectionKeeper,
) -> None:
    assert runs(driver) == 0
    with driver.transaction() as cursor:
        cursor.execute(RUN)
        assert runs(driver) == 0
        assert runs(driver) == 0
    assert runs(driver) == 1


def test_a_transaction_sees_one_moment_and_a_reader_every_one(
    driver: ConnectionKeeper, store: Store
) -> None:
    count = "SELECT count(*) FROM run"
    with driver.transaction() as still, driver.reading() as moving:
        seen = []
        for run in ("a", "b"):
            for cursor in (still, moving):
                cursor.execute(count)
                seen += [n for (n,) in cursor.fetchall()]
            store.start_run(run, "near", DAY)
    assert seen == [0, 0, 0, 1]


def test_one_connection_is_enough_for_one_after_the_other(driver: ConnectionKeeper) -> None:
    used = set()
    for _ in range(3):
        with driver.reading() as reader:
            used.add(id(reader.connection))
        with driver.transaction() as writer:
            used.add(id(writer.connection))
    assert len(used) == 1


def test_a_closed_store_keeps_no_connection(store: Store, path: Path) -> None:
    store.start_run("a", "near", DAY)
    log = path.with_name(f"{path.name}-wal")
    assert log.exists()
    store.close()
    assert not log.exists()  # whoever lets go of the file last takes it along
