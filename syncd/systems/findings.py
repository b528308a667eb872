"""What every system's `check` says of the platform's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.port import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOUND = timedelta(seconds=30)


def skew_finding(system: str, skew: timedelta | None) -> Sequence[Finding]:
    """A warning where the platform's clock and ours are more than 30 s apart; else nothing."""
    if skew is None or abs(skew) <= _BOUND:
        return ()
    seconds = skew.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    message = f"its clock is {abs(seconds):.0f} s {side} ours"
    return (Finding("warning", system, message, "check this machine's clock (timedatectl)"),)
