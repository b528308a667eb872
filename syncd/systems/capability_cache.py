"""Work out what an account can be relied on for from what was measured of it."""

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
_TIMES = 2


@dataclass(slots=True)
class CapabilityCache:
    """The capabilities of one account, worked out anew whenever one of its facts changes."""

    measured: MeasuredFacts
    compute: Callable[[MeasuredFacts], Capabilities]
    _version: int = -1
    _kept: Capabilities | None = None

    def __call__(self) -> Capabilities:
        """Return the capabilities as they follow from the facts now."""
        version = self.measured.facts.version
        if self._kept is None or version != self._version:
            self._kept, self._version = self.compute(self.measured), version
        return self._kept


def safe_lag(measured: MeasuredFacts) -> timedelta | None:
    """Return the lag that is assumed where none was measured; None if none was."""
    known = measured.platform and measured.side("list_lag") is Side.MEASURED
    return timedelta(seconds=float(measured.safe("list_lag"))) if known else None


def list_lag(measured: MeasuredFacts) -> timedelta:
    """Return how much older than an answered write a read may be.

    One measurement is no bound: twice of what was measured counts, at least 5 s and at most 5 min.
    What cannot be read as a number of seconds counts as not measured.
    """
    if measured.side("list_lag") is Side.MEASURED:
        try:
            found = timedelta(seconds=float(measured.value("list_lag")))
        except (ValueError, OverflowError):
            pass
        else:
            return min(max(_TIMES * found, _SHORTEST_LAG), _LONGEST_LAG)
    return timedelta(seconds=float(measured.safe("list_lag")))
