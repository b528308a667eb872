"""From when to when this machine's clock was so wrong that removals waited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.clock import BOUND

if TYPE_CHECKING:
    from syncd.simulate.town import Town


def note_clock(town: Town, offset: timedelta) -> None:
    """Note that this machine's clock is so far off from now on."""
    now = town.clock.now()
    stands = bool(town.wrong_clock) and town.wrong_clock[-1][1] is None
    if abs(offset) > BOUND and not stands:
        town.wrong_clock.append((now, None))
    elif abs(offset) <= BOUND and stands:
        town.wrong_clock[-1] = (town.wrong_clock[-1][0], now)


def without_wrong_clock(town: Town, since: datetime) -> datetime:
    """Go further back by the time in which the clock was wrong: news to remove something waited."""
    for began, ended in reversed(town.wrong_clock):
        until = ended or town.clock.now()
        if until > since:
            since -= until - began
    return since
