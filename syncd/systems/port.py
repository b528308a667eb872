"""The protocol between the engine and a system: calls and capabilities; see also `errors`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple, Protocol

from syncd.model import (
    Action,
    Buffer,
    BulkCall,
    Coverage,
    Event,
    EventRef,
    Kind,
    Offer,
    Operation,
    Person,
    Status,
    Unproven,
    UserDirectory,
    Value,
    Window,
)
from syncd.model.event_fields import SYNCD_FIELDS, EventFields, FieldPurposes
from syncd.systems.call_stats import CallStats
from syncd.systems.errors import PlatformError, RejectedError, UnreadableError
from syncd.systems.facts import FactStore
from syncd.systems.lookup_results import LookupResult
from syncd.systems.measured import MeasuredFacts
from syncd.systems.probing import Prober
from syncd.systems.replies import Reply


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine may rely on in a system. The engine never checks the type of the platform.

    The values follow from the platform's documentation and from `MeasuredFacts`.

    - ``grain``: the granularity of times; syncd rounds times to it before it compares or writes.
    - ``lag``: a list may still show the state of this long ago, and so lack a finished write.
    - ``gone_proofs``: per kind, in how many cycles `System.read_one` must return Gone before an
      event counts as deleted.
    - ``refused_when_gone``: the kinds whose deleted events may be refused on a read by id with a
      status that does not prove deletion. Then lists must prove it (`core.event_state.absence`).
    - ``statuses``: the status that an appointment shows after syncd wrote a status; a status that
      is not a key cannot be written.
    - ``bulk``: the bulk call of an action; ``bulk_statuses``: the bulk call that sets a status.
    - ``asynchronous``: actions that the platform only queues; a later read must confirm them.
    - ``bulk_only``: actions that exist only as a bulk call, so no re-read precedes them.
    - ``key_survives``: a read shows the tag of a block.
    - ``gone_by_list``: the kinds whose deletion only a list can prove, because no call reads such
      events by id. The list of a missing user proves nothing.
    - ``lists_blocks``: lists are known to show blocks. Otherwise blocks are created one at a time,
      because a block whose id was lost in a crash cannot be found again.
    - ``reach``: the systems in which busy time of this system is blocked; None means all others. A
      system with a reach is never written to.
    - ``update_replaces``: an update resets each field that it omits (the status of an appointment
      to confirmed, texts to empty). `System.write` then reads the record immediately before the
      update, however recent the last read is, and compares the record after the update.
    - ``update_sets_status``: the update that moves an appointment may also set its status.
    - ``update_keeps_end``: an update of a block keeps its end; otherwise `System.write` checks the
      end after the update. ``meetings_keep_end``: the same for meetings, about which a measurement
      on a block proves nothing.
    - ``series_writes``: a write to an instance of a series changes only that instance;
      ``series_waits``: the configuration holds such writes back.
    - ``notifies``: a write to an appointment may notify the customer, whatever syncd requests.
    - ``rows_carry_owner``, ``rows_carry_end``: list rows contain the owner's address, and an end;
      each row without it is reported. If False, one report covers all rows.
    - ``completing_changes_end``: completing an appointment may set its end to the current time, so
      the end of a completed appointment is ignored unless it is in the future.
    - ``slots_ahead``: how far ahead of now one call for free slots reaches.
    - ``lists_cancelled``: lists show cancelled appointments; otherwise each is read by id.
    - ``field_purposes``: the meaning of the fields of `System.whole`.
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
    series_writes: bool = False
    series_waits: bool = False
    notifies: bool = False
    rows_carry_owner: bool = True
    rows_carry_end: bool = True
    completing_changes_end: bool = False
    slots_ahead: timedelta = timedelta(days=31)
    lists_cancelled: bool = True
    field_purposes: FieldPurposes = SYNCD_FIELDS

    def bulk_of(self, operation: Operation) -> BulkCall | None:
        """Return the bulk call of an operation; None if the operation is sent in its own call."""
        if operation.action is Action.SET_STATUS:
            after = operation.after
            return None if after is None else self.bulk_statuses.get(after.status)
        return self.bulk.get(operation.action)


NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})
"""No known fingerprints: `System.read` returns every row."""

NO_LOOK_BACK = timedelta(0)
"""No look-back: only events that begin in the window are listed."""


class Row(NamedTuple):
    """One row of a list, reduced to what a comparison needs; ``wire`` is the row as sent.

    ``fingerprint`` contains the fields that matter, without personal data: two fingerprints are
    equal exactly if these fields are. `System.event` parses ``wire`` only for a new fingerprint.
    """

    id: str
    provider: str
    fingerprint: str
    wire: object


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read of some calendars, as `System.read` returns it.

    - ``rows``: the list rows, without duplicates of an id.
    - ``coverage``: the windows that the read proved complete. A failed list has no coverage; its
      rows still count as changes.
    - ``faults``: the errors of failed lists; ``malformed``: rows that could not be read.
    - ``unproven``: windows whose lists did not fail, but may lack rows.
    - ``units``: by provider, how many of a room or piece of equipment can be in use at once.
    - ``refused``: providers whose lists the system refuses; they have no coverage.
    - ``users``: user ids, as seen in rows, of providers that are mapped by e-mail address.
    - ``same``: ids that were listed with the known fingerprint. An id also in ``rows`` changed.
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
    """One line of `syncd check`; ``level`` is 'ok', 'note' (exit code 0), 'warning' or 'error'."""

    level: str
    subject: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ListCall:
    """One planned list call of a read, without the pages that may follow.

    ``call`` is the method and path. ``selector`` is the parameter that selects calendars or users,
    and ``ids`` its values. ``span`` is the requested time: the window, plus margins where the
    meaning of the platform's filter is unclear. If the call fails, the ``kinds`` of events of these
    ``providers`` have no coverage.
    """

    call: str
    kinds: frozenset[Kind]
    selector: str
    ids: tuple[str, ...]
    providers: frozenset[str]
    span: Window


class Account(Protocol):
    """One account on one platform, without its calls.

    ``name`` is its name in ``[systems]``; ``providers`` are the providers mapped to a calendar in
    it.
    """

    name: str
    providers: Collection[str]
    facts: FactStore

    @property
    def capabilities(self) -> Capabilities:
        """What the engine may rely on, given the facts measured so far."""
        ...

    @property
    def measured(self) -> MeasuredFacts:
        """The measured facts of the account (`model.platform_facts`)."""
        ...

    @property
    def seats(self) -> Mapping[str, int]:
        """How many meetings a service takes at one time, as last known; 1 for missing services."""
        ...

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """The buffers around meetings by service, as last known; blocks elsewhere cover them."""
        ...

    @property
    def traffic(self) -> CallStats:
        """The call statistics so far."""
        ...


class Reader(Account, Protocol):
    """An account whose lists of events can be read."""

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read the events of ``providers`` (default: all mapped ones) in as few calls as possible.

        Platforms list events that *begin* in the requested time, so lists and coverage start
        ``look_back`` before the window, to show events that are still running when it begins; rows
        that ended before the window are omitted. ``known`` maps the ids of events in the window to
        stored fingerprints; a row with its known fingerprint may be returned in `Snapshot.same`.

        Raises UnauthorizedError, RateLimitedError or RetryableError only if no list could be read.
        """
        ...

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        ...

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Return the list calls that `read` would make, from cached data; makes no call."""
        ...

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return how many calls `read` makes if no list has more than one page."""
        ...


