"""Compute the minimum number of calls that prove a set of windows, by trying every set of calls.

It knows nothing of platforms or of planners. A test spells what each possible call would prove.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from itertools import count
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def fewest(wanted: Collection[T], calls: Iterable[frozenset[T]]) -> int:
    """Return the minimum number of calls, each given by what it proves; all together suffice."""
    useful = {call & frozenset(wanted) for call in calls}
    # A call that proves no more than another one is never needed.
    best = [call for call in useful if not any(call < other for other in useful)]
    assert frozenset(wanted) <= frozenset[T]().union(*best), "no set of calls proves all of it"
    return next(n for n in count() if _enough(frozenset(wanted), best, n))


def _enough(missing: frozenset[T], calls: Collection[frozenset[T]], n: int) -> bool:
    """Return whether n calls can prove what is missing; one of them must prove each part of it."""
    if not missing:
        return True
    if n == 0:
        return False
    part = min(missing, key=repr)
    return any(_enough(missing - call, calls, n - 1) for call in calls if part in call)
