"""Caps of lists: some platforms silently cut a list after a number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, TypeVar

R = TypeVar("R")

KeptRows = Literal["first", "last", "any"]
"""Which rows a capped list shows: the earliest, the latest, or an unpredictable selection."""


@dataclass(frozen=True, slots=True)
class ListCap:
    """The maximum number of rows that a list shows, and which rows it ``keeps``."""

    rows: int
    keeps: KeptRows = "first"

    def __post_init__(self) -> None:
        """Validate the cap. Raises ValueError if it is below one row."""
        if self.rows < 1:
            message = f"the cap must be at least 1 row, not {self.rows}"
            raise ValueError(message)

    def apply(self, rows: Sequence[R]) -> list[R]:
        """Return the rows that the capped list shows."""
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
