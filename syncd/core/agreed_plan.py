"""Compare the operations that a person has agreed to with those that are decided now."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.model import Operation, Value, utc


def operation_fingerprint(wanted: Operation) -> str:
    """Return what a write does, in short.

    Without its bookings and its reason: a plan is made on a copy of the state, where bookings that
    are new have other ids.
    """
    told = (
        str(wanted.action),
        wanted.system,
        wanted.provider,
        str(wanted.kind),
        wanted.event or "",
        _text(wanted.before),
        _text(wanted.after),
    )
    return hashlib.sha256("\x00".join(told).encode()).hexdigest()[:32]


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{utc(value.start).isoformat()}/{utc(value.end).isoformat()} {value.status}"


def plan_digest(operations: Iterable[Operation]) -> str:
    """Return one digest of these operations, in whatever order they are."""
    found = sorted(operation_fingerprint(each) for each in operations)
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def plan_end(operations: Iterable[Operation], end: datetime) -> datetime:
    """Return until when a plan judges: the end of its window, or the last start in it."""
    starts = (v.start for o in operations for v in (o.before, o.after) if v is not None)
    return max([end, *starts])


def operations_within(operations: Iterable[Operation], until: datetime) -> list[Operation]:
    """Return the operations that a plan up to ``until`` judges.

    The window moves on while a plan waits for its approval. What has come into it since is neither
    a change of the plan nor written with it.
    """
    return [
        o
        for o in operations
        if any(v is not None and v.start <= until for v in (o.before, o.after))
    ]


@dataclass(frozen=True, slots=True)
class PlanDifferences:
    """What is in the plan and not decided now, and what is decided now and not in the plan."""

    gone: Sequence[Operation]
    new: Sequence[Operation]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.gone or self.new)


def compare_plans(agreed: Sequence[Operation], now: Sequence[Operation]) -> PlanDifferences:
    """Compare a plan with what is decided now."""
    return PlanDifferences(_without(agreed, now), _without(now, agreed))


def _without(some: Sequence[Operation], others: Sequence[Operation]) -> list[Operation]:
    left = Counter(map(operation_fingerprint, others))
    found = []
    for each in some:
        name = operation_fingerprint(each)
        if left[name]:
            left[name] -= 1
        else:
            found.append(each)
    return found
