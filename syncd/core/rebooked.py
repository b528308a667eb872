"""Meetings that were cancelled and booked anew: a reschedule, as people and booking pages make it.

A cancellation and a new booking of the same person and service in the same system count as one if
they were made within 15 minutes of each other by the platform's own clock. Where the platform does
not tell when, they do if both were first seen within one near cycle. More than one possible
successor or predecessor is a question for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.diff import is_news
from syncd.core.draft import Draft
from syncd.core.facts import Calendar
from syncd.model import Id, Kind, Record, Replica, Role, Value, Window, series_of

REBOOKED = "cancelled and booked anew"
"""The rule by which a booking moves to another event of the same system."""

TOGETHER = timedelta(minutes=15)
"""How far apart a cancellation and a booking may have been made."""

_LATE = 1.5
"""By so much may two cycles in a row lie further apart than they should."""

Key = tuple[str, str, str]
"""(system, person, service)."""


@dataclass(frozen=True, slots=True)
class NearCycle:
    """How often the near window is read, and which time that is."""

    every: timedelta
    window: Window


@dataclass(frozen=True, slots=True)
class Ended:
    """An appointment that is off, or gone, and may have been booked anew.

    ``elsewhere`` are the other systems that have its meeting. Not ``eligible``: all that is looked
    for is whether it came back under a new id.
    """

    replica: Replica
    record: Record
    elsewhere: frozenset[str] = frozenset()
    eligible: bool = True

    @property
    def decided(self) -> bool:
        """Whether its end was accepted, and carried, before."""
        return not is_news(self.record)


@dataclass(frozen=True, slots=True)
class Booked:
    """An appointment that may be what became of another one.

    ``opened`` says that a booking was opened for it before. ``beside`` are the other systems in
    which somebody entered it, too. ``known`` are the bookings of which it may be the record that
    this system lacked.
    """

    record: Record
    seen_at: datetime
    opened: bool = False
    beside: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rebookings:
    """What may have been cancelled, what may have been booked instead, and how to tell."""

    ended: Sequence[Ended] = ()
    booked: Sequence[Booked] = ()
    cycle: NearCycle | None = None
    skews: Mapping[str, timedelta] = field(default_factory=dict)

    def with_vanished(self, vanished: Iterable[Ended], fresh: Iterable[Record]) -> Rebookings:
        """Return the same with these instead of all that vanished, and all that is new to it."""
        eligible = {_id(e.record): e for e in self.ended}
        ended = [e for e in self.ended if e.decided or e.record.observed is not None]
        ended += [eligible.get(_id(e.record), replace(e, eligible=False)) for e in vanished]
        known = {_id(b.record) for b in self.booked}
        new = (r for r in fresh if _may_be_successor(r) and _id(r) not in known)
        booked = [Booked(r, r.observed_at) for r in new]
        return replace(self, ended=ended, booked=[*self.booked, *booked])


NO_REBOOKINGS = Rebookings()


@dataclass(frozen=True, slots=True)
class Pairs:
    """The reschedules that are certain, and for each doubtful end all that could follow it."""

    certain: tuple[tuple[Ended, Booked], ...] = ()
    doubtful: tuple[tuple[Ended, tuple[Booked, ...]], ...] = ()


def rebookings(
    draft: Draft,
    calendars: Mapping[str, Calendar],
    fresh: Sequence[Record],
    who: Mapping[Id, AbstractSet[str]],
    cycle: NearCycle | None,
) -> Rebookings:
    """Return what may have been cancelled and booked anew, among what may be believed.

    ``fresh`` are events that no booking knows, ``who`` the addresses of persons.
    """
    believed = {name for name, calendar in calendars.items() if calendar.believed}
    lone = [(r, at) for r, at in _lone(draft) if r.system in believed]
    found = [(r, r.observed_at, False) for r in fresh] + [(r, at, True) for r, at in lone]
    booked = [
        Booked(
            record,
            at,
            opened,
            _beside(record, fresh, who),
            frozenset() if opened else _known(draft, record, who),
        )
        for record, at, opened in found
        if _may_be_successor(record)
    ]
    skews = {name: calendar.skew for name, calendar in calendars.items()}
    return Rebookings(_ended(draft, believed, booked), booked, cycle, skews)


def pair(what: Rebookings, taken: AbstractSet[Id] = frozenset()) -> Pairs:
    """Pair what ended with what was booked instead; ``taken`` is known to be something else."""
    booked = [b for b in what.booked if _id(b.record) not in taken]
    after = [[b for b in booked if _follows(e, b, what)] for e in what.ended]
    certain: list[tuple[Ended, Booked]] = []
    doubtful: list[tuple[Ended, tuple[Booked, ...]]] = []
    for ended, found in zip(what.ended, after, strict=True):
        if len(found) == 1 and sum(found[0] in other for other in after) == 1:
            certain.append((ended, found[0]))
        elif found and not (ended.decided and not ended.elsewhere):
            # Nobody is asked about a meeting that is off and stands nowhere else.
            doubtful.append((ended, tuple(found)))
    return Pairs(tuple(certain), tuple(doubtful))


def follow(draft: Draft, replica: Replica, new: Record) -> None:
    """Let a booking go on with the event that was booked instead of its former one.

    What was cancelled stays in the system, and is nobody's: it is news only if it is on again.
    """
    former = draft.linked_ids().get(_id(new))
    if former is not None:
        draft.leave(former, REBOOKED)
    old = draft.records[replica.system, replica.event]
    base = _moved_base(old, new)
    draft.unlink(replica)
    if old.observed is not None:
        draft.put(replace(old, base=None, ended=False, written=None))
    elif not old.ended:
        draft.forget(old)
    draft.put(replace(new, base=base, ended=False, written=None))
    draft.link(replace(replica, event=new.id))
    booking = replace(draft.bookings[replica.booking], rule=REBOOKED)
    draft.book(booking)
    draft.rebooked.add(booking.id)
    draft.note(booking, "seen", record=draft.records[_id(new)], rule=REBOOKED)


def relocated(records: Iterable[Record]) -> dict[Id, Value]:
    """Return where meetings are that were cancelled and booked anew, among what nobody decided on.

    By the platform's own times alone, and only where it is certain.
    """
    records = list(records)
    ended = [
        Ended(Replica("", r.system, r.id, Role.ORIGIN), r)
        for r in records
        if _is_ended(r) and r.base is not None and r.base.busy and is_news(r)
    ]
    booked = [Booked(r, r.observed_at) for r in records if r.base is None and _may_be_successor(r)]
    return {
        _id(ended.record): booked.record.observed
        for ended, booked in pair(Rebookings(ended, booked)).certain
        if booked.record.observed is not None
    }


def _id(record: Record) -> Id:
    return (record.system, record.id)


def _key(record: Record) -> Key:
    return (record.system, record.person or "", record.service or "")


def _moved_base(old: Record, new: Record) -> Value | None:
    """Return what to take as accepted of a new event: it differs from the old one by a move.

    The status of each is its own: a booking page confirms what it makes.
    """
    base = old.base or old.former
    if base is None or not base.busy or new.observed is None:
        return base
    return replace(base, status=new.observed.status)


def _may_be_successor(record: Record) -> bool:
    """Whether it is somebody's single appointment: instances of a series are paired by position."""
    shown = record.observed
    return (
        record.kind is Kind.APPOINTMENT
        and not record.mine
        and not record.series
        and bool(record.person)
        and shown is not None
        and shown.busy
    )


