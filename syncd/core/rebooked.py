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

from syncd.core.inputs import CalendarState
from syncd.core.observation import has_pending_change
from syncd.core.workspace import Workspace
from syncd.model import Id, Kind, Replica, Role, TrackedEvent, Value, Window, series_of

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
class CalledOff:
    """An appointment that is off, or gone, and may have been booked anew.

    ``elsewhere`` are the other systems that have its meeting. Not ``eligible``: all that is looked
    for is whether it came back under a new id.
    """

    replica: Replica
    record: TrackedEvent
    elsewhere: frozenset[str] = frozenset()
    eligible: bool = True

    @property
    def decided(self) -> bool:
        """Whether its end was accepted, and carried, before."""
        return not has_pending_change(self.record)


@dataclass(frozen=True, slots=True)
class PossibleSuccessor:
    """An appointment that may be what became of another one.

    ``opened`` says that a booking was opened for it before. ``same_meeting_in`` are the other
    systems in which somebody entered it, too. ``known_bookings`` are the bookings of which it may
    be the record that this system lacked.
    """

    record: TrackedEvent
    seen_at: datetime
    opened: bool = False
    same_meeting_in: frozenset[str] = frozenset()
    known_bookings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rebookings:
    """What may have been cancelled, what may have been booked instead, and how to tell."""

    called_off: Sequence[CalledOff] = ()
    successors: Sequence[PossibleSuccessor] = ()
    cycle: NearCycle | None = None
    skews: Mapping[str, timedelta] = field(default_factory=dict)

    def with_vanished(
        self, vanished: Iterable[CalledOff], fresh: Iterable[TrackedEvent]
    ) -> Rebookings:
        """Return the same with these instead of all that vanished, and all that is new to it."""
        eligible = {_id(e.record): e for e in self.called_off}
        ended = [e for e in self.called_off if e.decided or e.record.observed is not None]
        ended += [eligible.get(_id(e.record), replace(e, eligible=False)) for e in vanished]
        known = {_id(b.record) for b in self.successors}
        new = (r for r in fresh if _may_be_successor(r) and _id(r) not in known)
        booked = [PossibleSuccessor(r, r.observed_at) for r in new]
        return replace(self, called_off=ended, successors=[*self.successors, *booked])


NO_REBOOKINGS = Rebookings()


@dataclass(frozen=True, slots=True)
class RebookedPairs:
    """The reschedules that are certain, and for each doubtful end all that could follow it."""

    certain: tuple[tuple[CalledOff, PossibleSuccessor], ...] = ()
    doubtful: tuple[tuple[CalledOff, tuple[PossibleSuccessor, ...]], ...] = ()


def rebookings(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    fresh: Sequence[TrackedEvent],
    who: Mapping[Id, AbstractSet[str]],
    cycle: NearCycle | None,
) -> Rebookings:
    """Return what may have been cancelled and booked anew, among what may be believed.

    ``fresh`` are events that no booking knows, ``who`` the addresses of persons.
    """
    believed = {name for name, calendar in calendars.items() if calendar.trusted}
    lone = [(r, at) for r, at in lone_appointments(workspace) if r.system in believed]
    found = [(r, r.observed_at, False) for r in fresh] + [(r, at, True) for r, at in lone]
    booked = [
        PossibleSuccessor(
            record,
            at,
            opened,
            _beside(record, fresh, who),
            frozenset() if opened else _known(workspace, record, who),
        )
        for record, at, opened in found
        if _may_be_successor(record)
    ]
    skews = {name: calendar.skew for name, calendar in calendars.items()}
    return Rebookings(_ended(workspace, believed, booked), booked, cycle, skews)


