"""Windows cut to what one call may span, and put together again where all pieces arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta


def slice_window(window: Window, longest: timedelta) -> list[Window]:
    """Cut a window into neighbours of at most this length, in order."""
    pieces = []
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        pieces.append(Window(start, end))
        start = end
    return pieces


def join_windows(windows: Iterable[Window]) -> list[Window]:
    """Put windows that touch or overlap into one, in order: an event may lie across a cut."""
    whole: list[Window] = []
    for piece in sorted(windows, key=lambda w: w.start):
        if whole and piece.start <= whole[-1].end:
            whole[-1] = Window(whole[-1].start, max(whole[-1].end, piece.end))
        else:
            whole.append(piece)
    return whole
