"""Merge all appointments of one booking into its agreed value.

After `merge`, the booking has one agreed value and its changes are accepted, or it is in conflict
and nothing is accepted. All appointments are merged at once, never in pairs, because pairs could
overwrite each other in a circle of three. Time and status are separate fields: a move in one system
does not contradict the status "showed" in another.

A moved block counts like an appointment if a rule says that its booking follows it. The operator's
resolution, or the fallback after a rejected write, is a `ForcedValue`, which no change overrides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.core.event_state.observation import expected_value, has_pending_change
from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.merging.policy import Candidate, PolicyOutcome, apply_rule, best_status
from syncd.core.merging.rules import Choice, EffectiveRule, Rules
from syncd.model import Booking, Claim, Conflict, ConflictKind, TrackedEvent, Value
from syncd.model.intervals import shows, truncate

RESOLVED = "resolved"
"""The beginning of the rule text of every booking that the operator resolved."""

ONE_CHANGE = "one change"
"""The rule text if the changes do not contradict each other."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome for one booking.

    ``accepted`` are the events whose changes are decided on: the base of each becomes its observed
    value. ``rule`` is the text of the rule that decided. If there is a ``conflict``, ``agreed`` is
    the former value, nothing is accepted, and the conflict has every claim.
    """

    agreed: Value
    accepted: tuple[TrackedEvent, ...] = ()
    conflict: Conflict | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ForcedValue:
    """A value that a booking must have, whatever its appointments show, and the rule text."""

    value: Value
    rule: str


def effective_value(record: TrackedEvent) -> Value:
    """Return the observed value of an appointment; after a proven deletion, a cancelled value.

    The cancelled value has the last known time. Raises ValueError if the event is deleted and no
    value of it was ever known.
    """
    if record.observed is not None:
        return record.observed
    last = record.base or record.before_write
    if last is None:
        message = f"event {record.id} has no value: it was never read"
        raise ValueError(message)
    return last.cancelled()


def merge(
    booking: Booking,
    records: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    rules: Rules,
    *,
    blocks: Sequence[TrackedEvent] = (),
    forced: ForcedValue | None = None,
    suppressed: AbstractSet[str] = frozenset(),
) -> MergeResult:
    """Merge the changes of a booking's appointments. Every input has exactly one outcome.

    - ``records``: the booking's appointments.
    - ``blocks``: syncd's blocks that were moved by hand and that the booking must follow.
    - ``forced``: the value that the booking must have; its changes are accepted without a merge.
    - ``suppressed``: the systems in which a write to this booking was undone. A change there was
      made with knowledge of the agreed value and does not contradict that value.
    """
    changed = _changed(records, calendars)
    if all(effective_value(record).busy for record in changed):
        # A block only says when the meeting is, so it cannot revive a cancelled one.
        changed = _changed((*records, *blocks), calendars)
    if forced is not None:
        return MergeResult(forced.value, tuple(changed), rule=forced.rule)
    effective_rule = _rule_for_deletion(records, changed, rules)
    if effective_rule is None:
        return _merge(booking, records, changed, calendars, rules, suppressed)
    deleted = [record for record in changed if record.observed is None]
    if effective_rule.choice is Choice.HOLD:
        remaining = [r for r in records if r not in deleted and _takes_place(r, changed)]
        note = "the appointment was deleted in one system only"
        conflict = _conflict(
            effective_rule.kind,
            booking,
            (*deleted, *remaining),
            PolicyOutcome(None, effective_rule),
            note,
        )
        return MergeResult(booking.agreed, conflict=conflict, rule=str(effective_rule))
    if effective_rule.choice is Choice.CANCEL:
        return _merge(
            booking, records, changed, calendars, rules, suppressed, cancel_rule=str(effective_rule)
        )
    # The deletion does not count, so the other appointments decide.
    others = _changed([r for r in (*records, *blocks) if r not in deleted], calendars)
    merged = _merge(booking, records, others, calendars, rules, suppressed)
    if merged.conflict is not None:
        return merged
    return replace(
        merged, accepted=(*deleted, *merged.accepted), rule=merged.rule or str(effective_rule)
    )


def _rule_for_deletion(
    records: Sequence[TrackedEvent], changed: Sequence[TrackedEvent], rules: Rules
) -> EffectiveRule | None:
    """Return the rule for a meeting that is deleted in some systems and takes place in others.

    None if that is not so, or if somebody also cancelled it.
    """
    deleted = {record.system for record in changed if record.observed is None}
    is_cancelled = any(r.observed is not None and not r.observed.busy for r in changed)
    if not deleted or is_cancelled or not any(_takes_place(record, changed) for record in records):
        return None
    return rules.effective_rule(ConflictKind.TWIN_DELETED, deleted)


def _takes_place(record: TrackedEvent, changed: Sequence[TrackedEvent]) -> bool:
    """Return true if an appointment's meeting still takes place, as far as that is known."""
    if record.over:
        return False
    value = effective_value(record) if record in changed else expected_value(record)
    return value is not None and value.busy


