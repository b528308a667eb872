"""A run as the history stores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A stored run. ``report`` is the object of `resync --json`, or None while it runs."""

    id: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    report: Mapping[str, Any] | None
