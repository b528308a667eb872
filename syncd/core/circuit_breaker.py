"""Health as a state machine: what one attempt to reach a system makes of what was known of it.

=============  ======================  ====================  =====================================
attempt        state after             asked again after     why
=============  ======================  ====================  =====================================
answered       ok                      at once
answered late  slow, until it is fast  at once               one slow answer is no outage
in part        down                    at once               what still works must go on
not at all     down                    0, 30, 60 … 300 s     a blip costs no poll, an outage few
too many       rate-limited            what it asked for     never over a limit (promise 9)
no right       unauthorised            60, 120 … 900 s       only a person helps; not hammered
=============  ======================  ====================  =====================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model import SystemHealth, SystemState, WaitReason, capped_wait

SLOW, FAST = 3.0, 1.5
"""Seconds for a call on average: from the first a system is slow, below the second no more."""

_BACK_OFF = {SystemState.DOWN: (30.0, 300.0), SystemState.UNAUTHORISED: (60.0, 900.0)}
"""For each trouble the first wait that counts, and the longest, in seconds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What asking a system came to. ``trouble`` is None when it answered.

    ``wait`` is what the platform asked for, ``latency`` the mean time of a call, both in seconds.
    ``partial``: some of it was answered. ``writing``: it was a write.
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
    """What a person should hear of: that a system went, or that it returned."""

    NONE = "none"
    LOST = "went"
    RECOVERED = "returned"


def next_state(before: SystemHealth, attempt: Attempt) -> SystemHealth:
    """How a system is after an attempt."""
    if attempt.trouble is None:
        return _answered(before, attempt)
    failures = before.failures + 1 if attempt.trouble is before.state else 1
    wait = _wait(attempt, failures)
    return replace(
        _into(before, attempt.trouble, attempt.at),
        cause=attempt.cause,
        remedy=attempt.remedy,
        failures=failures,
        asked_at=attempt.at,
        retry_at=None if wait == 0 else attempt.at + timedelta(seconds=wait),
        writing=attempt.writing,
    )


def _answered(before: SystemHealth, attempt: Attempt) -> SystemHealth:
    if before.writing and not attempt.writing and before.state is SystemState.UNAUTHORISED:
        # That it may be read was never in doubt: only a write proves that it may be written to.
        return before
    edge = FAST if before.state is SystemState.SLOW else SLOW
    slow = attempt.latency >= edge
    now = _into(before, SystemState.SLOW if slow else SystemState.OK, attempt.at)
    return replace(
        now,
        cause=f"takes {attempt.latency:.0f} s for a call on average" if slow else "",
        remedy=(
            "There is nothing to do; if it lasts, look at the platform's status page."
            if slow
            else ""
        ),
        failures=0,
        asked_at=None,
        retry_at=None,
        writing=False,
    )


def _into(before: SystemHealth, state: SystemState, at: datetime) -> SystemHealth:
    if state is before.state and before.since is not None:
        return before
    return replace(before, state=state, since=at)


def _wait(attempt: Attempt, failures: int) -> float:
    """Seconds until the system is asked again."""
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
    """Whether a system is left alone for now."""
    if health.retry_at is None or (health.writing and not writing):
        return False
    begun = health.asked_at is None or health.asked_at <= now
    return begun and now < health.retry_at


def why_no_writes(health: SystemHealth, now: datetime) -> WaitReason | None:
    """Return why nothing is written to a system for now; None if it may be tried."""
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
    """Let a system be asked at once: its credentials are these now, or a person wants it."""
    return replace(health, secret=secret, retry_at=None, failures=0)


def transition(before: SystemHealth, now: SystemHealth) -> Transition:
    """Whether this is news for a person: a trouble begins, becomes another one, or ends."""
    if before.state is now.state:
        return Transition.NONE
    return Transition.RECOVERED if now.state is SystemState.OK else Transition.LOST
