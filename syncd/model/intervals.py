"""Arithmetic on intervals, and when two values are the same as far as a platform can show.

This is the only module that compares the time or status of a value with what was meant, joins
intervals, and sweeps over their ends. Intervals are UTC, with an inclusive start and an exclusive
end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from syncd.model.time import floor_to
from syncd.model.types import Value

GRIDS = tuple(timedelta(minutes=m) for m in (1, 5, 10, 15, 30))
"""The grids to which platforms may round times."""


# --- equality ---------------------------------------------------------------------------------


def shows(seen: Value, meant: Value, *, any_status: bool = False, rounded: bool = True) -> bool:
    """Return true if an event with the value ``seen`` shows a meeting as it was meant.

    Two values that take no time are equal, whatever their times and statuses.

    - ``any_status``: every status that takes time counts as the meant one.
    - ``rounded``: the time may be rounded, as a platform with a coarser grid shows it.
    """
    if not seen.busy and not meant.busy:
        return True
    same_status = seen.busy is meant.busy if any_status else seen.status is meant.status
    same_time = may_show_time(meant, seen) if rounded else seen.interval == meant.interval
    return same_status and same_time


def may_show(meant: Value | None, seen: Value | None) -> bool:
    """Return true if a platform may show ``meant`` as ``seen``: the same, or rounded to its grid.

    None is a deleted event, which only None shows.
    """
    if meant is None or seen is None:
        return meant is seen
    return meant.status is seen.status and may_show_time(meant, seen)


def may_show_time(meant: Value, seen: Value) -> bool:
    """Return true if a platform may show the time of ``meant`` as that of ``seen``.

    One grid must explain both start and end. A time on the grid cannot be rounded, so a manual edit
    of such a time is never taken for a rounding.
    """
    return meant.interval == seen.interval or any(
        _on_grid(meant.start, seen.start, grid) and _on_grid(meant.end, seen.end, grid)
        for grid in GRIDS
    )


def _on_grid(meant: datetime, seen: datetime, grid: timedelta) -> bool:
    """Return true if ``seen`` is ``meant``, rounded down or up to the grid."""
    low = floor_to(meant, grid)
    high = low if low == meant else low + grid
    return seen in {low, high}


def truncate(value: Value, grain: timedelta) -> Value:
    """Return a value as a platform of this granularity shows it."""
    return replace(value, start=floor_to(value.start, grain), end=floor_to(value.end, grain))
