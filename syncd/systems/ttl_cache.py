"""Answers worth keeping for a while, in memory only: a customer's addresses, a list of calendars.

Whatever a cycle needs besides the lists of events is asked for through here, so that nothing is
asked for twice within its time to live, not even by two that ask at once (docs/polling.md).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

from syncd.systems.port import PlatformError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syncd.model import Clock

T = TypeVar("T")

HOUR = 3600.0
QUARTER = 900.0
"""The far interval: how long what is booked on a calendar that is new may stay unseen."""

_MINUTE = 60.0
_RENEWED_EVERY = 300.0
MAX_ENTRIES = 10_000


class TtlCache(Generic[T]):
    """At most 10 000 answers, each for ``seconds``; the oldest goes first.

    A fault is raised, and not kept. But where an old answer is ``better_than_none``, it stands in
    for the new one until a minute later.
    """

    def __init__(
        self, clock: Clock, seconds: float = HOUR, *, better_than_none: bool = False
    ) -> None:
        """Start empty."""
        self._clock = clock
        self._seconds = seconds
        self._better_than_none = better_than_none
        self._answers: dict[str, tuple[float, T]] = {}
        self._renewed: dict[str, float] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key: the kept one while it is fresh, else a new one.

        Who asks for the same meanwhile waits for that answer. Raises what ``ask`` raises.
        """
        if self._is_fresh(key):
            return self._answers[key][1]
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            if not self._is_fresh(key):
                try:
                    self._keep(key, await ask(), self._seconds)
                except PlatformError:
                    if not (self._better_than_none and key in self._answers):
                        raise
                    self._keep(key, self._answers[key][1], _MINUTE)
            return self._answers[key][1]

    def last(self, key: str) -> T | None:
        """The last answer for a key, however old; None if there is none."""
        kept = self._answers.get(key)
        return kept[1] if kept is not None else None

    def renew(self, key: str) -> bool:
        """Have it asked for anew before its time; until an answer comes, the old one is the `last`.

        At most every five minutes; False: not again so soon.
        """
        now = self._clock.monotonic()
        if now - self._renewed.get(key, -math.inf) < _RENEWED_EVERY:
            return False
        self._renewed[key] = now
        if key in self._answers:
            self._answers[key] = (-math.inf, self._answers[key][1])
        return True

    def forget(self, key: str) -> None:
        """Have it asked for anew."""
        self._answers.pop(key, None)

    def _is_fresh(self, key: str) -> bool:
        kept = self._answers.get(key)
        return kept is not None and self._clock.monotonic() < kept[0]

    def _keep(self, key: str, answer: T, seconds: float) -> None:
        self._answers.pop(key, None)
        if len(self._answers) >= MAX_ENTRIES:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (self._clock.monotonic() + seconds, answer)
