"""What `check` says of every platform: its clock, and a list of users that proves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.port import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOUND = timedelta(seconds=30)

EMPTY_USER_LIST = (
    "the list of users is empty, so nobody can tell whether the mapped users exist",
    (
        "let the key or token read users; until then a meeting that is given to another user "
        "stays closed in the other systems"
    ),
)
"""Message and remedy for an account that lists no user; that was seen on a working one."""


def skew_finding(system: str, skew: timedelta | None) -> Sequence[Finding]:
    """A warning where the platform's clock and ours are more than 30 s apart; else nothing."""
    if skew is None or abs(skew) <= _BOUND:
        return ()
    seconds = skew.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    message = f"its clock is {abs(seconds):.0f} s {side} ours"
    return (Finding("warning", system, message, "check this machine's clock (timedatectl)"),)
