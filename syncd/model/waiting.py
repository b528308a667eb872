"""Writes that are wanted and cannot be made now, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from syncd.model.words import Operation


class WaitReason(StrEnum):
    """Why a write waits. What the configuration forbids (``write = false``) does not wait.

    - SERIES: it is not known that a write to an instance of a series touches that instance only.
    - NO_ACCESS: the system answers reads, and the key may not write.
    - UNANSWERED: the system did not answer in this cycle.
    - NOT_READ: the calendar was not yet read where the write would matter.
    - OWNER: it is not known whose the events of the calendar are.
    - UNITS: how many pieces of the equipment there are is not known.
    - CLOCK: this machine's clock and the platforms' differ too much for a removal.
    - GUARD: the guard withholds it until a person accepts it.
    """

    SERIES = "series"
    NO_ACCESS = "no_access"
    UNANSWERED = "unanswered"
    NOT_READ = "not_read"
    OWNER = "owner"
    UNITS = "units"
    CLOCK = "clock"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One write that waits. What it would change stays closed before and after."""

    operation: Operation
    why: WaitReason
