"""Which events belong together: relink after a new id, twins, and what opens a booking.

Never the first hit: where more than one answer fits, the answer is a conflict, whichever event is
looked at first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.core.inputs import inputs_digest
from syncd.core.observation import has_pending_change
from syncd.core.rebooked import NO_REBOOKINGS, REBOOKED, CalledOff, Rebookings, pair_rebookings
from syncd.core.series import pair_instances, persons_with_series
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

PersonIndex = Mapping[tuple[str, str], frozenset[str]]
"""(system, that platform's person id) to the keyed hashes of the person's addresses."""


@dataclass(frozen=True, slots=True)
class Relink:
    """A vanished appointment has come back under a new id: the booking follows it.

    ``rule`` is `REBOOKED` where it was ended, and booked anew.
    """

    replica: Replica
    old: TrackedEvent
    new: TrackedEvent
    rule: str = ""


@dataclass(frozen=True, slots=True)
class TwinLink:
    """The same meeting, entered in two systems.

    ``booking`` is one of the store, or the id of the event whose new booking it joins.
    """

    booking: str | None
    first: TrackedEvent | None
    record: TrackedEvent


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The sorting of a provider's unlinked events; each appears in exactly one list."""

    relinked: tuple[Relink, ...] = ()
    twins: tuple[TwinLink, ...] = ()
    opened: tuple[TrackedEvent, ...] = ()
    undecided: tuple[TrackedEvent, ...] = ()
    unknown_person: tuple[TrackedEvent, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    expected: tuple[Relink, ...] = ()
    """What an instance has become if it is gone, which is not proven yet; among the waiting."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One busy appointment in a group of the same interval."""

    record: TrackedEvent
    booking: Booking | None


def candidates_to_look_up(
    unlinked: Sequence[TrackedEvent],
    bookings: Sequence[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> tuple[TrackedEvent, ...]:
    """The appointments whose person must be known to tell twins: lazily, only candidates."""
    wanted: list[TrackedEvent] = []
    for seats in _groups(unlinked, bookings, linked).values():
        if _contested(seats):
            wanted.extend(seat.record for seat in seats if seat.record.person)
    return tuple(wanted)


def match_events(
    provider: str,
    unlinked: Sequence[TrackedEvent],
    bookings: Sequence[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
    links: Mapping[tuple[str, str], Replica],
    who: PersonIndex,
    unbelieved: Collection[str] = (),
    past: Sequence[TrackedEvent] = (),
    rebookings: Rebookings = NO_REBOOKINGS,
    stopped: Collection[Id] = (),
) -> MatchResult:
    """Sort every unlinked, believed, foreign event of a provider.

    ``linked`` maps a booking to its appointment records, ``links`` an event to its replica. A
    record whose person could not be looked up (it is not in ``who``) waits, if it matters. What is
    known of ``unbelieved`` systems still takes twins, but no end there is looked into. ``past``
    are events that are over: one may be what an instance of a series became, and is nothing else.
    ``rebookings`` tells what may have been cancelled and booked anew. What has become of
    ``stopped`` events is looked for, and waits until the guard lets them pass.
    """
    ends = {
        booking: [record for record in records if record.system not in unbelieved]
        for booking, records in linked.items()
    }
    relinked, conflicts, held = _relink(
        provider, [*unlinked, *past], ends, links, rebookings, stopped
    )
    expected = [r for r in relinked if not _is_settled(r.old, stopped)]
    relinked = [r for r in relinked if _is_settled(r.old, stopped)]
    held += [r for r in unlinked if _is_beside(r, held, who)]
    taken = {_id(r.new) for r in (*relinked, *expected)} | {_id(r) for r in held}
    rest = [r for r in unlinked if _id(r) not in taken and r.observed and r.observed.busy]
    twins: list[TwinLink] = []
    opened = [r for r in rest if r.kind is Kind.BLOCK]
    waiting = [r.new for r in expected]
    groups = _groups(rest, bookings, linked)
    _seat_relinked(groups, relinked, bookings, linked)
    for interval, seats in sorted(groups.items()):
        fresh = [seat.record for seat in seats if seat.booking is None]
        if not fresh:
            continue
        if not _contested(seats):
            # Nobody else has anything at that very time: no twin is possible.
            opened.extend(fresh)
            continue
        unknown = [
            s.record
            for s in seats
            if s.record.person and (s.record.system, s.record.person) not in who
        ]
        if unknown:
            # A person could not be looked up yet: who waits cannot become a wrong twin.
            first, others = _stand_in(seats, fresh)
            opened.extend(first)
            waiting.extend(others)
            continue
        new_twins, new_opened, new_held, new_conflicts = _pair(provider, interval, seats, who)
        twins += new_twins
        opened += new_opened
        held += new_held
        conflicts += new_conflicts
    return MatchResult(
        tuple(relinked),
        tuple(twins),
        tuple(opened),
        tuple(held),
        tuple(waiting),
        tuple(conflicts),
        tuple(expected),
    )


def _is_beside(record: TrackedEvent, held: Iterable[TrackedEvent], who: PersonIndex) -> bool:
    """Whether it is the same meeting, in another system, as one of which a person must say more."""
    persons = who.get((record.system, record.person or ""), frozenset())
    return record.kind is Kind.APPOINTMENT and any(
        each.system != record.system
        and each.observed is not None
        and record.observed is not None
        and record.observed.busy
        and each.observed.interval == record.observed.interval
        and not persons.isdisjoint(who.get((each.system, each.person or ""), frozenset()))
        for each in held
    )


def _is_settled(old: TrackedEvent, stopped: Collection[Id]) -> bool:
    """Whether it is proven that an event is gone or off, and that may be acted on."""
    off = old.observed is None or not old.observed.busy
    return off and _id(old) not in stopped


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
    """Before an end is believed: look whether the same meeting is on under another id."""
    found: list[Relink] = []
    conflicts: list[Conflict] = []
    held: list[TrackedEvent] = []
    known = sorted((record for records in linked.values() for record in records), key=_id)
    vanished = [
        r for r in known if r.observed is None and has_pending_change(r) and (r.person or r.series)
    ]
    for old in list(vanished):
        # The record became the host's own event, or no longer is: nothing has to be guessed.
        same = next((new for new in unlinked if _is_same_record(old, new)), None)
        if same is not None:
            found.append(Relink(links[_id(old)], old, same))
            vanished.remove(old)
    taken = {_id(relink.new) for relink in found}
    fresh = [
        r
        for r in unlinked
        if r.kind is Kind.APPOINTMENT and r.observed and r.observed.busy and _id(r) not in taken
    ]
    # An instance that is missing, and not proven to be gone, moved with its series, or not at all.
    missing = [r for r in known if r.absence_proofs and r.series and r.observed is not None]
    pairing = pair_instances([*vanished, *missing], fresh)
    found += [Relink(links[_id(old)], old, new) for old, new in pairing.pairs]
    for question in pairing.questions:
        gone = [r for r in question.old if _is_settled(r, stopped)]
        if not gone:
            # Nobody is asked before it is proven; what is new waits for that.
            old, waits = question.old[0], {_id(relink.new) for relink in found}
            found += [Relink(links[_id(old)], old, r) for r in question.new if _id(r) not in waits]
            continue
        held.extend(new for new in question.new if new not in held)
        first, records = links[_id(gone[0])].booking, [*gone, *question.new]
        conflicts.append(_ambiguous(provider, first, records, "came back as which?"))
    serial = persons_with_series(vanished, missing, fresh)
    vanished = [old for old in vanished if not old.series and _facts(old) not in serial]
    found += _withheld(vanished, fresh, links, stopped, {_id(relink.new) for relink in found})
    kept = {_facts(old) for old in vanished if _id(old) in stopped}
    ended = [CalledOff(links[_id(old)], old) for old in vanished if _facts(old) not in kept]
    taken = {_id(relink.new) for relink in found} | {_id(new) for new in held}
    pairs = pair_rebookings(rebookings.with_vanished(ended, fresh), taken)
    found += [Relink(e.replica, e.record, b.record, REBOOKED) for e, b in pairs.certain]
    for doubt, after in pairs.doubtful:
        # Several could be it, or several could have become it: a person must say.
        candidates = [booked.record for booked in after]
        held.extend(new for new in candidates if new not in held)
        records = [doubt.record, *candidates]
        conflicts.append(
            _ambiguous(provider, doubt.replica.booking, records, "came back as which?")
        )
    return found, conflicts, held


def _withheld(
    vanished: Iterable[TrackedEvent],
    fresh: Iterable[TrackedEvent],
    links: Mapping[tuple[str, str], Replica],
    stopped: Collection[Id],
    taken: Collection[Id],
) -> list[Relink]:
    """Return what stopped events may have become: nobody is asked while the guard stands."""
    first: dict[tuple[str, str, str], TrackedEvent] = {}
    for old in vanished:
        if _id(old) in stopped:
            first.setdefault(_facts(old), old)
    new = [r for r in fresh if _facts(r) in first and _id(r) not in taken]
    return [Relink(links[_id(first[_facts(r)])], first[_facts(r)], r) for r in new]


def _is_same_record(old: TrackedEvent, new: TrackedEvent) -> bool:
    return (
        new.system == old.system
        and new.kind is old.kind
        and new.observed is not None
        and same_record(old.id, new.id)
    )


def _facts(record: TrackedEvent) -> tuple[str, str, str]:
    return (record.system, record.person or "", record.service or "")


def _groups(
    unlinked: Iterable[TrackedEvent],
    bookings: Iterable[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> dict[tuple[datetime, datetime], list[_Candidate]]:
    """Busy appointments by exact interval, linked ones too, in an order of their own."""
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
            # A meeting that is just being called off takes no twin: it would call that off too.
            and all(record.observed and record.observed.busy for record in records)
        ):
            groups[booking.agreed.interval].extend(
                _Candidate(record, booking) for record in sorted(records, key=_id)
            )
    return groups


def _seat_relinked(
    groups: Mapping[tuple[datetime, datetime], list[_Candidate]],
    relinked: Iterable[Relink],
    bookings: Iterable[Booking],
    linked: Mapping[str, Sequence[TrackedEvent]],
) -> None:
    """Put what came back under a new id where it stands now: it takes twins there at once."""
    by_id = {booking.id: booking for booking in bookings}
    for relink in relinked:
        booking, value = by_id[relink.replica.booking], relink.new.observed
        others = [r for r in linked.get(booking.id, ()) if _id(r) != _id(relink.old)]
        alone = not others or (relink.rule == REBOOKED and not any(map(has_pending_change, others)))
        if alone and booking.agreed.busy and value and value.busy and value.interval in groups:
            groups[value.interval].append(_Candidate(relink.new, booking))


def _contested(seats: Sequence[_Candidate]) -> bool:
    fresh = {seat.record.system for seat in seats if seat.booking is None}
    return bool(fresh) and len({seat.record.system for seat in seats}) > 1


def _pair(
    provider: str,
    interval: tuple[datetime, datetime],
    seats: Sequence[_Candidate],
    who: PersonIndex,
) -> tuple[list[TwinLink], list[TrackedEvent], list[TrackedEvent], list[Conflict]]:
    """Sort one group of equal interval whose persons are all known."""
    twins: list[TwinLink] = []
    opened: list[TrackedEvent] = []
    held: list[TrackedEvent] = []
    conflicts: list[Conflict] = []
    for same in _by_person(seats, who):
        fresh = [seat.record for seat in same if seat.booking is None]
        if not fresh:
            continue
        per_system = Counter(seat.record.system for seat in same)
        bookings = {seat.booking.id for seat in same if seat.booking is not None}
        if len(per_system) == 1:
            opened.extend(fresh)
        elif max(per_system.values()) > 1 or len(bookings) > 1:
            # Two of one system could each be the twin: never the first hit.
            first, others = _stand_in(same, fresh)
            opened.extend(first)
            held.extend(others)
            note = "the same person at the same time, more than once"
            records = sorted((seat.record for seat in same), key=_id)
            subject = inputs_digest(provider, interval, *map(_id, records))
            conflicts.append(_ambiguous(provider, subject, records, note))
        elif bookings:
            twins.extend(TwinLink(min(bookings), None, record) for record in fresh)
        else:
            opened.append(fresh[0])
            twins.extend(TwinLink(None, fresh[0], record) for record in fresh[1:])
    return twins, opened, held, conflicts


def _stand_in(
    seats: Sequence[_Candidate], fresh: Sequence[TrackedEvent]
) -> tuple[Sequence[TrackedEvent], Sequence[TrackedEvent]]:
    """Who opens a booking while it is not known who is whose twin, and who has to wait.

    The time is taken in any case, and must be closed in the other systems: one booking sees to
    that. It is no twin of anybody until the question is answered.
    """
    if any(seat.booking is not None for seat in seats):
        return (), fresh
    return fresh[:1], fresh[1:]


def _by_person(seats: Sequence[_Candidate], who: PersonIndex) -> list[list[_Candidate]]:
    """Seats whose persons share an address, transitively; a seat without a person stands alone."""
    clusters: list[tuple[set[str], list[_Candidate]]] = []
    for seat in seats:
        hashes = set(who.get((seat.record.system, seat.record.person or ""), frozenset()))
        mine: tuple[set[str], list[_Candidate]] = (hashes, [seat])
        apart = []
        for cluster in clusters:
            if hashes & cluster[0]:
                mine = (mine[0] | cluster[0], cluster[1] + mine[1])
            else:
                apart.append(cluster)
        clusters = [*apart, mine]
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
