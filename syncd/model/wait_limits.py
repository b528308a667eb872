"""How long a platform may have syncd wait, whatever it asks for (promise 9)."""

from __future__ import annotations

MAX_WAIT = 3_600.0
"""Seconds: the longest wait after which a platform is asked again."""

MAX_DAILY_WAIT = 25 * 3_600.0
"""Seconds: the longest wait for a new day's quota; a day, and an hour for clocks that differ."""


def capped_wait(seconds: float, *, daily: bool = False) -> float:
    """Return the wait that is kept of what was asked for; what is no number is no wait."""
    return min(seconds, MAX_DAILY_WAIT if daily else MAX_WAIT) if seconds > 0 else 0.0