def pair_rebookings(what: Rebookings, taken: AbstractSet[Id] = frozenset()) -> RebookedPairs:
    """Pair what ended with what was booked instead; ``taken`` is known to be something else."""
    booked = [b for b in what.successors if _id(b.record) not in taken]
    after = [[b for b in booked if is_rebooking_of(e, b, what)] for e in what.called_off]
    certain: list[tuple[CalledOff, PossibleSuccessor]] = []
    doubtful: list[tuple[CalledOff, tuple[PossibleSuccessor, ...]]] = []
    for ended, found in zip(what.called_off, after, strict=True):
        if len(found) == 1 and sum(found[0] in other for other in after) == 1:
            certain.append((ended, found[0]))
        elif found and not (ended.decided and not ended.elsewhere):
            # Nobody is asked about a meeting that is off and stands nowhere else.
            doubtful.append((ended, tuple(found)))
    return RebookedPairs(tuple(certain), tuple(doubtful))


def follow_rebooking(workspace: Workspace, replica: Replica, new: TrackedEvent) -> None:
    """Let a booking go on with the event that was booked instead of its former one.

    What was cancelled stays in the system, and is nobody's: it is news only if it is on again.
    """
    former = workspace.linked_ids().get(_id(new))
    if former is not None:
        workspace.unlink_ended(former, REBOOKED)
    old = workspace.records[replica.system, replica.event]
    base = _moved_base(old, new)
    workspace.unlink(replica)
    if old.observed is not None:
        workspace.upsert(replace(old, base=None, end_accepted=False, written=None))
    elif not old.end_accepted:
        workspace.delete(old)
    workspace.upsert(replace(new, base=base, end_accepted=False, written=None))
    workspace.link(replace(replica, event=new.id))
    booking = replace(workspace.bookings[replica.booking], rule=REBOOKED)
    workspace.put_booking(booking)
    workspace.rebooked.add(booking.id)
    workspace.log(booking, "seen", record=workspace.records[_id(new)], rule=REBOOKED)


def relocated_meetings(records: Iterable[TrackedEvent]) -> dict[Id, Value]:
    """Return where meetings are that were cancelled and booked anew, among what nobody decided on.

    By the platform's own times alone, and only where it is certain.
    """
    records = list(records)
    ended = [
        CalledOff(Replica("", r.system, r.id, Role.ORIGIN), r)
        for r in records
        if _is_ended(r) and r.base is not None and r.base.busy and has_pending_change(r)
    ]
    booked = [
        PossibleSuccessor(r, r.observed_at)
        for r in records
        if r.base is None and _may_be_successor(r)
    ]
    return {
        _id(ended.record): booked.record.observed
        for ended, booked in pair_rebookings(Rebookings(ended, booked)).certain
        if booked.record.observed is not None
    }


def _id(record: TrackedEvent) -> Id:
    return (record.system, record.id)


def _key(record: TrackedEvent) -> Key:
    return (record.system, record.person or "", record.service or "")


def _moved_base(old: TrackedEvent, new: TrackedEvent) -> Value | None:
    """Return what to take as accepted of a new event: it differs from the old one by a move.

    The status of each is its own: a booking page confirms what it makes.
    """
    base = old.base or old.before_write
    if base is None or not base.busy or new.observed is None:
        return base
    return replace(base, status=new.observed.status)


def _may_be_successor(record: TrackedEvent) -> bool:
    """Whether it is somebody's single appointment: instances of a series are paired by position."""
    shown = record.observed
    return (
        record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and not record.series
        and bool(record.person)
        and shown is not None
        and shown.busy
    )


def _is_ended(record: TrackedEvent) -> bool:
    """Whether it is somebody's appointment that is off or gone, and since when is known."""
    return (
        (record.observed is None or not record.observed.busy)
        and record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and bool(record.person)
        and record.off_seen_at is not None
        and (record.base or record.before_write) is not None
    )


def lone_appointments(workspace: Workspace) -> list[tuple[TrackedEvent, datetime]]:
    """Return the appointments that opened a booking of which nothing else is known, and when.

    One that somebody entered in another system, too, is a meeting of its own; and what is a
    successor already is not the successor of another one.
    """
    waived = {waiver.booking for waiver in workspace.state.undo_suppressions}
    found: list[tuple[TrackedEvent, datetime]] = []
    for name, booking in sorted(workspace.bookings.items()):
        pairs = workspace.pairs(name)
        if len(pairs) != 1 or booking.opened_at is None or booking.rule == REBOOKED:
            continue
        replica, record = pairs[0]
        value = record.observed
        ahead = value is not None and value.end > workspace.now
        if replica.role is Role.ORIGIN and booking.agreed.busy and ahead and name not in waived:
            found.append((record, booking.opened_at))
    return found


