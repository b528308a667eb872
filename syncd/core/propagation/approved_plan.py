"""Compare the operations of a plan that the operator approved with those that are decided now.

Used by `syncd resync --plan`: only what the operator saw in the plan may be written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.model import Operation, Value, utc


def operation_fingerprint(operation: Operation) -> str:
    """Return a digest (32 hexadecimal digits) of what a write does.

    Bookings and reason are left out: the plan was made on a copy of the state, in which new
    bookings have different ids.
    """
    parts = (
        str(operation.action),
        operation.system,
        operation.provider,
        str(operation.kind),
        operation.event or "",
        _text(operation.before),
        _text(operation.after),
    )
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{utc(value.start).isoformat()}/{utc(value.end).isoformat()} {value.status}"


def plan_digest(operations: Iterable[Operation]) -> str:
    """Return one digest of these operations, whatever their order."""
    fingerprints = sorted(operation_fingerprint(operation) for operation in operations)
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()


def plan_end(operations: Iterable[Operation], end: datetime) -> datetime:
    """Return the time up to which a plan covers operations, in UTC.

    This is ``end``, the end of the plan's window, or the latest start in the plan if that is later.
    """
    starts = (v.start for o in operations for v in (o.before, o.after) if v is not None)
    return max([end, *starts])


def operations_within(operations: Iterable[Operation], until: datetime) -> list[Operation]:
    """Return the operations that a plan up to ``until`` covers.

    The window moves on while a plan waits for approval. An operation that has come into the window
    since then is neither a difference from the plan nor written with the plan.
    """
    return [
        o
        for o in operations
        if any(v is not None and v.start <= until for v in (o.before, o.after))
    ]


@dataclass(frozen=True, slots=True)
class PlanDifferences:
    """How a plan differs from the present decision.

    ``gone``: the operations that only the plan has. ``new``: those that are only decided now.
    """

    gone: Sequence[Operation]
    new: Sequence[Operation]

    def __bool__(self) -> bool:
        """Return true if there is any difference."""
        return bool(self.gone or self.new)


def compare_plans(approved: Sequence[Operation], now: Sequence[Operation]) -> PlanDifferences:
    """Compare the approved operations with ``now``, the operations that are decided now."""
    return PlanDifferences(_without(approved, now), _without(now, approved))


def _without(operations: Sequence[Operation], others: Sequence[Operation]) -> list[Operation]:
    counts = Counter(map(operation_fingerprint, others))
    remaining = []
    for operation in operations:
        fingerprint = operation_fingerprint(operation)
        if counts[fingerprint]:
            counts[fingerprint] -= 1
        else:
            remaining.append(operation)
    return remaining
