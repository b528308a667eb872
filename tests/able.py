"""Override capabilities of a system by hand, whatever was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from syncd.engine.breaker import BreakerSystem


def with_lag(system: BreakerSystem, lag: timedelta) -> None:
    """Set the lag bound of a system's reads.

    A measured lag is used with a margin that is too long for a test to wait for.
    """
    inner: Any = system._system
    work_out = inner._able.compute
    inner._able.compute = lambda measured: replace(work_out(measured), lag=lag)
    inner._able._kept = None
