"""The rules by which contradicting claims become one value: a table, and a total order.

``latest`` compares update times of different platforms only after each is corrected by its measured
skew, and only where they lie further apart than the uncertainty; else the order of ``prefer``
decides. So for the same claims every cycle, whatever their order, gives the same answer, and three
systems cannot chase each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.core.rules import Choice, EffectiveRule, Rules
from syncd.model import ConflictKind, Status, Value


@dataclass(frozen=True, slots=True)
class Candidate:
    """One system's new value of a booking.

    ``moved`` and ``restated``: its time, its status is another than before. ``updated_at`` is the
    platform's update time, corrected for skew; ``seen_at`` when syncd first
    saw the value.
    """

    system: str
    event: str
    value: Value
    moved: bool
    restated: bool
    updated_at: datetime | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What policy says: a winning bid, or None to hold; and the rule that says so."""

    winner: Candidate | None
    applied_rule: EffectiveRule


Decide = Callable[[Sequence[Candidate], Rules], Candidate | None]


def latest(bids: Sequence[Candidate], rules: Rules) -> Candidate:
    """The newest bid; among those that cannot be told apart from it, the preferred system."""
    timed = all(bid.updated_at is not None for bid in bids)

    def when(bid: Candidate) -> datetime:
        return bid.updated_at if timed and bid.updated_at is not None else bid.seen_at

    newest = max(when(bid) for bid in bids)
    margin = rules.uncertainty if timed else max(rules.uncertainty, timedelta(seconds=1))
    rivals = [bid for bid in bids if newest - when(bid) <= margin]
    return preferred(rivals, rules)


def preferred(bids: Iterable[Candidate], rules: Rules) -> Candidate:
    """The bid of the system that comes first in ``prefer``; then by event id."""
    return min(bids, key=lambda bid: (rules.rank(bid.system), bid.event))


def _off(bids: Sequence[Candidate], rules: Rules) -> Candidate:
    return preferred([bid for bid in bids if not bid.value.busy], rules)


def _moved(bids: Sequence[Candidate], rules: Rules) -> Candidate:
    return latest([bid for bid in bids if bid.value.busy and bid.moved], rules)


def _hold(_bids: Sequence[Candidate], _rules: Rules) -> None:
    return None


TABLE: Mapping[tuple[ConflictKind, Choice], Decide] = {
    (ConflictKind.MOVED_APART, Choice.LATEST): latest,
    (ConflictKind.MOVED_APART, Choice.PREFER): preferred,
    (ConflictKind.MOVED_APART, Choice.HOLD): _hold,
    (ConflictKind.MOVED_AND_CANCELLED, Choice.CANCEL): _off,
    (ConflictKind.MOVED_AND_CANCELLED, Choice.MOVE): _moved,
    (ConflictKind.MOVED_AND_CANCELLED, Choice.HOLD): _hold,
}


def rule(kind: ConflictKind, bids: Sequence[Candidate], rules: Rules) -> PolicyOutcome:
    """Decide between bids that contradict each other in the way that ``kind`` names."""
    law = rules.effective_rule(kind, {bid.system for bid in bids})
    return PolicyOutcome(TABLE[kind, law.choice](bids, rules), law)


def best_status(bids: Sequence[Candidate], rules: Rules) -> Status:
    """Of several new statuses that leave the time as it is, the latest: nothing to hold."""
    return latest(bids, rules).value.status
