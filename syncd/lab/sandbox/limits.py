"""Rate limits as the platforms count them: a sliding window of seconds, and a daily budget."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

_DAY = timedelta(days=1)


class RateLimit:
    """At most ``max_requests`` in any ``interval`` seconds, and at most ``daily`` per UTC day.

    ``daily`` None means no daily limit. ``refused`` counts the refused requests, so that a test can
    assert that a client never exceeded the limit.
    """

    def __init__(self, most: int, interval: float, daily: int | None = None) -> None:
        """Start with the whole budget."""
        self.max_requests = most
        self.interval = interval
        self.daily = daily
        self.refused = 0
        self.refused_at: list[datetime] = []
        self._hits: deque[datetime] = deque()
        self._day: datetime | None = None
        self._today = 0

    def hit(self, now: datetime) -> bool:
        """Count one request. Returns false, and counts nothing, if it exceeds a limit."""
        self._forget(now)
        if len(self._hits) >= self.max_requests or (
            self.daily is not None and self._today >= self.daily
        ):
            self.refused += 1
            self.refused_at.append(now)
            return False
        self._hits.append(now)
        self._today += 1
        return True

    def remaining(self, now: datetime) -> int:
        """Return how many requests the window still allows."""
        self._forget(now)
        return max(0, self.max_requests - len(self._hits))

    def daily_remaining(self, now: datetime) -> int:
        """Return how many more requests the day allows; 0 if there is no daily limit."""
        self._forget(now)
        return max(0, (self.daily or 0) - self._today)

    def daily_reset(self, now: datetime) -> timedelta:
        """Return the time until the daily budget is full again."""
        return _midnight(now) + timedelta(days=1) - now

    def reset(self, now: datetime) -> timedelta:
        """Return the time until the oldest request leaves the window; zero if it is empty."""
        self._forget(now)
        if not self._hits:
            return timedelta()
        return self._hits[0] + timedelta(seconds=self.interval) - now

    def _forget(self, now: datetime) -> None:
        border = now - timedelta(seconds=self.interval)
        while self._hits and self._hits[0] <= border:
            self._hits.popleft()
        if self._day is None or not timedelta() <= now - self._day < _DAY:
            self._day, self._today = _midnight(now), 0


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
