"""Compute an account's capabilities from its measured facts, and cache them."""

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
    """The capabilities of one account, recomputed when one of its facts changes."""

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
    """Return the lag assumed without a measurement; None if the lag was not measured."""
    known = measured.platform and measured.side("list_lag") is Side.MEASURED
    return timedelta(seconds=float(measured.safe("list_lag"))) if known else None


def list_lag(measured: MeasuredFacts) -> timedelta:
    """Return the lag bound: how long after an answered write a list may not show it.

    One measurement is no bound, so twice the measured lag is returned, at least 5 s and at most
    5 min. A measured value that is not a number of seconds counts as not measured.
    """
    if measured.side("list_lag") is Side.MEASURED:
        try:
            lag = timedelta(seconds=float(measured.value("list_lag")))
        except (ValueError, OverflowError):
            pass
        else:
            return min(max(_LAG_FACTOR * lag, _SHORTEST_LAG), _LONGEST_LAG)
    return timedelta(seconds=float(measured.safe("list_lag")))
