"""Detect a wrong clock of this machine from the times of the platforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

MAX_ERROR = timedelta(minutes=5)
"""A clock that is off by more than this is wrong; two platforms within this distance agree."""

RIGHT = timedelta(0)


def clock_error(skews: Mapping[str, Sequence[timedelta]], known: timedelta = RIGHT) -> timedelta:
    """Return how far the platforms' clocks are ahead of this machine's; zero if it may be right.

    ``skews`` are the differences measured now (platform minus this machine), by platform. ``known``
    is the error that was found before. The clock of one platform may be wrong, so two platforms
    must agree. If fewer than two were measured, a known error stays until a platform contradicts
    it.
    """
    measured = sorted(min(each, key=abs) for each in skews.values() if each)
    wrong = [skew for skew in measured if abs(skew) > MAX_ERROR]
    groups = [[s for s in wrong if first <= s <= first + MAX_ERROR] for first in wrong]
    agreed = max(groups, key=len, default=[])
    if len(agreed) > 1:
        return agreed[(len(agreed) - 1) // 2]
    confirmed = all(abs(skew - known) <= MAX_ERROR for skew in measured)
    return known if known and confirmed and len(measured) < 2 else RIGHT  # noqa: PLR2004 - a pair
