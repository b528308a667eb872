"""The call budget of one account: a sliding log that learns what the platform really allows.

Own code on purpose. A leaky bucket (aiolimiter) lets up to twice its rate into one window, and
pyrate-limiter, whose log is exact, sleeps by the event loop's own clock, so that virtual time
cannot drive it. Neither knows when a call *reached* the platform: a call is therefore kept in the
log from its sending until one window after its answer. Whatever the network's delays, two calls
that the log does not hold together reach the platform at least one window apart.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from syncd.model import MAX_DAILY_WAIT, MAX_WAIT, capped_wait
from syncd.systems.facts import FactStore
from syncd.systems.learned_limits import LearnedLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from syncd.model import Clock

_DAY = 86_400.0
_HOUR = 3_600.0
_TICK = 0.001
_MOST_CALLS = 1_000_000
"""More calls than any account may make in a day: a count above it counts nothing."""

_KEPT_FOR_WRITES = 0.05
"""The share of a day's calls that reads leave to writes."""

_EXCEEDED = re.compile(
    r"limit of (\d{1,7})(?: (?:api )?(?:calls?|requests?))? (?:in|per|every|a) ?(\d{1,7})? ?"
    r"(second|minute|hour|day)",
    re.IGNORECASE,
)
_UNITS = {"second": 1.0, "minute": 60.0, "hour": _HOUR, "day": _DAY}


