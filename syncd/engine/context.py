"""The context of the engine: what every phase of a cycle is given.

Functions of the engine take a `Context`, or the parts of it that they need; none takes the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.conflicts.resolution import Resolution
from syncd.core.health.clock_check import RIGHT
from syncd.engine.availability.exposure_tracker import ExposureTracker
from syncd.engine.cleanup.context import Cleaner
from syncd.engine.deciding.customer_lookup import CustomerLookup
from syncd.engine.deciding.dirty import DirtyProviders
from syncd.engine.policy import EnginePolicy, IdSource, PollSelector, select_all
from syncd.engine.probing.canaries import Canaries
from syncd.engine.reading.absence_lookups import AbsenceLookups
from syncd.engine.reading.first_read import ReadProgress
from syncd.engine.reading.moved_in_queue import MovedInQueue
from syncd.engine.reading.observation import Observation
from syncd.engine.reading.recent_changes import RecentChanges
from syncd.engine.reading.running_events import RunningEvents
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.engine.resources.sources import ResourceSources
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.held_back_log import HeldBackLog
from syncd.engine.writing.pauses import WritePauses
from syncd.engine.writing.waiting import WaitingWrites
from syncd.model import Clock, Kind, Operation, WaitReason, Window
from syncd.store.queries.facts import facts
from syncd.store.queries.status_query import CLOCK_ERROR, THIS_MACHINE
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.stopping import Stopping


@dataclass(slots=True)
class Context:
    """What every phase of a cycle is given: one per state, shared by all cycles of the process.

    ``mapping``: the systems of each provider. ``why_suspended`` returns why a system gets no writes
    now, or None. ``admit`` returns the operations that may be written. ``answers``: the operator's
    resolutions by conflict id, used once each.
    """

    systems: Mapping[str, System]
    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    ids: IdSource
    customers: CustomerLookup
    policy: EnginePolicy
    stopping: Stopping = field(default_factory=Stopping)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    why_suspended: Callable[[str], WaitReason | None] = lambda _system: None
    admit: Callable[[Sequence[Operation]], Sequence[Operation]] = list
    select_due: PollSelector = select_all
    """Selects the providers that a poll reads in a system, within the account's rate limit."""
    not_due: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), that this cycle does not read because they are not due."""
    mapped: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """A digest of the mapping of each calendar, (provider, system)."""
    answers: dict[str, Resolution] = field(default_factory=dict)
    resources: ResourceSources = field(default_factory=ResourceSources)
    cleaner: Cleaner | None = None
    exposure_tracker: ExposureTracker = field(init=False)
    read_progress: ReadProgress = field(init=False)
    running: RunningEvents = field(init=False)
    recent: RecentChanges = field(init=False)
    dirty: DirtyProviders = field(default_factory=DirtyProviders)
    moved_in: MovedInQueue = field(default_factory=MovedInQueue)
    clock_error: timedelta = timedelta(0)
    """How far the platforms' time is ahead of this machine's clock; zero if the clock is right."""
    in_range: bool = False
    """Whether stored times out of range were replaced already (`engine.reading.systems`)."""
    answered_calendars: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), whose lists were read at least once."""
    probes: dict[str, AbsenceLookups] = field(default_factory=dict)
    patient: bool = True
    """Whether a resync waits for a rate limit; false in the daemon."""
    waiting: WaitingWrites = field(init=False)
    tasks: SystemTasks = field(init=False)
    canaries: Canaries = field(init=False)
    pauses: WritePauses = field(init=False)
    held_back: HeldBackLog = field(init=False)

    def __post_init__(self) -> None:
        """Load the stored progress, and mark every provider for a whole decision."""
        policy = self.policy
        self.pauses = WritePauses(self.store, policy.observe)
        self.exposure_tracker = ExposureTracker(
            self.store, self.clock, self.systems, policy.read_only, policy.future, self.pauses
        )
        self.running = RunningEvents(policy.longest, policy.far_every)
        self.recent = RecentChanges(self.store, policy.far_every)
        self.waiting, self.held_back = WaitingWrites(self.store), HeldBackLog(self.store)
        self.tasks = SystemTasks(self.stopping, is_relevant=self._requires_cycle)
        self.canaries = Canaries(self.store, self.clock, self.ids.row, self.systems, self.pauses)
        self.clock_error = _known_error(self.store)
        self.dirty.mark_whole(self.mapping)
        self.read_progress = ReadProgress(
            self.store,
            {
                (provider, system): self.mapped.get((provider, system), "mapped")
                for provider, systems in self.mapping.items()
                for system in systems
            },
        )
        covered: dict[tuple[str, str], set[Kind]] = {}
        for c in self.store.last_coverage():
            covered.setdefault((c.provider, c.system), set()).update(c.kinds)
        self.answered_calendars = {c for c, kinds in covered.items() if Kind.APPOINTMENT in kinds}

    def now(self) -> datetime:
        """Return the current time in UTC, corrected if the platforms show this clock is wrong."""
        return self.clock.now() + self.clock_error

    def window(self, *, near: bool) -> Window:
        """Return the near or the far window from now."""
        now = self.now()
        ahead = self.policy.ahead if near else self.policy.future
        return Window(now - self.policy.past, now + ahead)

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        """Return these providers and the providers that are always read together with them."""
        return self.resources.with_dependents(providers)

    def _requires_cycle(self, seen: Observation) -> bool:
        """Return whether a late read has changes, or decisions wait for its system."""
        return bool(seen.changed_ids) or any(
            self.dirty.due(provider)
            for provider, systems in self.mapping.items()
            if seen.system in systems
        )

    def has_unconfirmed(self, report: Report) -> bool:
        """Return whether a system that answers has writes without a confirmed outcome."""
        answering = {name for name, s in report.systems.items() if s.state is SystemStatus.OK}
        return any(i.operation.system in answering for i in self.store.pending_intents())

    async def refresh_resources(self) -> None:
        """Look up the calendars that a room in use blocks, and add them to the mapping."""
        self.mapping, new = await self.resources.refresh(self.mapping, self.tasks)
        self.dirty.mark_whole(new)
        self.read_progress.add(
            (provider, system)
            for provider in new
            for system in self.mapping[provider]
            if system in self.systems
        )

    def write_context(self, report: Report) -> WriteContext:
        """Return the dependencies of the writes of this run."""
        return WriteContext(
            self.store,
            self.clock,
            self.ids.row,
            self.ids.key,
            report.run,
            self.stopping,
            self.on_write,
            self.policy.place_of,
            pauses=self.pauses,
        )

    def is_full(self, window: Window) -> bool:
        """Return whether a window that was just computed contains the far window."""
        whole, moment = self.window(near=False), timedelta(minutes=1)
        return window.start <= whole.start + moment and window.end + moment >= whole.end

    def lookups(self, system: str) -> AbsenceLookups:
        """Return the lookups by id of a system."""
        return self.probes.setdefault(system, AbsenceLookups())

    def calendars(self) -> set[tuple[str, str]]:
        """Return the mapped calendars, as (provider, system)."""
        return {(p, s) for p, systems in self.mapping.items() for s in systems}


def _known_error(store: Store) -> timedelta:
    """Load the last known clock error (positive: this clock is behind); zero if none is stored."""
    fact = next((f for f in facts(store, THIS_MACHINE) if f.name == CLOCK_ERROR), None)
    return timedelta(seconds=float(fact.value)) if fact is not None else RIGHT
