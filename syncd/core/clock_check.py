"""Whether this machine's clock is wrong, from what the platforms say the time is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

MAX_ERROR = timedelta(minutes=5)
"""From how far on a clock counts as wrong, and within how much two platforms agree."""

RIGHT = timedelta(0)


def clock_error(skews: Mapping[str, Sequence[timedelta]], known: timedelta = RIGHT) -> timedelta:
    """Return how far the platforms are ahead of this machine; zero if its clock may be right.

    ``skews`` are the differences measured now, by platform; ``known`` is the error found before. A
    single platform's clock may be wrong itself: two must agree. Where fewer are measured, the error
    that was known stays until a platform contradicts it.
    """
    measured = sorted(min(each, key=abs) for each in skews.values() if each)
    wrong = [skew for skew in measured if abs(skew) > MAX_ERROR]
    groups = [[s for s in wrong if first <= s <= first + MAX_ERROR] for first in wrong]
    agreed = max(groups, key=len, default=[])
    if len(agreed) > 1:
        return agreed[(len(agreed) - 1) // 2]
    confirmed = all(abs(skew - known) <= MAX_ERROR for skew in measured)
    return known if known and confirmed and len(measured) < 2 else RIGHT  # noqa: PLR2004 - a pair
