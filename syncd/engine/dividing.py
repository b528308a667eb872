"""Divide a bulk call that is refused as a whole, to find the rows that cause it.

A platform may refuse all rows because of one. Only that row must count as refused: it alone is
quarantined in the end, and the others are carried out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from syncd.model import Intent
from syncd.systems.port import Refusal, Rejected


@dataclass(slots=True)
class Parts:
    """The parts of one call that are still to be made; at first the call itself.

    ``left`` bounds the refusals that are spent on the search, ``taken`` is whether any part was
    accepted, and ``postponed`` are the rows that have to wait for the next cycle.
    """

    waiting: deque[Sequence[Intent]]
    left: int
    taken: bool = False
    postponed: list[Intent] = field(default_factory=list)

    @classmethod
    def of(cls, call: Sequence[Intent]) -> Self:
        """Start with the whole call. A search for one row takes as many refusals as it has bits."""
        return cls(deque([call]), 2 * len(call).bit_length())

    def refused(self, call: Sequence[Intent], fault: Rejected) -> Sequence[Intent]:
        """Divide a refused part; return the rows that count as refused."""
        self.left -= 1
        if len(call) == 1 or fault.each:
            return call
        if self.left > 0:
            half = len(call) // 2
            self.waiting.extendleft((call[half:], call[:half]))
            return ()
        rest = [*call, *(intent for part in self.waiting for intent in part)]
        self.waiting.clear()
        if self.taken:
            self.postponed += rest
            return ()
        # Not one part was accepted: then no single row is the cause.
        return rest


def of_any_row(fault: Rejected) -> Rejected:
    """Return a refusal of several rows without its reason, which may be true of one row only."""
    return Rejected(
        fault.system, fault.call, why=Refusal.UNFIT, status=fault.status, detail=fault.detail
    )
