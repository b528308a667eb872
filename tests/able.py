"""Capabilities that a test sets by hand, whatever was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from syncd.engine.breaker import BreakerSystem


def with_lag(system: BreakerSystem, lag: timedelta) -> None:
    """Let the reads of a system be older than its writes by at most so much.

    What is measured is used with a margin, which no test can wait for.
    """
    inner: Any = system._system
    work_out = inner._able.compute
    inner._able.compute = lambda measured: replace(work_out(measured), lag=lag)
    inner._able._kept = None
