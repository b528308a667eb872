"""Find the twin of a newcomer: an appointment that somebody moved into the window.

Lists end with the window. Suppose that a meeting was booked after the end of the window in two
systems, and is then moved into the window in one of them. That event, the newcomer, is new to
syncd, and its twin is unknown. The newcomer is no new booking, because it was created before a
complete read that did not show it. So the other systems are read once beyond the window. If exactly
one appointment has the same customer and length, and no counterpart in the newcomer's system, it is
the twin: both are stored as the one meeting that they were, and the merge then finds one of them
moved. If there are several such appointments, the operator is asked by a held conflict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.blocks.edited_blocks import extend_release
from syncd.core.conflicts.resolution import Directive
from syncd.core.inputs import inputs_digest
from syncd.core.matching.answers import apply_to_matches
from syncd.core.matching.match import CustomerIndex
from syncd.core.matching.result import MatchResult
from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    HistoryEntry,
    Id,
    Kind,
    Replica,
    Role,
    StoredConflict,
    TrackedEvent,
    Value,
    WholeRead,
)
from syncd.model.intervals import takes_time

MOVED_IN = "moved in from beyond the window"
"""The rule text when an appointment beyond the window becomes a twin."""

CLOCK_TOLERANCE = timedelta(minutes=2)
"""A platform's clock may be wrong by this much without being noticed."""


def was_moved_in(
    record: TrackedEvent, read: WholeRead | None, skew: timedelta, lag: timedelta
) -> bool:
    """Return true if an appointment that is new to syncd was moved to its present time.

    - ``read``: the last complete read of the calendar; None: there is none, so false.
    - ``skew``: the platform's clock minus ours. ``lag``: the platform's lag bound.

    The appointment was created before that read, which covers its present time and did not show the
    appointment, and was changed after that read. False if the platform has no creation times.
    Instances of a series are paired by their series instead.
    """
    shown, created = record.observed, record.created_at
    if read is None or created is None or not is_single(record) or shown is None:
        return False
    margin = lag + CLOCK_TOLERANCE
    changed = record.updated_at
    return (
        shown.end > record.observed_at
        and shown.start >= read.at
        and shown.end <= read.ends
        and created - skew + margin <= read.at
        and (changed is None or changed - skew + margin >= read.at)
    )


def is_single(record: TrackedEvent) -> bool:
    """Return true for a busy appointment with a customer, not of a series and not derived."""
    return (
        record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and not record.derived
        and not record.series
        and bool(record.customer)
        and record.observed is not None
        and record.observed.busy
    )


@dataclass(frozen=True, slots=True)
class BeyondWindow:
    """One provider's appointments after the end of the window.

    ``same_system``: the appointments in the newcomer's system. ``others``: the appointments in the
    other systems that no read of the window ever showed.
    """

    same_system: Sequence[TrackedEvent] = ()
    others: Sequence[TrackedEvent] = ()


def unknown_customers(
    newcomer: TrackedEvent, beyond: BeyondWindow, customers: CustomerIndex
) -> list[TrackedEvent]:
    """Return one event of each customer that must be looked up to find the twin."""
    similar = [r for r in beyond.others if _is_similar(newcomer, r)]
    rivals = [
        r for c in similar if _is_same(newcomer, c, customers) for r in _counterparts(c, beyond)
    ]
    needed = [newcomer, *similar, *rivals] if similar else []
    by_customer = {_customer(r): r for r in needed if r.customer and _customer(r) not in customers}
    return list(by_customer.values())


def candidates(
    newcomer: TrackedEvent, beyond: BeyondWindow, customers: CustomerIndex
) -> list[TrackedEvent]:
    """Return the possible twins: same customer and length, no counterpart at the same time."""
    return [
        c
        for c in sorted(beyond.others, key=_id)
        if _is_similar(newcomer, c)
        and _is_same(newcomer, c, customers)
        and not any(_is_same(c, r, customers) for r in _counterparts(c, beyond))
    ]


