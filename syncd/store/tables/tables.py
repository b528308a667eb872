"""The tables. state/README.md explains them to operators.

The tables are declared as SQLModel classes, but rows are read and written with SQLAlchemy Core,
without ORM objects. No column names a customer: ``person`` is a platform's id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from syncd.model import Value
from syncd.store.tables import cleanup as tables_of_cleanup
from syncd.store.tables import pauses as tables_of_pauses
from syncd.store.tables.base import TableBase as _Table
from syncd.store.tables.types import Instant, JsonText, ValueText


class EventRow(_Table, table=True):
    """One event of one system: the values read, accepted and written (`model.TrackedEvent`).

    ``starts`` and ``ends`` are the interval of ``observed``; they exist for the indexes.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("event_window", "system", "retired", "starts", "ends", "id", "fingerprint"),
        Index("event_provider", "provider", "retired", "starts", "ends", "system", "id"),
        Index("event_key", "key"),
        Index("event_person", "system", "person"),
    )
    system: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    provider: str
    kind: str
    fingerprint: str
    starts: datetime | None = Field(default=None, sa_type=Instant)
    ends: datetime | None = Field(default=None, sa_type=Instant)
    observed: Value | None = Field(default=None, sa_type=ValueText)
    observed_at: datetime = Field(sa_type=Instant)
    base: Value | None = Field(default=None, sa_type=ValueText)
    ended: bool = False
    mine: bool = False
    person: str | None = None
    service: str | None = None
    key: str | None = None
    updated_at: datetime | None = Field(default=None, sa_type=Instant)
    written: Value | None = Field(default=None, sa_type=ValueText)
    written_at: datetime | None = Field(default=None, sa_type=Instant)
    former: Value | None = Field(default=None, sa_type=ValueText)
    missing: int = 0
    missing_since: datetime | None = Field(default=None, sa_type=Instant)
    retired: bool = False
    series: str = ""
    original_start: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime | None = Field(default=None, sa_type=Instant)
    off_at: datetime | None = Field(default=None, sa_type=Instant)
    off_seen_at: datetime | None = Field(default=None, sa_type=Instant)
    moved_in_at: datetime | None = Field(default=None, sa_type=Instant)


class BookingRow(_Table, table=True):
    """The meeting itself (`model.Booking`)."""

    __tablename__ = "booking"
    __table_args__ = (Index("booking_provider", "provider", "retired"),)
    id: str = Field(primary_key=True)
    provider: str
    kind: str
    agreed: Value = Field(sa_type=ValueText)
    revision: int = 0
    status_revision: int = 0
    opened_at: datetime | None = Field(default=None, sa_type=Instant)
    rule: str = ""
    retired: bool = False


class ReplicaRow(_Table, table=True):
    """The link of a booking to one of its events (`model.Replica`)."""

    __tablename__ = "replica"
    __table_args__ = (Index("replica_event", "system", "event"),)
    booking: str = Field(primary_key=True, foreign_key="booking.id")
    system: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    role: str
    settled: int = 0
    person: str | None = None


class IntentRow(_Table, table=True):
    """The journal: one write, committed before its request is sent (`model.Intent`)."""

    __tablename__ = "intent"
    __table_args__ = (
        Index("intent_state", "state", "provider"),
        Index("intent_key", "key"),
        Index("intent_event", "system", "event"),
        Index("intent_run", "run"),
    )
    id: str = Field(primary_key=True)
    run: str
    action: str
    system: str
    provider: str
    kind: str
    event: str | None = None
    before: Value | None = Field(default=None, sa_type=ValueText)
    after: Value | None = Field(default=None, sa_type=ValueText)
    bookings: Any = Field(sa_type=JsonText)
    key: str | None = None
    reason: str = ""
    state: str
    opened_at: datetime = Field(sa_type=Instant)
    attempts: int = 0
    job: str = ""
    error: str = ""


class ConflictRow(_Table, table=True):
    """A conflict with all its values (`model.StoredConflict`)."""

    __tablename__ = "conflict"
    __table_args__ = (
        Index("conflict_open", "closed_at", "provider"),
        Index("conflict_run", "run"),
    )
    id: str = Field(primary_key=True)
    kind: str
    provider: str
    subject: str
    claims: Any = Field(sa_type=JsonText)
    inputs: str
    note: str = ""
    rule: str = ""
    held: bool = True
    run: str
    opened_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = ""


