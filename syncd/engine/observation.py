"""One read of one system: its request, its working state and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.engine.absence_lookups import MAX_ABSENCE_LOOKUPS, AbsenceLookups
from syncd.engine.owners import OwnerTracker
from syncd.engine.report import SystemStatus
from syncd.model import Changes, Clock, Coverage, Id, Intent, Unproven, Window
from syncd.store.store import Store
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.port import (
    PlatformError,
    RateLimitedError,
    Snapshot,
    StoppingError,
    System,
    UnauthorizedError,
)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """The request for a read of one system (see `reading`).

    ``look_back`` is how long before the window the lists start. ``near`` and ``full`` say which
    window was asked for. With ``by_id``, own blocks that no list shows are looked up.
    ``clock_error`` is the known error of this machine's clock when the window was chosen.
    """

    window: Window
    providers: tuple[str, ...]
    look_back: timedelta
    clock_error: timedelta
    near: bool
    full: bool
    by_id: bool

    def serves(self, wanted: ReadRequest) -> bool:
        """Return true if the result of this earlier request can be used for the wanted one."""
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
"""How far a window may move on while a read is under way."""


@dataclass(slots=True)
class Observation:
    """The result of one read of one system.

    - ``changed_ids``: the changed events, by provider.
    - ``external_changes``: the number of changes by provider, without echoes of syncd's own writes.
    - ``without_user``: providers whose calendar was never read in full, as the system has no such
      user.
    - ``gone``: the number of events that are gone by id, while no complete list proves it.
    - ``unshown``: known events that the lists should show and do not.
    - ``suspected``: the number of events that need another read, not before ``recheck_at``.
    - ``moved_in``: new appointments that were moved into the window.
    - ``writing``: the read succeeded, and a write failed.
    """

    system: str
    state: SystemStatus = SystemStatus.OK
    cause: str = ""
    asked_at: datetime | None = None
    coverage: Sequence[Coverage] = ()
    unproven: Sequence[Unproven] = ()
    changed_ids: dict[str, set[Id]] = field(default_factory=dict)
    news: int = 0
    external_changes: Counter[str] = field(default_factory=Counter)
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
    """The request. None if this is not a cycle's read of a system."""

    @property
    def whole(self) -> list[Coverage]:
        """Return the coverage of the calendars whose lists are all complete."""
        unproven = {each.provider for each in self.unproven}
        return [c for c in self.coverage if c.provider not in unproven]

    @property
    def arrived(self) -> list[Coverage]:
        """Return the coverage of calendars whose rows all arrived, with or without a usable id."""
        at = self.asked_at
        if at is None:
            return [*self.coverage]
        lacking = {each.provider for each in self.unproven if each.incomplete}
        as_read = [Coverage(self.system, u.provider, u.kinds, u.window, at) for u in self.unproven]
        return [c for c in (*self.coverage, *as_read) if c.provider not in lacking]

    def used_clock_error(self, clock_error: timedelta) -> bool:
        """Return true if the window was chosen with about this clock error.

        Otherwise another window was read than intended: lists may begin long before the window,
        but they leave out events that ended before it.
        """
        return self.request is None or abs(self.request.clock_error - clock_error) <= SLACK

    def add_changed(self, provider: str, event: str) -> None:
        """Add a changed event of a provider."""
        self.changed_ids.setdefault(provider, set()).add((self.system, event))

    def suspect(self, begins: datetime | None, count: int = 1) -> None:
        """Count events that need another read, not before this instant. None: no read can help."""
        if begins is not None and count:
            self.suspected += count
            self.recheck_at = min(begins, self.recheck_at or begins)

    def fail(self, fault: PlatformError) -> None:
        """Record a fault of the system, which replaces its state."""
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
        """Record that a write of the system is still open while the other systems are done."""
        self.state, self.cause, self.writing = SystemStatus.SLOW, cause, True

    def fail_write(self, fault: PlatformError) -> None:
        """Record a failed write. A rate limit counts as a failed read too: it stops all calls."""
        was_read = self.state is SystemStatus.OK
        self.fail(fault)
        self.writing = was_read and not isinstance(fault, RateLimitedError)


@dataclass(slots=True)
class SystemRead:
    """The working state of one read. ``changes`` is stored at its end, in one transaction.

    ``asked_at`` is when the lists were requested; later changes are not in them. The lists start
    ``look_back`` before the window. ``lookups_left`` is the number of lookups by id that the read
    may still make. The calendars of ``unsure`` providers were never read with the current mapping.
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
    unsure: AbstractSet[str] = frozenset()
    lookups_left: int = MAX_ABSENCE_LOOKUPS
    snapshot: Snapshot = field(init=False)
    changes: Changes = field(init=False)

    @property
    def span(self) -> Window:
        """Return the window that the lists were asked for, look-back included."""
        return self.window.from_earlier(self.look_back)


def proven_coverage(observed: Mapping[str, Observation]) -> list[Coverage]:
    """Return the complete coverage of all systems that answered."""
    return [c for o in observed.values() if o.state is SystemStatus.OK for c in o.whole]


def whole_window_reads(
    observed: Mapping[str, Observation], clock_error: timedelta
) -> Iterator[tuple[Window, dict[str, Observation]]]:
    """Yield the reads of the whole window, grouped by the window that was asked for.

    Reads whose window was chosen with another clock error are left out: their window is wrong.
    """
    found: dict[Window, dict[str, Observation]] = {}
    for name, seen in observed.items():
        if seen.request is not None and seen.request.full and seen.used_clock_error(clock_error):
            found.setdefault(seen.request.window, {})[name] = seen
    yield from found.items()