def is_certain(events: Sequence[TrackedEvent]) -> bool:
    """Return true if ``events`` are certainly one meeting: at one time, one event per system."""
    times = {r.observed.interval for r in events if r.observed is not None}
    return len(times) == 1 and max(Counter(r.system for r in events).values()) == 1


def as_it_was(
    newcomer: TrackedEvent,
    booking: Booking | None,
    twins: Sequence[TrackedEvent],
    note: HistoryEntry,
    new_id: str,
) -> Changes:
    """Return the changes that store a meeting as it was before the newcomer was moved.

    Used when the twins of a newcomer are certain. Example: booked for 10 May in two systems, and
    moved to 3 April in one of them. The booking is stored with 10 May, so that the next decision
    finds one move and propagates it.

    - ``booking``: the booking that was opened for the newcomer meanwhile; None: open one, with the
      id ``new_id``.
    - ``twins``: the events of the same meeting in the other systems, at the former time.
    - ``note``: a history entry without booking and event; a copy is stored for each event.

    Raises ValueError if the newcomer or its twin is gone.
    """
    old, shown = twins[0].observed, newcomer.observed
    if old is None or shown is None:
        message = f"event {newcomer.id} or its twin is gone"
        raise ValueError(message)
    base = Value(*old.interval, (newcomer.base or shown).status)
    if booking is None:
        booking = Booking(new_id, newcomer.provider, Kind.APPOINTMENT, base, opened_at=note.at)
    booking = replace(booking, agreed=Value(*old.interval, booking.agreed.status), rule=MOVED_IN)
    pairs = [(newcomer, Role.ORIGIN), *((twin, Role.TWIN) for twin in twins)]
    return Changes(
        records=[
            replace(newcomer, base=base, moved_in_at=None),
            *(replace(twin, base=twin.observed) for twin in twins),
        ],
        bookings=[booking],
        replicas=[
            Replica(booking.id, r.system, r.id, role, booking.revision, r.customer)
            for r, role in pairs
        ],
        history=[
            replace(
                note,
                booking=booking.id,
                system=r.system,
                event=r.id,
                after=r.observed,
                seen_at=r.observed_at,
            )
            for r, _ in pairs
        ],
    )


def as_question(
    newcomer: TrackedEvent,
    events: Sequence[TrackedEvent],
    conflict_id: str,
    now: datetime,
    run: str,
) -> Changes:
    """Return the changes that open a held conflict about which of ``events`` is the twin.

    ``conflict_id`` is the id of that conflict, ``run`` the id of this run.
    """
    held = StoredConflict(conflict_id, _question(newcomer, events), now, run)
    return Changes(records=[looked_for(newcomer), *events], opened=[held])


def looked_for(newcomer: TrackedEvent) -> TrackedEvent:
    """Return the newcomer without the mark that its twin must be looked for."""
    return replace(newcomer, moved_in_at=None)


# --- deciding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoveQuestions:
    """The open conflicts about a provider's newcomers, and the candidates that wait for them."""

    conflicts: tuple[Conflict, ...] = ()
    candidates: tuple[TrackedEvent, ...] = ()

    def without_candidates(self, fresh: Sequence[TrackedEvent]) -> list[TrackedEvent]:
        """Return the events of ``fresh`` that are not candidates of an open conflict."""
        return [r for r in fresh if r not in self.candidates]

    def answer(
        self, matched: MatchResult, workspace: Workspace, directive: Directive
    ) -> MatchResult:
        """Return ``matched`` with the operator's resolution applied, to these and other conflicts.

        A candidate that was not chosen is deleted from the state again: it is an event beyond the
        window, which syncd does not track.
        """
        conflicts = (*matched.conflicts, *self.conflicts)
        asked = replace(
            matched, undecided=(*matched.undecided, *self.candidates), conflicts=conflicts
        )
        after = apply_to_matches(asked, workspace, directive)
        for record in self.candidates:
            if record in after.opened:
                workspace.delete(record)
        return replace(after, opened=tuple(self.without_candidates(after.opened)))

    def synced_revision(self, workspace: Workspace, booking: Booking, twin: TrackedEvent) -> int:
        """Return the revision to which a new twin is synced.

        A chosen candidate must still be moved to the agreed time, so the booking gets a new
        revision, and the candidate is synced to the former one.
        """
        if twin not in self.candidates:
            return booking.revision
        after = replace(booking, revision=booking.revision + 1, rule=MOVED_IN)
        workspace.put_booking(after)
        for replica, _ in workspace.pairs(booking.id):
            if replica.synced_revision == booking.revision:
                workspace.link(replace(replica, synced_revision=after.revision))
        extend_release(workspace, booking, after)
        return booking.revision


