"""The canary event: the block or task that `syncd probe` creates to measure a platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from syncd.model.types import Status, Value


@dataclass(frozen=True, slots=True)
class Canary:
    """One canary event. The row is stored before the create, and kept for a day after the removal.

    ``tag`` is the tag by which a create with a lost response is found again. ``event`` is the id
    that the create returned (None: no response yet). ``start`` and ``end`` are the last known
    interval. ``ended_at`` is when the event was removed, or when it was clear that the create had
    failed.
    """

    tag: str
    system: str
    provider: str
    start: datetime
    end: datetime
    made_at: datetime
    event: str | None = None
    ended_at: datetime | None = None

    @property
    def value(self) -> Value:
        """Return the canary's last known interval as a busy value (status: confirmed)."""
        return Value(self.start, self.end, Status.CONFIRMED)

    @property
    def may_exist(self) -> bool:
        """Return true if the event may still exist on the platform."""
        return self.ended_at is None
