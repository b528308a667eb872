"""The rate limiter of one account: a sliding log that learns the platform's real limits.

No library fits. A leaky bucket (aiolimiter) allows up to twice its rate in one window. The log of
pyrate-limiter is exact, but sleeps by the event loop's own clock, so tests cannot use virtual time.
Neither knows when a call *reached* the platform. This log therefore keeps a call from its sending
until one window after its answer: whatever the network's delays, two calls that are not in the log
together reach the platform at least one window apart.
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
_MAX_CALLS = 1_000_000
"""More calls than any account may make in a day; a header with a larger count is ignored."""

_KEPT_FOR_WRITES = 0.05
"""The share of the daily quota that reads leave for writes."""

_EXCEEDED = re.compile(
    r"limit of (\d{1,7})(?: (?:api )?(?:calls?|requests?))? (?:in|per|every|a) ?(\d{1,7})? ?"
    r"(second|minute|hour|day)",
    re.IGNORECASE,
)
_UNITS = {"second": 1.0, "minute": 60.0, "hour": _HOUR, "day": _DAY}


class RateLimiter:
    """Counts the calls of one account, and delays calls that would exceed a limit.

    ``rate`` is (calls, seconds). Reads may use only the share ``read_share`` of the rate, so that
    writes always find room. Other programs may use the account, too, so the platform's own count is
    used if fewer calls are left by that count. Learned limits are stored in ``facts`` until a day
    after the platform stated them last. Each page of docs/platforms has a section `#rate-limits`.

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
        """Start without calls; the first call adds the recent calls stored in ``facts``."""
        self._clock = clock
        self._usual = rate
        self._learned = LearnedLimits(facts or FactStore("", clock))
        self._begun = False
        self._read_share = read_share
        self._today: tuple[int, float] | None = None
        self._shared: tuple[int, float] | None = None
        self._hold = -math.inf
        self._ended: deque[float] = deque()
        self._in_flight = 0
        self._call_ended = asyncio.Event()
        self._queues = {False: asyncio.Lock(), True: asyncio.Lock()}

    @property
    def limits(self) -> tuple[tuple[int, float], ...]:
        """The limits in force, as (calls, seconds)."""
        day = self._calls_a_day
        return (self._rate,) if day is None else (self._rate, (day, _DAY))

    @property
    def _rates(self) -> tuple[tuple[int, float], ...]:
        """The limits of short windows: that of headers, or the default, and that of refusals."""
        usual, refused = self._learned.rate or self._usual, self._learned.refused_rate
        return (usual,) if refused is None or refused == usual else (usual, refused)

    @property
    def _rate(self) -> tuple[int, float]:
        return min(self._rates, key=lambda rate: rate[0] / rate[1])

    @property
    def _longest_window(self) -> float:
        return max(seconds for _, seconds in self._rates)

    @property
    def _calls_a_day(self) -> int | None:
        return self._learned.day

    def _begin(self) -> None:
        """Add the recent calls of an earlier process, and continue its hold."""
        if self._begun:
            return
        self._begun, now = True, self._clock.monotonic()
        calls, ago = self._learned.earlier(self._rates)
        self._ended.extendleft([now - ago] * calls)
        self._hold = max(self._hold, now + self._learned.remaining_hold())
        self._learned.begin()

    def end(self) -> None:
        """Store the number of calls in the current window, for the next process."""
        if self._begun:
            now, seconds = self._clock.monotonic(), self._longest_window
            self._learned.end(sum(at + seconds > now for at in self._ended) + self._in_flight)

    @property
    def left_today(self) -> int | None:
        """Calls left today by the platform's count; None if unknown."""
        return None if self._today is None else self._today[0]

    @property
    def resets_in(self) -> float | None:
        """Seconds until the daily quota is reset; None if unknown."""
        if self._today is None:
            return None
        return max(0.0, self._today[1] - self._clock.monotonic())

    async def acquire(
        self,
        *,
        write: bool,
        patience: float = math.inf,
        on_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> float:
        """Wait until the limits allow a call, count the call and return 0.

        If that would take more than ``patience`` seconds, return the seconds to wait, without
        waiting or counting. ``on_wait`` is called with the seconds before each wait. After a result
        of 0, the caller must call `release` when the response has arrived or the call has failed.
        """
        self._begin()
        async with self._queues[write]:  # in order; a waiting read delays no write
            while (wait := self._wait(write=write)) != 0:
                if patience < wait < math.inf:
                    return wait
                if wait == math.inf:
                    self._call_ended.clear()
                    await self._call_ended.wait()
                else:
                    on_wait(wait)
                    await self._clock.sleep(max(wait, _TICK))
            self._in_flight += 1
            if self._shared is not None:
                self._shared = (self._shared[0] - 1, self._shared[1])
            if self._today is not None:
                self._today = (max(0, self._today[0] - 1), self._today[1])
            return 0.0

    def release(self) -> None:
        """Record that a call ended; it counts against the limits for one more window from now."""
        self._in_flight -= 1
        self._ended.append(self._clock.monotonic())
        self._call_ended.set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Learn limits and counts from a response's headers, whose names are in lower case."""
        now = self._clock.monotonic()
        interval = _span(headers, "x-ratelimit-interval-milliseconds", MAX_WAIT * 1000)
        seconds = max(_TICK, interval / 1000) if interval else self._rate[1]
        if most := _count(headers, "x-ratelimit-max"):
            self._learned.learn_rate(most, seconds, self._usual)
        remaining = _count(headers, "x-ratelimit-remaining")
        reset: float | None = seconds
        if remaining is None:
            remaining = _count(headers, "ratelimit-remaining")
            reset = _span(headers, "ratelimit-reset", MAX_WAIT)
        if remaining is not None:
            # The platform's count may lack the calls in flight: assume that it does.
            until = now + (seconds if reset is None else reset)
            self._shared = (remaining - self._in_flight, until)
        if day := _count(headers, "x-ratelimit-limit-daily"):
            self._learned.learn_day(day)
        if (today := _count(headers, "x-ratelimit-daily-remaining")) is not None:
            millis = _span(headers, "x-ratelimit-daily-reset", MAX_DAILY_WAIT * 1000)
            until = now + (_HOUR if millis is None else millis / 1000)
            self._today = (max(0, today - self._in_flight), until)

    def refused(self, headers: Mapping[str, str], text: str = "") -> float:
        """Hold all calls after the platform refused one as too many; return the hold in seconds.

        The hold lasts as long as ``Retry-After`` says, otherwise one full window. A limit named in
        ``text``, the error text, may lower the rate, but never raise it. Only a daily quota may
        hold calls longer than an hour.
        """
        daily = self._today is not None and self._today[0] == 0
        if (limit := _EXCEEDED.search(text)) is not None:
            span = int(limit[2] or 1) * _UNITS[limit[3].lower()]
            calls, seconds = int(limit[1]), min(span, MAX_DAILY_WAIT)
            daily = daily or seconds > MAX_WAIT
            if calls >= 1 and seconds > 0 and calls / seconds < self._rate[0] / self._rate[1]:
                self._learned.learn_refused_rate(calls, seconds)
            elif (calls, seconds) == self._learned.refused_rate:
                self._learned.learn_refused_rate(calls, seconds)  # renew its date
        stated = retry_after(headers, self._clock.now())
        wait = self._rate[1] if stated is None else stated
        if self._today is not None and self._today[0] == 0:
            wait = max(wait, self._today[1] - self._clock.monotonic())
        return self.pause(wait, daily=daily)

    def pause(self, seconds: float, *, daily: bool = False) -> float:
        """Hold all calls for ``seconds``, up to an hour; return the hold in seconds.

        ``daily``: a daily quota is used up, so the hold may last up to 25 hours.
        """
        wait = capped_wait(seconds, daily=daily)
        until = self._clock.monotonic() + wait
        if until > self._hold:
            self._hold = until
            self._learned.hold(wait)
        return wait

    def _wait(self, *, write: bool) -> float:
        """Return the seconds until a call may be allowed; infinity if a running call must end."""
        now = self._clock.monotonic()
        calls = self._rate[0]
        room = self._room(calls, write=write)
        longest = self._longest_window
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
        """Return the seconds until a limit has room; infinity if a running call must end first."""
        (calls, seconds), ended = rate, self._ended
        first = 0
        while first < len(ended) and ended[first] + seconds <= now:
            first += 1
        over = self._in_flight + len(ended) - first - self._room(calls, write=write)
        if over >= len(ended) - first:
            return math.inf
        return ended[first + over] + seconds - now if over >= 0 else 0.0


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds of ``Retry-After``, sent as seconds or date; None if absent or invalid.

    The result may be infinite. A date is compared with the response's own ``Date``, so that clock
    skew cancels out.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers) or now)).total_seconds())


def http_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the ``Date`` of a response, with UTC offset; None if absent or unreadable."""
    return _http_date(headers.get("date", ""))


@lru_cache(maxsize=8)  # it changes once a second
def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):  # all seen for invalid texts
        return None
    return when if when.tzinfo is not None else None


def _count(headers: Mapping[str, str], name: str) -> int | None:
    """Return the number of calls in a header; None if absent or invalid."""
    number = _number(headers, name)
    return int(number) if number is not None and number <= _MAX_CALLS else None


def _span(headers: Mapping[str, str], name: str, longest: float) -> float | None:
    """Return the time in a header, capped at ``longest``; None if absent or invalid."""
    number = _number(headers, name)
    return None if number is None else min(number, longest)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
