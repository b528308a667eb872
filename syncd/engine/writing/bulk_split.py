"""Split a bulk call that was refused as a whole, to find the rows that cause the refusal.

A platform may refuse all rows of a call because of one row. Only that row must count as refused, so
that only its write is quarantined and the other rows are written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from syncd.model import Intent
from syncd.systems.errors import RejectedError, RejectionReason


@dataclass(slots=True)
class BulkSplit:
    """The parts of one bulk call that are still to be sent; at first, the whole call.

    ``refusals_left`` bounds how many refused calls the search may cost. ``any_accepted`` is true
    once a part was accepted. ``undecided`` are the rows of refused parts that are not split any
    more, each with its refusal; `finish` decides on them after all other parts were sent.
    """

    waiting: deque[Sequence[Intent]]
    refusals_left: int
    any_accepted: bool = False
    undecided: list[tuple[Intent, RejectedError]] = field(default_factory=list)

    @classmethod
    def of(cls, call: Sequence[Intent]) -> Self:
        """Start with the whole call.

        Finding one row by bisection costs about as many refusals as the row count has bits; allow
        twice that.
        """
        return cls(deque([call]), 2 * len(call).bit_length())

    def split(self, call: Sequence[Intent], fault: RejectedError) -> Sequence[Intent]:
        """Handle the refusal of a part: split it, or decide on it.

        Returns the rows that count as refused: all rows if the part is a single row or if the fault
        says that it applies to each row. Otherwise both halves are put back into ``waiting``, or,
        once the allowed refusals are used up, the rows into ``undecided``.
        """
        self.refusals_left -= 1
        if len(call) == 1 or fault.each:
            return call
        if self.refusals_left > 0:
            half = len(call) // 2
            self.waiting.extendleft((call[half:], call[:half]))
            return ()
        self.undecided += [(intent, fault) for intent in call]
        return ()

    def finish(
        self, *, complete: bool
    ) -> tuple[Sequence[tuple[Intent, RejectedError]], Sequence[Intent]]:
        """Return the undecided rows that count as refused, and the rows that wait for a next cycle.

        If all parts were sent (``complete``) and none was accepted, no single row is the cause, and
        all rows count as refused.
        """
        if self.any_accepted or not complete:
            return (), [intent for intent, _ in self.undecided]
        return self.undecided, ()


def without_reason(fault: RejectedError) -> RejectedError:
    """Return a refusal of several rows without its reason, which may apply to one row only."""
    return RejectedError(
        fault.system,
        fault.call,
        why=RejectionReason.UNFIT,
        status=fault.status,
        detail=fault.detail,
    )
