"""What was measured of a system, and is remembered across restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One measured fact of a system; ``at`` is when it was last confirmed, '' is no value."""

    system: str
    name: str
    value: str
    at: datetime
