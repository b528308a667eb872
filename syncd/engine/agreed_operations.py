"""Limit a run to what a person agreed to: a plan file as a whole, or the plan that was shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.agreed_plan import operation_fingerprint, operations_within, plan_digest
from syncd.model import Operation

PLAN = "plan"
"""Where the stored report of a run names the plan that it carried out."""


@dataclass(slots=True)
class AgreedOperations:
    """The limits of one run that carries out a plan.

    ``plan`` names the plan; ``digest`` is that of its operations; ``until`` is how far ahead the
    plan judges. The first cycle that decides just these operations is ``matched``: from then on
    they are written, and nothing else. Until then nothing is.
    """

    plan: str
    digest: str
    until: datetime
    matched: bool = False
    _agreed: set[str] = field(default_factory=set)

    def filter(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return those of a cycle's operations that may be written."""
        if not self.matched:
            judged = operations_within(operations, self.until)
            if plan_digest(judged) != self.digest:
                return []
            self.matched = True
            self._agreed = {operation_fingerprint(each) for each in judged}
        return [each for each in operations if operation_fingerprint(each) in self._agreed]


@dataclass(slots=True)
class ShownPlan:
    """Limit a run to the operations that were shown before a person agreed.

    ``unseen`` are operations that the last cycle wanted and that were not shown yet.
    """

    unseen: Sequence[Operation] = ()
    _agreed: set[str] = field(default_factory=set)

    def agree(self, operations: Iterable[Operation]) -> None:
        """Add operations that a person saw and agreed to."""
        self._agreed.update(map(operation_fingerprint, operations))

    def admit(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return those of a cycle's operations that were shown."""
        self.unseen = [
            each for each in operations if operation_fingerprint(each) not in self._agreed
        ]
        return [each for each in operations if operation_fingerprint(each) in self._agreed]


def filter_agreed(
    exactly: AgreedOperations | None, operations: Sequence[Operation]
) -> list[Operation]:
    """Return those of a cycle's operations that its run may write: all, without a plan."""
    return [*operations] if exactly is None else exactly.filter(operations)
