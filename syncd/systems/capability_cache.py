"""Compute an account's capabilities from its measured facts, and keep the result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.measured import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import Capabilities

_SHORTEST_LAG, _LONGEST_LAG = timedelta(seconds=5), timedelta(minutes=5)
_LAG_FACTOR = 2


@dataclass(slots=True)
class CapabilityCache:
    """The capabilities of one account, computed again whenever one of its facts changes.

    ``compute`` returns the capabilities for the given facts.
    """

    measured: MeasuredFacts
    compute: Callable[[MeasuredFacts], Capabilities]
    _version: int = -1
    _cached: Capabilities | None = None

    def __call__(self) -> Capabilities:
        """Return the capabilities that follow from the current facts."""
        version = self.measured.facts.version
        if self._cached is None or version != self._version:
            self._cached, self._version = self.compute(self.measured), version
        return self._cached


def safe_lag(measured: MeasuredFacts) -> timedelta | None:
    """Return the lag bound that was assumed before a measurement; None if no lag was measured."""
    known = measured.platform and measured.side("list_lag") is Side.MEASURED
    return timedelta(seconds=float(measured.safe("list_lag"))) if known else None


def list_lag(measured: MeasuredFacts) -> timedelta:
    """Return the lag bound: how long after a finished write a list may still not show it.

    A single measurement is no upper bound, so the result is twice the measured lag, at least 5 s
    and at most 5 min. Without a measurement, or if its value is not a number of seconds, the result
    is the safe side.
    """
    if measured.side("list_lag") is Side.MEASURED:
        try:
            lag = timedelta(seconds=float(measured.value("list_lag")))
        except (ValueError, OverflowError):
            pass
        else:
            return min(max(_LAG_FACTOR * lag, _SHORTEST_LAG), _LONGEST_LAG)
    return timedelta(seconds=float(measured.safe("list_lag")))
