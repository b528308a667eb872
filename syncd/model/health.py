"""How a system is, and how many calls its account has: what is remembered of it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model.wait_limits import MAX_DAILY_WAIT

_LONGEST = timedelta(seconds=MAX_DAILY_WAIT)


class SystemState(StrEnum):
    """How a system is."""

    OK = "ok"
    SLOW = "slow"
    RATE_LIMITED = "rate-limited"
    UNAUTHORISED = "unauthorised"
    DOWN = "down"

    @property
    def answers(self) -> bool:
        """Whether syncd gets from it what it asks for."""
        return self in {SystemState.OK, SystemState.SLOW}


def is_silent(*, answers: bool, writing: bool) -> bool:
    """Whether a system counts as one that did not answer.

    ``writing``: its trouble is about writes alone; those writes count as waiting.
    """
    return not answers and not writing


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """How one system is, since when (None: never asked), why, and what a person can do.

    After ``failures`` in a row it is not asked before ``retry_at`` (None: any time); ``asked_at``
    is when it was last asked, so that a host clock that jumped back ends no back-off in a year.
    ``writing``: the trouble is about writes alone, and reads go on. ``secret`` is a short
    fingerprint of the credentials that were used, which tells that they were renewed, and no more.

    No wait is longer than `MAX_DAILY_WAIT`, also of a state that was written without this cap.
    """

    system: str
    state: SystemState = SystemState.OK
    since: datetime | None = None
    cause: str = ""
    remedy: str = ""
    failures: int = 0
    asked_at: datetime | None = None
    retry_at: datetime | None = None
    writing: bool = False
    secret: str = ""

    def __post_init__(self) -> None:
        """Cap the wait."""
        if self.retry_at is not None and self.asked_at is not None:
            wait = min(self.retry_at - self.asked_at, _LONGEST)
            object.__setattr__(self, "retry_at", self.asked_at + wait)


@dataclass(frozen=True, slots=True)
class RateAllowance:
    """The calls of one account, as counted ``at``.

    ``planned`` calls a minute are what polling takes while nothing changes; ``allowed`` is the
    platform's limit, a minute as well (None: it never said). ``left_today`` and ``day`` are the
    platform's count of calls left and its limit for a day. ``near`` and ``far`` are the seconds
    between two reads of each window that this account can bear.
    """

    system: str
    at: datetime
    planned: float
    near: float
    far: float
    allowed: float | None = None
    left_today: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class PollSlot:
    """When a provider's whole window is read: in which slice, and how often in two rounds.

    Once a round is usual: ``reads`` is 2 then, 1 for a calm provider that gives a turn up, and 3 or
    4 for a busy one.
    """

    provider: str
    slice: int
    reads: int
