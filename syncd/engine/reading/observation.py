"""One read of one system: its request, its working state and its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.engine.reading.absence_lookups import MAX_ABSENCE_LOOKUPS, AbsenceLookups
from syncd.engine.reading.owners import OwnerTracker
from syncd.engine.report.run_report import SystemStatus
from syncd.model import Changes, Clock, Coverage, Id, Intent, Unproven, Window
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, RateLimitedError, StoppingError, UnauthorizedError
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.port import Snapshot, System


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What one read of one system was asked to do (see `reading`).

    - ``window``: the time to read; ``providers``: whose calendars.
    - ``look_back``: the lists start this long before the window.
    - ``near``: only the near window is read. ``full``: the whole window is read.
    - ``by_id``: syncd's own blocks that no list shows are looked up by id.
    - ``clock_error``: the error of this machine's clock that was known when the window was chosen.
    """

    window: Window
    providers: tuple[str, ...]
    look_back: timedelta
    clock_error: timedelta
    near: bool
    full: bool
    by_id: bool

    def serves(self, wanted: ReadRequest) -> bool:
        """Return true if the result of this earlier request also answers the ``wanted`` request.

        Used when a slow read ends after its cycle: the next cycle may use the result instead of
        reading.
        """
        return (
            self.near <= wanted.near
            and self.full >= wanted.full
            and self.by_id >= wanted.by_id
            and self.look_back >= wanted.look_back
            and {*self.providers} >= {*wanted.providers}
            and self.window.start <= wanted.window.start + SLACK
            and self.window.end + SLACK >= wanted.window.end
        )


SLACK = timedelta(minutes=10)
"""How far the window may move on while a read runs: windows that differ by less are the same."""


@dataclass(slots=True)
class Observation:
    """The result of one read of one system in a cycle.

    - ``state``, ``cause``: whether the system responded, and why not; ``fault``: the error behind
      it.
    - ``asked_at``: when the lists were requested.
    - ``coverage``: the windows that were proven complete; ``unproven``: the windows that were
      listed, but not proven complete.
    - ``changed_ids``: the events with a change, by provider; ``news``: the number of changes.
    - ``suspected``: the number of events that need another read, not before ``recheck_at``.
    - ``unshown``: known events that the lists should show and do not, with their providers.
    - ``gone``: the number of events that do not exist by id, while no complete list proves that.
    - ``writing``: the read succeeded, and a write failed or is late.
    - ``units``: how many units of a resource exist, by provider.
    - ``without_user``: providers whose calendar was never read in full, as the system has no such
      user.
    - ``moved_in``: ids of appointments that were moved into the window (see `moved_into_window`).
    """

    system: str
    state: SystemStatus = SystemStatus.OK
    cause: str = ""
    asked_at: datetime | None = None
    coverage: Sequence[Coverage] = ()
    unproven: Sequence[Unproven] = ()
    changed_ids: dict[str, set[Id]] = field(default_factory=dict)
    news: int = 0
    suspected: int = 0
    recheck_at: datetime | None = None
    unshown: Mapping[str, str] = field(default_factory=dict)
    gone: int = 0
    remarks: list[str] = field(default_factory=list)
    fault: PlatformError | None = None
    writing: bool = False
    units: Mapping[str, int] = field(default_factory=dict)
    without_user: AbstractSet[str] = frozenset()
    moved_in: set[str] = field(default_factory=set)
    request: ReadRequest | None = None
    """The request of the read. None for other reads, such as that of `ResourceBlocks`."""

    @property
    def whole(self) -> list[Coverage]:
        """Return the coverage of the providers without any unproven list."""
        unproven = {each.provider for each in self.unproven}
        return [c for c in self.coverage if c.provider not in unproven]

    @property
    def arrived(self) -> list[Coverage]:
        """Return the windows of the providers whose rows all arrived, readable or not.

        Unlike `whole`, this includes lists that are unproven only because a row has no usable id.
        """
        at = self.asked_at
        if at is None:
            return [*self.coverage]
        lacking = {each.provider for each in self.unproven if each.incomplete}
        as_read = [Coverage(self.system, u.provider, u.kinds, u.window, at) for u in self.unproven]
        return [c for c in (*self.coverage, *as_read) if c.provider not in lacking]

    def used_clock_error(self, clock_error: timedelta) -> bool:
        """Return true if the window was chosen with (nearly) this error of the clock.

        If the clock was corrected during the read, another window was read than intended: the lists
        may begin long before the window, but they omit events that ended before the window that was
        read.
        """
        return self.request is None or abs(self.request.clock_error - clock_error) <= SLACK

    def add_changed(self, provider: str, event: str) -> None:
        """Record that an event of a provider has changed, so that a decision follows."""
        self.changed_ids.setdefault(provider, set()).add((self.system, event))

    def suspect(self, begins: datetime | None, count: int = 1) -> None:
        """Count events that need another read, not before ``begins``. None: no read can help."""
        if begins is not None and count:
            self.suspected += count
            self.recheck_at = min(begins, self.recheck_at or begins)

    def fail(self, fault: PlatformError) -> None:
        """Record a fault of the system; ``state`` and ``cause`` follow from the fault."""
        self.fault, self.writing = strip_traceback(fault), False
        match fault:
            case UnauthorizedError():
                self.state = SystemStatus.UNAUTHORISED
            case StoppingError():
                self.state = SystemStatus.INTERRUPTED
            case _:
                self.state = SystemStatus.DOWN
        self.cause = str(fault)

    def mark_slow(self, cause: str) -> None:
        """Record that a write of this system still runs while those of all others have ended."""
        self.state, self.cause, self.writing = SystemStatus.SLOW, cause, True

    def fail_write(self, fault: PlatformError) -> None:
        """Record a failed write after the read.

        A rate limit counts as a failed read too, because a rate-limited platform rejects all calls.
        """
        was_read = self.state is SystemStatus.OK
        self.fail(fault)
        self.writing = was_read and not isinstance(fault, RateLimitedError)


