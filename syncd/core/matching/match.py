"""Match the events that are the same meeting: relinked ids, twins, and new bookings.

After `match_events`, every unlinked event is in exactly one list of `MatchResult`. If more than one
match is possible, the result is a conflict; the first of several candidates is never taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import inputs_digest
from syncd.core.matching.rebooked import (
    NO_REBOOKINGS,
    CalledOff,
    Rebookings,
    pair_rebookings,
)
from syncd.core.matching.result import MatchResult, Relink, TwinLink
from syncd.core.matching.series import customers_with_series, pair_instances
from syncd.model import (
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    Id,
    Kind,
    Replica,
    TrackedEvent,
    same_record,
)

CustomerIndex = Mapping[tuple[str, str], frozenset[str]]
"""Keyed hashes of a customer's e-mail and phone, by (system, the platform's id of the customer)."""


_WHICH = "an appointment vanished, and several others could have replaced it"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A busy appointment among those of exactly one interval; ``booking`` is None if unlinked."""

    record: TrackedEvent
    booking: Booking | None


def candidates_to_look_up(
    unlinked: Sequence[TrackedEvent],
    bookings: Sequence[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> tuple[TrackedEvent, ...]:
    """Return the appointments whose customer must be known to recognise twins.

    The parameters are those of `match_events`.
    """
    wanted: list[TrackedEvent] = []
    for candidates in _groups(unlinked, bookings, linked).values():
        if _may_have_twins(candidates):
            wanted.extend(candidate.record for candidate in candidates if candidate.record.customer)
    return tuple(wanted)


def match_events(
    provider: str,
    unlinked: Sequence[TrackedEvent],
    bookings: Sequence[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
    links: Mapping[tuple[str, str], Replica],
    customers: CustomerIndex,
    untrusted: Collection[str] = (),
    past: Sequence[TrackedEvent] = (),
    rebookings: Rebookings = NO_REBOOKINGS,
    stopped: Collection[Id] = (),
) -> MatchResult:
    """Match the unlinked, trusted events that are not ours.

    - ``linked``: the appointments of each booking. ``links``: a replica of each linked event.
    - ``customers``: the customers looked up so far. If two events can be told apart only by their
      customers, an appointment whose customer is not in ``customers`` waits.
    - ``untrusted``: systems whose appointments may get twins, but whose deletions are not acted on.
    - ``past``: events that are over. Each may be what an instance of a series became; otherwise it
      is ignored.
    - ``rebookings``: what may have been cancelled and booked again.
    - ``stopped``: the events that the guard stopped; a successor of one waits while the stop lasts.
    """
    trusted_links = {
        booking: [record for record in records if record.system not in untrusted]
        for booking, records in linked.items()
    }
    relinked, conflicts, undecided = _relink(
        provider, [*unlinked, *past], trusted_links, links, rebookings, stopped
    )
    expected = [r for r in relinked if not _is_settled(r.old, stopped)]
    relinked = [r for r in relinked if _is_settled(r.old, stopped)]
    undecided += [r for r in unlinked if _is_twin_of_undecided(r, undecided, customers)]
    matched = {_id(r.new) for r in (*relinked, *expected)} | {_id(r) for r in undecided}
    remaining = [r for r in unlinked if _id(r) not in matched and r.observed and r.observed.busy]
    twins: list[TwinLink] = []
    opened = [r for r in remaining if r.kind is Kind.BLOCK]
    waiting = [r.new for r in expected]
    groups = _groups(remaining, bookings, linked)
    _add_relinked(groups, relinked, bookings, linked)
    for interval, candidates in sorted(groups.items()):
        fresh = [candidate.record for candidate in candidates if candidate.booking is None]
        if not fresh:
            continue
        if not _may_have_twins(candidates):
            # No other system has an appointment at this time, so there is no twin.
            opened.extend(fresh)
            continue
        unknown = [
            candidate.record
            for candidate in candidates
            if candidate.record.customer
            and (candidate.record.system, candidate.record.customer) not in customers
        ]
        if unknown:
            # A customer is not looked up yet. An appointment that waits cannot become a wrong twin.
            representative, others = _split_representative(candidates, fresh)
            opened.extend(representative)
            waiting.extend(others)
            continue
        new_twins, new_opened, new_undecided, new_conflicts = _pair(
            provider, interval, candidates, customers
        )
        twins += new_twins
        opened += new_opened
        undecided += new_undecided
        conflicts += new_conflicts
    return MatchResult(
        tuple(relinked),
        tuple(twins),
        tuple(opened),
        tuple(undecided),
        tuple(waiting),
        tuple(conflicts),
        tuple(expected),
    )


def _is_twin_of_undecided(
    record: TrackedEvent, undecided: Iterable[TrackedEvent], customers: CustomerIndex
) -> bool:
    """Return true if another system has the same meeting and the operator must resolve it."""
    hashes = customers.get((record.system, record.customer or ""), frozenset())
    return record.kind is Kind.APPOINTMENT and any(
        other.system != record.system
        and other.observed is not None
        and record.observed is not None
        and record.observed.busy
        and other.observed.interval == record.observed.interval
        and not hashes.isdisjoint(customers.get((other.system, other.customer or ""), frozenset()))
        for other in undecided
    )


def _is_settled(old: TrackedEvent, stopped: Collection[Id]) -> bool:
    """Return true if an event is deleted or cancelled, proven, and not stopped by the guard."""
    ended = old.observed is None or not old.observed.busy
    return ended and _id(old) not in stopped


def _id(record: TrackedEvent) -> tuple[str, str]:
    return (record.system, record.id)


def _relink(
    provider: str,
    unlinked: Sequence[TrackedEvent],
    linked: Mapping[str, Sequence[TrackedEvent]],
    links: Mapping[tuple[str, str], Replica],
    rebookings: Rebookings,
    stopped: Collection[Id],
) -> tuple[list[Relink], list[Conflict], list[TrackedEvent]]:
    """Find vanished appointments under new ids; return relinks, conflicts and undecided events."""
    relinks: list[Relink] = []
    conflicts: list[Conflict] = []
    undecided: list[TrackedEvent] = []
    known = sorted((record for records in linked.values() for record in records), key=_id)
    vanished = [
        r
        for r in known
        if r.observed is None and has_pending_change(r) and (r.customer or r.series)
    ]
    for old in list(vanished):
        # The id changed only because the provider became the first host, or no longer is.
        same_record_as = next((new for new in unlinked if _is_same_record(old, new)), None)
        if same_record_as is not None:
            relinks.append(Relink(links[_id(old)], old, same_record_as))
            vanished.remove(old)
    taken = {_id(relink.new) for relink in relinks}
    fresh = [
        r
        for r in unlinked
        if r.kind is Kind.APPOINTMENT and r.observed and r.observed.busy and _id(r) not in taken
    ]
    # An instance that is absent and not proven to be gone can only have moved with its series.
    absent = [r for r in known if r.absence_proofs and r.series and r.observed is not None]
    pairing = pair_instances([*vanished, *absent], fresh)
    relinks += [Relink(links[_id(old)], old, new) for old, new in pairing.pairs]
    for question in pairing.questions:
        proven = [r for r in question.old if _is_settled(r, stopped)]
        if not proven:
            # The operator is not asked before a deletion is proven. The new events wait for that.
            old, waits = question.old[0], {_id(relink.new) for relink in relinks}
            relinks += [
                Relink(links[_id(old)], old, r) for r in question.new if _id(r) not in waits
            ]
            continue
        undecided.extend(new for new in question.new if new not in undecided)
        booking, records = links[_id(proven[0])].booking, [*proven, *question.new]
        conflicts.append(_ambiguous(provider, booking, records, _WHICH))
    recurring = customers_with_series(vanished, absent, fresh)
    vanished = [old for old in vanished if not old.series and _customer_key(old) not in recurring]
    relinks += _stopped_successors(
        vanished, fresh, links, stopped, {_id(relink.new) for relink in relinks}
    )
    stopped_keys = {_customer_key(old) for old in vanished if _id(old) in stopped}
    ended = [
        CalledOff(links[_id(old)], old)
        for old in vanished
        if _customer_key(old) not in stopped_keys
    ]
    taken = {_id(relink.new) for relink in relinks} | {_id(new) for new in undecided}
    pairs = pair_rebookings(rebookings.with_vanished(ended, fresh), taken)
    relinks += [
        Relink(called_off.replica, called_off.record, successor.record, rebooked=True)
        for called_off, successor in pairs.certain
    ]
    for called_off, successors in pairs.doubtful:
        # Several candidates on either side: the operator must decide.
        candidates = [booked.record for booked in successors]
        undecided.extend(new for new in candidates if new not in undecided)
        records = [called_off.record, *candidates]
        conflicts.append(_ambiguous(provider, called_off.replica.booking, records, _WHICH))
    return relinks, conflicts, undecided


def _stopped_successors(
    vanished: Iterable[TrackedEvent],
    fresh: Iterable[TrackedEvent],
    links: Mapping[tuple[str, str], Replica],
    stopped: Collection[Id],
    taken: Collection[Id],
) -> list[Relink]:
    """Return relinks of stopped events to all possible successors; no conflict during a stop."""
    old_events: dict[tuple[str, str, str], TrackedEvent] = {}
    for old in vanished:
        if _id(old) in stopped:
            old_events.setdefault(_customer_key(old), old)
    new = [r for r in fresh if _customer_key(r) in old_events and _id(r) not in taken]
    return [
        Relink(links[_id(old_events[_customer_key(r)])], old_events[_customer_key(r)], r)
        for r in new
    ]


def _is_same_record(old: TrackedEvent, new: TrackedEvent) -> bool:
    return (
        new.system == old.system
        and new.kind is old.kind
        and new.observed is not None
        and same_record(old.id, new.id)
    )


def _customer_key(record: TrackedEvent) -> tuple[str, str, str]:
    return (record.system, record.customer or "", record.service or "")


def _groups(
    unlinked: Iterable[TrackedEvent],
    bookings: Iterable[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> dict[tuple[datetime, datetime], list[_Candidate]]:
    """Return the busy appointments by exact interval, linked ones too, in a stable order.

    Only intervals with an unlinked appointment are returned.
    """
    groups: dict[tuple[datetime, datetime], list[_Candidate]] = defaultdict(list)
    for record in sorted(unlinked, key=_id):
        if record.kind is Kind.APPOINTMENT and record.observed and record.observed.busy:
            groups[record.observed.interval].append(_Candidate(record, None))
    if not groups:
        return groups
    for booking in bookings:
        records = linked.get(booking.id, ())
        if (
            booking.kind is Kind.APPOINTMENT
            and booking.agreed.busy
            and booking.agreed.interval in groups
            # A meeting that is being cancelled gets no twin, as that would be cancelled as well.
            and all(record.observed and record.observed.busy for record in records)
        ):
            groups[booking.agreed.interval].extend(
                _Candidate(record, booking) for record in sorted(records, key=_id)
            )
    return groups


def _add_relinked(
    groups: Mapping[tuple[datetime, datetime], list[_Candidate]],
    relinked: Iterable[Relink],
    bookings: Iterable[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> None:
    """Add relinked appointments to the group of their new interval, where they may get twins."""
    by_id = {booking.id: booking for booking in bookings}
    for relink in relinked:
        booking, value = by_id[relink.replica.booking], relink.new.observed
        others = [r for r in linked.get(booking.id, ()) if _id(r) != _id(relink.old)]
        alone = not others or (relink.rebooked and not any(map(has_pending_change, others)))
        if alone and booking.agreed.busy and value and value.busy and value.interval in groups:
            groups[value.interval].append(_Candidate(relink.new, booking))


def _may_have_twins(candidates: Sequence[_Candidate]) -> bool:
    """Return true if several systems have an appointment at this time and one is unlinked."""
    new_systems = {candidate.record.system for candidate in candidates if candidate.booking is None}
    return bool(new_systems) and len({candidate.record.system for candidate in candidates}) > 1


def _pair(
    provider: str,
    interval: tuple[datetime, datetime],
    candidates: Sequence[_Candidate],
    customers: CustomerIndex,
) -> tuple[list[TwinLink], list[TrackedEvent], list[TrackedEvent], list[Conflict]]:
    """Match the appointments of one interval, whose customers are all known.

    Return twins, events that open a booking, undecided events, and conflicts.
    """
    twins: list[TwinLink] = []
    opened: list[TrackedEvent] = []
    undecided: list[TrackedEvent] = []
    conflicts: list[Conflict] = []
    for group in _by_customer(candidates, customers):
        fresh = [candidate.record for candidate in group if candidate.booking is None]
        if not fresh:
            continue
        per_system = Counter(candidate.record.system for candidate in group)
        bookings = {candidate.booking.id for candidate in group if candidate.booking is not None}
        if len(per_system) == 1:
            opened.extend(fresh)
        elif max(per_system.values()) > 1 or len(bookings) > 1:
            # Two appointments of one system, or two bookings, could each be the twin.
            representative, others = _split_representative(group, fresh)
            opened.extend(representative)
            undecided.extend(others)
            note = "one customer has several appointments at this time"
            records = sorted((candidate.record for candidate in group), key=_id)
            subject = inputs_digest(provider, interval, *map(_id, records))
            conflicts.append(_ambiguous(provider, subject, records, note))
        elif bookings:
            twins.extend(TwinLink(min(bookings), None, record) for record in fresh)
        else:
            opened.append(fresh[0])
            twins.extend(TwinLink(None, fresh[0], record) for record in fresh[1:])
    return twins, opened, undecided, conflicts


def _split_representative(
    candidates: Sequence[_Candidate], fresh: Sequence[TrackedEvent]
) -> tuple[Sequence[TrackedEvent], Sequence[TrackedEvent]]:
    """Return the appointments that open a booking now, and those that wait.

    It is not known yet which of ``fresh`` are twins. The first opens a booking, unless a candidate
    already has a booking, so that the time is blocked in the other systems at once.
    """
    if any(candidate.booking is not None for candidate in candidates):
        return (), fresh
    return fresh[:1], fresh[1:]


def _by_customer(
    candidates: Sequence[_Candidate], customers: CustomerIndex
) -> list[list[_Candidate]]:
    """Group the candidates whose customers share an e-mail or phone, transitively.

    A candidate without a known e-mail or phone is alone in its group.
    """
    clusters: list[tuple[set[str], list[_Candidate]]] = []
    for candidate in candidates:
        hashes = set(
            customers.get((candidate.record.system, candidate.record.customer or ""), frozenset())
        )
        merged: tuple[set[str], list[_Candidate]] = (hashes, [candidate])
        others = []
        for cluster in clusters:
            if hashes & cluster[0]:
                merged = (merged[0] | cluster[0], cluster[1] + merged[1])
            else:
                others.append(cluster)
        clusters = [*others, merged]
    return [cluster[1] for cluster in clusters]


def _ambiguous(provider: str, subject: str, records: Sequence[TrackedEvent], note: str) -> Conflict:
    return Conflict(
        kind=ConflictKind.AMBIGUOUS,
        provider=provider,
        subject=subject,
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in records),
        inputs=inputs_digest(*sorted((r.system, r.id, repr(r.observed)) for r in records)),
        note=note,
    )
