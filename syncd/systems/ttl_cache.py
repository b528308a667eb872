"""A cache in memory for responses such as a customer's addresses or the list of calendars.

A cycle reads everything except lists of events through such a cache, so that nothing is read twice
within its time to live, not even by concurrent callers (docs/polling.md).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

from syncd.systems.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syncd.model import Clock

T = TypeVar("T")

ONE_HOUR = 3600.0
"""The default time to live, in seconds."""

DIRECTORY_TTL = 900.0
"""Seconds: the default far interval. Events of a new calendar may stay unseen for so long."""

_RETRY_AFTER = 60.0
_RENEW_EVERY = 300.0
MAX_ENTRIES = 10_000


class TtlCache(Generic[T]):
    """At most 10,000 responses, each kept for ``seconds``; the oldest is removed first.

    A fault is raised and not cached. With ``better_than_none``, an expired response is returned
    instead of a fault, and the call is tried again after a minute.
    """

    def __init__(
        self, clock: Clock, seconds: float = ONE_HOUR, *, better_than_none: bool = False
    ) -> None:
        """Start empty."""
        self._clock = clock
        self._seconds = seconds
        self._better_than_none = better_than_none
        self._answers: dict[str, tuple[float, T]] = {}
        self._renewed: dict[str, float] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the response for a key: the cached one while it is fresh, otherwise a new one.

        ``ask`` makes the call. Concurrent callers with the same key share one call. Raises its
        errors.
        """
        if self._is_fresh(key):
            return self._answers[key][1]
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if not self._is_fresh(key):
                try:
                    self._store(key, await ask(), self._seconds)
                except PlatformError:
                    if not (self._better_than_none and key in self._answers):
                        raise
                    self._store(key, self._answers[key][1], _RETRY_AFTER)
            return self._answers[key][1]

    def last(self, key: str) -> T | None:
        """Return the last response for a key, of any age; None if there is none."""
        entry = self._answers.get(key)
        return entry[1] if entry is not None else None

    def renew(self, key: str) -> bool:
        """Expire a response early; `last` still returns it until a new one arrives.

        Possible every five minutes per key; returns False if it is too soon.
        """
        now = self._clock.monotonic()
        if now - self._renewed.get(key, -math.inf) < _RENEW_EVERY:
            return False
        self._renewed[key] = now
        if key in self._answers:
            self._answers[key] = (-math.inf, self._answers[key][1])
        return True

    def forget(self, key: str) -> None:
        """Remove the response for a key."""
        self._answers.pop(key, None)

    def _is_fresh(self, key: str) -> bool:
        entry = self._answers.get(key)
        return entry is not None and self._clock.monotonic() < entry[0]

    def _store(self, key: str, response: T, seconds: float) -> None:
        self._answers.pop(key, None)
        if len(self._answers) >= MAX_ENTRIES:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (self._clock.monotonic() + seconds, response)
