"""A state in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import Store, database
from syncd.store import store as shelf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state is."""
    return tmp_path / "syncd.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An empty state, open for writing."""
    opened = Store.open(path)
    yield opened
    opened.close()


@pytest.fixture
def every_state_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Alembic make each new state: for the files where migrations are what is tested."""
    monkeypatch.setattr(shelf, "migrate_schema", database.migrate_schema)
