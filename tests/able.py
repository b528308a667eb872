"""Capabilities that a test sets by hand, whatever was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from syncd.engine.breaker import BreakerSystem
from syncd.systems.capability_cache import CapabilityCache


def with_lag(system: BreakerSystem, lag: timedelta) -> None:
    """Let the reads of a system be older than its writes by at most so much.

    What is measured is used with a margin, which no test can wait for.
    """
    attributes = vars(system._system).values()
    cache: Any = next(each for each in attributes if isinstance(each, CapabilityCache))
    compute = cache.compute
    cache.compute = lambda measured: replace(compute(measured), lag=lag)
    cache._version = -1
