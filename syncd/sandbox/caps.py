"""Lists that end silently after so many rows, as some platforms' do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, TypeVar

R = TypeVar("R")

Keeps = Literal["first", "last", "any"]
"""Which rows a capped list shows: the earliest, the latest, or some that nobody can foresee."""


@dataclass(frozen=True, slots=True)
class ListCap:
    """The most rows that a list shows, and which of them it ``keeps``."""

    rows: int
    keeps: Keeps = "first"

    def __post_init__(self) -> None:
        """Refuse a cap below one row. Raises ValueError."""
        if self.rows < 1:
            message = f"a list shows at least one row, not {self.rows}"
            raise ValueError(message)

    def cut(self, rows: Sequence[R]) -> list[R]:
        """Leave the rows that are shown."""
        if len(rows) <= self.rows:
            return list(rows)
        if self.keeps == "any":
            return sorted(rows, key=_scattered)[: self.rows]
        ordered = sorted(rows, key=_start)
        return ordered[: self.rows] if self.keeps == "first" else ordered[-self.rows :]


def _start(row: Any) -> tuple[str, str]:
    return str(row.get("startTime", "")), str(row.get("id", ""))


def _scattered(row: Any) -> bytes:
    return blake2b(str(row.get("id", "")).encode(), digest_size=8).digest()
