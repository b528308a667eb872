"""Statistics of the calls to one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CallStats:
    """Counters and learned limits of an account's transport, for `syncd status` and metrics.

    - ``reads``, ``writes``: the calls sent.
    - ``waited``: the sum of the seconds from request to response.
    - ``limits``: the rate limits in force, as (calls, seconds).
    - ``left_today``, ``resets_in`` (seconds): the platform's daily quota; None if unknown.
    - ``skew``: the platform's clock minus this machine's; None if unknown.
    - ``last_fault``: the text of the last error; '' for none.
    """

    reads: int = 0
    writes: int = 0
    waited: float = 0.0
    limits: tuple[tuple[int, float], ...] = ()
    left_today: int | None = None
    resets_in: float | None = None
    skew: timedelta | None = None
    last_fault: str = ""