def _known(
    workspace: Workspace, record: TrackedEvent, who: Mapping[Id, AbstractSet[str]]
) -> frozenset[str]:
    """Return the bookings that stand in another system at this very time, and not in this one."""
    return frozenset(
        name
        for name, booking in workspace.bookings.items()
        if record.observed is not None
        and booking.agreed.busy
        and booking.agreed.interval == record.observed.interval
        and _beside(record, present := workspace.present(name), who)
        and all(each.system != record.system for each in present)
    )


def _beside(
    record: TrackedEvent, fresh: Iterable[TrackedEvent], who: Mapping[Id, AbstractSet[str]]
) -> frozenset[str]:
    """Return the other systems in which somebody entered the same meeting, as far as is known."""
    shown = record.observed
    mine = who.get((record.system, record.person or ""))

    def may_be_same(other: TrackedEvent) -> bool:
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


def _ended(
    workspace: Workspace, believed: AbstractSet[str], booked: Sequence[PossibleSuccessor]
) -> tuple[CalledOff, ...]:
    """Return what may have been booked anew.

    That is no series that was called off; and no meeting that somebody called off in another
    system, too, without booking anything there: what was booked here is another meeting.
    """
    keys = {_key(b.record) for b in booked}
    pairs = [p for name in sorted(workspace.bookings) for p in workspace.pairs(name)]
    found = [p for p in pairs if p[1].system in believed and _is_ended(p[1])]
    series = Counter(series_of(record) for _, record in found)

    def is_called_off(record: TrackedEvent) -> bool:
        by_syncd = record.written is not None and not record.written.busy
        standing = record.observed is not None and record.observed.busy
        return not standing and not by_syncd and _key(record) not in keys

    ended: list[CalledOff] = []
    for replica, record in found:
        others = [r for p, r in workspace.pairs(replica.booking) if p != replica]
        single = not record.series or series[series_of(record)] == 1
        if _key(record) in keys and single and not any(map(is_called_off, others)):
            ended.append(CalledOff(replica, record, frozenset(r.system for r in others)))
    return tuple(ended)


def is_rebooking_of(ended: CalledOff, booked: PossibleSuccessor, what: Rebookings) -> bool:
    """Whether a booking was made instead of what ended. Total: an odd time is no time."""
    old, new = ended.record, booked.record
    if _key(old) != _key(new):
        return False
    if old.observed is None and not ended.decided and not booked.opened:
        # It is gone, and nobody knows the other one: it may have got a new id.
        return True
    beside = booked.same_meeting_in if booked.opened else booked.same_meeting_in & ended.elsewhere
    if not ended.eligible or beside or booked.known_bookings - {ended.replica.booking}:
        # It was entered elsewhere, too, or is the twin of a meeting that was there before.
        return False
    if booked.opened and (ended.decided or not ended.elsewhere):
        # Both were told apart before; or the time of the new one is closed, and there is no twin.
        return False
    if old.off_at is not None and new.created_at is not None:
        return abs(old.off_at - new.created_at) <= TOGETHER
    return _in_one_cycle(old, booked, what)


def _in_one_cycle(old: TrackedEvent, booked: PossibleSuccessor, what: Rebookings) -> bool:
    """Whether both were first seen within one near cycle, and the new one was made by then."""
    new, cycle, seen = booked.record, what.cycle, old.off_seen_at
    if cycle is None or seen is None or abs(booked.seen_at - seen) > cycle.every * _LATE:
        return False
    if new.created_at is not None:
        made = new.created_at - what.skews.get(new.system, timedelta(0))
        return booked.seen_at - made <= TOGETHER
    # What is read more rarely may only have come into the window.
    places = (old.base or old.before_write, new.observed)
    return all(value is not None and cycle.window.overlaps(value) for value in places)
