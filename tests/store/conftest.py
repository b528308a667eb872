"""A state in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import Store


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