class CoverageRow(_Table, table=True):
    """The coverage of the last complete read of a calendar (`model.Coverage`).

    ``first_at`` is the time of the first complete read. ``last_whole_at`` is the time of the last
    read of the whole window, and ``last_whole_ends`` the end of that window.
    """

    __tablename__ = "coverage"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    kinds: str = Field(primary_key=True)
    starts: datetime = Field(sa_type=Instant)
    ends: datetime = Field(sa_type=Instant)
    read_at: datetime = Field(sa_type=Instant)
    first_at: datetime = Field(sa_type=Instant)
    last_whole_ends: datetime | None = Field(default=None, sa_type=Instant)
    last_whole_at: datetime | None = Field(default=None, sa_type=Instant)


class BaselineRow(_Table, table=True):
    """When a calendar was first read in full under its present mapping (`model.Baseline`)."""

    __tablename__ = "baseline"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    mapping: str
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class RunRow(_Table, table=True):
    """A resync, or a cycle of the daemon in which something happened, and its report."""

    __tablename__ = "run"
    __table_args__ = (Index("run_started", "started_at"),)
    id: str = Field(primary_key=True)
    kind: str
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    report: Any = Field(default=None, sa_type=JsonText, nullable=True)


class HistoryRow(_Table, table=True):
    """One line of history (`model.HistoryEntry`)."""

    __tablename__ = "history"
    __table_args__ = (
        Index("history_booking", "booking"),
        Index("history_run", "run"),
        Index("history_provider", "provider"),
    )
    seq: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    run: str
    provider: str
    what: str
    booking: str = ""
    system: str = ""
    event: str = ""
    before: Value | None = Field(default=None, sa_type=ValueText)
    after: Value | None = Field(default=None, sa_type=ValueText)
    rule: str = ""
    detail: str = ""
    place: str = ""
    seen_at: datetime | None = Field(default=None, sa_type=Instant)


class ReportedRow(_Table, table=True):
    """A record or list that cannot be synced, or only with an assumption (`model.ReportedItem`).

    ``back`` and ``ahead`` are seconds.
    """

    __tablename__ = "reported"
    system: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    reason: str
    calendars: Any = Field(sa_type=JsonText)
    back: int
    ahead: int
    since: datetime = Field(sa_type=Instant)
    seen_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class AcknowledgedRow(_Table, table=True):
    """An operator's acknowledgement (`model.Acknowledgement`)."""

    __tablename__ = "acknowledged"
    subject: str = Field(primary_key=True)
    inputs: str
    at: datetime = Field(sa_type=Instant)
    by: str = ""


class HealthRow(_Table, table=True):
    """The health of a system (`model.SystemHealth`)."""

    __tablename__ = "health"
    system: str = Field(primary_key=True)
    state: str
    since: datetime | None = Field(default=None, sa_type=Instant)
    cause: str = ""
    remedy: str = ""
    failures: int = 0
    asked_at: datetime | None = Field(default=None, sa_type=Instant)
    retry_at: datetime | None = Field(default=None, sa_type=Instant)
    writing: bool = False
    secret: str = ""


class AllowanceRow(_Table, table=True):
    """The rate limits of an account and the planned calls (`model.RateAllowance`)."""

    __tablename__ = "allowance"
    system: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    planned: float
    near: float
    far: float
    allowed: float | None = None
    left_today: int | None = None
    day: int | None = None


class FactRow(_Table, table=True):
    """A measured fact of a system (`model.Fact`)."""

    __tablename__ = "fact"
    system: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    at: datetime = Field(sa_type=Instant)


class RotaRow(_Table, table=True):
    """The turn of a provider's full-window reads (`model.PollSlot`)."""

    __tablename__ = "rota"
    provider: str = Field(primary_key=True)
    slice: int


class FreeTimeRow(_Table, table=True):
    """The free slots of a provider in a system, as last read (`model.Availability`)."""

    __tablename__ = "free_time"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    asked_at: datetime = Field(sa_type=Instant)
    starts: datetime = Field(sa_type=Instant)
    ends: datetime = Field(sa_type=Instant)
    offers: Any = Field(sa_type=JsonText)
    fault: str = ""


class ExposureRow(_Table, table=True):
    """An interval that a system still offers although the provider is busy (`model.Exposure`)."""

    __tablename__ = "exposure"
    provider: str = Field(primary_key=True)
    system: str = Field(primary_key=True)
    starts: datetime = Field(primary_key=True, sa_type=Instant)
    ends: datetime = Field(primary_key=True, sa_type=Instant)
    cause: str
    bookings: Any = Field(sa_type=JsonText)
    since: datetime = Field(sa_type=Instant)
    seats: Any = Field(sa_type=JsonText)