@dataclass(slots=True)
class SystemRead:
    """The working state of one read of one system, passed from step to step (see `reading`).

    - ``window``: the time to read; ``look_back``: the lists start this long before the window.
    - ``asked_at``: when the lists were requested; changes after this time are not in the lists.
    - ``intents``: the open writes of the journal; ``owners``: the changes of owner of this read.
    - ``seen``: the observation that the read fills.
    - ``probes``: the lookups by id of earlier reads, for proofs of absence.
    - ``first_read_pending``: providers whose calendar was never read in full with the calendar that
      is mapped now.
    - ``lookups_left``: how many events this read may still look up by id.
    - ``snapshot``: what the lists returned; ``changes``: what the read stores at its end, in one
      transaction.
    """

    system: System
    store: Store
    clock: Clock
    window: Window
    intents: Sequence[Intent]
    owners: OwnerTracker
    seen: Observation
    asked_at: datetime
    look_back: timedelta
    probes: AbsenceLookups
    first_read_pending: AbstractSet[str] = frozenset()
    lookups_left: int = MAX_ABSENCE_LOOKUPS
    snapshot: Snapshot = field(init=False)
    changes: Changes = field(init=False)

    @property
    def span(self) -> Window:
        """Return the window that the lists were asked for: ``window``, ``look_back`` included."""
        return self.window.from_earlier(self.look_back)


def proven_coverage(observed: Mapping[str, Observation]) -> list[Coverage]:
    """Return the complete coverage (`Observation.whole`) of all systems that responded."""
    return [c for o in observed.values() if o.state is SystemStatus.OK for c in o.whole]


def whole_window_reads(
    observed: Mapping[str, Observation], clock_error: timedelta
) -> Iterator[tuple[Window, dict[str, Observation]]]:
    """Yield the reads of the whole window, by system, grouped by the requested window.

    ``clock_error`` is the current one. Reads whose window was chosen with another clock error are
    left out: they read another window than intended.
    """
    found: dict[Window, dict[str, Observation]] = {}
    for name, seen in observed.items():
        if seen.request is not None and seen.request.full and seen.used_clock_error(clock_error):
            found.setdefault(seen.request.window, {})[name] = seen
    yield from found.items()
