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
from syncd.systems.port import RejectedError, RejectionReason


@dataclass(slots=True)
class BulkParts:
    """The parts of one call that are still to be made; at first the call itself.

    ``left`` bounds the refusals that are spent on dividing, ``taken`` is whether any part was
    accepted. ``unsettled`` are the rows of refused parts that are not divided any more, each with
    the refusal: what they mean shows once all other parts have had their turn.
    """

    waiting: deque[Sequence[Intent]]
    left: int
    taken: bool = False
    unsettled: list[tuple[Intent, RejectedError]] = field(default_factory=list)

    @classmethod
    def of(cls, call: Sequence[Intent]) -> Self:
        """Start with the whole call. A search for one row takes as many refusals as it has bits."""
        return cls(deque([call]), 2 * len(call).bit_length())

    def refused(self, call: Sequence[Intent], fault: RejectedError) -> Sequence[Intent]:
        """Divide a refused part; return the rows that count as refused."""
        self.left -= 1
        if len(call) == 1 or fault.each:
            return call
        if self.left > 0:
            half = len(call) // 2
            self.waiting.extendleft((call[half:], call[:half]))
            return ()
        self.unsettled += [(intent, fault) for intent in call]
        return ()

    def settled(
        self, *, complete: bool
    ) -> tuple[Sequence[tuple[Intent, RejectedError]], Sequence[Intent]]:
        """The unsettled rows that count as refused, and those that wait for the next cycle.

        Where the calls are ``complete`` and none was accepted, no single row is the cause.
        """
        if self.taken or not complete:
            return (), [intent for intent, _ in self.unsettled]
        return self.unsettled, ()


def of_any_row(fault: RejectedError) -> RejectedError:
    """Return a refusal of several rows without its reason, which may be true of one row only."""
    return RejectedError(
        fault.system,
        fault.call,
        why=RejectionReason.UNFIT,
        status=fault.status,
        detail=fault.detail,
    )
