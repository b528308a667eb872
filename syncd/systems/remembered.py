"""Answers worth keeping for a while, in memory only: a customer's addresses, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syncd.model import Clock

T = TypeVar("T")

_MOST = 10_000


class Remembered(Generic[T]):
    """At most 10 000 answers, each for ``seconds``; the oldest goes first. Faults are not kept."""

    def __init__(self, clock: Clock, seconds: float = 3600.0) -> None:
        """Start empty."""
        self._clock = clock
        self._seconds = seconds
        self._answers: dict[str, tuple[float, T]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key: the kept one while it is fresh, else a new one."""
        kept = self._answers.get(key)
        if kept is not None and self._clock.monotonic() < kept[0]:
            return kept[1]
        answer = await ask()
        self._answers.pop(key, None)
        if len(self._answers) >= _MOST:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (self._clock.monotonic() + self._seconds, answer)
        return answer
