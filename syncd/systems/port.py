"""What the engine asks of a system, what a system declares of itself, and how it may fail.

The error tree is cut by *decision*, not by cause (docs/design.md#replies)::

    PlatformError
    ├── Retryable      nothing happened, or repeating is harmless: try again later
    │   ├── Incomplete a read did not arrive whole: its rows count, its gaps do not
    │   ├── Delayed    a write was not sent, because its deadline passed in the queue
    │   └── Interrupted  a call was not sent, because syncd is ending: says nothing of the system
    ├── RateLimitedError    wait `wait` seconds
    ├── UnauthorizedError       a person must renew the secret or its rights
    ├── Rejected       repeating cannot help; `why` says which refusal
    └── Ambiguous      sent, and no trustworthy answer: read before anything else
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from syncd.model import Action, Kind, Status, Topic, capped_wait
from syncd.model.whole_record import SYNCD_FIELDS, RecordFields
from syncd.systems.call_stats import CallStats as CallStats  # noqa: PLC0414 - part of the port
from syncd.systems.replies import Accepted as Accepted  # noqa: PLC0414 - part of the port
from syncd.systems.replies import Done as Done  # noqa: PLC0414 - part of the port
from syncd.systems.replies import Reply as Reply  # noqa: PLC0414 - part of the port
from syncd.systems.replies import TargetChanged as TargetChanged  # noqa: PLC0414 - part of the port
from syncd.systems.sightings import Found as Found  # noqa: PLC0414 - part of the port
from syncd.systems.sightings import Gone as Gone  # noqa: PLC0414 - part of the port
from syncd.systems.sightings import LookupResult as LookupResult  # noqa: PLC0414 - part of the port
from syncd.systems.sightings import Unknown as Unknown  # noqa: PLC0414 - part of the port

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from syncd.model import (
        Action,
        Buffer,
        BulkCall,
        Coverage,
        Event,
        EventRef,
        Offer,
        Operation,
        Person,
        Unproven,
        UserDirectory,
        Value,
        Window,
    )
    from syncd.model.whole_record import WholeRecord
    from syncd.systems.facts import FactStore
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.probing import Prober


# --- errors -----------------------------------------------------------------------------------


class PlatformError(Exception):
    """Anything that a system may do instead of answering. Carries data; `remedies` makes it words.

    ``call`` is method and path without query, ``status`` the HTTP status (None: no answer),
    ``detail`` the platform's own words, already free of secrets and personal data.
    """

    without_status = "did not answer"
    """What is said where there is no status."""

    def __init__(
        self, system: str, call: str = "", *, status: int | None = None, detail: str = ""
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status, detail)
        self.system = system
        self.call = call
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        """One line for a log: what failed, how."""
        how = self.without_status if self.status is None else f"answered {self.status}"
        return f"{self.system}: {self.call} {how}{': ' + self.detail if self.detail else ''}"


class RetryableError(PlatformError):
    """Nothing happened, or repeating is harmless."""


class IncompleteReadError(RetryableError):
    """A read did not arrive whole, or its body was odd."""

    without_status = "answered oddly"


class DelayedError(RetryableError):
    """The request was not sent: the budget had room for it only after its deadline."""


class StoppingError(RetryableError):
    """The request was not sent: syncd is told to end. It says nothing about the system."""

    without_status = "was not sent: syncd is ending"


class RateLimitedError(PlatformError):
    """The account's budget is spent; ``wait`` is in seconds, and capped."""

    def __init__(
        self,
        system: str,
        call: str = "",
        *,
        wait: float,
        status: int | None = None,
        detail: str = "",
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status=status, detail=detail)
        self.wait = capped_wait(wait, daily=True)


class UnauthorizedError(PlatformError):
    """The secret, its scope or its location is not accepted (any more)."""


class RejectionReason(StrEnum):
    """Why a system refused for good.

    GONE proves that a record is not there. UNKNOWN_ID only says that the system cannot find what a
    call names: enough for a lookup by key, and no proof that an event was deleted.
    """

    GONE = "gone"
    UNKNOWN_ID = "unknown_id"
    SLOT_TAKEN = "slot_taken"
    OWNER_MISSING = "owner_missing"
    UNFIT = "unfit"


class RejectedError(PlatformError):
    """The system will not do this, however often it is asked.

    ``each``: every row of a bulk call is refused, so that its parts would be, too. Otherwise one
    row may have caused the refusal of the others.
    """

    def __init__(
        self,
        system: str,
        call: str = "",
        *,
        why: RejectionReason = RejectionReason.UNFIT,
        status: int | None = None,
        detail: str = "",
        each: bool = False,
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status=status, detail=detail)
        self.why, self.each = why, each


class UnknownOutcomeError(PlatformError):
    """The request was sent and no trustworthy answer came: it may have taken effect."""