class RateLimiter:
    """How many calls one account may make, counted, and corrected by what the platform says.

    ``rate`` is (calls, seconds). Reads may use only ``read_share`` of it, so that a write always
    finds room. Other programs share the account, so the platform's own count wins where it is
    smaller. What was learned is kept in ``facts``, and forgotten a day after the platform last said
    it. Each page of docs/platforms has a section `#rate-limits`.

    Whatever a platform states, no call waits longer than an hour, or 25 hours for a daily quota.
    """

    def __init__(
        self,
        clock: Clock,
        rate: tuple[int, float] = (100, 10.0),
        *,
        read_share: float = 0.8,
        facts: FactStore | None = None,
    ) -> None:
        """Start with an empty log; with the first call, what ``facts`` tell of earlier ones."""
        self._clock = clock
        self._usual = rate
        self._learned = LearnedLimits(facts or FactStore("", clock))
        self._begun = False
        self._read_share = read_share
        self._today: tuple[int, float] | None = None
        self._shared: tuple[int, float] | None = None
        self._hold = -math.inf
        self._ended: deque[float] = deque()
        self._flying = 0
        self._landed = asyncio.Event()
        self._lanes = {False: asyncio.Lock(), True: asyncio.Lock()}

    @property
    def limits(self) -> tuple[tuple[int, float], ...]:
        """The limits in force, as (calls, seconds)."""
        day = self._calls_a_day
        return (self._rate,) if day is None else (self._rate, (day, _DAY))

    @property
    def _rates(self) -> tuple[tuple[int, float], ...]:
        """The limits of short windows: of the account, and of whoever refused a call."""
        usual, told = self._learned.rate or self._usual, self._learned.told
        return (usual,) if told is None or told == usual else (usual, told)

    @property
    def _rate(self) -> tuple[int, float]:
        return min(self._rates, key=lambda rate: rate[0] / rate[1])

    @property
    def _longest(self) -> float:
        return max(seconds for _, seconds in self._rates)

    @property
    def _calls_a_day(self) -> int | None:
        return self._learned.day

    def _begin(self) -> None:
        """Count the calls that an earlier process made, and wait as long as it was told to."""
        if self._begun:
            return
        self._begun, now = True, self._clock.monotonic()
        calls, ago = self._learned.earlier(self._rates)
        self._ended.extendleft([now - ago] * calls)
        self._hold = max(self._hold, now + self._learned.held())
        self._learned.begin()

    def end(self) -> None:
        """Note for the next process which calls were made in this window."""
        if self._begun:
            now, seconds = self._clock.monotonic(), self._longest
            self._learned.end(sum(at + seconds > now for at in self._ended) + self._flying)

    @property
    def left_today(self) -> int | None:
        """Calls left today by the platform's count; None if it never said."""
        return None if self._today is None else self._today[0]

    @property
    def resets_in(self) -> float | None:
        """Seconds until the platform counts a new day; None if it never said."""
        if self._today is None:
            return None
        return max(0.0, self._today[1] - self._clock.monotonic())

    async def acquire(
        self,
        *,
        write: bool,
        patience: float = math.inf,
        waits: Callable[[float], None] = lambda _seconds: None,
    ) -> float:
        """Wait for room and take it: 0. If that needs more than ``patience`` seconds: how many.

        ``waits`` hears for how long it waits, before each wait.

        Whoever got 0 must call `release` once the answer is there, or is known not to come.
        """
        self._begin()
        async with self._lanes[write]:  # first come, first served; a waiting read stops no write
            while (wait := self._wait(write=write)) != 0:
                if patience < wait < math.inf:
                    return wait
                if wait == math.inf:
                    self._landed.clear()
                    await self._landed.wait()
                else:
                    waits(wait)
                    await self._clock.sleep(max(wait, _TICK))
            self._flying += 1
            if self._shared is not None:
                self._shared = (self._shared[0] - 1, self._shared[1])
            if self._today is not None:
                self._today = (max(0, self._today[0] - 1), self._today[1])
            return 0.0

    def release(self) -> None:
        """Note that a call ended: from now on it counts for one more window."""
        self._flying -= 1
        self._ended.append(self._clock.monotonic())
        self._landed.set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what the headers of any answer state (names compare without case)."""
        now = self._clock.monotonic()
        interval = _span(headers, "x-ratelimit-interval-milliseconds", MAX_WAIT * 1000)
        seconds = max(_TICK, interval / 1000) if interval else self._rate[1]
        if most := _count(headers, "x-ratelimit-max"):
            self._learned.learn_rate(most, seconds, self._usual)
        left = _count(headers, "x-ratelimit-remaining")
        reset: float | None = seconds
        if left is None:
            left = _count(headers, "ratelimit-remaining")
            reset = _span(headers, "ratelimit-reset", MAX_WAIT)
        if left is not None:
            # Calls under way may or may not be in the platform's count: assume that they are not.
            until = now + (seconds if reset is None else reset)
            self._shared = (left - self._flying, until)
        if day := _count(headers, "x-ratelimit-limit-daily"):
            self._learned.learn_day(day)
        if (today := _count(headers, "x-ratelimit-daily-remaining")) is not None:
            millis = _span(headers, "x-ratelimit-daily-reset", MAX_DAILY_WAIT * 1000)
            until = now + (_HOUR if millis is None else millis / 1000)
            self._today = (max(0, today - self._flying), until)

    def refused(self, headers: Mapping[str, str], text: str = "") -> float:
        """Note that the platform said "too many": hold all calls, and return for how long (s).

        A stated ``Retry-After`` counts, else one full window. A limit named in the text lowers the
        rate, and never raises it. What tells of a day's quota may take a day.
        """
        daily = self._today is not None and self._today[0] == 0
        if (found := _EXCEEDED.search(text)) is not None:
            span = int(found[2] or 1) * _UNITS[found[3].lower()]
            calls, seconds = int(found[1]), min(span, MAX_DAILY_WAIT)
            daily = daily or seconds > MAX_WAIT
            if calls >= 1 and seconds > 0 and calls / seconds < self._rate[0] / self._rate[1]:
                self._learned.learn_told(calls, seconds)
            elif (calls, seconds) == self._learned.told:
                self._learned.learn_told(calls, seconds)  # it is said again
        stated = retry_after(headers, self._clock.now())
        wait = self._rate[1] if stated is None else stated
        if self._today is not None and self._today[0] == 0:
            wait = max(wait, self._today[1] - self._clock.monotonic())
        return self.pause(wait, daily=daily)

    def pause(self, seconds: float, *, daily: bool = False) -> float:
        """Let nothing in for that long, but no longer than the cap; return for how long."""
        wait = capped_wait(seconds, daily=daily)
        until = self._clock.monotonic() + wait
        if until > self._hold:
            self._hold = until
            self._learned.hold(wait)
        return wait

    def _wait(self, *, write: bool) -> float:
        """Seconds until there may be room: 0 now, infinity when a call must end first."""
        now = self._clock.monotonic()
        calls = self._rate[0]
        room = self._room(calls, write=write)
        longest = self._longest
        while self._ended and self._ended[0] + longest <= now:
            self._ended.popleft()
        waits = [self._hold - now]
        if self._today is not None:
            if now >= self._today[1]:
                self._today = None
            elif self._today[0] <= (
                0 if write else int((self._calls_a_day or 0) * _KEPT_FOR_WRITES)
            ):
                waits.append(self._today[1] - now)
        if self._shared is not None:
            if now >= self._shared[1]:
                self._shared = None
            elif self._shared[0] <= calls - room:
                waits.append(self._shared[1] - now)
        waits += [self._wait_for(rate, now, write=write) for rate in self._rates]
        return max(0.0, *waits)

    def _room(self, calls: int, *, write: bool) -> int:
        return calls if write else max(1, int(calls * self._read_share))

    def _wait_for(self, rate: tuple[int, float], now: float, *, write: bool) -> float:
        """Seconds until one limit may have room: infinity when a call under way must end first."""
        (calls, seconds), ended = rate, self._ended
        first = 0
        while first < len(ended) and ended[first] + seconds <= now:
            first += 1
        over = self._flying + len(ended) - first - self._room(calls, write=write)
        if over >= len(ended) - first:
            return math.inf
        return ended[first + over] + seconds - now if over >= 0 else 0.0


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds asked for by ``Retry-After``, given as seconds or as a date; None if absent or odd.

    They may be infinite.

    A date is measured against the answer's own ``Date``, so that the skew of clocks cancels out.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers) or now)).total_seconds())


def http_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the ``Date`` of an answer, aware; None if absent or unreadable."""
    return _http_date(headers.get("date", ""))


@lru_cache(maxsize=8)  # it changes once a second
def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):  # all seen, of odd enough texts
        return None
    return when if when.tzinfo is not None else None


def _count(headers: Mapping[str, str], name: str) -> int | None:
    """Return the calls that a header counts; None where there are none of use."""
    number = _number(headers, name)
    return int(number) if number is not None and number <= _MOST_CALLS else None


def _span(headers: Mapping[str, str], name: str, longest: float) -> float | None:
    """Return the time in a header, capped; None where there is none of use."""
    number = _number(headers, name)
    return None if number is None else min(number, longest)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    said = headers.get(name)
    if said is None:
        return None
    try:
        number = float(said)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
