"""Arithmetic on intervals, and when two values are the same as far as a platform can show.

The rules of what a platform may show instead of what was meant stand here and nowhere else, and so
do the ways to join, slice and sweep intervals. Intervals are UTC, with an inclusive start and an
exclusive end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from syncd.model.time import floor_to
from syncd.model.types import Value, Window

T = TypeVar("T")

Interval = tuple[datetime, datetime]
"""Start and end."""

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


def takes_time(seen: Value | None, time: Value) -> bool:
    """Return true if an event with the value ``seen`` takes exactly the time of ``time``."""
    return seen is not None and seen.busy and seen.interval == time.interval


def truncate(value: Value, grain: timedelta) -> Value:
    """Return a value as a platform of this granularity shows it."""
    return replace(value, start=floor_to(value.start, grain), end=floor_to(value.end, grain))


# --- several intervals ------------------------------------------------------------------------


def overlap(first: Interval, second: Interval) -> bool:
    """Return true if two intervals overlap. Intervals that only touch do not."""
    return first[0] < second[1] and second[0] < first[1]


def join_windows(windows: Iterable[Window]) -> list[Window]:
    """Join windows that touch or overlap, in order."""
    joined: list[Window] = []
    for piece in sorted(windows, key=lambda w: w.start):
        if joined and piece.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, piece.end))
        else:
            joined.append(piece)
    return joined


def slice_window(window: Window, longest: timedelta) -> list[Window]:
    """Split a window into adjacent windows of at most the length ``longest``, in order."""
    pieces = []
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        pieces.append(Window(start, end))
        start = end
    return pieces


def uncovered(window: Window, covered: Iterable[Window]) -> list[Window]:
    """Return the parts of a window that lie in none of the ``covered`` windows, in order."""
    gaps: list[Window] = []
    start = window.start
    for span in sorted(covered, key=lambda span: span.start):
        if span.start > start:
            gaps.append(Window(start, min(span.start, window.end)))
        start = max(start, span.end)
        if start >= window.end:
            return gaps
    return [*gaps, Window(start, window.end)]


def sweep(
    boundaries: Iterable[datetime], label: Callable[[datetime], T | None]
) -> list[tuple[datetime, datetime, T]]:
    """Split time at ``boundaries``; return each span in order, with its label.

    ``label`` is given the start of a piece between two boundaries. Adjacent pieces with equal
    labels are joined, and pieces without a label are left out.
    """
    spans: list[tuple[datetime, datetime, T]] = []
    for start, end in pairwise(sorted(set(boundaries))):
        current = label(start)
        if current is None:
            continue
        if spans and spans[-1][1:] == (start, current):
            spans[-1] = (spans[-1][0], end, current)
        else:
            spans.append((start, end, current))
    return spans
