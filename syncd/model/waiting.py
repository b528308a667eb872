"""Waiting writes: writes that are wanted but cannot be made now, and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.model.types import Operation


class WaitReason(StrEnum):
    """Why a write waits. A write that the configuration forbids (``write = false``) does not wait.

    - SERIES: it is not known whether a write to an instance of a series changes only that instance.
    - NO_ACCESS: the system refused a write because the key has no write access.
    - RATE_LIMITED: the rate limit of the system is used up for now.
    - UNANSWERED: the system did not respond in this cycle.
    - UNSETTLED: the outcome of an earlier write to the same target is not known yet.
    - NOT_READ: a calendar that affects the write was not read yet, or not recently enough.
    - OWNER: the owner of the calendar's events is not known.
    - UNITS: the number of pieces of the equipment is not known.
    - CLOCK: this machine's clock differs too much from the platforms' for a removal.
    - GUARD: the guard withholds the write until the operator accepts the run.
    - FIRST_WRITE: the first write of this kind in the system has not been verified yet.
    - DAMAGED: a write of this kind changed other fields, too; the operator must check the record.
    - PAUSED: the operator paused the system, provider or calendar.
    - OBSERVE: the configuration sets ``mode = "observe"``.
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
        """Return true if the operator decided that nothing is written.

        Such a write does not count as waiting.
        """
        return self in {WaitReason.PAUSED, WaitReason.OBSERVE}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One waiting write of a decision, and why it waits."""

    operation: Operation
    why: WaitReason


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A stored write that is wanted, but that a pause or observe mode holds back.

    ``since`` is when the write was first wanted, ``seen_at`` when it was last wanted. ``ended_at``
    is when it was written or no longer wanted (None: still held back).
    """

    name: str
    operation: Operation
    why: WaitReason
    since: datetime
    seen_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingWrite:
    """A stored waiting write; ``since`` is when it began to wait for this reason.

    ``start`` and ``end`` are the interval to be written or, for a removal, the interval of the
    block to be removed.
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
