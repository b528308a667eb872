"""Statistics of the calls to one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CallStats:
    """Counters and learned limits of an account's transport.

    ``waited`` is the sum of the seconds from request to answer. ``limits`` are (calls, seconds).
    ``left_today`` and ``resets_in`` (seconds) describe the platform's daily quota. ``skew`` is the
    platform's clock minus ours. ``last_fault`` is the last error as text.
    """

    reads: int = 0
    writes: int = 0
    waited: float = 0.0
    limits: tuple[tuple[int, float], ...] = ()
    left_today: int | None = None
    resets_in: float | None = None
    skew: timedelta | None = None
    last_fault: str = ""
