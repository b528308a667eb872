"""What is remembered between two cycles: rows, journal, history, and the changes to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.model.words import (
    Conflict,
    Coverage,
    EventRef,
    Kind,
    Operation,
    Role,
    Value,
)


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store knows of one event: what was seen, what was accepted, what was written.

    ``observed`` is the last value read (None: proven gone). ``base`` is the last value that syncd
    wrote or accepted (None: nothing yet; ``ended`` tells an accepted end from a new event).
    ``written``, ``written_at`` and ``former`` guard against stale reads: what syncd last wrote,
    when, and what stood there before (None: the event did not exist). ``missing`` counts the
    separate proofs of absence so far; ``retired`` events are history, never decided on again.
    """

    system: str
    provider: str
    id: str
    kind: Kind
    observed: Value | None
    observed_at: datetime
    fingerprint: str
    base: Value | None = None
    ended: bool = False
    mine: bool = False
    person: str | None = None
    service: str | None = None
    key: str | None = None
    updated_at: datetime | None = None
    written: Value | None = None
    written_at: datetime | None = None
    former: Value | None = None
    missing: int = 0
    retired: bool = False

    @property
    def ref(self) -> EventRef:
        """The name of this event."""
        return EventRef(self.system, self.provider, self.id, self.kind)


@dataclass(frozen=True, slots=True)
class Booking:
    """The meeting itself, whichever systems know it.

    ``agreed`` is the last value that all replicas were brought to. ``revision`` counts its changes;
    a replica whose ``settled`` equals it has nothing left to be told. ``rule`` is what made it so.
    """

    id: str
    provider: str
    kind: Kind
    agreed: Value
    revision: int = 0
    opened_at: datetime | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """The link between a booking and one of its events. Several bookings may share one block."""

    booking: str
    system: str
    event: str
    role: Role
    settled: int = 0


class IntentState(StrEnum):
    """Where a journal row stands (DESIGN section 6).

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
    """One journal row: an operation, committed before its request is sent."""

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
class Note:
    """One line of history: what changed or was written, where, by which rule (promise 10)."""

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


@dataclass(frozen=True, slots=True)
class ProviderState:
    """All that is stored and still alive of one provider: what a decision is made from."""

    provider: str
    records: tuple[Record, ...] = ()
    bookings: tuple[Booking, ...] = ()
    replicas: tuple[Replica, ...] = ()
    conflicts: tuple[HeldConflict, ...] = ()
    intents: tuple[Intent, ...] = ()


@dataclass(slots=True)
class Changes:
    """What one step wants stored in one transaction: rows put (or replaced), rows dropped."""

    records: list[Record] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    unlinked: list[Replica] = field(default_factory=list)
    forgotten: list[EventRef] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    opened: list[HeldConflict] = field(default_factory=list)
    closed: list[HeldConflict] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
