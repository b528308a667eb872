"""Fixtures: a state in a temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import Store
from syncd.store import store as shelf
from syncd.store.database import database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of the state."""
    return tmp_path / "syncd.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Return an empty state that is open for writing."""
    opened = Store.open(path)
    yield opened
    opened.close()


@pytest.fixture
def every_state_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create each new state with Alembic, for tests of the migrations."""
    monkeypatch.setattr(shelf, "migrate_schema", database.migrate_schema)
