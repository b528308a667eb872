"""What was learned of an account's limits, kept across restarts as facts (`systems.facts`).

A platform says its limits in headers and error texts. Each is believed until a day after it was
said last. The calls of the last window are noted when a process ends, so that the next one does
not make them a second time in the same window.
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

RATE, TOLD, DAY, HOLD, CALLS = "rate limit", "refused rate", "daily limit", "held until", "calls"
"""The names of the facts: calls/seconds as headers and as refusals say, calls a day, an instant,
and the calls last made."""

OF_LIMITS = (RATE, TOLD, DAY, HOLD, CALLS)

LIFETIME = timedelta(days=1)
"""How long a limit is believed after the platform said it last."""

_RENEWED = timedelta(hours=1)
"""A limit that is said again is written anew only this often."""

_UNDER_WAY = "?"
"""The calls of a process that has not ended, or that died."""

_LONGEST_GUESS = 60.0
"""Seconds: of a process that died, a window as long as this counts as full."""


@dataclass(frozen=True, slots=True)
class LearnedLimits:
    """The limits of one account, as facts."""

    facts: FactStore

    @property
    def rate(self) -> tuple[int, float] | None:
        """The limit that headers say, as (calls, seconds)."""
        return _rate(self.facts.get(RATE, LIFETIME))

    @property
    def told(self) -> tuple[int, float] | None:
        """The limit by which calls were refused. Headers may not know of it: it may be another."""
        return _rate(self.facts.get(TOLD, LIFETIME))

    @property
    def day(self) -> int | None:
        """The learned limit of calls a day."""
        said = self.facts.get(DAY, LIFETIME)
        return int(said) if said.isdigit() else None

    def learn_rate(self, calls: int, seconds: float, usual: tuple[int, float]) -> None:
        """Note a limit that headers said; nothing is stored of the ``usual`` one."""
        if (calls, seconds) != usual or self.rate is not None:
            self.facts.put(RATE, f"{calls}/{seconds:g}", renewed=_RENEWED)

    def learn_told(self, calls: int, seconds: float) -> None:
        """Note the limit by which a call was refused."""
        self.facts.put(TOLD, f"{calls}/{seconds:g}", renewed=_RENEWED)

    def learn_day(self, calls: int) -> None:
        """Note a limit of calls a day that the platform said."""
        self.facts.put(DAY, str(calls), renewed=_RENEWED)

    def hold(self, seconds: float) -> None:
        """Note that the platform allows no call for so long."""
        until = self.facts.clock.now() + timedelta(seconds=seconds)
        self.facts.put(HOLD, until.astimezone(UTC).isoformat(timespec="seconds"))

    def held(self) -> float:
        """Return the seconds for which an earlier process was told to make no call."""
        fact = self.facts.loaded(HOLD)
        until = None if fact is None else _instant(fact.value)
        if fact is None or until is None or fact.at > self.facts.clock.now() + LIFETIME:
            return 0.0
        left = (until - self.facts.clock.now()).total_seconds()
        return min(max(0.0, left), MAX_DAILY_WAIT)

    def begin(self) -> None:
        """Note that calls are made from now on; what is noted at the end replaces it."""
        self.facts.put(CALLS, _UNDER_WAY)

    def end(self, calls: int) -> None:
        """Note the calls of the last window: the process ends, or goes over to another key."""
        self.facts.put(CALLS, str(calls), renewed=timedelta(0))

    def earlier(self, rates: Sequence[tuple[int, float]]) -> tuple[int, float]:
        """Return how many calls an earlier process made lately, and how many seconds ago.

        They are those of its longest window, as if made at its end. One that died may have used up
        a window, unless that is so long that nobody would wait for it on a guess.
        """
        fact = self.facts.loaded(CALLS)
        if fact is None or not fact.value:
            return 0, 0.0
        if fact.value == _UNDER_WAY:
            return max((n for n, s in rates if s <= _LONGEST_GUESS), default=0), 0.0
        ago = max(0.0, (self.facts.clock.now() - fact.at).total_seconds())
        if not fact.value.isdigit() or ago >= max(seconds for _, seconds in rates):
            return 0, 0.0
        return min(int(fact.value), max(calls for calls, _ in rates)), ago


@dataclass(frozen=True, slots=True)
class LearnedAllowance:
    """What is stored of an account's limits, for whoever shows it; None: nothing.

    ``rate`` is (calls, seconds), said last ``at`` about that time. No call is made before ``held``.
    """

    rate: tuple[int, float] | None = None
    at: datetime | None = None
    day: int | None = None
    held: datetime | None = None


def allowed(facts: Iterable[Fact], now: datetime) -> LearnedAllowance:
    """Sum up the stored facts of one system that are still believed."""
    fresh = {f.name: f for f in facts if now - f.at <= LIFETIME}
    day, hold = fresh.get(DAY), fresh.get(HOLD)
    until = None if hold is None else _instant(hold.value)
    rates = [
        (rate, f.at)
        for f in fresh.values()
        if f.name in {RATE, TOLD} and (rate := _rate(f.value)) is not None
    ]
    narrowest, at = min(rates, key=lambda each: each[0][0] / each[0][1], default=(None, None))
    return LearnedAllowance(
        narrowest,
        at,
        int(day.value) if day is not None and day.value.isdigit() else None,
        until if until is not None and until > now else None,
    )


def _rate(said: str) -> tuple[int, float] | None:
    calls, _, seconds = said.partition("/")
    try:
        found = (int(calls), float(seconds))
    except ValueError:
        return None
    return found if found[0] >= 1 and 0 < found[1] <= MAX_DAILY_WAIT else None


def _instant(said: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