class UnreadableError(ValueError):
    """A record that cannot be read, or only with an assumption; ``topic`` says which.

    ``provider`` is whose calendar it concerns, '' if it may be any of ``providers``. ``event`` is
    the record's id, or the name of a list; ``began`` is the record's start, if that can be read
    and has passed.
    """

    def __init__(
        self,
        system: str,
        event: str,
        reason: str,
        topic: Topic = Topic.UNREADABLE,
        provider: str = "",
        providers: Collection[str] = (),
        began: datetime | None = None,
    ) -> None:
        """Keep which record it is, and the ``reason``, without personal data."""
        super().__init__(f"{system}: record {event or '(no id)'}: {reason}")
        self.system, self.event = system, event
        self.reason, self.topic = reason, topic
        self.provider, self.providers, self.began = provider, providers, began


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be relied on, by what was `MeasuredFacts`: the engine never asks for the platform.

    - ``grain``: values are kept to this; syncd cuts to it before it compares or writes.
    - ``lag``: a read may be this much older than a write that was answered.
    - ``gone_proofs``: per kind, in how many separate cycles `System.read_one` must say Gone before
      an absence is believed.
    - ``refused_when_gone``: the kinds whose deleted events may be refused when they are read by id,
      with a status that says nothing of deletion. Then lists must prove it (`core.absence`).
    - ``statuses``: what an appointment will show after syncd wrote a status; a status that is not a
      key cannot be written.
    - ``bulk``: the bulk call that carries out an action, ``bulk_statuses`` the one that sets a
      status. Operations of one bulk call share a request; all others have one each.
    - ``asynchronous``: actions that are only accepted, and must be confirmed by reading.
    - ``bulk_only``: actions that the platform offers only in bulk, so no re-read precedes them.
    - ``key_survives``: a block's key comes back on a read.
    - ``gone_by_list``: the kinds whose end only a list can prove, as nothing reads them by id. A
      list proves nothing of a user that is missing.
    - ``lists_blocks``: its lists are known to show blocks; where they may not, no more than one is
      under way, as none is found again after a crash.
    - ``reach``: the systems in which its busy time closes anything; None: in all others. One with a
      reach is never written to.
    - ``update_replaces``: an update replaces the record: a field that it leaves out is reset (an
      appointment's status to confirmed, texts to nothing). `System.write` then reads the record
      immediately before, whatever its age, and compares it afterwards.
    - ``update_sets_status``: the update that moves an appointment may set its status.
    - ``update_keeps_end``: an update keeps its end; else `System.write` reads it afterwards.
    - ``meetings_keep_end``: the same of customers' meetings, where a measurement is not enough.
    - ``notifies``: writes to an appointment may reach the customer whatever syncd asks.
    - ``rows_carry_owner``, ``rows_carry_end``: rows name their owner by address, and have an end.
      Known of an account, a row without it is an exception, and reported on its own. Where it is
      not known, the owner is found by id, a length is assumed, and one report is for all rows.
    - ``completing_changes_end``: completing an appointment may set its end to the time when that
      was done, so while it is complete its end is the one that is known of it,
      unless it shows one that is still to come.
    - ``slots_ahead``: how far ahead of now one question for free slots reaches.
    - ``lists_cancelled``: lists show appointments that are off; else a cancellation is read by id.
    - ``record_fields``: what the fields of `System.whole` are for.
    """

    grain: timedelta = timedelta(seconds=1)
    lag: timedelta = timedelta(seconds=30)
    gone_proofs: Mapping[Kind, int] = field(
        default_factory=lambda: {Kind.APPOINTMENT: 1, Kind.BLOCK: 2}
    )
    statuses: Mapping[Status, Status] = field(default_factory=lambda: {s: s for s in Status})
    bulk: Mapping[Action, BulkCall] = field(default_factory=dict)
    bulk_statuses: Mapping[Status, BulkCall] = field(default_factory=dict)
    asynchronous: frozenset[Action] = frozenset()
    bulk_only: frozenset[Action] = frozenset()
    key_survives: bool = True
    gone_by_list: frozenset[Kind] = frozenset()
    refused_when_gone: frozenset[Kind] = frozenset()
    lists_blocks: bool = True
    reach: frozenset[str] | None = None
    update_replaces: bool = False
    update_sets_status: bool = False
    update_keeps_end: bool = True
    meetings_keep_end: bool = True
    series_writes: bool = False  # Whether a write to an instance of a series touches it only.
    series_held: bool = False  # Whether the configuration holds such writes.
    notifies: bool = False
    rows_carry_owner: bool = True
    rows_carry_end: bool = True
    completing_changes_end: bool = False
    slots_ahead: timedelta = timedelta(days=31)
    lists_cancelled: bool = True
    record_fields: RecordFields = SYNCD_FIELDS

    def bulk_of(self, operation: Operation) -> BulkCall | None:
        """Return the bulk call that carries out an operation, None where it has a call alone."""
        if operation.action is Action.SET_STATUS:
            after = operation.after
            return None if after is None else self.bulk_statuses.get(after.status)
        return self.bulk.get(operation.action)


# --- what a read brings -----------------------------------------------------------------------

NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})
"""To be told every row."""

NO_LOOK_BACK = timedelta(0)
"""Nothing is listed that began before the window."""


class Row(NamedTuple):
    """One row of a list, reduced to what diffing needs; ``wire`` is parsed only where it differs.

    ``fingerprint`` spells the fields that matter (never personal data), and is equal exactly when
    they are.
    """

    id: str
    provider: str
    fingerprint: str
    wire: object


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read: its rows, what it proved complete, and what of it could not be read.

    Rows are deduplicated by id. A scope that failed has no coverage; its rows still count as news.
    So do those of an ``unproven`` one, which is no fault: what it lacks proves nothing.
    ``units`` tells of rooms and equipment how many of them can be in use at once.
    ``refused`` are the providers of whom the system refuses to list anything, perhaps because it no
    longer has that user: nothing is covered of them, and the other rows count.
    ``users`` are the ids of the users behind calendars that are mapped by address, as rows tell.
    ``same`` are the ids that were listed just as the caller knew them; they may be among the rows,
    too, and then the row counts.
    """

    system: str
    rows: Sequence[Row]
    coverage: Sequence[Coverage]
    faults: Sequence[PlatformError] = ()
    malformed: Sequence[UnreadableError] = ()
    units: Mapping[str, int] = field(default_factory=dict)
    same: Collection[str] = ()
    refused: Mapping[str, RejectedError] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    unproven: Sequence[Unproven] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of `syncd check`: level is 'ok', 'note', 'warning' or 'error'.

    A note is worth reading, and nothing is wrong: it changes no exit code.
    """

    level: str
    subject: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ListCall:
    """One list call of a read; the pages that may follow it cannot be planned.

    ``call`` is method and path; ``selector`` the parameter that says whose events are asked for,
    ``ids`` its values. ``span`` is the time asked for: the window, and as much more as the platform
    leaves unclear. The coverage of the ``kinds`` of these ``providers`` hangs on it.
    """

    call: str
    kinds: frozenset[Kind]
    selector: str
    ids: tuple[str, ...]
    providers: frozenset[str]
    span: Window


class System(Protocol):
    """One account on one platform."""

    name: str
    providers: Collection[str]
    facts: FactStore

    @property
    def capabilities(self) -> Capabilities:
        """What can be relied on, as it follows from what was measured so far."""
        ...

    @property
    def measured(self) -> MeasuredFacts:
        """What was measured of the account's uncertain facts (`model.platform_facts`)."""
        ...

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers' events in the window (all mapped ones by default), in fewest calls.

        Platforms list what *begins* in the time asked for. So the lists start ``look_back`` before
        the window, the coverage with them; rows that ended before the window are left out.
        ``known`` holds fingerprints by id, of events that touch the window. What is listed with the
        same one may be told in `Snapshot.same` instead of as a row: nothing more is kept of it.

        Raises UnauthorizedError, RateLimitedError or RetryableError only when nothing at all could
        be read.
        """
        ...

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        ...

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look for one event; ``value`` is where it was last seen. Raises PlatformError."""
        ...

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Read all fields of one appointment. Raises PlatformError."""
        ...

    async def users(self) -> UserDirectory:
        """Read the account's users now; nothing is kept. Raises PlatformError."""
        ...

    async def person(self, event: Event) -> Person | None:
        """Look up the addresses of an event's customer; None if it has none.

        Raises PlatformError.
        """
        ...

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Carry out operations that share one call (`Capabilities.bulk_of`).

        Raises PlatformError.
        """
        ...

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """The spans in the window that can be booked with the provider. Raises PlatformError."""
        ...

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """The list calls that `read` makes, as far as is known without asking: the fewest."""
        ...

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """How many calls `read` makes when nothing is paged."""
        ...

    async def prober(self) -> Prober:
        """Return what measures the account's uncertain facts. Raises PlatformError at rest."""

    async def check(self) -> Sequence[CheckResult]:
        """Look at credentials, rights and mapping without writing. Raises no PlatformError."""

    @property
    def seats(self) -> Mapping[str, int]:
        """How many meetings a service may have at one time, as far as is known; else one."""

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """What blocks in other systems cover beside a meeting, by service, as last known."""

    @property
    def traffic(self) -> CallStats:
        """Counters and learned limits so far."""

    async def aclose(self) -> None:
        """Give back the connections."""
