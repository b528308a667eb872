"""What an account's transport counted and learned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CallStats:
    """What an account's transport counted and learned. Limits are (calls, seconds).

    ``waited`` are the seconds from request to answer, summed over all calls. ``resets_in`` are the
    seconds until the platform's count of the day begins anew.
    """

    reads: int = 0
    writes: int = 0
    waited: float = 0.0
    limits: tuple[tuple[int, float], ...] = ()
    left_today: int | None = None
    resets_in: float | None = None
    skew: timedelta | None = None
    last_fault: str = ""
