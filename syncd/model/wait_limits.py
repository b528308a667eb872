"""The longest waits that a platform can ask for: promise 9 (docs/design.md#promises)."""

from __future__ import annotations

MAX_WAIT = 3_600.0
"""The longest wait before the next request, in seconds."""

MAX_DAILY_WAIT = 25 * 3_600.0
"""The longest wait for the next day's quota, in seconds: a day, and an hour for clock errors."""


def capped_wait(seconds: float, *, daily: bool = False) -> float:
    """Return the requested wait, at most `MAX_WAIT` or `MAX_DAILY_WAIT`; 0 if negative or NaN."""
    return min(seconds, MAX_DAILY_WAIT if daily else MAX_WAIT) if seconds > 0 else 0.0
