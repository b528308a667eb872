"""The block or task that `syncd probe` makes to measure a platform on, as the state keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from syncd.model.types import Status, Value


@dataclass(frozen=True, slots=True)
class Canary:
    """One canary event. It is stored before it is made, and kept for a day after it was removed.

    ``tag`` is the text by which a create with a lost reply is found again; ``event`` the id that
    the create returned (None: no answer yet). ``start`` and ``end`` are where it was last put.
    ``ended_at`` is when it was removed, or known not to have been made.
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
        """Its interval, as busy time."""
        return Value(self.start, self.end, Status.CONFIRMED)

    @property
    def may_exist(self) -> bool:
        """Whether it may still be there."""
        return self.ended_at is None
