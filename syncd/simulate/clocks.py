"""What this machine's clock showed when, and how long removals waited because it was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.core.clock_check import MAX_ERROR

if TYPE_CHECKING:
    from syncd.simulate.world import World


def note_clock(town: World, offset: timedelta) -> None:
    """Note that this machine's clock is so far ahead from now on."""
    town.offsets.append((town.clock.now(), offset))


def true_time(town: World, shown: datetime) -> datetime:
    """Return when this machine's clock showed a time, the last time that it did."""
    for at, offset in reversed(town.offsets):
        if shown - offset >= at:
            return shown - offset
    return shown


def without_wrong_clock(town: World, since: datetime) -> datetime:
    """Go further back by the time in which the clock was wrong: news to remove something waited."""
    spells = pairwise([*town.offsets, (town.clock.now(), timedelta(0))])
    for (began, offset), (ended, _) in reversed(list(spells)):
        if abs(offset) > MAX_ERROR and ended > since:
            since -= ended - began
    return since
