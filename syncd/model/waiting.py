"""Writes that are wanted and cannot be made now, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.model.types import Operation


class WaitReason(StrEnum):
    """Why a write waits. What the configuration forbids (``write = false``) does not wait.

    - SERIES: it is not known that a write to an instance of a series touches that instance only.
    - NO_ACCESS: the system refused a write, as the key may not write there.
    - RATE_LIMITED: the system takes no more calls for now.
    - UNANSWERED: the system did not answer in this cycle.
    - UNSETTLED: the outcome of an earlier write there is not known yet.
    - NOT_READ: a calendar was not yet read where the write would matter, or not lately enough.
    - OWNER: it is not known whose the events of the calendar are.
    - UNITS: how many pieces of the equipment there are is not known.
    - CLOCK: this machine's clock and the platforms' differ too much for a removal.
    - GUARD: the guard withholds it until a person accepts it.
    - FIRST_WRITE: the first such write there is not compared with the record before it yet.
    - DAMAGED: such a write there changed more than it was to; a person has to look.
    - PAUSED: a person has paused its system, provider or calendar.
    - OBSERVE: the configuration says ``mode = "observe"``.
    """

    SERIES = "series"
    NO_ACCESS = "no_access"
    RATE_LIMITED = "rate_limited"
    UNANSWERED = "unanswered"
    UNSETTLED = "unsettled"
    NOT_READ = "not_read"
    OWNER = "owner"
    UNITS = "units"
    CLOCK = "clock"
    GUARD = "guard"
    FIRST_WRITE = "first_write"
    DAMAGED = "damaged"
    PAUSED = "paused"
    OBSERVE = "observe"

    @property
    def held_back(self) -> bool:
        """Whether a person wants it not to be written: such a write is none that waits."""
        return self in {WaitReason.PAUSED, WaitReason.OBSERVE}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One write that waits: its calendar stays as it is until it can be made."""

    operation: Operation
    why: WaitReason


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A write that is wanted and that a pause or observe mode holds back, as the state keeps it.

    It was wanted from ``since`` on, also at ``seen_at``, and no more (or it was written) from
    ``ended_at`` on.
    """

    name: str
    operation: Operation
    why: WaitReason
    since: datetime
    seen_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingWrite:
    """A waiting write as the state keeps it, waiting for that reason ``since`` then.

    ``start`` and ``end`` are those of the value that would be written; of the value that stands
    there, where it would be removed.
    """

    name: str
    system: str
    provider: str
    action: str
    event: str | None
    why: WaitReason
    start: datetime
    end: datetime
    since: datetime
