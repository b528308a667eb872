"""Split windows to the longest span of one call, and join adjacent windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta


def slice_window(window: Window, longest: timedelta) -> list[Window]:
    """Split a window into adjacent windows of at most the length ``longest``, in order."""
    pieces = []
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        pieces.append(Window(start, end))
        start = end
    return pieces


def join_windows(windows: Iterable[Window]) -> list[Window]:
    """Join windows that touch or overlap, in order.

    Without that, an event that lies across two adjacent windows would be in neither.
    """
    joined: list[Window] = []
    for piece in sorted(windows, key=lambda w: w.start):
        if joined and piece.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, piece.end))
        else:
            joined.append(piece)
    return joined
