"""The cycle: recover, observe, decide, write, confirm. The resync: cycles until nothing is left.

One engine per state, one cycle at a time. A provider is decided on again until a decision finds
nothing to do for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from syncd.core.repair import repair
from syncd.core.resolution import Resolution
from syncd.engine import first_read
from syncd.engine.absence_lookups import AbsenceLookups
from syncd.engine.agreed_operations import PLAN, AgreedOperations, filter_agreed
from syncd.engine.canaries import Canaries
from syncd.engine.cleanup_in_engine import Cleaner, CleanupSpec, clean_up_in_engine
from syncd.engine.cleanup_report import CleanupReport
from syncd.engine.clock_check import check_clock, known_error
from syncd.engine.compaction import compact_history
from syncd.engine.decide import decide_due
from syncd.engine.dirty import DirtyProviders
from syncd.engine.exposure_tracker import ExposureTracker
from syncd.engine.first_read import ReadProgress
from syncd.engine.free_slots import read_all_slots
from syncd.engine.guard_stops import LISTED
from syncd.engine.held_back_log import HeldBackLog
from syncd.engine.left_behind import report_left_behind
from syncd.engine.moved_into_window import MovedInQueue
from syncd.engine.observation import Observation, ReadRequest, proven_coverage, whole_window_reads
from syncd.engine.person_lookup import PersonLookup
from syncd.engine.policy import EnginePolicy, IdSource
from syncd.engine.probe_outcome import ProbeRun
from syncd.engine.probing import forget_facts, probe_systems
from syncd.engine.progress import Progress, with_waits
from syncd.engine.read_systems import PollSelector, read_systems, select_all
from syncd.engine.recent_changes import RecentChanges
from syncd.engine.report import Report, SystemStatus
from syncd.engine.report_update import add_remark, update_report
from syncd.engine.reported_items import end_unmapped
from syncd.engine.resource_sources import ResourceSources
from syncd.engine.resync_end import MAX_CYCLES, ResyncEnd
from syncd.engine.running_events import Depth, RunningEvents
from syncd.engine.series_writes import migrate_series_stops
from syncd.engine.system_tasks import MIN_SYSTEMS, SystemTasks
from syncd.engine.undo import UndoReport, undo_run
from syncd.engine.waiting_writes import MAX_WAITING_IN_RUN, WaitingWrites
from syncd.engine.write_pauses import WritePauses
from syncd.engine.write_systems import write_systems
from syncd.engine.writer import WriteContext
from syncd.model import READABLE, Clock, Kind, Operation, Waiting, WaitReason, Window
from syncd.store.ranges import providers_out_of_range
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.stopping import Stopping

__all__ = ["Engine", "EnginePolicy", "IdSource"]

log = structlog.get_logger(__name__)
READ_LATER = timedelta(days=1)
"""A calendar that was read so long from now was read by another clock."""


@dataclass(slots=True)
class Engine:
    """The engine of one state. ``mapping``: a provider's systems.

    ``rests``: why a system gets no write now, None: it gets any. ``admits``: which it may get.
    ``answers`` are what persons decided, by conflict id; each counts for one decision.
    """

    systems: Mapping[str, System]
    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    ids: IdSource
    persons: PersonLookup
    policy: EnginePolicy
    stopping: Stopping = field(default_factory=Stopping)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    rests: Callable[[str], WaitReason | None] = lambda _system: None
    admits: Callable[[Sequence[Operation]], Sequence[Operation]] = list
    paced: PollSelector = select_all
    """Who of some providers a poll asks a system for: one whose account is tight is asked less."""
    passed_over: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), that this cycle does not ask for: it is not their time."""
    mapped: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """A digest of what each calendar, (provider, system), is mapped to."""
    answers: dict[str, Resolution] = field(default_factory=dict)
    resources: ResourceSources = field(default_factory=ResourceSources)
    cleaner: Cleaner | None = None
    exposure_tracker: ExposureTracker = field(init=False)
    baselines: ReadProgress = field(init=False)
    running: RunningEvents = field(init=False)
    recent: RecentChanges = field(init=False)
    dirty: DirtyProviders = field(default_factory=DirtyProviders)
    moved_in: MovedInQueue = field(default_factory=MovedInQueue)
    clock_error: timedelta = timedelta(0)
    """How far the platforms' time is ahead of this machine's clock, where that is wrong."""
    _in_range: bool = False
    answered: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), whose lists were answered at least once."""
    probes: dict[str, AbsenceLookups] = field(default_factory=dict)
    patient: bool = True
    """A resync waits where a platform allows no more calls; the daemon does not."""
    waiting: WaitingWrites = field(init=False)
    tasks: SystemTasks = field(init=False)
    canaries: Canaries = field(init=False)
    pauses: WritePauses = field(init=False)
    held_back: HeldBackLog = field(init=False)

    def __post_init__(self) -> None:
        """Everything is to be decided on once."""
        policy = self.policy
        self.pauses = WritePauses(self.store, policy.observe)
        self.exposure_tracker = ExposureTracker(
            self.store, self.clock, self.systems, policy.read_only, policy.future, self.pauses
        )
        self.running = RunningEvents(policy.longest, policy.far_every)
        self.recent = RecentChanges(self.store, policy.far_every)
        self.waiting, self.held_back = WaitingWrites(self.store), HeldBackLog(self.store)
        self.tasks = SystemTasks(self.stopping, is_relevant=self._calls_for_a_cycle)
        self.canaries = Canaries(self.store, self.clock, self.ids.row, self.systems, self.pauses)
        self.clock_error = known_error(self.store)
        self.dirty.mark_whole(self.mapping)
        self.baselines = ReadProgress(
            self.store,
            {
                (provider, system): self.mapped.get((provider, system), "mapped")
                for provider, systems in self.mapping.items()
                for system in systems
            },
        )
        whole: dict[tuple[str, str], set[Kind]] = {}
        for c in self.store.last_coverage():
            whole.setdefault((c.provider, c.system), set()).update(c.kinds)
        self.answered = {where for where, kinds in whole.items() if Kind.APPOINTMENT in kinds}

    def now(self) -> datetime:
        """The time: the platforms', where they agree that this machine's clock is wrong."""
        return self.clock.now() + self.clock_error

    def window(self, *, near: bool) -> Window:
        """The near or the full window, from now."""
        now = self.now()
        ahead = self.policy.ahead if near else self.policy.future
        return Window(now - self.policy.past, now + ahead)

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = False,
        exactly: AgreedOperations | None = None,
        progress: Progress = lambda _text: None,
    ) -> Report:
        """Cycle over the full window until another cycle would come to the same.

        When that is, and how long it waits, `engine.resync_end` decides. ``exactly`` is
        the plan that is to be carried out; the run ends at once where it is not what is decided.
        """
        self.dirty.mark_whole(providers or self.mapping)
        report = Report(run=self.ids.row(), dry_run=dry_run, exactly=exactly)
        self._begin_questions()
        try:
            with with_waits(self.stopping, progress) as told:
                await self._converge(report, window, providers, accept, told)
        finally:
            for probes in self.probes.values():
                probes.end_run()
            if self.patient:
                await self.tasks.drain()
        report.interrupted = self.stopping.is_set() and not report.converged
        for each in report.systems.values():
            if report.interrupted and each.state is SystemStatus.SLOW:
                each.state = SystemStatus.INTERRUPTED  # It was not waited for to the end.
        add_remark(report, accept)
        self.save_run(report, "resync")
        return report

    async def _converge(
        self,
        report: Report,
        window: Window | None,
        providers: Sequence[str] | None,
        accept: str | None,
        progress: Progress,
    ) -> None:
        """Make cycles until one more is of no use."""
        ending = ResyncEnd(self.clock, self.stopping, progress, patient=self.patient)
        while True:
            error = self.clock_error
            whole = window or self.window(near=False)
            await self.cycle(whole, report, providers, accept, progress, depth=Depth.RESYNC)
            over = report.dry_run or self.stopping.is_set()
            if self.clock_error != error and not over and report.cycles < MAX_CYCLES:
                self._begin_questions()
                continue  # What was read was not the window that is meant.
            refused = report.exactly is not None and not report.exactly.matched
            if refused and not report.refused:
                return
            if not await ending.continues(report, self.tasks, unconfirmed=self.has_open(report)):
                return
            if report.dry_run or refused:
                self.dirty.mark_whole(providers or self.mapping)  # nothing of it was carried out

    def _begin_questions(self) -> None:
        """Let each event be asked for by id once in this run."""
        for name in self.systems:
            self.probes.setdefault(name, AbsenceLookups()).begin_run()

    async def read_free_slots(
        self, *, gently: bool = False, progress: Progress = lambda _text: None
    ) -> None:
        """Ask for the free slots that were not asked for lately; the next measure counts them."""
        with with_waits(self.stopping, progress) as told:
            learned = await read_all_slots(
                self.systems,
                self.mapping,
                self.store,
                self.clock,
                self.stopping,
                # A little less than the pace, so that each turn of a timer with jitter counts.
                older_than=self.policy.slots_every * 0.8,
                gently=gently,
                progress=told,
            )
        self.exposure_tracker.due |= learned

    async def compact(self) -> None:
        """Compact what is older than history is kept."""
        await compact_history(self.store, self.now() - self.policy.keep, self.stopping)

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        """These providers, and those that are always read with them."""
        return self.resources.with_dependents(providers)

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
    ) -> Report:
        """Run one cycle of the daemon; ``late``: over the providers that late reads concern."""
        report = Report(run=self.ids.row())
        depth = Depth.NEAR if near else Depth.FAR
        if late:
            touched = {p for seen in self.tasks.late_reads() for p in seen.changed_ids}
            providers = [p for p in self.mapping if p in touched or self.dirty.due(p)]
        await self.cycle(self.window(near=near), report, providers, depth=depth, follows=late)
        self.save_run(report, "near" if near else "far")
        return report

    async def aclose(self) -> None:
        """Give up what is read in the background, and wait for the writes in flight."""
        await self.tasks.drain()

    def _calls_for_a_cycle(self, seen: Observation) -> bool:
        """Whether a late read has news, or brings back a system that decisions wait for."""
        return bool(seen.changed_ids) or any(
            self.dirty.due(provider)
            for provider, systems in self.mapping.items()
            if seen.system in systems
        )

    async def undo(
        self,
        run: str,
        *,
        booking: str | None = None,
        dry_run: bool = False,
        progress: Progress = lambda _text: None,
    ) -> UndoReport:
        """Put back what a run wrote (see `engine.undo`). Raises NothingToUndoError."""
        with with_waits(self.stopping, progress) as told:
            return await undo_run(self, run, booking=booking, dry_run=dry_run, progress=told)

    async def probe(self, names: Sequence[str], *, progress: Progress = lambda _: None) -> ProbeRun:
        """Measure the facts of these systems' platforms (see `engine.probing`)."""
        with with_waits(self.stopping, progress) as told:
            return await probe_systems(self, names, told)

    async def cleanup(
        self, spec: CleanupSpec, *, progress: Progress = lambda _: None
    ) -> CleanupReport:
        """Remove what syncd made (see `engine.cleanup`), and have everybody decided on anew."""
        with with_waits(self.stopping, progress) as told:
            return await clean_up_in_engine(self, spec, told)

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Withdraw what was measured of these systems; return the facts, by system."""
        return forget_facts(self.systems, self.store, names)

    def has_open(self, report: Report) -> bool:
        """Whether a system that answers has still to show the outcome of a write."""
        answering = {name for name, s in report.systems.items() if s.state is SystemStatus.OK}
        return any(i.operation.system in answering for i in self.store.pending_intents())

    def save_run(self, report: Report, kind: str) -> None:
        """Keep the run, if anything happened in it."""
        if report.dry_run:
            return
        quiet = not (report.news or report.operations or report.guarded or report.failures)
        now = self.clock.now()
        self.waiting.save(self._calendars(), now)
        self.held_back.save(self._calendars(), report.run, now)
        if kind != "resync" and quiet and report.answered:
            return
        self.store.start_run(report.run, kind, now)
        told = {**report.to_json(max_waiting=MAX_WAITING_IN_RUN), LISTED: report.listed}
        if report.exactly is not None and report.exactly.matched:
            told[PLAN] = report.exactly.plan
        self.store.finish_run(report.run, now, told)

    def _calendars(self) -> set[tuple[str, str]]:
        """Every calendar that is kept in sync: (provider, system)."""
        return {(p, s) for p, systems in self.mapping.items() for s in systems}

    async def cycle(
        self,
        window: Window,
        report: Report,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        progress: Progress = lambda _text: None,
        *,
        depth: Depth = Depth.FAR,
        follows: bool = False,
    ) -> None:
        """Recover, observe, decide, write, confirm, once. The report is brought up to date."""
        structlog.contextvars.bind_contextvars(run=report.run)
        waits = report.dry_run or (report.exactly is not None and self.patient)
        self.tasks.waits_for_all = waits or len(self.systems) < MIN_SYSTEMS
        await self.refresh_resources()
        if self.pauses.reload():
            self.dirty.mark_whole(self.mapping)
        chosen = self.resources.with_dependents(providers or self.mapping)
        report.cycles += 1
        desk, error = self.write_context(report), self.clock_error
        before = {name: system.traffic for name, system in self.systems.items()}
        full = self.is_full(window)
        dropped = self.baselines.forget_dropped(chosen) if full else set()
        if full:
            names = {*self.systems, *(each.name for each in self.resources.blocks)}
            end_unmapped(self.store, names, self.clock.now())
        self.dirty.mark_whole(dropped | self.baselines.take_back(chosen))
        report.settled += len(dropped)  # a further cycle decides without what they had there
        by_id = depth is Depth.RESYNC and report.cycles == 1
        observed = await read_systems(
            self,
            window,
            report,
            chosen,
            desk,
            progress,
            depth,
            by_id=by_id,
            follows=follows or report.cycles > 1,
        )
        check_clock(self, observed)
        for span, seen in whole_window_reads(observed, self.clock_error):
            self.baselines.note_read(proven_coverage(seen), span)
        if by_id:
            report.left_behind = report_left_behind(self)
        progress("deciding")
        decisions = await decide_due(self, chosen, observed, report, accept, dropped)
        if self.resources.blocks:
            # What rooms close is known once their own bookings are.
            closed, doors = await self.resources.observe(self.store, self.clock, window, chosen)
            for each in closed.values():
                near, deep = depth is Depth.NEAR, self.policy.longest
                each.request = ReadRequest(
                    window, tuple(doors), deep, error, near=near, full=full, by_id=by_id
                )
            observed |= closed
            decisions |= await decide_due(self, doors, observed, report, accept)
        operations = [o for d in decisions.values() for o in d.operations]
        report.planned, report.unmade = operations, 0
        operations = filter_agreed(report.exactly, self.admits(operations))
        unmade: list[Waiting] = []
        if operations and not report.dry_run:
            unmade = await write_systems(self, operations, observed, desk, report, progress)
        self.waiting.update(decisions, unmade)
        self.held_back.update(decisions, unmade)
        report.waiting = self.waiting.all(self._calendars())
        report.held_back = self.held_back.all(self._calendars())
        report.paused, report.observe = self.pauses.current, self.pauses.observe
        if not report.dry_run and report.exactly is None:
            await self.resources.link(self.systems, self.store, self.clock, self.tasks, self.pauses)
        for span, seen in whole_window_reads(observed, self.clock_error):
            self._settle(span, seen, report)
        await update_report(self, report, observed, before)

    async def refresh_resources(self) -> None:
        """Ask what rooms can close, where there are rooms: such calendars are kept in sync, too."""
        self.mapping, new = await self.resources.refresh(self.mapping, self.tasks)
        self.dirty.mark_whole(new)
        self.baselines.add(
            (provider, system)
            for provider in new
            for system in self.mapping[provider]
            if system in self.systems
        )

    def write_context(self, report: Report) -> WriteContext:
        """What writes of this run need."""
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

    def repair(self, desk: WriteContext) -> None:
        """Once: take times out of range out of a state that an older version left.

        And where no instance of a series is written to, what was seen of such writes is forgotten.
        """
        if self._in_range:
            return
        now = self.now()
        if any(c.read_at > now + READ_LATER for c in self.store.last_coverage()):
            return  # This clock was set back: what is out of range cannot be told.
        for provider in sorted(providers_out_of_range(self.store, now - READABLE, now + READABLE)):
            log.warning("times out of range read past", provider=provider)
            self.store.apply(repair(self.store.state(provider), now, desk.run))
        migrate_series_stops(self.systems.values(), self.store)
        self._in_range = True

    def is_full(self, window: Window) -> bool:
        """Whether it is the whole window, or more; it was asked for a moment ago."""
        whole, moment = self.window(near=False), timedelta(minutes=1)
        return window.start <= whole.start + moment and window.end + moment >= whole.end

    def _settle(self, window: Window, observed: Mapping[str, Observation], report: Report) -> None:
        """Note which calendars are now known in full, and what nobody can explain in them."""
        settled = self.baselines.complete(proven_coverage(observed), window, self.clock.now())
        arrived = [c for o in observed.values() if o.state is SystemStatus.OK for c in o.arrived]
        report.settled += len(settled) + self.baselines.note_arrived(arrived, window)
        for provider, system in settled:
            report.remarks += first_read.unexplained(self.store, provider, system, self.clock.now())
