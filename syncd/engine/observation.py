"""One read of one system: what it works with, and what it brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.engine.absence_lookups import MAX_LOOKUPS, AbsenceLookups
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
    """What a read of one system was asked for, and how deep it goes (see `reading`).

    ``clock_error`` is how wrong this machine's clock was taken to be when the window was chosen.
    """

    window: Window
    providers: tuple[str, ...]
    look_back: timedelta
    clock_error: timedelta
    near: bool
    full: bool
    by_id: bool

    def serves(self, wanted: ReadRequest) -> bool:
        """Whether a read that was asked for earlier can stand for one that is wanted now."""
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
"""How far a window may have moved on with time while a read was under way."""


@dataclass(slots=True)
class Observation:
    """What one read of one system brought. ``changed_ids`` are the events with news, by provider.

    ``external_changes`` counts their news, echoes of what syncd wrote left out. ``without_user``
    are the providers whose calendar was never read whole, as the system has no such user. ``gone``
    counts the events that the system says are gone while no whole list proves it, ``unshown`` holds
    known ones that its lists should show and do not. ``suspected`` counts the events of which
    another look, not before ``recheck_at``, can tell more. ``moved_in`` are new appointments
    that were moved into the window. ``writing``: it was read, and a write failed.
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
    """What it was asked for; None: something other than a cycle's read of a system."""

    @property
    def whole(self) -> list[Coverage]:
        """What was proven of the calendars of which every list proved to be whole."""
        unproven = {each.provider for each in self.unproven}
        return [c for c in self.coverage if c.provider not in unproven]

    @property
    def arrived(self) -> list[Coverage]:
        """Where every row of a calendar arrived, also where some of them have no usable id."""
        at = self.asked_at
        if at is None:
            return [*self.coverage]
        lacking = {each.provider for each in self.unproven if each.lacking}
        as_read = [Coverage(self.system, u.provider, u.kinds, u.window, at) for u in self.unproven]
        return [c for c in (*self.coverage, *as_read) if c.provider not in lacking]

    def used_clock_error(self, clock_error: timedelta) -> bool:
        """Whether its window was chosen by the clock as it is known to be wrong, or right, now.

        Else it was another window than is meant. Lists may begin long before it, and yet they leave
        out what was over when it began.
        """
        return self.request is None or abs(self.request.clock_error - clock_error) <= SLACK

    def add_changed(self, provider: str, event: str) -> None:
        """Note that an event is news to a provider."""
        self.changed_ids.setdefault(provider, set()).add((self.system, event))

    def suspect(self, begins: datetime | None, count: int = 1) -> None:
        """Note that another look, not before this instant, can tell more; None: it cannot."""
        if begins is not None and count:
            self.suspected += count
            self.recheck_at = min(begins, self.recheck_at or begins)

    def fail(self, fault: PlatformError) -> None:
        """Note that the system did not answer as it should."""
        self.fault, self.writing = strip_traceback(fault), False
        match fault:
            case UnauthorizedError():
                self.state = SystemStatus.UNAUTHORISED
            case StoppingError():
                self.state = SystemStatus.INTERRUPTED
            case _:
                self.state = SystemStatus.DOWN
        self.cause = str(fault)

    def late(self, what: str) -> None:
        """Note that the system has not answered a write when others were done with theirs."""
        self.state, self.cause, self.writing = SystemStatus.SLOW, what, True

    def fail_write(self, fault: PlatformError) -> None:
        """Note that the system did not take a write; without calls, it cannot be read, either."""
        was_read = self.state is SystemStatus.OK
        self.fail(fault)
        self.writing = was_read and not isinstance(fault, RateLimitedError)


@dataclass(slots=True)
class SystemRead:
    """One read while it is worked on. ``changes`` is stored at its end, all at once.

    ``asked_at`` is when the lists were asked for: nothing in them is younger. The lists start
    ``look_back`` before the window. ``lookups_left`` is how many events may still be asked for by
    id in it. The calendars of ``unsure`` providers were not read before as they are mapped now.
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
    lookups_left: int = MAX_LOOKUPS
    snapshot: Snapshot = field(init=False)
    changes: Changes = field(init=False)

    @property
    def span(self) -> Window:
        """The time of which the lists were asked."""
        return self.window.from_earlier(self.look_back)


def proven_by(observed: Mapping[str, Observation]) -> list[Coverage]:
    """Return what the systems that answered proved to be complete."""
    return [c for o in observed.values() if o.state is SystemStatus.OK for c in o.whole]


def in_full(
    observed: Mapping[str, Observation], clock_error: timedelta
) -> Iterator[tuple[Window, dict[str, Observation]]]:
    """Yield what was read of the whole window, by the window that was asked for.

    By a clock that proved wrong since, or right, another window was asked for than is meant.
    """
    found: dict[Window, dict[str, Observation]] = {}
    for name, seen in observed.items():
        if seen.request is not None and seen.request.full and seen.used_clock_error(clock_error):
            found.setdefault(seen.request.window, {})[name] = seen
    yield from found.items()
