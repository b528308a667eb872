"""Driver errors are translated to a place, a reason and a remedy."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from syncd.store import StateError
from syncd.store.errors import translate_errors

TABLE = [
    ("database is locked", "locked", "Close that program"),
    ("database table is locked: event", "locked", "Close that program"),
    ("database or disk is full", "the disk is full", "Free some space"),
    ("attempt to write a readonly database", "cannot be opened for writing", "write access"),
    ("unable to open database file", "cannot be opened for writing", "write access"),
    ("file is not a database", "damaged", "Restore a backup"),
    ("database disk image is malformed", "damaged", "Restore a backup"),
    ("disk I/O error", "the disk reported an error", "dmesg"),
]


@pytest.mark.parametrize(("message", "reason", "remedy"), TABLE)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_sqlite_error_gets_a_place_and_a_remedy(
    message: str, reason: str, remedy: str, *, wrapped: bool
) -> None:
    raw = sqlite3.OperationalError(message)
    fault = OperationalError("SELECT 1", {}, raw) if wrapped else raw
    with pytest.raises(StateError) as caught, translate_errors("the place"):
        raise fault
    assert caught.value.place == "the place"
    assert reason in caught.value.reason
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith("the place: ")
    assert caught.value.__cause__ is fault


@pytest.mark.parametrize(
    "fault",
    [
        sqlite3.OperationalError("no such table: event"),
        IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed")),
        ValueError("database is locked"),
    ],
)
def test_other_errors_are_not_translated(fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught, translate_errors("the place"):
        raise fault
    assert caught.value is fault
