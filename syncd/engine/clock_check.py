"""Compare this machine's clock with those of the platforms in each cycle.

While two platforms show that the clock is wrong, the engine uses the platforms' time, and it frees
no time in any calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import structlog

from syncd.core.health.clock_check import MAX_ERROR, clock_error
from syncd.engine.context import Context
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import SystemStatus
from syncd.model import Fact
from syncd.store.queries.status_query import CLOCK_ERROR, THIS_MACHINE

log = structlog.get_logger(__name__)

MIN_CHANGE = timedelta(minutes=1)
"""A change of the clock error that is smaller than this is neither stored nor logged."""


def check_clock(ctx: Context, observed: Mapping[str, Observation]) -> None:
    """Compare the clocks of the systems that answered; store and log a change of the error.

    ``observed`` are the reads of this cycle by system. Sets ``ctx.clock_error``.
    """
    skews: dict[str, list[timedelta]] = {}
    for name, system in ctx.systems.items():
        seen, skew = observed.get(name), system.traffic.skew
        if seen is not None and seen.state is SystemStatus.OK and skew is not None:
            skews.setdefault(ctx.policy.clocks.get(name, name), []).append(skew)
    before = ctx.clock_error
    now = clock_error(skews, before)
    if bool(now) is bool(before) and abs(now - before) < MIN_CHANGE:
        return
    ctx.clock_error = now
    seconds = round(now.total_seconds())
    ctx.store.save_health(Fact(THIS_MACHINE, CLOCK_ERROR, str(seconds), ctx.clock.now()))
    if now and not before:
        log.warning(
            "this machine's clock is wrong",
            seconds_behind=seconds,
            bound_seconds=round(MAX_ERROR.total_seconds()),
            remedy="Set the clock: timedatectl set-ntp true, or chronyc makestep. Until then syncd "
            "frees no time and cancels nothing.",
        )
    elif before and not now:
        log.info("this machine's clock is right again")
