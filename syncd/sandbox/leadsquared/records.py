"""What a LeadSquared account holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

CODES = {"new": 0, "confirmed": 0, "showed": 1, "cancelled": 2}
"""StatusCode of each status that staff can give. 2 is a guess: what the product's own Cancel button
leaves behind is not documented (leadsquared.md 1.7)."""

WORDS = {0: "confirmed", 1: "showed", 2: "cancelled"}

BUSY = "Busy"
"""The type that an administrator made for busy time (leadsquared.md 6)."""


@dataclass(frozen=True, slots=True)
class User:
    """A member of staff; times of day are in their zone."""

    id: str
    name: str
    email: str
    zone: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class TaskType:
    """A type of task; category 0 is an appointment. ``mandatory`` names custom columns."""

    id: str
    name: str
    category: int = 0
    allow_conflicts: bool = False
    mandatory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """An appointment of one user; ``type`` is the name of its type, ``lead`` may be empty."""

    id: str
    owner: str
    type: str
    start: datetime
    end: datetime
    code: int
    lead: str
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    custom: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