def _is_ended(record: Record) -> bool:
    """Whether it is somebody's appointment that is off or gone, and since when is known."""
    return (
        (record.observed is None or not record.observed.busy)
        and record.kind is Kind.APPOINTMENT
        and not record.mine
        and bool(record.person)
        and record.off_seen_at is not None
        and (record.base or record.former) is not None
    )


def _lone(draft: Draft) -> list[tuple[Record, datetime]]:
    """Return the appointments that opened a booking of which nothing else is known, and when.

    One that somebody entered in another system, too, is a meeting of its own; and what is a
    successor already is not the successor of another one.
    """
    waived = {waiver.booking for waiver in draft.state.waivers}
    found: list[tuple[Record, datetime]] = []
    for name, booking in sorted(draft.bookings.items()):
        pairs = draft.pairs(name)
        if len(pairs) != 1 or booking.opened_at is None or booking.rule == REBOOKED:
            continue
        replica, record = pairs[0]
        value = record.observed
        ahead = value is not None and value.end > draft.now
        if replica.role is Role.ORIGIN and booking.agreed.busy and ahead and name not in waived:
            found.append((record, booking.opened_at))
    return found


def _known(draft: Draft, record: Record, who: Mapping[Id, AbstractSet[str]]) -> frozenset[str]:
    """Return the bookings that stand in another system at this very time, and not in this one."""
    return frozenset(
        name
        for name, booking in draft.bookings.items()
        if record.observed is not None
        and booking.agreed.busy
        and booking.agreed.interval == record.observed.interval
        and _beside(record, present := draft.present(name), who)
        and all(each.system != record.system for each in present)
    )


