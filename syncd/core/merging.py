"""One booking, all its appointment replicas at once: the value that is agreed now.

Never pairwise (pairs can chase each other in a ring of three). Time and status are separate fields:
a move in one system and "showed" in another contradict nothing.

A moved block speaks like an appointment where the rule says that the booking follows it. What a
person decided, or what policy makes of a refusal, is a `ForcedValue`: it ends the argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.observation import expected_value, has_pending_change, truncate
from syncd.core.policy import Candidate, PolicyOutcome, best_status, rule
from syncd.core.rules import Choice, EffectiveRule, Rules
from syncd.model import Booking, Claim, Conflict, ConflictKind, TrackedEvent, Value

RESOLVED = "resolved"
"""How the rule begins by which a person decided."""

ONE_CHANGE = "one change"
"""The rule where nobody contradicts anybody."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome for one booking.

    ``accepted`` are the records whose news is now decided on: their base moves to the observed
    value. Held: ``agreed`` stands, nothing is accepted, ``conflict`` keeps every claim.
    """

    agreed: Value
    accepted: tuple[TrackedEvent, ...] = ()
    conflict: Conflict | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ForcedValue:
    """The value that a booking is to have, whatever its replicas say; and who says so."""

    value: Value
    rule: str


def effective_value(record: TrackedEvent) -> Value:
    """What an appointment says of its meeting; a proven deletion says that it is off."""
    if record.observed is not None:
        return record.observed
    last = record.base or record.before_write
    if last is None:
        message = f"event {record.id} ended before it was ever seen"
        raise ValueError(message)
    return last.cancelled()


def merge(
    booking: Booking,
    records: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    rules: Rules,
    *,
    blocks: Sequence[TrackedEvent] = (),
    word: ForcedValue | None = None,
    waived: AbstractSet[str] = frozenset(),
) -> MergeResult:
    """Merge the news of a booking's appointments. Total: every input has exactly one outcome.

    ``blocks`` are those of syncd's blocks, moved by a person, that the booking is to follow;
    ``waived`` are the systems in which a person put the booking back, knowing what is agreed.
    """
    news = _news(records, calendars)
    if all(effective_value(record).busy for record in news):
        # A block says when the meeting is, never that it is on: not against one that is off.
        news = _news((*records, *blocks), calendars)
    if word is not None:
        return MergeResult(word.value, tuple(news), rule=word.rule)
    law = _law_of_deleted(records, news, rules)
    if law is None:
        return _merge(booking, records, news, calendars, rules, waived)
    gone = [record for record in news if record.observed is None]
    if law.choice is Choice.HOLD:
        standing = [r for r in records if r not in gone and _takes_place(r, news)]
        note = "deleted in one system only"
        conflict = _held(law.kind, booking, (*gone, *standing), PolicyOutcome(None, law), note)
        return MergeResult(booking.agreed, conflict=conflict, rule=str(law))
    if law.choice is Choice.CANCEL:
        return _merge(booking, records, news, calendars, rules, waived, ends=str(law))
    # What is deleted says nothing of the meeting: the others do.
    others = _news([r for r in (*records, *blocks) if r not in gone], calendars)
    merged = _merge(booking, records, others, calendars, rules, waived)
    if merged.conflict is not None:
        return merged
    return replace(merged, accepted=(*gone, *merged.accepted), rule=merged.rule or str(law))


def _law_of_deleted(
    records: Sequence[TrackedEvent], news: Sequence[TrackedEvent], rules: Rules
) -> EffectiveRule | None:
    """Return the rule for a meeting of which some records are deleted and others take place.

    None if it is no such meeting, or if somebody called it off as well.
    """
    gone = {record.system for record in news if record.observed is None}
    cancelled = any(r.observed is not None and not r.observed.busy for r in news)
    if not gone or cancelled or not any(_takes_place(record, news) for record in records):
        return None
    return rules.effective_rule(ConflictKind.TWIN_DELETED, gone)


def _takes_place(record: TrackedEvent, news: Sequence[TrackedEvent]) -> bool:
    """Return whether an appointment says that its meeting is on, as far as that is known."""
    if record.over:
        return False
    value = effective_value(record) if record in news else expected_value(record)
    return value is not None and value.busy


def _merge(
    booking: Booking,
    records: Sequence[TrackedEvent],
    news: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    rules: Rules,
    waived: AbstractSet[str],
    *,
    ends: str = "ends",
) -> MergeResult:
    """Merge what the news says of a booking. ``ends`` is the rule if it says that it is off."""
    if not news:
        # Nobody says anything new (or nobody who may be believed): agreed stands.
        return MergeResult(booking.agreed)
    rivals = _rivals(booking, records, news, calendars, waived)
    bids = [_bid(booking, record, calendars[record.system]) for record in (*news, *rivals)]
    moved = [bid for bid in bids if bid.value.busy and bid.moved]
    off = [bid for bid in bids if not bid.value.busy]
    if off and moved:
        # One says when, another says not at all.
        kind, against = ConflictKind.MOVED_AND_CANCELLED, [*off, *moved]
    elif off:
        # The meeting is off, and nobody moved it: its interval stays as the memory of when it was.
        status = best_status(off, rules)
        return MergeResult(replace(booking.agreed, status=status), tuple(news), rule=ends)
    elif len({bid.value.interval for bid in moved}) > 1:
        # It is on, at different new times.
        kind, against = ConflictKind.MOVED_APART, moved
    else:
        # It is on, at one new time or where it was.
        agreed = _on(booking, moved[0] if moved else None, bids, rules)
        return MergeResult(agreed, tuple(news), rule=_one_change(moved, news, rules))
    ruling = rule(kind, against, rules)
    if ruling.winner is None:
        conflict = _held(kind, booking, (*news, *rivals), ruling)
        return MergeResult(booking.agreed, conflict=conflict, rule=str(ruling.applied_rule))
    if ruling.winner.value.busy:
        agreed = _on(booking, ruling.winner, bids, rules)
    else:
        agreed = replace(booking.agreed, status=ruling.winner.value.status)
    return MergeResult(agreed, tuple(news), rule=str(ruling.applied_rule))


def restates(record: TrackedEvent, agreed: Value) -> bool:
    """Whether an event newly shows a status that is not the agreed one."""
    if record.observed is None or record.observed.status is agreed.status:
        return False
    return record.base is None or record.base.status is not record.observed.status


def shows_agreed(shown: Value, agreed: Value) -> bool:
    """Whether an event shows what was agreed; of a meeting that is off, only that counts."""
    return shown == agreed or (not shown.busy and not agreed.busy)


def _news(
    records: Sequence[TrackedEvent], calendars: Mapping[str, CalendarState]
) -> list[TrackedEvent]:
    """The records that say something new and may be believed, in an order of their own."""
    believed = {name for name, calendar in calendars.items() if calendar.trusted}
    news = (
        record for record in records if has_pending_change(record) and record.system in believed
    )
    return sorted(news, key=lambda record: (record.system, record.id))


def _rivals(
    booking: Booking,
    records: Sequence[TrackedEvent],
    news: Sequence[TrackedEvent],
    calendars: Mapping[str, CalendarState],
    waived: AbstractSet[str],
) -> list[TrackedEvent]:
    """Those who brought about what is agreed, if one with news was never told of it.

    It may have been silent, or stopped by the guard, when the others agreed: its news does not
    answer theirs, it contradicts it.
    """
    untold = [r for r in news if not _told(r, booking, calendars[r.system])]
    if all(record.system in waived for record in untold):
        return []
    return sorted(
        (
            record
            for record in records
            if record not in news and record.system in calendars and _shows(record, booking)
        ),
        key=lambda record: (record.system, record.id),
    )


def _told(record: TrackedEvent, booking: Booking, calendar: CalendarState) -> bool:
    """Whether the last thing that was accepted from it, or written to it, is what is agreed."""
    known = expected_value(record)
    if known is None or record.end_accepted:
        return True
    agreed = truncate(booking.agreed, calendar.grain)
    return known.busy == agreed.busy and (not agreed.busy or known.interval == agreed.interval)


def _shows(record: TrackedEvent, booking: Booking) -> bool:
    if record.observed is None:
        return record.end_accepted and not booking.agreed.busy
    shown, agreed = record.observed, booking.agreed
    return shown.busy == agreed.busy and (not agreed.busy or shown.interval == agreed.interval)


def _bid(booking: Booking, record: TrackedEvent, calendar: CalendarState) -> Candidate:
    value = effective_value(record)
    if record.created_by_us:
        # A block says when, never whether the customer has confirmed.
        value = replace(value, status=booking.agreed.status)
    # A booking that was off has no time to keep: whoever revives it also says when it is.
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


def _one_change(moved: Sequence[Candidate], news: Sequence[TrackedEvent], rules: Rules) -> str:
    """Name the rule that lets a booking follow a block; an appointment needs none."""
    blocks = {record.id for record in news if record.created_by_us}
    if moved and blocks.issuperset(bid.event for bid in moved):
        return str(rules.effective_rule(ConflictKind.BLOCK_EDITED, {bid.system for bid in moved}))
    return ONE_CHANGE


def _on(
    booking: Booking, winner: Candidate | None, bids: Sequence[Candidate], rules: Rules
) -> Value:
    """The value of a meeting that takes place: the winner's time, the newest changed status."""
    start, end = winner.value.interval if winner else booking.agreed.interval
    changed = [b for b in bids if b.value.busy and b.restated]
    status = best_status(changed, rules) if changed else booking.agreed.status
    return Value(start, end, status)


def _held(
    kind: ConflictKind,
    booking: Booking,
    news: Sequence[TrackedEvent],
    ruling: PolicyOutcome,
    note: str = "",
) -> Conflict:
    claims = tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in news)
    return Conflict(
        kind=kind,
        provider=booking.provider,
        subject=booking.id,
        claims=claims,
        inputs=inputs_digest(kind, booking.revision, *((r.system, r.id, r.observed) for r in news)),
        note=note,
        rule=str(ruling.applied_rule),
    )
