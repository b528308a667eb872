"""The stored state: tracked events, bookings, journal, history, and the changes to them."""

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
"""The fingerprint of an event with an open end.

The fingerprint matches no row. So every read parses the event again, and the fixed end that
replaces the open end is renewed before it is reached.
"""

GONE_BY_ID = "gone by id"
"""The fingerprint of an event that a read by id showed to be gone."""


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """What the store knows of one event: the values that were read, accepted and written.

    - ``observed``: the last value read (None: proven gone).
    - ``base``: the last value that syncd wrote or accepted (None: nothing yet, or the end of the
      event was accepted; then ``end_accepted`` is true).
    - ``written``, ``written_at``, ``before_write``: the last value that syncd wrote, when, and the
      value before it (None: the event did not exist). They identify stale reads.
    - ``absence_proofs``: the number of separate proofs of absence so far; ``absent_since`` is the
      time of the first one.
    - ``archived``: the event is history and no longer takes part in decisions.
    - ``series``, ``original_start``, ``created_at``: as in `Event`.
    - ``off_at``: the platform's time of the change that cancelled or deleted the event (None: not
      known, or the event takes place); ``off_seen_at``: when syncd first saw that. Later changes
      to the event alter neither.
    - ``moved_in_at``: when syncd first saw an appointment that was moved into the window. It is
      None once its twin was looked for beyond the window.
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
    customer: str | None = None
    service: str | None = None
    key: str | None = None
    updated_at: datetime | None = None
    written: Value | None = None
    written_at: datetime | None = None
    before_write: Value | None = None
    absence_proofs: int = 0
    absent_since: datetime | None = None
    archived: bool = False
    series: str = ""
    original_start: datetime | None = None
    created_at: datetime | None = None
    off_at: datetime | None = None
    off_seen_at: datetime | None = None
    moved_in_at: datetime | None = None

    @property
    def ref(self) -> EventRef:
        """Return the reference to this event."""
        return EventRef(self.system, self.provider, self.id, self.kind)

    @property
    def derived(self) -> bool:
        """Return true if the event is derived from another event's record.

        Derived events are never written to.
        """
        return is_derived(self.id)

    @property
    def over(self) -> bool:
        """Return true if the event is gone and its end is accepted: nothing is left to decide."""
        return self.end_accepted and self.observed is None

    @property
    def open_ended(self) -> bool:
        """Return true if the platform shows an open end, which syncd replaced with a fixed one."""
        return self.fingerprint == OPEN_ENDED

    @property
    def gone_by_id(self) -> bool:
        """Return true if a read by id showed that the event is gone."""
        return self.fingerprint == GONE_BY_ID


@dataclass(frozen=True, slots=True)
class Booking:
    """The meeting itself, whichever systems know it.

    ``agreed`` is the last value on which all replicas agreed, and ``rule`` the rule that decided
    it. ``revision`` counts its changes: a replica with an equal ``synced_revision`` is up to date.
    ``status_revision`` is the revision that last changed the status. The status is only written to
    replicas with an older ``synced_revision``, so a move leaves the status of the replicas alone.
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

    ``customer`` is the customer of the appointment when it was linked, or when the customers of the
    meeting were last compared (None: no customer).
    """

    booking: str
    system: str
    event: str
    role: Role
    synced_revision: int = 0
    customer: str | None = None


class IntentState(StrEnum):
    """The state of a journal row (docs/design.md#recovery).

    - OPEN: committed, the outcome is not known.
    - ACCEPTED: the platform queued the write; a read must confirm it.
    - DONE: the write happened.
    - FAILED: the platform refused the write permanently.
    - DROPPED: nothing was written, so the write is planned again.
    """

    OPEN = "open"
    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"

    @property
    def pending(self) -> bool:
        """Return true while the outcome of the write is not known."""
        return self in {IntentState.OPEN, IntentState.ACCEPTED}


@dataclass(frozen=True, slots=True)
class Intent:
    """One journal row: an operation, committed before its request is sent.

    ``opened_at`` is when the row was committed. It is renewed if the request is sent much later,
    and set to the moment when syncd stopped waiting for a reply (an open row with an ``error``).
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
class StoredConflict:
    """A stored conflict.

    ``outcome`` says how it ended. A dismissed conflict has an outcome and is still open: it is no
    longer shown, and it prevents the same conflict from being opened again until an input changes.
    """

    id: str
    conflict: Conflict
    opened_at: datetime
    run: str
    closed_at: datetime | None = None
    outcome: str = ""

    @property
    def dismissed(self) -> bool:
        """Return true if the operator dismissed the conflict."""
        return self.closed_at is None and bool(self.outcome)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of history: what changed or was written, where, and by which rule.

    See promise 10 (docs/design.md#promises).

    ``at`` is the time of the decision or the write, ``seen_at`` when the system showed the change.
    ``place`` is the rule's place in the configuration (``syncd.toml:41``), or '' for a built-in
    rule. ``detail`` is the reply to a write.
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
    """The free slots of a provider in one system, as last read.

    ``window`` is the window of the read. ``offers`` are the free intervals in it, joined for each
    calendar that offers them. ``fault`` says why the last read failed, or is ''.
    """

    system: str
    provider: str
    asked_at: datetime
    window: Window
    offers: tuple[Offer, ...] = ()
    fault: str = ""

    @property
    def known(self) -> bool:
        """Return true if at least one read of the free slots succeeded."""
        return self.window.start < self.window.end


class ExposureCause(StrEnum):
    """Why a system still offers an interval in which the provider is busy.

    - UNCLOSED: the calendar has no block yet.
    - READ_ONLY: syncd may not write to the calendar.
    - UNDONE: the operator undid the block.
    - RELEASED: somebody on the platform moved or removed the block, and the rule accepts that.
    - IGNORED: the calendar has a block, but the system offers the time anyway.
    - PAUSED: the operator paused writes to the calendar.
    - OBSERVE: the configuration forbids all writes.
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
    """An interval that a system still offers although the provider is busy in another system.

    ``calendars`` are the ids of the calendars that offer it; () if the free slots were not read
    yet.
    """

    provider: str
    system: str
    start: datetime
    end: datetime
    cause: ExposureCause
    bookings: tuple[str, ...]
    since: datetime
    calendars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeToBlock:
    """How long one value of a booking could be double-booked in the other systems.

    The time runs from when the value was visible on its platform (``visible_at``) until all other
    calendars were blocked (``closed_at``; None: not yet).
    """

    booking: str
    revision: int
    provider: str
    visible_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UndoSuppression:
    """A booking in one system whose writes the operator undid; ``run`` is the run of the undo.

    syncd makes no write for this booking in this system until the booking has another revision.
    """

    booking: str
    system: str
    revision: int
    run: str


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The active state of one provider, from which a decision is made.

    ``ended`` are events that are gone, and whose end syncd has accepted, although their booking is
    active: the meeting may still take place in another system, or a block was released.
    """

    provider: str
    records: tuple[TrackedEvent, ...] = ()
    bookings: tuple[Booking, ...] = ()
    replicas: tuple[Replica, ...] = ()
    conflicts: tuple[StoredConflict, ...] = ()
    intents: tuple[Intent, ...] = ()
    undo_suppressions: tuple[UndoSuppression, ...] = ()
    owner_changes: tuple[OwnerChange, ...] = ()
    ended: tuple[TrackedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """Whether a calendar was read in full under its present mapping.

    ``mapping`` is a digest of the configured mapping, or '' for a calendar that is no longer
    mapped. ``completed_at`` is when the whole window was first read under it (None: not yet, or
    not since a restore).
    """

    system: str
    provider: str
    mapping: str
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WholeRead:
    """The last complete read of a calendar's whole window: ``ends`` is the end of the window."""

    ends: datetime
    at: datetime


@dataclass(slots=True)
class Changes:
    """The changes of one step, stored in one transaction: rows to upsert and rows to delete."""

    records: list[TrackedEvent] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    unlinked: list[Replica] = field(default_factory=list)
    deleted: list[EventRef] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    opened: list[StoredConflict] = field(default_factory=list)
    closed: list[StoredConflict] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)
    undo_suppressions: list[UndoSuppression] = field(default_factory=list)
    owner_changes: list[OwnerChange] = field(default_factory=list)
    owners_resolved: list[OwnerChange] = field(default_factory=list)
    users: list[CalendarUser] = field(default_factory=list)
    reported: list[ReportedItem] = field(default_factory=list)
