"""What a person may ask for: bounds that the command line and the daemon check alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.model.ranges import readable
from syncd.model.types import Window

MAX_WINDOW = timedelta(days=732)
"""The longest window of one request: as long as `window` in [syncd] can be made."""

MAX_TEXT = 1000
"""Characters in an id or a name that is asked for."""


def window_error(window: Window, now: datetime) -> str:
    """Say why a window cannot be asked for; empty where it can."""
    if window.end - window.start > MAX_WINDOW:
        days = (window.end - window.start).days
        return f"a window of {days} days is too long: {MAX_WINDOW.days} days are the longest"
    if window.end <= window.start:
        return "the window ends before it begins, or at once"
    if not (readable(window.start, now) and readable(window.end, now)):
        return "the window lies too far from now: it may begin and end at most 5 years from now"
    return ""