def _beside(
    record: Record, fresh: Iterable[Record], who: Mapping[Id, AbstractSet[str]]
) -> frozenset[str]:
    """Return the other systems in which somebody entered the same meeting, as far as is known."""
    shown = record.observed
    mine = who.get((record.system, record.person or ""))

    def may_be_same(other: Record) -> bool:
        theirs = who.get((other.system, other.person or ""))
        return mine is None or theirs is None or not mine.isdisjoint(theirs)

    return frozenset(
        other.system
        for other in fresh
        if other.system != record.system
        and other.kind is Kind.APPOINTMENT
        and bool(other.person)
        and shown is not None
        and other.observed is not None
        and other.observed.busy
        and other.observed.interval == shown.interval
        and may_be_same(other)
    )


def _ended(draft: Draft, believed: AbstractSet[str], booked: Sequence[Booked]) -> tuple[Ended, ...]:
    """Return what may have been booked anew.

    That is no series that was called off; and no meeting that somebody called off in another
    system, too, without booking anything there: what was booked here is another meeting.
    """
    keys = {_key(b.record) for b in booked}
    pairs = [p for name in sorted(draft.bookings) for p in draft.pairs(name)]
    found = [p for p in pairs if p[1].system in believed and _is_ended(p[1])]
    series = Counter(series_of(record) for _, record in found)

    def is_called_off(record: Record) -> bool:
        by_syncd = record.written is not None and not record.written.busy
        standing = record.observed is not None and record.observed.busy
        return not standing and not by_syncd and _key(record) not in keys

    ended: list[Ended] = []
    for replica, record in found:
        others = [r for p, r in draft.pairs(replica.booking) if p != replica]
        single = not record.series or series[series_of(record)] == 1
        if _key(record) in keys and single and not any(map(is_called_off, others)):
            ended.append(Ended(replica, record, frozenset(r.system for r in others)))
    return tuple(ended)


def _follows(ended: Ended, booked: Booked, what: Rebookings) -> bool:
    """Whether a booking was made instead of what ended. Total: an odd time is no time."""
    old, new = ended.record, booked.record
    if _key(old) != _key(new):
        return False
    if old.observed is None and not ended.decided and not booked.opened:
        # It is gone, and nobody knows the other one: it may have got a new id.
        return True
    beside = booked.beside if booked.opened else booked.beside & ended.elsewhere
    if not ended.eligible or beside or booked.known - {ended.replica.booking}:
        # It was entered elsewhere, too, or is the twin of a meeting that was there before.
        return False
    if booked.opened and (ended.decided or not ended.elsewhere):
        # Both were told apart before; or the time of the new one is closed, and there is no twin.
        return False
    if old.off_at is not None and new.created_at is not None:
        return abs(old.off_at - new.created_at) <= TOGETHER
    return _in_one_cycle(old, booked, what)


def _in_one_cycle(old: Record, booked: Booked, what: Rebookings) -> bool:
    """Whether both were first seen within one near cycle, and the new one was made by then."""
    new, cycle, seen = booked.record, what.cycle, old.off_seen_at
    if cycle is None or seen is None or abs(booked.seen_at - seen) > cycle.every * _LATE:
        return False
    if new.created_at is not None:
        made = new.created_at - what.skews.get(new.system, timedelta(0))
        return booked.seen_at - made <= TOGETHER
    # What is read more rarely may only have come into the window.
    places = (old.base or old.former, new.observed)
    return all(value is not None and cycle.window.touches(value) for value in places)
