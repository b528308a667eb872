"""Appointments that were moved into the window, whose twin still is beyond it.

Lists end with the window. A meeting that was booked in two systems beyond its end, and is moved in
by a person in one of them, is new to syncd there, and unknown in the other. That it is no new
booking is told by its own time of creation: it is older than a whole read that did not show it. So
the other systems are read once beyond the window. One appointment of the same person and length
that has no counterpart in the system of the newcomer is its twin: both are stored as the one
meeting that they were, and the merge finds one of them moved. Several are a question for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.edited_blocks import extend_release
from syncd.core.inputs import inputs_digest
from syncd.core.matching import MatchResult, PersonIndex
from syncd.core.resolution import Directive, apply_to_matches
from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    HeldConflict,
    HistoryEntry,
    Id,
    Kind,
    Replica,
    Role,
    TrackedEvent,
    Value,
    WholeRead,
)

MOVED_IN = "moved in from beyond the window"
"""The rule by which an appointment beyond the window becomes a twin."""

CLOCKS = timedelta(minutes=2)
"""How far a platform's clock may be off without that being noticed."""


def was_moved_in(
    record: TrackedEvent, read: WholeRead | None, skew: timedelta, lag: timedelta
) -> bool:
    """Return whether an appointment that is new to syncd was moved to where it is.

    The last whole read was made after its creation and did not show it, although it covers the time
    at which it is now; and it was changed since. Where the platform does not tell its times, nobody
    knows. Instances of a series are tied by their series.
    """
    shown, created = record.observed, record.created_at
    if read is None or created is None or not is_single(record) or shown is None:
        return False
    margin = lag + CLOCKS
    changed = record.updated_at
    return (
        shown.end > record.observed_at
        and shown.start >= read.at
        and shown.end <= read.ends
        and created - skew + margin <= read.at
        and (changed is None or changed - skew + margin >= read.at)
    )


def is_single(record: TrackedEvent) -> bool:
    """Return whether it is somebody's appointment that takes place, and part of nothing else."""
    return (
        record.kind is Kind.APPOINTMENT
        and not record.created_by_us
        and not record.derived
        and not record.series
        and bool(record.person)
        and record.observed is not None
        and record.observed.busy
    )


@dataclass(frozen=True, slots=True)
class BeyondWindow:
    """The appointments of one provider beyond the window.

    ``ours`` are those in the system of the newcomer, ``others`` those in the other systems that no
    read of the window ever showed.
    """

    ours: Sequence[TrackedEvent] = ()
    others: Sequence[TrackedEvent] = ()


def unknown_persons(
    newcomer: TrackedEvent, beyond: BeyondWindow, who: PersonIndex
) -> list[TrackedEvent]:
    """Return one record of each person who must be known to find the twin, and is not."""
    similar = [r for r in beyond.others if _is_similar(newcomer, r)]
    rivals = [r for c in similar if _is_same(newcomer, c, who) for r in _beside(c, beyond)]
    wanted = [newcomer, *similar, *rivals] if similar else []
    found = {_person(r): r for r in wanted if r.person and _person(r) not in who}
    return list(found.values())


def candidates(
    newcomer: TrackedEvent, beyond: BeyondWindow, who: PersonIndex
) -> list[TrackedEvent]:
    """Return what may be the newcomer's twin: same person and length, and without a counterpart."""
    return [
        c
        for c in sorted(beyond.others, key=_id)
        if _is_similar(newcomer, c)
        and _is_same(newcomer, c, who)
        and not any(_is_same(c, r, who) for r in _beside(c, beyond))
    ]


def is_certain(found: Sequence[TrackedEvent]) -> bool:
    """Return whether these are one meeting: at one time, and once in each system."""
    times = {r.observed.interval for r in found if r.observed is not None}
    return len(times) == 1 and max(Counter(r.system for r in found).values()) == 1


