"""Recognise meetings that were cancelled and booked again, which is a reschedule.

A cancellation and a new booking of the same customer and service in the same system are one
reschedule if they were made within 15 minutes of each other by the platform's own times. Without
such times, both must have been first seen within one near cycle. If there is more than one possible
successor or predecessor, the operator is asked by a held conflict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import CalendarState
from syncd.core.matching.series import CustomerKey
from syncd.core.workspace import Workspace
from syncd.model import Id, Kind, Replica, Role, TrackedEvent, Value, Window, series_of
from syncd.model.intervals import takes_time

REBOOKED = "cancelled and booked anew"
"""The rule text when a booking continues with another event of the same system."""

MAX_REBOOKING_GAP = timedelta(minutes=15)
"""The longest time between the cancellation and the new booking of one reschedule."""

_CYCLE_TOLERANCE = 1.5
"""Two consecutive cycles may start this many times their interval apart."""


@dataclass(frozen=True, slots=True)
class NearCycle:
    """The interval of near reads, and the window that they cover."""

    every: timedelta
    window: Window


@dataclass(frozen=True, slots=True)
class CalledOff:
    """A cancelled or deleted appointment that may have been booked again.

    - ``elsewhere``: the other systems that have the same meeting.
    - ``eligible``: if false, the appointment is not paired with a new booking; it is only checked
      whether the same appointment exists under a new id.
    """

    replica: Replica
    record: TrackedEvent
    elsewhere: frozenset[str] = frozenset()
    eligible: bool = True

    @property
    def decided(self) -> bool:
        """True if an earlier decision accepted and propagated the cancellation or deletion."""
        return not has_pending_change(self.record)


@dataclass(frozen=True, slots=True)
class PossibleSuccessor:
    """An appointment that may have been booked instead of a cancelled one.

    - ``seen_at``: when the appointment was first seen; UTC.
    - ``opened``: the appointment already has a booking of its own.
    - ``same_meeting_in``: the other systems in which somebody also entered the same meeting.
    - ``known_bookings``: the bookings of other systems whose absent twin the appointment may be.
    """

    record: TrackedEvent
    seen_at: datetime
    opened: bool = False
    same_meeting_in: frozenset[str] = frozenset()
    known_bookings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rebookings:
    """The appointments that may have been cancelled and booked again, and how to compare them.

    - ``cycle``: the near cycle in which both must be seen; None: only platform times count.
    - ``skews``: by system, the platform's clock minus ours.
    """

    called_off: Sequence[CalledOff] = ()
    successors: Sequence[PossibleSuccessor] = ()
    cycle: NearCycle | None = None
    skews: Mapping[str, timedelta] = field(default_factory=dict)

    def with_vanished(
        self, vanished: Iterable[CalledOff], fresh: Iterable[TrackedEvent]
    ) -> Rebookings:
        """Return a copy whose deleted appointments are ``vanished``.

        Those of ``fresh`` that may be successors are added to ``successors``.
        """
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
    """The certain reschedules as (old, new), and each doubtful one with all possible successors."""

    certain: tuple[tuple[CalledOff, PossibleSuccessor], ...] = ()
    doubtful: tuple[tuple[CalledOff, tuple[PossibleSuccessor, ...]], ...] = ()


def rebookings(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    fresh: Sequence[TrackedEvent],
    customers: Mapping[Id, AbstractSet[str]],
    cycle: NearCycle | None,
) -> Rebookings:
    """Return what may have been cancelled and booked again, among the events of trusted calendars.

    - ``fresh``: the events without a booking.
    - ``customers``: the e-mail and phone hashes of each customer, by (system, id of the customer).
    - ``cycle``: the near cycle; None if that is not known.
    """
    trusted = {name for name, calendar in calendars.items() if calendar.trusted}
    lone = [(r, at) for r, at in lone_appointments(workspace) if r.system in trusted]
    candidates = [(r, r.observed_at, False) for r in fresh] + [(r, at, True) for r, at in lone]
    booked = [
        PossibleSuccessor(
            record,
            at,
            opened,
            _same_meeting_in(record, fresh, customers),
            frozenset() if opened else _bookings_without_twin(workspace, record, customers),
        )
        for record, at, opened in candidates
        if _may_be_successor(record)
    ]
    skews = {name: calendar.skew for name, calendar in calendars.items()}
    return Rebookings(_called_off(workspace, trusted, booked), booked, cycle, skews)


def pair_rebookings(possible: Rebookings, taken: AbstractSet[Id] = frozenset()) -> RebookedPairs:
    """Pair cancelled appointments with their successors; ``taken`` events are not considered."""
    successors = [b for b in possible.successors if _id(b.record) not in taken]
    candidates = [
        [b for b in successors if is_rebooking_of(e, b, possible)] for e in possible.called_off
    ]
    certain: list[tuple[CalledOff, PossibleSuccessor]] = []
    doubtful: list[tuple[CalledOff, tuple[PossibleSuccessor, ...]]] = []
    for ended, matching in zip(possible.called_off, candidates, strict=True):
        if len(matching) == 1 and sum(matching[0] in other for other in candidates) == 1:
            certain.append((ended, matching[0]))
        elif matching and not (ended.decided and not ended.elsewhere):
            # A meeting that is cancelled and is in no other system needs no answer.
            doubtful.append((ended, tuple(matching)))
    return RebookedPairs(tuple(certain), tuple(doubtful))


def follow_rebooking(workspace: Workspace, replica: Replica, new: TrackedEvent) -> None:
    """Link a booking to the event that was booked instead of its former one.

    ``replica`` is the link to the former event, ``new`` the event booked instead. The cancelled
    event stays in its system without a booking, and counts as changed only if it is revived.
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
    """Return the new value of each cancelled event that was certainly booked again, by event id.

    Used by the guard, before any decision. Only events that are not decided on are considered, and
    only the platform's own times are compared.
    """
    records = list(records)
    ended = [
        CalledOff(Replica("", r.system, r.id, Role.ORIGIN), r)
        for r in records
        if _is_called_off(r) and r.base is not None and r.base.busy and has_pending_change(r)
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


def _customer_key(record: TrackedEvent) -> CustomerKey:
    return (record.system, record.customer or "", record.service or "")


def _moved_base(old: TrackedEvent, new: TrackedEvent) -> Value | None:
    """Return the base for a new event, so that it differs from the old event by a move only.

    The status is that of the new event, because booking pages confirm what they create.
    """
    base = old.base or old.before_write
    if base is None or not base.busy or new.observed is None:
        return base
    return replace(base, status=new.observed.status)


def _may_be_successor(record: TrackedEvent) -> bool:
    """Return true for a busy single appointment; instances of series are paired by position."""
    shown = record.observed
    return (
        record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and not record.series
        and bool(record.customer)
        and shown is not None
        and shown.busy
    )


def _is_called_off(record: TrackedEvent) -> bool:
    """Return true for an appointment that is cancelled or deleted, at a known time."""
    return (
        (record.observed is None or not record.observed.busy)
        and record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and bool(record.customer)
        and record.off_seen_at is not None
        and (record.base or record.before_write) is not None
    )


def lone_appointments(workspace: Workspace) -> list[tuple[TrackedEvent, datetime]]:
    """Return the appointments that are the only event of their booking, with its opening time.

    An appointment with a twin is a meeting of its own and is left out. So is one that already
    continues another booking, and one that is over or whose blocks were undone.
    """
    suppressed = {waiver.booking for waiver in workspace.state.undo_suppressions}
    lone: list[tuple[TrackedEvent, datetime]] = []
    for name, booking in sorted(workspace.bookings.items()):
        pairs = workspace.pairs(name)
        if len(pairs) != 1 or booking.opened_at is None or booking.rule == REBOOKED:
            continue
        replica, record = pairs[0]
        value = record.observed
        is_ahead = value is not None and value.end > workspace.now
        if (
            replica.role is Role.ORIGIN
            and booking.agreed.busy
            and is_ahead
            and name not in suppressed
        ):
            lone.append((record, booking.opened_at))
    return lone


def _bookings_without_twin(
    workspace: Workspace, record: TrackedEvent, customers: Mapping[Id, AbstractSet[str]]
) -> frozenset[str]:
    """Return the bookings at the time of ``record`` that only other systems have."""
    return frozenset(
        name
        for name, booking in workspace.bookings.items()
        if record.observed is not None
        and booking.agreed.busy
        and booking.agreed.interval == record.observed.interval
        and _same_meeting_in(record, present := workspace.present(name), customers)
        and all(each.system != record.system for each in present)
    )


def _same_meeting_in(
    record: TrackedEvent, fresh: Iterable[TrackedEvent], customers: Mapping[Id, AbstractSet[str]]
) -> frozenset[str]:
    """Return the other systems that have an event of ``fresh`` that may be the same meeting."""
    shown = record.observed
    hashes = customers.get((record.system, record.customer or ""))

    def may_be_same(other: TrackedEvent) -> bool:
        other_hashes = customers.get((other.system, other.customer or ""))
        return hashes is None or other_hashes is None or not hashes.isdisjoint(other_hashes)

    return frozenset(
        other.system
        for other in fresh
        if other.system != record.system
        and other.kind is Kind.APPOINTMENT
        and bool(other.customer)
        and shown is not None
        and takes_time(other.observed, shown)
        and may_be_same(other)
    )


def _called_off(
    workspace: Workspace, trusted: AbstractSet[str], booked: Sequence[PossibleSuccessor]
) -> tuple[CalledOff, ...]:
    """Return the cancelled appointments that may have been booked again.

    A cancelled series is left out. So is a meeting that somebody also cancelled in another system
    without a new booking there: the new booking here is another meeting.
    """
    keys = {_customer_key(b.record) for b in booked}
    pairs = [p for name in sorted(workspace.bookings) for p in workspace.pairs(name)]
    candidates = [p for p in pairs if p[1].system in trusted and _is_called_off(p[1])]
    series = Counter(series_of(record) for _, record in candidates)

    def is_cancelled_outside(record: TrackedEvent) -> bool:
        by_syncd = record.written is not None and not record.written.busy
        is_busy = record.observed is not None and record.observed.busy
        return not is_busy and not by_syncd and _customer_key(record) not in keys

    ended: list[CalledOff] = []
    for replica, record in candidates:
        others = [r for p, r in workspace.pairs(replica.booking) if p != replica]
        is_single = not record.series or series[series_of(record)] == 1
        if (
            _customer_key(record) in keys
            and is_single
            and not any(map(is_cancelled_outside, others))
        ):
            ended.append(CalledOff(replica, record, frozenset(r.system for r in others)))
    return tuple(ended)


def is_rebooking_of(ended: CalledOff, booked: PossibleSuccessor, possible: Rebookings) -> bool:
    """Return true if ``booked`` was booked instead of ``ended``, or is ``ended`` with a new id."""
    old, new = ended.record, booked.record
    if _customer_key(old) != _customer_key(new):
        return False
    if old.observed is None and not ended.decided and not booked.opened:
        # The old event is deleted and the new one unknown: perhaps one event under a new id.
        return True
    also_in = booked.same_meeting_in if booked.opened else booked.same_meeting_in & ended.elsewhere
    if not ended.eligible or also_in or booked.known_bookings - {ended.replica.booking}:
        # The new meeting is in another system too, or the new event is the twin of an older one.
        return False
    if booked.opened and (ended.decided or not ended.elsewhere):
        # An earlier decision separated the two; or the new event has its blocks already, and no
        # twin in another system has to follow.
        return False
    if old.off_at is not None and new.created_at is not None:
        return abs(old.off_at - new.created_at) <= MAX_REBOOKING_GAP
    return _in_one_cycle(old, booked, possible)


def _in_one_cycle(old: TrackedEvent, booked: PossibleSuccessor, possible: Rebookings) -> bool:
    """Return true if both were first seen in one near cycle, soon after the new was created."""
    new, cycle, ended_seen_at = booked.record, possible.cycle, old.off_seen_at
    if (
        cycle is None
        or ended_seen_at is None
        or abs(booked.seen_at - ended_seen_at) > cycle.every * _CYCLE_TOLERANCE
    ):
        return False
    if new.created_at is not None:
        made = new.created_at - possible.skews.get(new.system, timedelta(0))
        return booked.seen_at - made <= MAX_REBOOKING_GAP
    # An event outside of the near window may merely have come into the window.
    values = (old.base or old.before_write, new.observed)
    return all(value is not None and cycle.window.overlaps(value) for value in values)