def _merge(
    booking: Booking,
    records: Sequence[TrackedEvent],
    changed: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    rules: Rules,
    suppressed: AbstractSet[str],
    *,
    cancel_rule: str = "ends",
) -> MergeResult:
    """Merge the changes of a booking.

    ``cancel_rule`` is the rule text if the result is that the meeting is cancelled.
    """
    if not changed:
        # Nothing changed that can be trusted.
        return MergeResult(booking.agreed)
    rivals = _rivals(booking, records, changed, calendars, suppressed)
    candidates = [
        _candidate(booking, record, calendars[record.system]) for record in (*changed, *rivals)
    ]
    moved = [candidate for candidate in candidates if candidate.value.busy and candidate.moved]
    cancelled = [candidate for candidate in candidates if not candidate.value.busy]
    if cancelled and moved:
        # Moved in one system, cancelled in another.
        kind, contradicting = ConflictKind.MOVED_AND_CANCELLED, [*cancelled, *moved]
    elif cancelled:
        # Cancelled and not moved. The interval stays, to show when the meeting was.
        status = best_status(cancelled, rules)
        return MergeResult(replace(booking.agreed, status=status), tuple(changed), rule=cancel_rule)
    elif len({candidate.value.interval for candidate in moved}) > 1:
        # Moved to different times.
        kind, contradicting = ConflictKind.MOVED_APART, moved
    else:
        # Not cancelled, and moved to at most one time.
        agreed = _value_if_on(booking, moved[0] if moved else None, candidates, rules)
        return MergeResult(agreed, tuple(changed), rule=_one_change(moved, changed, rules))
    outcome = apply_rule(kind, contradicting, rules)
    if outcome.winner is None:
        conflict = _conflict(kind, booking, (*changed, *rivals), outcome)
        return MergeResult(booking.agreed, conflict=conflict, rule=str(outcome.applied_rule))
    if outcome.winner.value.busy:
        agreed = _value_if_on(booking, outcome.winner, candidates, rules)
    else:
        agreed = replace(booking.agreed, status=outcome.winner.value.status)
    return MergeResult(agreed, tuple(changed), rule=str(outcome.applied_rule))


def restates(record: TrackedEvent, agreed: Value) -> bool:
    """Return true if an event changed its status, and not to the agreed status."""
    if record.observed is None or record.observed.status is agreed.status:
        return False
    return record.base is None or record.base.status is not record.observed.status


def _changed(
    records: Sequence[TrackedEvent], calendars: Mapping[str, CalendarState]
) -> list[TrackedEvent]:
    """Return the trusted events with a pending change, in a stable order."""
    trusted = {name for name, calendar in calendars.items() if calendar.trusted}
    changed = (
        record for record in records if has_pending_change(record) and record.system in trusted
    )
    return sorted(changed, key=lambda record: (record.system, record.id))


def _rivals(
    booking: Booking,
    records: Sequence[TrackedEvent],
    changed: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    suppressed: AbstractSet[str],
) -> list[TrackedEvent]:
    """Return the events at the agreed value that contradict a change made without knowing it.

    An event is uninformed if it changed and was never updated to the agreed value, because its
    system did not answer or the guard stopped the event. Such a change is no reaction to the agreed
    value but contradicts it. Empty if all changed events were informed.
    """
    uninformed = [r for r in changed if not _knows_agreed(r, booking, calendars[r.system])]
    if all(record.system in suppressed for record in uninformed):
        return []
    return sorted(
        (
            record
            for record in records
            if record not in changed
            and record.system in calendars
            and _is_at_agreed(record, booking)
        ),
        key=lambda record: (record.system, record.id),
    )


def _knows_agreed(record: TrackedEvent, booking: Booking, calendar: CalendarState) -> bool:
    """Return true if the last value accepted from an event, or written to it, is the agreed one."""
    known = expected_value(record)
    if known is None or record.end_accepted:
        return True
    agreed = truncate(booking.agreed, calendar.grain)
    return shows(known, agreed, any_status=True, rounded=False)


def _is_at_agreed(record: TrackedEvent, booking: Booking) -> bool:
    if record.observed is None:
        return record.end_accepted and not booking.agreed.busy
    return shows(record.observed, booking.agreed, any_status=True, rounded=False)


def _candidate(booking: Booking, record: TrackedEvent, calendar: CalendarState) -> Candidate:
    value = effective_value(record)
    if record.created_by_us:
        # A block has no status of the meeting.
        value = replace(value, status=booking.agreed.status)
    # A cancelled booking has no time to keep: the change that revives it also sets the time.
    before = record.base if record.base is not None and booking.agreed.busy else booking.agreed
    updated = record.updated_at
    return Candidate(
        system=record.system,
        event=record.id,
        value=value,
        moved=value.interval != before.interval or not has_pending_change(record),
        restated=value.status not in {before.status, booking.agreed.status},
        updated_at=updated - calendar.skew if updated is not None and record.observed else None,
        seen_at=record.observed_at,
    )


def _one_change(moved: Sequence[Candidate], changed: Sequence[TrackedEvent], rules: Rules) -> str:
    """Return the rule text for a booking without contradiction, which may follow a moved block."""
    blocks = {record.id for record in changed if record.created_by_us}
    if moved and blocks.issuperset(candidate.event for candidate in moved):
        return str(
            rules.effective_rule(
                ConflictKind.BLOCK_EDITED, {candidate.system for candidate in moved}
            )
        )
    return ONE_CHANGE


def _value_if_on(
    booking: Booking, winner: Candidate | None, candidates: Sequence[Candidate], rules: Rules
) -> Value:
    """Return the value of a meeting that takes place: the winner's time, the latest new status."""
    start, end = winner.value.interval if winner else booking.agreed.interval
    restated = [b for b in candidates if b.value.busy and b.restated]
    status = best_status(restated, rules) if restated else booking.agreed.status
    return Value(start, end, status)


def _conflict(
    kind: ConflictKind,
    booking: Booking,
    changed: Sequence[TrackedEvent],
    outcome: PolicyOutcome,
    note: str = "",
) -> Conflict:
    claims = tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in changed)
    return Conflict(
        kind=kind,
        provider=booking.provider,
        subject=booking.id,
        claims=claims,
        inputs=inputs_digest(
            kind, booking.revision, *((r.system, r.id, r.observed) for r in changed)
        ),
        note=note,
        rule=str(outcome.applied_rule),
    )