def as_it_was(
    newcomer: TrackedEvent,
    booking: Booking | None,
    twins: Sequence[TrackedEvent],
    note: HistoryEntry,
    new_id: str,
) -> Changes:
    """Return the changes that store a meeting as it was before one of its records was moved.

    ``booking`` is what was opened for the newcomer meanwhile, ``note`` a line without event.
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
            Replica(booking.id, r.system, r.id, role, booking.revision, r.person)
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
    newcomer: TrackedEvent, found: Sequence[TrackedEvent], name: str, now: datetime, run: str
) -> Changes:
    """Return the changes that store a newcomer, and the question which of these is its twin."""
    held = HeldConflict(name, _question(newcomer, found), now, run)
    return Changes(records=[looked_for(newcomer), *found], opened=[held])


def looked_for(newcomer: TrackedEvent) -> TrackedEvent:
    """Return the newcomer without the mark that its twin has still to be looked for."""
    return replace(newcomer, moved_in_at=None)


# --- when it is decided on ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoveQuestions:
    """The open questions about newcomers of a provider, with the candidates that wait."""

    conflicts: tuple[Conflict, ...] = ()
    held: tuple[TrackedEvent, ...] = ()

    def rest(self, fresh: Sequence[TrackedEvent]) -> list[TrackedEvent]:
        """Return the other ones of what is new."""
        return [r for r in fresh if r not in self.held]

    def answer(self, matched: MatchResult, workspace: Workspace, verdict: Directive) -> MatchResult:
        """Take a person's answer to these and other questions.

        A candidate that it is not stays what it was: something beyond the window that is not known.
        """
        conflicts = (*matched.conflicts, *self.conflicts)
        asked = replace(matched, undecided=(*matched.undecided, *self.held), conflicts=conflicts)
        after = apply_to_matches(asked, workspace, verdict)
        for record in self.held:
            if record in after.opened:
                workspace.delete(record)
        return replace(after, opened=tuple(self.rest(after.opened)))

    def settled(self, workspace: Workspace, booking: Booking, twin: TrackedEvent) -> int:
        """Return the revision that a new twin has been told: a chosen candidate has to be moved."""
        if twin not in self.held:
            return booking.revision
        after = replace(booking, revision=booking.revision + 1, rule=MOVED_IN)
        workspace.put_booking(after)
        for replica, _ in workspace.pairs(booking.id):
            if replica.synced_revision == booking.revision:
                workspace.link(replace(replica, synced_revision=after.revision))
        extend_release(workspace, booking, after)
        return booking.revision


def open_questions(workspace: Workspace) -> MoveQuestions:
    """Return the questions that still stand; the candidates of the others are forgotten."""
    conflicts: list[Conflict] = []
    held: list[TrackedEvent] = []
    unlinked = {_id(r): r for r in workspace.unlinked()}
    for each in workspace.state.conflicts:
        claims = each.conflict.claims
        if each.conflict.kind is not ConflictKind.AMBIGUOUS or not claims or not claims[0].event:
            continue
        first = (claims[0].system, claims[0].event)
        if each.conflict.subject != _subject(*first):
            continue
        found = [
            unlinked[id_] for c in claims[1:] if (id_ := (c.system, c.event or "")) in unlinked
        ]
        newcomer = workspace.records.get(first)
        if newcomer is not None and found and _is_open(workspace, newcomer, found):
            conflicts.append(_question(newcomer, found))
            held += [r for r in found if r not in held]
            continue
        values = {(c.system, c.event): c.value for c in claims}
        for record in found:
            if record.observed == values[record.system, record.id] and record not in held:
                workspace.delete(record)
    return MoveQuestions(tuple(conflicts), tuple(held))


def _is_open(workspace: Workspace, newcomer: TrackedEvent, found: Sequence[TrackedEvent]) -> bool:
    """Return whether a newcomer takes place, has no twin yet, and none came to its time."""
    shown = newcomer.observed
    if shown is None or not shown.busy:
        return False
    link = workspace.linked_ids().get(_id(newcomer))
    alone = link is None or len(workspace.pairs(link.booking)) == 1
    together = any(r.observed is not None and r.observed.interval == shown.interval for r in found)
    return alone and not together


def _question(newcomer: TrackedEvent, found: Sequence[TrackedEvent]) -> Conflict:
    records = [newcomer, *found]
    return Conflict(
        kind=ConflictKind.AMBIGUOUS,
        provider=newcomer.provider,
        subject=_subject(*_id(newcomer)),
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in records),
        inputs=inputs_digest(*((r.system, r.id, repr(r.observed)) for r in records)),
        note="it was moved in from beyond the window: which of the others is the same meeting?",
    )


def _subject(system: str, event: str) -> str:
    return inputs_digest(MOVED_IN, system, event)


def _id(record: TrackedEvent) -> Id:
    return (record.system, record.id)


def _person(record: TrackedEvent) -> tuple[str, str]:
    return (record.system, record.person or "")


def _is_similar(newcomer: TrackedEvent, record: TrackedEvent) -> bool:
    """Return whether a record may be the twin as far as its own fields tell."""
    mine, other = newcomer.observed, record.observed
    return (
        record.system != newcomer.system
        and record.provider == newcomer.provider
        and is_single(record)
        and mine is not None
        and other is not None
        and other.end - other.start == mine.end - mine.start
    )


def _is_same(first: TrackedEvent, second: TrackedEvent, who: PersonIndex) -> bool:
    persons = who.get(_person(first), frozenset())
    return not persons.isdisjoint(who.get(_person(second), frozenset()))


def _beside(record: TrackedEvent, beyond: BeyondWindow) -> list[TrackedEvent]:
    """Return what the newcomer's system has at exactly the time of a record."""
    return [
        r
        for r in beyond.ours
        if r.observed is not None
        and record.observed is not None
        and r.observed.busy
        and r.observed.interval == record.observed.interval
    ]