class ClosingRow(_Table, table=True):
    """How long it took to block one value of a booking elsewhere (`model.TimeToBlock`)."""

    __tablename__ = "closing"
    __table_args__ = (
        Index("closing_provider", "provider"),
        Index("closing_visible", "visible_at"),
    )
    booking: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    provider: str
    visible_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)


class WaiverRow(_Table, table=True):
    """A booking whose writes in one system an operator undid (`model.UndoSuppression`)."""

    __tablename__ = "waiver"
    booking: str = Field(primary_key=True, foreign_key="booking.id")
    system: str = Field(primary_key=True)
    revision: int
    run: str


class ProvisionedRow(_Table, table=True):
    """A resource that syncd created or changed (`store.queries.provisioned.Provisioned`)."""

    __tablename__ = "provisioned"
    system: str = Field(primary_key=True)
    sort: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    id: str = ""
    state: str
    sent: Any = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=Instant)


class RelationRow(_Table, table=True):
    """The contact link of a booking in a system (`store.queries.relations.StoredRelation`)."""

    __tablename__ = "relation"
    system: str = Field(primary_key=True)
    booking: str = Field(primary_key=True)
    contact: str
    record: str = ""
    relation: str = ""
    at: datetime = Field(sa_type=Instant)


class WaitingRow(_Table, table=True):
    """A write that is wanted but cannot be made now (`model.WaitingWrite`)."""

    __tablename__ = "waiting"
    name: str = Field(primary_key=True)
    system: str
    provider: str
    action: str
    event: str | None = None
    why: str
    starts: datetime = Field(sa_type=Instant)
    ends: datetime = Field(sa_type=Instant)
    since: datetime = Field(sa_type=Instant)


class OwnerChangeRow(_Table, table=True):
    """An event of a calendar that was found under another owner (`model.OwnerChange`)."""

    __tablename__ = "owner_change"
    system: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    owner: str
    holder: str
    proof: str
    value: Value = Field(sa_type=ValueText)
    since: datetime = Field(sa_type=Instant)
    asked_at: datetime = Field(sa_type=Instant)


class CalendarUserRow(_Table, table=True):
    """The user behind a calendar that is mapped by e-mail address (`model.CalendarUser`)."""

    __tablename__ = "calendar_user"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    user: str


class CanaryRow(_Table, table=True):
    """An event that `syncd probe` created to measure a platform (`model.canary.Canary`)."""

    __tablename__ = "canary"
    tag: str = Field(primary_key=True)
    system: str
    provider: str
    starts: datetime = Field(sa_type=Instant)
    ends: datetime = Field(sa_type=Instant)
    made_at: datetime = Field(sa_type=Instant)
    event: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


METADATA = _Table.metadata
PAUSE = METADATA.tables[tables_of_pauses.PauseRow.__tablename__]
HELD_BACK = METADATA.tables[tables_of_pauses.HeldBackRow.__tablename__]
LAST_SETTINGS = METADATA.tables[tables_of_cleanup.LastSettingsRow.__tablename__]
EVENT = METADATA.tables["event"]
BOOKING = METADATA.tables["booking"]
REPLICA = METADATA.tables["replica"]
INTENT = METADATA.tables["intent"]
CONFLICT = METADATA.tables["conflict"]
COVERAGE = METADATA.tables["coverage"]
BASELINE = METADATA.tables["baseline"]
RUN = METADATA.tables["run"]
HISTORY = METADATA.tables["history"]
REPORTED = METADATA.tables["reported"]
ACKNOWLEDGED = METADATA.tables["acknowledged"]
HEALTH = METADATA.tables["health"]
ALLOWANCE = METADATA.tables["allowance"]
FACT = METADATA.tables["fact"]
ROTA = METADATA.tables["rota"]
FREE_TIME = METADATA.tables["free_time"]
EXPOSURE = METADATA.tables["exposure"]
CLOSING = METADATA.tables["closing"]
WAIVER = METADATA.tables["waiver"]
PROVISIONED = METADATA.tables["provisioned"]
RELATION = METADATA.tables["relation"]
WAITING = METADATA.tables["waiting"]
OWNER_CHANGE = METADATA.tables["owner_change"]
CALENDAR_USER = METADATA.tables["calendar_user"]
CANARY = METADATA.tables["canary"]
