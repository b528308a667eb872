"""What the host's clock showed when, and how long removals were delayed by its error."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.core.health.clock_check import MAX_ERROR

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def note_clock(world: World, offset: timedelta) -> None:
    """Record that the host's clock is ahead by this offset from now on."""
    world.offsets.append((world.clock.now(), offset))


def true_time(world: World, shown: datetime) -> datetime:
    """Return the true time at which the host's clock last showed this time."""
    for at, offset in reversed(world.offsets):
        if shown - offset >= at:
            return shown - offset
    return shown


def without_wrong_clock(world: World, since: datetime) -> datetime:
    """Return ``since`` moved back by the time in which the wrong clock held removals back."""
    spells = pairwise([*world.offsets, (world.clock.now(), timedelta(0))])
    for (began, offset), (ended, _) in reversed(list(spells)):
        if abs(offset) > MAX_ERROR and ended > since:
            since -= ended - began
    return since
