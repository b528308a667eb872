"""Limits of a request by the operator. The command line and the daemon both check them."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.model.ranges import readable
from syncd.model.types import Window

MAX_WINDOW = timedelta(days=732)
"""The longest window of one request; `window` in [syncd] has the same limit."""

MAX_TEXT = 1000
"""The maximum number of characters in an id or a name."""


def window_error(window: Window, now: datetime) -> str:
    """Return the reason why a window cannot be requested, or '' if it can."""
    if window.end - window.start > MAX_WINDOW:
        days = (window.end - window.start).days
        return f"a window of {days} days is too long: the maximum is {MAX_WINDOW.days} days"
    if window.end <= window.start:
        return "the window must end after it begins"
    if not (readable(window.start, now) and readable(window.end, now)):
        return "the window is too far from now: it must begin and end within 5 years from now"
    return ""
