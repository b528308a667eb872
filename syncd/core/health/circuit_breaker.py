"""Decide when a failing system is called again: the health of a system as a state machine.

=============  ======================  ====================  =====================================
attempt        state after             asked again after     reason
=============  ======================  ====================  =====================================
answered       ok                      at once
answered late  slow, until it is fast  at once               one slow response is no outage
in part        down                    at once               the working part must go on
not at all     down                    0, 30, 60 … 300 s     a single failure delays no poll
rate limit     rate-limited            the requested wait    never over a limit (promise 9)
no access      unauthorised            60, 120 … 900 s       only the operator can help
=============  ======================  ====================  =====================================

Promise 9: docs/design.md#promises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model import SystemHealth, SystemState, WaitReason, capped_wait

SLOW, FAST = 3.0, 1.5
"""The mean seconds per call from which a system is slow, and below which it is fast again."""

_BACK_OFF = {SystemState.DOWN: (30.0, 300.0), SystemState.UNAUTHORISED: (60.0, 900.0)}
"""The first and the longest wait in seconds, by kind of trouble."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one read of a system, or one write to it.

    - ``trouble``: the state that the failure leads to; None if the system answered.
    - ``cause``, ``remedy``: the texts for the operator if the attempt failed.
    - ``wait``: how many seconds the platform asks syncd to wait; 0 if it does not say.
    - ``latency``: the mean seconds per call.
    - ``partial``: a part of the calls was answered.
    - ``writing``: the attempt was a write.
    """

    at: datetime
    trouble: SystemState | None = None
    cause: str = ""
    remedy: str = ""
    wait: float = 0.0
    latency: float = 0.0
    partial: bool = False
    writing: bool = False


class Transition(StrEnum):
    """The change of which the operator is notified: a system failed (LOST), or recovered."""

    NONE = "none"
    LOST = "went"
    RECOVERED = "returned"


def next_state(before: SystemHealth, attempt: Attempt) -> SystemHealth:
    """Return the health of a system after an attempt."""
    if attempt.trouble is None:
        return _answered(before, attempt)
    failures = before.failures + 1 if attempt.trouble is before.state else 1
    wait = _wait(attempt, failures)
    return replace(
        _enter(before, attempt.trouble, attempt.at),
        cause=attempt.cause,
        remedy=attempt.remedy,
        failures=failures,
        asked_at=attempt.at,
        retry_at=None if wait == 0 else attempt.at + timedelta(seconds=wait),
        writing=attempt.writing,
    )


def _answered(before: SystemHealth, attempt: Attempt) -> SystemHealth:
    if before.writing and not attempt.writing and before.state is SystemState.UNAUTHORISED:
        # A read proves nothing about the right to write.
        return before
    threshold = FAST if before.state is SystemState.SLOW else SLOW
    slow = attempt.latency >= threshold
    now = _enter(before, SystemState.SLOW if slow else SystemState.OK, attempt.at)
    return replace(
        now,
        cause=f"takes {attempt.latency:.0f} s per call on average" if slow else "",
        remedy=(
            "Nothing to do now. If this lasts, check the platform's status page." if slow else ""
        ),
        failures=0,
        asked_at=None,
        retry_at=None,
        writing=False,
    )


def _enter(before: SystemHealth, state: SystemState, at: datetime) -> SystemHealth:
    if state is before.state and before.since is not None:
        return before
    return replace(before, state=state, since=at)


def _wait(attempt: Attempt, failures: int) -> float:
    """Return the seconds until the system is called again."""
    if attempt.trouble is SystemState.RATE_LIMITED:
        return capped_wait(attempt.wait, daily=True)
    first, longest = _BACK_OFF.get(attempt.trouble or SystemState.OK, (0.0, 0.0))
    if attempt.trouble is SystemState.DOWN:
        if attempt.partial or failures == 1:
            return 0.0
        failures -= 1
    # The exponent is bounded: a system may be down for months.
    backed_off = min(longest, first * 2.0 ** min(failures - 1, 10))
    return max(capped_wait(attempt.wait), backed_off)


def is_open(health: SystemHealth, now: datetime, *, writing: bool) -> bool:
    """Return true while the circuit breaker is open, so that no call is sent to the system.

    ``writing``: the planned call is a write. A failed write stops only writes, not reads.
    """
    if health.retry_at is None or (health.writing and not writing):
        return False
    has_begun = health.asked_at is None or health.asked_at <= now
    return has_begun and now < health.retry_at


def why_no_writes(health: SystemHealth, now: datetime) -> WaitReason | None:
    """Return why nothing is written to a system now; None if a write may be tried."""
    if not is_open(health, now, writing=True):
        return None
    match health.state:
        case SystemState.UNAUTHORISED:
            return WaitReason.NO_ACCESS
        case SystemState.RATE_LIMITED:
            return WaitReason.RATE_LIMITED
        case _:
            return WaitReason.UNANSWERED


def reset(health: SystemHealth, secret: str) -> SystemHealth:
    """Return the health with the breaker closed, for new credentials or at the operator's request.

    ``secret`` is stored as `SystemHealth.secret`: it identifies the present credentials.
    """
    return replace(health, secret=secret, retry_at=None, failures=0)


def transition(before: SystemHealth, now: SystemHealth) -> Transition:
    """Return LOST if trouble began or changed its kind, RECOVERED if it ended, NONE otherwise."""
    if before.state is now.state:
        return Transition.NONE
    return Transition.RECOVERED if now.state is SystemState.OK else Transition.LOST
