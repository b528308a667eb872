"""Stored facts about a whole system: its health, its rate allowance and its poll schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model.wait_limits import MAX_DAILY_WAIT

_LONGEST = timedelta(seconds=MAX_DAILY_WAIT)


class SystemState(StrEnum):
    """The state of a system, as its last responses showed it."""

    OK = "ok"
    SLOW = "slow"
    RATE_LIMITED = "rate-limited"
    UNAUTHORISED = "unauthorised"
    DOWN = "down"

    @property
    def answers(self) -> bool:
        """Return true if the system responds to requests, even if slowly."""
        return self in {SystemState.OK, SystemState.SLOW}


def is_silent(*, answers: bool, writing: bool) -> bool:
    """Return true if a system counts as one that does not respond.

    ``answers`` is `SystemState.answers`. A system in which only writes fail (``writing``) is not
    silent: its writes count as waiting.
    """
    return not answers and not writing


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """The health of one system: its state since when (None: never asked), the cause, the remedy.

    After ``failures`` failures in a row the system is not asked before ``retry_at`` (None: at any
    time). ``asked_at`` is the time of the last request; with it the wait can be checked after the
    host's clock was set back. If ``writing`` is true, only writes fail and reads go on. ``secret``
    is a short fingerprint of the credentials in use; it only shows whether they were renewed.

    No wait is longer than `MAX_DAILY_WAIT`, whatever the stored row says.
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
        """Shorten the wait to `MAX_DAILY_WAIT`."""
        if self.retry_at is not None and self.asked_at is not None:
            wait = min(self.retry_at - self.asked_at, _LONGEST)
            object.__setattr__(self, "retry_at", self.asked_at + wait)


@dataclass(frozen=True, slots=True)
class RateAllowance:
    """The rate limits of one account and the calls that polling plans, as of ``at``.

    ``planned`` is the number of calls per minute that polling makes while nothing changes.
    ``allowed`` is the platform's limit per minute (None: not known). ``left_today`` and ``day`` are
    the platform's count of calls left today and its limit per day. ``near`` and ``far`` are the
    seconds between two reads of each window that the limits allow.
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
    """The turn of one provider's full-window reads.

    A round is divided into slices; ``slice`` is the number of the provider's slice.
    """

    provider: str
    slice: int
