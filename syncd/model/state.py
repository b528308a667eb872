"""What is remembered between two cycles: rows, journal, history, and the changes to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.model.derived import is_derived
from syncd.model.owners import CalendarUser, OwnerChange
from syncd.model.reported import ReportedItem
from syncd.model.types import (
    Conflict,
    Coverage,
    EventRef,
    Kind,
    Offer,
    Operation,
    Role,
    Value,
    Window,
)

OPEN_ENDED = "open end"
"""The fingerprint of an event with an open end: no platform's row has it, so each read looks at the
event again, and its fixed end is renewed in time."""

GONE_BY_ID = "gone by id"
"""The fingerprint of an event of which its system said, asked by id, that it is gone."""


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """All that the store knows of one event: what was seen, what was accepted, what was written.

    ``observed`` is the last value read (None: proven gone). ``base`` is the last value that syncd
    wrote or accepted (None: nothing yet; ``end_accepted`` tells an accepted end from a new event).
    ``written``, ``written_at`` and ``before_write`` guard against stale reads: what syncd last
    wrote, when, and what stood there before (None: the event did not exist). ``absence_proofs``
    counts the separate proofs of absence so far, the first of which is of ``missing_since``;
    ``archived`` events are history, never decided on again.
    ``series``, ``original_start`` and ``created_at`` are those of the `Event`. ``off_at`` is the
    platform's time of the change that took the event off (None: it does not tell, or the event is
    on), ``off_seen_at`` when that was first seen; a later change to it alters neither.
    ``moved_in_at`` is when an appointment was first seen that somebody had moved into the window,
    as long as its twin has still to be looked for beyond the window; else None.
    """

    system: str
    provider: str
    id: str
    kind: Kind
    observed: Value | None
    observed_at: datetime
    fingerprint: str
    base: Value | None = None
    end_accepted: bool = False
    created_by_us: bool = False
    person: str | None = None
    service: str | None = None
    key: str | None = None
    updated_at: datetime | None = None
    written: Value | None = None
    written_at: datetime | None = None
    before_write: Value | None = None
    absence_proofs: int = 0
    missing_since: datetime | None = None
    archived: bool = False
    series: str = ""
    original_start: datetime | None = None
    created_at: datetime | None = None
    off_at: datetime | None = None
    off_seen_at: datetime | None = None
    moved_in_at: datetime | None = None

    @property
    def ref(self) -> EventRef:
        """The name of this event."""
        return EventRef(self.system, self.provider, self.id, self.kind)

    @property
    def derived(self) -> bool:
        """Whether it is derived from the record of another calendar: a source, never a target."""
        return is_derived(self.id)

    @property
    def over(self) -> bool:
        """Whether the event is gone, and that is accepted: nothing is left to decide about it."""
        return self.end_accepted and self.observed is None

    @property
    def open_ended(self) -> bool:
        """Whether the platform shows no end that can be meant, so that a fixed one was put."""
        return self.fingerprint == OPEN_ENDED

    @property
    def gone_by_id(self) -> bool:
        """Whether its system said, asked by id, that it is gone."""
        return self.fingerprint == GONE_BY_ID


@dataclass(frozen=True, slots=True)
class Booking:
    """The meeting itself, whichever systems know it.

    ``agreed`` is the last value that all replicas were brought to. ``revision`` counts its changes;
    a replica whose ``settled`` equals it has nothing left to be told. ``status_revision`` is that
    which last changed the status: only a replica settled before it is told a status, so that a move
    leaves the status of each as it is. ``rule`` is what made it so.
    """

    id: str
    provider: str
    kind: Kind
    agreed: Value
    revision: int = 0
    opened_at: datetime | None = None
    rule: str = ""
    status_revision: int = 0


@dataclass(frozen=True, slots=True)
class Replica:
    """The link between a booking and one of its events. Several bookings may share one block.

    ``person`` is whose appointment it was when it was linked, or when the persons of the meeting
    were last compared (None: nobody's).
    """

    booking: str
    system: str
    event: str
    role: Role
    synced_revision: int = 0
    person: str | None = None


class IntentState(StrEnum):
    """Where a journal row stands (docs/design.md#recovery).

    FAILED is a refusal for good; DROPPED means that nothing happened, so it is planned anew.
    """

    OPEN = "open"
    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"

    @property
    def pending(self) -> bool:
        """Whether its outcome is still to be learned."""
        return self in {IntentState.OPEN, IntentState.ACCEPTED}


@dataclass(frozen=True, slots=True)
class Intent:
    """One journal row: an operation, committed before its request is sent.

    ``opened_at``: when it was committed, the last time if its turn was long in coming; that of one
    that is open with an ``error`` is when its answer was given up.
    """

    id: str
    run: str
    operation: Operation
    state: IntentState
    opened_at: datetime
    attempts: int = 0
    job: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class HeldConflict:
    """A conflict as the store keeps it.

    ``outcome`` says how it ended. One that a person dismissed has an outcome and is still open: it
    is told no more, and stands for itself until an input changes.
    """

    id: str
    conflict: Conflict
    opened_at: datetime
    run: str
    closed_at: datetime | None = None
    outcome: str = ""

    @property
    def dismissed(self) -> bool:
        """Whether a person wants to hear no more of it."""
        return self.closed_at is None and bool(self.outcome)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of history: what changed or was written, where, by which rule (promise 10).

    ``at`` is when it was decided or written, ``seen_at`` when the system was seen to show it.
    ``place`` is where the configuration says the rule (``syncd.toml:41``); empty for a rule that
    is syncd's own. ``detail`` is the reply to a write.
    """

    at: datetime
    run: str
    provider: str
    what: str
    booking: str = ""
    system: str = ""
    event: str = ""
    before: Value | None = None
    after: Value | None = None
    rule: str = ""
    detail: str = ""
    place: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What one system offered of a provider when it was last asked.

    ``offers`` are joined for each seat, and lie in ``window``, which is all that was asked for.
    ``fault`` says in plain words why the last question got no answer, if it got none.
    """

    system: str
    provider: str
    asked_at: datetime
    window: Window
    offers: tuple[Offer, ...] = ()
    fault: str = ""

    @property
    def known(self) -> bool:
        """Whether it ever was answered."""
        return self.window.start < self.window.end


class ExposureCause(StrEnum):
    """Why a taken interval is still offered somewhere.

    UNCLOSED: no block stands there yet. READ_ONLY: syncd may not write there. UNDONE: a person took
    the block back. RELEASED: a person moved or removed it, and the rule lets it be. IGNORED: a
    block stands, and the system offers the time all the same. PAUSED: a person has paused writing
    there. OBSERVE: nothing is written at all, as the configuration says so.
    """

    UNCLOSED = "unclosed"
    READ_ONLY = "read-only"
    UNDONE = "undone"
    RELEASED = "released"
    IGNORED = "ignored"
    PAUSED = "paused"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Exposure:
    """An interval that a system still offers although the provider is busy in another.

    ``seats`` are the calendars that were seen to offer it; none when the system was not asked yet.
    """

    provider: str
    system: str
    start: datetime
    end: datetime
    cause: ExposureCause
    bookings: tuple[str, ...]
    since: datetime
    seats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeToBlock:
    """How long one value of a booking was open in the other systems.

    From the moment that it could be seen to the moment that all others were closed (None: not yet).
    """

    booking: str
    revision: int
    provider: str
    visible_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UndoSuppression:
    """A person took back what syncd wrote for a booking in a system, in the run of that name.

    It is left as it is there for as long as the booking has this revision.
    """

    booking: str
    system: str
    revision: int
    run: str


@dataclass(frozen=True, slots=True)
class ProviderState:
    """All that is stored and still alive of one provider: what a decision is made from.

    ``ended`` are events that are gone, and accepted as such, of bookings that are alive: the
    meeting may still be on in another system, and a block may have been released.
    """

    provider: str
    records: tuple[TrackedEvent, ...] = ()
    bookings: tuple[Booking, ...] = ()
    replicas: tuple[Replica, ...] = ()
    conflicts: tuple[HeldConflict, ...] = ()
    intents: tuple[Intent, ...] = ()
    undo_suppressions: tuple[UndoSuppression, ...] = ()
    owner_changes: tuple[OwnerChange, ...] = ()
    ended: tuple[TrackedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """How far a calendar is known in full. ``mapping`` is a digest of what the configuration maps.

    ``completed_at`` is when the whole window was first read under that mapping (None: not yet, also
    after a restore). An empty ``mapping`` is a calendar that nobody maps any more.
    """

    system: str
    provider: str
    mapping: str
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WholeRead:
    """The last read that proved the whole window of a calendar: its end, and when that was."""

    ends: datetime
    at: datetime


@dataclass(slots=True)
class Changes:
    """What one step wants stored in one transaction: rows put (or replaced), rows dropped."""

    records: list[TrackedEvent] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    unlinked: list[Replica] = field(default_factory=list)
    deleted: list[EventRef] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    opened: list[HeldConflict] = field(default_factory=list)
    closed: list[HeldConflict] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)
    undo_suppressions: list[UndoSuppression] = field(default_factory=list)
    owner_changes: list[OwnerChange] = field(default_factory=list)
    owners_resolved: list[OwnerChange] = field(default_factory=list)
    users: list[CalendarUser] = field(default_factory=list)
    reported: list[ReportedItem] = field(default_factory=list)
