"""Measured facts about a system, stored across restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One measured fact. ``at`` is when it was last confirmed; a ``value`` of '' means none."""

    system: str
    name: str
    value: str
    at: datetime