def open_questions(workspace: Workspace) -> MoveQuestions:
    """Return the conflicts about newcomers that are still open; untrack the other candidates."""
    conflicts: list[Conflict] = []
    waiting: list[TrackedEvent] = []
    unlinked = {_id(r): r for r in workspace.unlinked()}
    for held_conflict in workspace.state.conflicts:
        claims = held_conflict.conflict.claims
        if (
            held_conflict.conflict.kind is not ConflictKind.AMBIGUOUS
            or not claims
            or not claims[0].event
        ):
            continue
        first = (claims[0].system, claims[0].event)
        if held_conflict.conflict.subject != _subject(*first):
            continue
        events = [
            unlinked[id_] for c in claims[1:] if (id_ := (c.system, c.event or "")) in unlinked
        ]
        newcomer = workspace.records.get(first)
        if newcomer is not None and events and _is_open(workspace, newcomer, events):
            conflicts.append(_question(newcomer, events))
            waiting += [r for r in events if r not in waiting]
            continue
        values = {(c.system, c.event): c.value for c in claims}
        for record in events:
            if record.observed == values[record.system, record.id] and record not in waiting:
                workspace.delete(record)
    return MoveQuestions(tuple(conflicts), tuple(waiting))


def _is_open(workspace: Workspace, newcomer: TrackedEvent, events: Sequence[TrackedEvent]) -> bool:
    """Return true if a newcomer takes place without a twin, and no candidate moved to its time."""
    shown = newcomer.observed
    if shown is None or not shown.busy:
        return False
    link = workspace.linked_ids().get(_id(newcomer))
    has_no_twin = link is None or len(workspace.pairs(link.booking)) == 1
    same_time = any(
        r.observed is not None and r.observed.interval == shown.interval for r in events
    )
    return has_no_twin and not same_time


def _question(newcomer: TrackedEvent, events: Sequence[TrackedEvent]) -> Conflict:
    records = [newcomer, *events]
    return Conflict(
        kind=ConflictKind.AMBIGUOUS,
        provider=newcomer.provider,
        subject=_subject(*_id(newcomer)),
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in records),
        inputs=inputs_digest(*((r.system, r.id, repr(r.observed)) for r in records)),
        note="moved into the window: several other appointments could be the same meeting",
    )


def _subject(system: str, event: str) -> str:
    return inputs_digest(MOVED_IN, system, event)


def _id(record: TrackedEvent) -> Id:
    return (record.system, record.id)


def _customer(record: TrackedEvent) -> tuple[str, str]:
    return (record.system, record.customer or "")


def _is_similar(newcomer: TrackedEvent, record: TrackedEvent) -> bool:
    """Return true if ``record`` may be the twin by its own fields: system, provider and length."""
    own, other = newcomer.observed, record.observed
    return (
        record.system != newcomer.system
        and record.provider == newcomer.provider
        and is_single(record)
        and own is not None
        and other is not None
        and other.end - other.start == own.end - own.start
    )


def _is_same(first: TrackedEvent, second: TrackedEvent, customers: CustomerIndex) -> bool:
    hashes = customers.get(_customer(first), frozenset())
    return not hashes.isdisjoint(customers.get(_customer(second), frozenset()))


def _counterparts(record: TrackedEvent, beyond: BeyondWindow) -> list[TrackedEvent]:
    """Return the events of the newcomer's system at exactly the time of ``record``."""
    return [
        r
        for r in beyond.same_system
        if record.observed is not None and takes_time(r.observed, record.observed)
    ]
