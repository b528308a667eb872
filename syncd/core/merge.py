"""One booking, all its appointment replicas at once: the value that is agreed now.

Never pairwise (pairs can chase each other in a ring of three). Time and status are separate fields:
a move in one system and "showed" in another contradict nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.core.diff import cut, is_news, nominal
from syncd.core.facts import Calendar, Rules, digest
from syncd.core.policy import Bid, best_status, rule
from syncd.model import Booking, Claim, Conflict, ConflictKind, Record, Value


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome for one booking.

    ``accepted`` are the records whose news is now decided on: their base moves to the observed
    value. Held: ``agreed`` stands, nothing is accepted, ``conflict`` keeps every claim.
    """

    agreed: Value
    accepted: tuple[Record, ...] = ()
    conflict: Conflict | None = None
    rule: str = ""


def claimed(record: Record) -> Value:
    """What an appointment says of its meeting; a proven deletion says that it is off."""
    if record.observed is not None:
        return record.observed
    last = record.base or record.former
    if last is None:
        message = f"event {record.id} ended before it was ever seen"
        raise ValueError(message)
    return last.off()


def merge(
    booking: Booking,
    records: Sequence[Record],
    calendars: Mapping[str, Calendar],
    rules: Rules,
    *,
    waived: AbstractSet[str] = frozenset(),
) -> Merged:
    """Merge the news of a booking's appointments. Total: every input has exactly one outcome.

    ``waived`` are the systems in which a person put the booking back, knowing what is agreed.
    """
    news = sorted(
        (
            record
            for record in records
            if is_news(record) and record.system in calendars and calendars[record.system].believed
        ),
        key=lambda record: (record.system, record.id),
    )
    if not news:
        # Nobody says anything new (or nobody who may be believed): agreed stands.
        return Merged(booking.agreed)
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
        return Merged(replace(booking.agreed, status=status), tuple(news), rule="ends")
    elif len({bid.value.interval for bid in moved}) > 1:
        # It is on, at different new times.
        kind, against = ConflictKind.MOVED_APART, moved
    else:
        # It is on, at one new time or where it was.
        agreed = _on(booking, moved[0] if moved else None, bids, rules)
        return Merged(agreed, tuple(news), rule="one change")
    ruling = rule(kind, against, rules)
    if ruling.winner is None:
        held = _held(kind, booking, (*news, *rivals))
        return Merged(booking.agreed, conflict=held, rule=ruling.rule)
    if ruling.winner.value.busy:
        agreed = _on(booking, ruling.winner, bids, rules)
    else:
        agreed = replace(booking.agreed, status=ruling.winner.value.status)
    return Merged(agreed, tuple(news), rule=ruling.rule)


def _rivals(
    booking: Booking,
    records: Sequence[Record],
    news: Sequence[Record],
    calendars: Mapping[str, Calendar],
    waived: AbstractSet[str],
) -> list[Record]:
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


def _told(record: Record, booking: Booking, calendar: Calendar) -> bool:
    """Whether the last thing that was accepted from it, or written to it, is what is agreed."""
    known = nominal(record)
    if known is None or record.ended:
        return True
    agreed = cut(booking.agreed, calendar.grain)
    return known.busy == agreed.busy and (not agreed.busy or known.interval == agreed.interval)


def _shows(record: Record, booking: Booking) -> bool:
    if record.observed is None:
        return record.ended and not booking.agreed.busy
    shown, agreed = record.observed, booking.agreed
    return shown.busy == agreed.busy and (not agreed.busy or shown.interval == agreed.interval)


def _bid(booking: Booking, record: Record, calendar: Calendar) -> Bid:
    value = claimed(record)
    # A booking that was off has no time to keep: whoever revives it also says when it is.
    before = record.base if record.base is not None and booking.agreed.busy else booking.agreed
    updated = record.updated_at
    return Bid(
        system=record.system,
        event=record.id,
        value=value,
        moved=value.interval != before.interval or not is_news(record),
        updated_at=updated - calendar.skew if updated is not None and record.observed else None,
        seen_at=record.observed_at,
    )


def _on(booking: Booking, winner: Bid | None, bids: Sequence[Bid], rules: Rules) -> Value:
    """The value of a meeting that takes place: the winner's time, the newest changed status."""
    start, end = winner.value.interval if winner else booking.agreed.interval
    changed = [b for b in bids if b.value.busy and b.value.status is not booking.agreed.status]
    status = best_status(changed, rules) if changed else booking.agreed.status
    return Value(start, end, status)


def _held(kind: ConflictKind, booking: Booking, news: Sequence[Record]) -> Conflict:
    claims = tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in news)
    return Conflict(
        kind=kind,
        provider=booking.provider,
        subject=booking.id,
        claims=claims,
        inputs=digest(kind, booking.revision, *((r.system, r.id, r.observed) for r in news)),
    )