class Lookups(Account, Protocol):
    """An account in which single records can be looked up. Each method raises PlatformError."""

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look up one event by id; ``value`` is its last known value."""
        ...

    async def whole(self, ref: EventRef) -> EventFields:
        """Read all fields of one appointment."""
        ...

    async def users(self) -> UserDirectory:
        """Read the account's users now, without a cache."""
        ...

    async def customer(self, event: Event) -> Person | None:
        """Read the customer's addresses; None if the event has no customer."""
        ...


class Writer(Account, Protocol):
    """An account that can be written to."""

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Send one operation, or several of the same bulk call (`Capabilities.bulk_of`).

        Raises PlatformError.
        """
        ...


class SlotReader(Account, Protocol):
    """An account that offers free slots."""

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return the provider's free slots in the window. Raises PlatformError."""
        ...


class System(Reader, Lookups, Writer, SlotReader, Protocol):
    """One account with all of its calls; each adapter implements this protocol.

    A function asks for the smallest of the protocols above that it needs.
    """

    async def prober(self) -> Prober:
        """Return the account's prober. Raises PlatformError while the circuit breaker is open."""

    async def check(self) -> Sequence[CheckResult]:
        """Check credentials, permissions and mapping; write nothing, raise no PlatformError."""

    async def aclose(self) -> None:
        """Close the connections."""
