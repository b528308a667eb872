"""Nightly backups are complete, seven are kept, and no other files are removed."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.model import Changes
from syncd.store import StateError, Store
from syncd.store.backup import backup as copying
from syncd.store.backup import nightly
from syncd.store.backup.nightly import (
    MAX_BACKUPS,
    KeptBackup,
    backup_folder,
    is_backup_due,
    kept_backups,
    last_backup,
    make_backup,
)
from tests.planted.swap import swap
from tests.store.kit import book, v

NOW = datetime(2026, 6, 10, 3, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def furnish(path: Path) -> None:
    """Return a state with one booking."""
    with closing(Store.open(path)) as store:
        store.apply(Changes(bookings=[book("m", v(9))]))


def names(path: Path) -> list[str]:
    """Return the names in the folder of backups."""
    return sorted(each.name for each in backup_folder(path).iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_backup_is_a_state_in_a_private_folder(path: Path) -> None:
    furnish(path)
    made = make_backup(path, NOW)
    assert made.path == path.with_name("syncd.db.backups") / "nightly-20260610T033000Z.db"
    assert (mode(made.path.parent), mode(made.path)) == (0o700, 0o600)
    assert names(path) == [made.path.name]
    with closing(Store.open(made.path, write=False)) as store:
        assert [b.id for b in store.bookings()] == ["m"]


def test_the_seven_newest_are_kept(path: Path) -> None:
    furnish(path)
    for day in range(10):
        make_backup(path, NOW + day * DAY)
    assert [each.made_at for each in kept_backups(path)] == [
        NOW + day * DAY for day in range(3, 10)
    ]
    assert MAX_BACKUPS == 7


def test_files_of_others_are_left_alone(path: Path) -> None:
    furnish(path)
    make_backup(path, NOW)
    folder = backup_folder(path)
    others = ["before-upgrade.db", "nightly-2026.db", "nightly-20260610T033000Z.db.gz", "notes"]
    for name in others:
        (folder / name).write_text("mine")
    (folder / "nightly-20200101T000000Z.db").symlink_to(path)
    for day in range(1, 10):
        make_backup(path, NOW + day * DAY)
    assert {*others, "nightly-20200101T000000Z.db"} <= set(names(path))
    assert len(kept_backups(path)) == MAX_BACKUPS


def test_a_backup_that_fails_removes_none_and_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(path)
    for day in range(MAX_BACKUPS):
        make_backup(path, NOW + day * DAY)
    before = names(path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        make_backup(path, NOW + MAX_BACKUPS * DAY)
    assert names(path) == before


@pytest.mark.parametrize("damage", ["UPDATE", "DELETE", "bytes"])
def test_a_copy_that_differs_from_the_state_is_rejected(
    path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    furnish(path)
    copy = copying.copy_database

    def spoilt(source: Path, target: Path, *rest: Any) -> Mapping[str, object]:
        inventory = copy(source, target, *rest)
        if damage == "bytes":
            data = bytearray(target.read_bytes())
            data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
            target.write_bytes(data)
        else:
            update = "UPDATE alembic_version SET version_num = '0000'"
            with sqlite3.connect(target) as database:
                database.execute(update if damage == "UPDATE" else "DELETE FROM booking")
            database.close()
        return inventory

    swap(monkeypatch, copy, spoilt)
    with pytest.raises(StateError, match=r"damaged|differs from the state"):
        make_backup(path, NOW)
    assert names(path) == []


def test_a_damaged_index_makes_no_backup(path: Path) -> None:
    with closing(Store.open(path)) as store:
        store.apply(Changes(bookings=[book(f"m{n}", v(9)) for n in range(300)]))
    with closing(sqlite3.connect(path)) as database:
        root = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'booking_provider'"
        ).fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[size * (root - 1) + size - 60 : size * root] = b"\x00" * 60
    path.write_bytes(data)
    with pytest.raises(StateError, match="damaged"):
        make_backup(path, NOW)
    assert names(path) == []


def test_a_backup_can_be_stopped(path: Path) -> None:
    furnish(path)
    with pytest.raises(StateError, match="backup was stopped"):
        make_backup(path, NOW, stopped=lambda: True)
    assert names(path) == []


def test_unfinished_files_are_removed_by_the_next_backup(path: Path) -> None:
    furnish(path)
    make_backup(path, NOW)
    unfinished = backup_folder(path) / ".nightly-20260609T033000Z.db.new-77"
    unfinished.write_bytes(b"half")
    make_backup(path, NOW + DAY)
    assert unfinished.name not in names(path)


def test_a_link_in_the_place_of_the_folder_is_refused(path: Path, tmp_path: Path) -> None:
    furnish(path)
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir(mode=0o755)
    backup_folder(path).symlink_to(elsewhere)
    with pytest.raises(StateError, match="not a folder"):
        make_backup(path, NOW)
    assert (list(elsewhere.iterdir()), mode(elsewhere)) == ([], 0o755)


def test_a_backup_is_due_if_none_was_made_since_the_night(path: Path) -> None:
    assert not is_backup_due(path, NOW, NOW)
    furnish(path)
    assert is_backup_due(path, NOW, NOW)
    make_backup(path, NOW - DAY)
    assert is_backup_due(path, NOW, NOW)
    make_backup(path, NOW)
    assert not is_backup_due(path, NOW, NOW + timedelta(hours=23))


def test_backups_with_a_future_date_do_not_count(path: Path) -> None:
    furnish(path)
    for day in range(MAX_BACKUPS):
        make_backup(path, NOW + 1000 * DAY + day * DAY)
    assert last_backup(path, NOW) is None
    made = make_backup(path, NOW)
    assert last_backup(path, NOW) == made == KeptBackup(NOW, made.path)
    assert len(kept_backups(path)) == MAX_BACKUPS
    assert is_backup_due(path, NOW + DAY, NOW + DAY)


def test_an_unreadable_folder_has_no_backups(path: Path) -> None:
    assert kept_backups(path) == []
    backup_folder(path).write_text("a file")
    assert nightly.last_backup(path, NOW) is None


def test_a_backup_that_is_not_checked_is_caught(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "check_state", lambda *_given, **_named: None)
    for damage in ("UPDATE", "DELETE", "bytes"):
        with monkeypatch.context() as patch, pytest.raises(pytest.fail.Exception):
            test_a_copy_that_differs_from_the_state_is_rejected(path, patch, damage)
