"""Decide between contradicting changes by a configured rule.

The rules are a total order, so the same changes have the same winner in every cycle, whatever their
order, and three systems cannot overwrite each other in a circle. ``latest`` compares the update
times of the platforms, each corrected for the measured skew of its clock. Update times that differ
by no more than the uncertainty count as equal; then the order of ``prefer`` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.core.merging.rules import Choice, EffectiveRule, Rules
from syncd.model import ConflictKind, Status, Value


@dataclass(frozen=True, slots=True)
class Candidate:
    """One system's new value of a booking.

    - ``moved``, ``restated``: the time, or the status, differs from before.
    - ``updated_at``: the platform's update time, corrected for skew; UTC.
    - ``seen_at``: when syncd first saw the value; UTC.
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
    """The winner of contradicting candidates (None: hold the conflict), and the applied rule."""

    winner: Candidate | None
    applied_rule: EffectiveRule


Decide = Callable[[Sequence[Candidate], Rules], Candidate | None]
"""Returns the winner of contradicting candidates, or None to hold the conflict."""


def latest(candidates: Sequence[Candidate], rules: Rules) -> Candidate:
    """Return the newest candidate; of equally new ones, the one that ``prefer`` names first.

    The platforms' update times are compared, or ``seen_at`` if a candidate has no update time.
    """
    have_times = all(candidate.updated_at is not None for candidate in candidates)

    def when(candidate: Candidate) -> datetime:
        return (
            candidate.updated_at
            if have_times and candidate.updated_at is not None
            else candidate.seen_at
        )

    newest = max(when(candidate) for candidate in candidates)
    margin = rules.uncertainty if have_times else max(rules.uncertainty, timedelta(seconds=1))
    equally_new = [candidate for candidate in candidates if newest - when(candidate) <= margin]
    return preferred(equally_new, rules)


def preferred(candidates: Iterable[Candidate], rules: Rules) -> Candidate:
    """Return the candidate whose system is first in ``prefer``, then the lowest event id."""
    return min(candidates, key=lambda candidate: (rules.rank(candidate.system), candidate.event))


def _off(candidates: Sequence[Candidate], rules: Rules) -> Candidate:
    return preferred([candidate for candidate in candidates if not candidate.value.busy], rules)


def _moved(candidates: Sequence[Candidate], rules: Rules) -> Candidate:
    return latest(
        [candidate for candidate in candidates if candidate.value.busy and candidate.moved], rules
    )


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
"""The decision for each kind of contradiction and each choice of the configuration."""


def apply_rule(kind: ConflictKind, candidates: Sequence[Candidate], rules: Rules) -> PolicyOutcome:
    """Apply the configured rule to candidates that are in a conflict of this kind."""
    effective_rule = rules.effective_rule(kind, {candidate.system for candidate in candidates})
    return PolicyOutcome(TABLE[kind, effective_rule.choice](candidates, rules), effective_rule)


def best_status(candidates: Sequence[Candidate], rules: Rules) -> Status:
    """Return the latest of several new statuses; different statuses never cause a conflict."""
    return latest(candidates, rules).value.status
