"""What the driver says becomes a place, a reason and a remedy."""

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


@pytest.mark.parametrize(("said", "reason", "remedy"), TABLE)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_sqlite_says_is_told_with_place_and_remedy(
    said: str, reason: str, remedy: str, *, wrapped: bool
) -> None:
    raw = sqlite3.OperationalError(said)
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
def test_a_bug_is_not_dressed_up_as_trouble_with_the_state(fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught, translate_errors("the place"):
        raise fault
    assert caught.value is fault
