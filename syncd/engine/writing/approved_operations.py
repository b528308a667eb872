"""Limit a run to the writes that the operator approved: in a plan file, or as just shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.propagation.approved_plan import (
    operation_fingerprint,
    operations_within,
    plan_digest,
)
from syncd.model import Operation

PLAN = "plan"
"""The key of the stored report of a run under which the name of the applied plan is stored."""


@dataclass(slots=True)
class ApprovedOperations:
    """The limits of one run that applies a plan file.

    ``plan`` is the plan's name and ``digest`` identifies its operations. The plan covers operations
    up to ``until``. ``matched`` becomes true in the first cycle whose operations equal those of the
    plan; from then on only the plan's operations are written. Before that, nothing is written.
    """

    plan: str
    digest: str
    until: datetime
    matched: bool = False
    _approved: set[str] = field(default_factory=set)

    def filter(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return the operations of a cycle that may be written; updates ``matched``."""
        if not self.matched:
            judged = operations_within(operations, self.until)
            if plan_digest(judged) != self.digest:
                return []
            self.matched = True
            self._approved = {operation_fingerprint(each) for each in judged}
        return [each for each in operations if operation_fingerprint(each) in self._approved]


@dataclass(slots=True)
class ShownPlan:
    """The limits of a run whose plan is shown to the operator before the plan is applied.

    ``unseen`` are the operations of the last cycle that the operator has not approved yet.
    """

    unseen: Sequence[Operation] = ()
    _approved: set[str] = field(default_factory=set)

    def approve(self, operations: Iterable[Operation]) -> None:
        """Add operations that the operator saw and approved; `admit` lets them through."""
        self._approved.update(map(operation_fingerprint, operations))

    def admit(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return the operations that the operator approved; note the others as unseen."""
        self.unseen = [
            each for each in operations if operation_fingerprint(each) not in self._approved
        ]
        return [each for each in operations if operation_fingerprint(each) in self._approved]


def filter_approved(
    exactly: ApprovedOperations | None, operations: Sequence[Operation]
) -> list[Operation]:
    """Return the operations of a cycle that its run may write; without a plan, all operations."""
    return [*operations] if exactly is None else exactly.filter(operations)
