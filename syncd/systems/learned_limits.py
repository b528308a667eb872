"""Learned rate limits of an account, kept across restarts as facts (`systems.facts`).

A platform states its limits in headers and error texts. Each is used until a day after it was
stated last. When a process ends, it stores the number of calls of the last window, so that the next
process counts them against the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import MAX_DAILY_WAIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.model import Fact
    from syncd.systems.facts import FactStore

RATE, REFUSED_RATE, DAY = "rate limit", "refused rate", "daily limit"
HOLD, CALLS = "held until", "calls"
"""The names of the facts: calls/seconds from headers, calls/seconds from refusals, calls a day, the
instant until which no call may be made, and the number of the last calls."""

LIMIT_FACTS = (RATE, REFUSED_RATE, DAY, HOLD, CALLS)

LIFETIME = timedelta(days=1)
"""How long a limit is used after the platform stated it last."""

_RENEW_AFTER = timedelta(hours=1)
"""A limit that is stated again is stored again only if the stored one is older than this."""

_RUNNING = "?"
"""The value of `CALLS` while a process runs, and after it crashed."""

_MAX_GUESSED_WINDOW = 60.0
"""Seconds: after a crash, windows up to this length count as used up."""


@dataclass(frozen=True, slots=True)
class LearnedLimits:
    """The learned limits of one account."""

    facts: FactStore

    @property
    def rate(self) -> tuple[int, float] | None:
        """The limit from response headers, as (calls, seconds); None if unknown."""
        return _rate(self.facts.get(RATE, LIFETIME))

    @property
    def refused_rate(self) -> tuple[int, float] | None:
        """The limit named in refusals, as (calls, seconds); it may differ from that in headers."""
        return _rate(self.facts.get(REFUSED_RATE, LIFETIME))

    @property
    def day(self) -> int | None:
        """The limit of calls per day; None if unknown."""
        calls = self.facts.get(DAY, LIFETIME)
        return int(calls) if calls.isdigit() else None

    def learn_rate(self, calls: int, seconds: float, usual: tuple[int, float]) -> None:
        """Store a limit from response headers; the ``usual`` one only if another one is stored."""
        if (calls, seconds) != usual or self.rate is not None:
            self.facts.put(RATE, f"{calls}/{seconds:g}", renewed=_RENEW_AFTER)

    def learn_refused_rate(self, calls: int, seconds: float) -> None:
        """Store the limit that a refusal named."""
        self.facts.put(REFUSED_RATE, f"{calls}/{seconds:g}", renewed=_RENEW_AFTER)

    def learn_day(self, calls: int) -> None:
        """Store a limit of calls a day."""
        self.facts.put(DAY, str(calls), renewed=_RENEW_AFTER)

    def hold(self, seconds: float) -> None:
        """Store that the platform allows no call for the next ``seconds``."""
        until = self.facts.clock.now() + timedelta(seconds=seconds)
        self.facts.put(HOLD, until.astimezone(UTC).isoformat(timespec="seconds"))

    def remaining_hold(self) -> float:
        """Return the seconds left of a hold that an earlier process stored; 0 if there is none."""
        fact = self.facts.loaded(HOLD)
        until = None if fact is None else _instant(fact.value)
        if fact is None or until is None or fact.at > self.facts.clock.now() + LIFETIME:
            return 0.0
        remaining = (until - self.facts.clock.now()).total_seconds()
        return min(max(0.0, remaining), MAX_DAILY_WAIT)

    def begin(self) -> None:
        """Store that calls are being made, so that a crash is noticed; `end` replaces this."""
        self.facts.put(CALLS, _RUNNING)

    def end(self, calls: int) -> None:
        """Store the number of calls in the last window.

        Called when the process ends, and when the account's key changes.
        """
        self.facts.put(CALLS, str(calls), renewed=timedelta(0))

    def earlier(self, rates: Sequence[tuple[int, float]]) -> tuple[int, float]:
        """Return how many recent calls an earlier process made, and how many seconds ago.

        The number is that of its longest window, as if all calls were made when the process ended.
        A process that crashed is assumed to have used up each window of at most 60 s.
        """
        fact = self.facts.loaded(CALLS)
        if fact is None or not fact.value:
            return 0, 0.0
        if fact.value == _RUNNING:
            return max((n for n, s in rates if s <= _MAX_GUESSED_WINDOW), default=0), 0.0
        ago = max(0.0, (self.facts.clock.now() - fact.at).total_seconds())
        if not fact.value.isdigit() or ago >= max(seconds for _, seconds in rates):
            return 0, 0.0
        return min(int(fact.value), max(calls for calls, _ in rates)), ago


@dataclass(frozen=True, slots=True)
class LearnedAllowance:
    """The stored limits of an account, for display; None for each that is not stored.

    ``rate`` is (calls, seconds); the platform stated it last at about ``at``. ``day`` is the number
    of calls per day. No call is made before ``hold_until``.
    """

    rate: tuple[int, float] | None = None
    at: datetime | None = None
    day: int | None = None
    hold_until: datetime | None = None


def learned_allowance(facts: Iterable[Fact], now: datetime) -> LearnedAllowance:
    """Return the limits in the stored facts of one system that are at most a day old."""
    fresh = {f.name: f for f in facts if now - f.at <= LIFETIME}
    day, hold = fresh.get(DAY), fresh.get(HOLD)
    until = None if hold is None else _instant(hold.value)
    rates = [
        (rate, f.at)
        for f in fresh.values()
        if f.name in {RATE, REFUSED_RATE} and (rate := _rate(f.value)) is not None
    ]
    narrowest, at = min(rates, key=lambda each: each[0][0] / each[0][1], default=(None, None))
    return LearnedAllowance(
        narrowest,
        at,
        int(day.value) if day is not None and day.value.isdigit() else None,
        until if until is not None and until > now else None,
    )


def _rate(value: str) -> tuple[int, float] | None:
    calls, _, seconds = value.partition("/")
    try:
        rate = (int(calls), float(seconds))
    except ValueError:
        return None
    return rate if rate[0] >= 1 and 0 < rate[1] <= MAX_DAILY_WAIT else None


def _instant(value: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
