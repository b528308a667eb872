"""Override capabilities of a system by hand, whatever was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncd.engine.tasks.breaker import BreakerSystem
from syncd.systems.capability_cache import CapabilityCache


def with_lag(system: BreakerSystem, lag: timedelta) -> None:
    """Set the lag bound of a system's reads.

    A measured lag is used with a margin that is too long for a test to wait for.
    """
    attributes = vars(system._system).values()
    cache = next(each for each in attributes if isinstance(each, CapabilityCache))
    compute = cache.compute
    cache.compute = lambda measured: replace(compute(measured), lag=lag)
    cache._version = -1
