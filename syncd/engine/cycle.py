"""Run the engine: cycles of recover, read, decide, write and confirm, and resyncs.

One engine per state, one cycle at a time. A provider stays due until nothing is left to do for it.
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
from syncd.engine.approved_operations import PLAN, ApprovedOperations, filter_approved
from syncd.engine.canaries import Canaries
from syncd.engine.cleanup_in_engine import Cleaner, CleanupSpec, clean_up_in_engine
from syncd.engine.cleanup_report import CleanupReport
from syncd.engine.clock_check import check_clock, known_error
from syncd.engine.compaction import compact_history
from syncd.engine.customer_lookup import CustomerLookup
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
MAX_READ_LEAD = timedelta(days=1)
"""A read that is this far in the future was made with a wrong clock."""


@dataclass(slots=True)
class Engine:
    """The engine of one state.

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
    _in_range: bool = False
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
        self.clock_error = known_error(self.store)
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

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = False,
        exactly: ApprovedOperations | None = None,
        progress: Progress = lambda _text: None,
    ) -> Report:
        """Run cycles until `engine.resync_end` says that the resync ends; return the report.

        ``window`` None: the far window. ``accept``: a run whose guard stops the operator accepts.
        ``exactly``: the plan to apply; the run ends at once if its decisions differ from the plan.
        """
        self.dirty.mark_whole(providers or self.mapping)
        report = Report(run=self.ids.row(), dry_run=dry_run, exactly=exactly)
        self._begin_lookups()
        try:
            with with_waits(self.stopping, progress) as on_progress:
                await self._converge(report, window, providers, accept, on_progress)
        finally:
            for probes in self.probes.values():
                probes.end_run()
            if self.patient:
                await self.tasks.drain()
        report.interrupted = self.stopping.is_set() and not report.converged
        for each in report.systems.values():
            if report.interrupted and each.state is SystemStatus.SLOW:
                each.state = SystemStatus.INTERRUPTED  # The wait for it was cut short.
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
        """Run cycles over the window until another cycle would change nothing."""
        ending = ResyncEnd(self.clock, self.stopping, progress, patient=self.patient)
        while True:
            error = self.clock_error
            whole = window or self.window(near=False)
            await self.cycle(whole, report, providers, accept, progress, depth=Depth.RESYNC)
            over = report.dry_run or self.stopping.is_set()
            if self.clock_error != error and not over and report.cycles < MAX_CYCLES:
                self._begin_lookups()
                continue  # The window was computed with the wrong clock.
            refused = report.exactly is not None and not report.exactly.matched
            if refused and not report.refused:
                return
            unconfirmed = self.has_unconfirmed(report)
            if not await ending.continues(report, self.tasks, unconfirmed=unconfirmed):
                return
            if report.dry_run or refused:
                self.dirty.mark_whole(providers or self.mapping)  # Nothing was written.

    def _begin_lookups(self) -> None:
        """Allow one lookup by id of each unlisted event in this run."""
        for name in self.systems:
            self.probes.setdefault(name, AbsenceLookups()).begin_run()

    async def read_free_slots(
        self, *, gently: bool = False, progress: Progress = lambda _text: None
    ) -> None:
        """Read the free slots that are due, with delays between calls if ``gently``."""
        with with_waits(self.stopping, progress) as on_progress:
            updated = await read_all_slots(
                self.systems,
                self.mapping,
                self.store,
                self.clock,
                self.stopping,
                # Slightly less than the interval, because the timer has jitter.
                older_than=self.policy.slots_every * 0.8,
                gently=gently,
                progress=on_progress,
            )
        self.exposure_tracker.due |= updated

    async def compact(self) -> None:
        """Delete history that is older than the retention period."""
        await compact_history(self.store, self.now() - self.policy.keep, self.stopping)

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        """Return these providers and the providers that are always read together with them."""
        return self.resources.with_dependents(providers)

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
    ) -> Report:
        """Run one cycle for the daemon; if ``late``, only for providers that late reads changed."""
        report = Report(run=self.ids.row())
        depth = Depth.NEAR if near else Depth.FAR
        if late:
            changed = {p for seen in self.tasks.late_reads() for p in seen.changed_ids}
            providers = [p for p in self.mapping if p in changed or self.dirty.due(p)]
        await self.cycle(self.window(near=near), report, providers, depth=depth, follows=late)
        self.save_run(report, "near" if near else "far")
        return report

    async def aclose(self) -> None:
        """Cancel the reads in the background, and wait for the writes in flight."""
        await self.tasks.drain()

    def _requires_cycle(self, seen: Observation) -> bool:
        """Return whether a late read has changes, or decisions wait for its system."""
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
        """Revert the writes of a run (see `engine.undo`). Raises NothingToUndoError."""
        with with_waits(self.stopping, progress) as on_progress:
            return await undo_run(self, run, booking=booking, dry_run=dry_run, progress=on_progress)

    async def probe(self, names: Sequence[str], *, progress: Progress = lambda _: None) -> ProbeRun:
        """Measure the platform facts of these systems (see `engine.probing`)."""
        with with_waits(self.stopping, progress) as on_progress:
            return await probe_systems(self, names, on_progress)

    async def cleanup(
        self, spec: CleanupSpec, *, progress: Progress = lambda _: None
    ) -> CleanupReport:
        """Remove what syncd created (see `engine.cleanup`), then decide on every provider again."""
        with with_waits(self.stopping, progress) as on_progress:
            return await clean_up_in_engine(self, spec, on_progress)

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Delete the measured facts of these systems; return the deleted names by system."""
        return forget_facts(self.systems, self.store, names)

    def has_unconfirmed(self, report: Report) -> bool:
        """Return whether a system that answers has writes without a confirmed outcome."""
        answering = {name for name, s in report.systems.items() if s.state is SystemStatus.OK}
        return any(i.operation.system in answering for i in self.store.pending_intents())

    def save_run(self, report: Report, kind: str) -> None:
        """Store the run in the history, unless nothing happened in the run or it is a dry run."""
        if report.dry_run:
            return
        quiet = not (report.news or report.operations or report.guarded or report.failures)
        now = self.clock.now()
        self.waiting.save(self._calendars(), now)
        self.held_back.save(self._calendars(), report.run, now)
        if kind != "resync" and quiet and report.answered:
            return
        self.store.start_run(report.run, kind, now)
        stored = {**report.to_json(max_waiting=MAX_WAITING_IN_RUN), LISTED: report.listed}
        if report.exactly is not None and report.exactly.matched:
            stored[PLAN] = report.exactly.plan
        self.store.finish_run(report.run, now, stored)

    def _calendars(self) -> set[tuple[str, str]]:
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
        """Run one cycle: recover, read, decide, write, confirm. ``follows``: use late reads."""
        structlog.contextvars.bind_contextvars(run=report.run)
        waits = report.dry_run or (report.exactly is not None and self.patient)
        self.tasks.waits_for_all = waits or len(self.systems) < MIN_SYSTEMS
        await self.refresh_resources()
        if self.pauses.reload():
            self.dirty.mark_whole(self.mapping)
        chosen = self.resources.with_dependents(providers or self.mapping)
        report.cycles += 1
        context, error = self.write_context(report), self.clock_error
        before = {name: system.traffic for name, system in self.systems.items()}
        full = self.is_full(window)
        dropped = self.read_progress.release_unmapped(chosen) if full else set()
        if full:
            names = {*self.systems, *(each.name for each in self.resources.blocks)}
            end_unmapped(self.store, names, self.clock.now())
        self.dirty.mark_whole(dropped | self.read_progress.restore_mapped(chosen))
        report.settled += len(dropped)  # Another cycle decides without the dropped events.
        by_id = depth is Depth.RESYNC and report.cycles == 1
        observed = await read_systems(
            self,
            window,
            report,
            chosen,
            context,
            progress,
            depth,
            by_id=by_id,
            follows=follows or report.cycles > 1,
        )
        check_clock(self, observed)
        for span, seen in whole_window_reads(observed, self.clock_error):
            self.read_progress.note_read(proven_coverage(seen), span)
        if by_id:
            report.left_behind = report_left_behind(self)
        progress("deciding")
        decisions = await decide_due(self, chosen, observed, report, accept, dropped)
        if self.resources.blocks:
            # Blocks for rooms follow from the rooms' own bookings, which are known by now.
            by_room, blocked = await self.resources.observe(self.store, self.clock, window, chosen)
            for each in by_room.values():
                near, look_back = depth is Depth.NEAR, self.policy.longest
                each.request = ReadRequest(
                    window, tuple(blocked), look_back, error, near=near, full=full, by_id=by_id
                )
            observed |= by_room
            decisions |= await decide_due(self, blocked, observed, report, accept)
        operations = [o for d in decisions.values() for o in d.operations]
        report.planned, report.unmade = operations, 0
        operations = filter_approved(report.exactly, self.admit(operations))
        unmade: list[Waiting] = []
        if operations and not report.dry_run:
            unmade = await write_systems(self, operations, observed, context, report, progress)
        self.waiting.update(decisions, unmade)
        self.held_back.update(decisions, unmade)
        report.waiting = self.waiting.all(self._calendars())
        report.held_back = self.held_back.all(self._calendars())
        report.paused, report.observe = self.pauses.current, self.pauses.observe
        if not report.dry_run and report.exactly is None:
            await self.resources.link(self.systems, self.store, self.clock, self.tasks, self.pauses)
        for span, seen in whole_window_reads(observed, self.clock_error):
            self._note_read(span, seen, report)
        await update_report(self, report, observed, before)

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

    def repair(self, context: WriteContext) -> None:
        """Repair a state of an older version, once per process.

        Removes times out of range, and converts the stored stops of writes to series.
        """
        if self._in_range:
            return
        now = self.now()
        if any(c.read_at > now + MAX_READ_LEAD for c in self.store.last_coverage()):
            return  # This clock was set back, so the range cannot be checked.
        for provider in sorted(providers_out_of_range(self.store, now - READABLE, now + READABLE)):
            log.warning("stored times out of range replaced", provider=provider)
            self.store.apply(repair(self.store.state(provider), now, context.run))
        migrate_series_stops(self.systems.values(), self.store)
        self._in_range = True

    def is_full(self, window: Window) -> bool:
        """Return whether a window that was just computed contains the far window."""
        whole, moment = self.window(near=False), timedelta(minutes=1)
        return window.start <= whole.start + moment and window.end + moment >= whole.end

    def _note_read(self, span: Window, seen: Mapping[str, Observation], report: Report) -> None:
        """Note which calendars are now known in full, and report unexplained blocks in them."""
        completed = self.read_progress.complete(proven_coverage(seen), span, self.clock.now())
        arrived = [c for o in seen.values() if o.state is SystemStatus.OK for c in o.arrived]
        report.settled += len(completed) + self.read_progress.note_arrived(arrived, span)
        for provider, system in completed:
            now = self.clock.now()
            report.remarks += first_read.orphan_remarks(self.store, provider, system, now)
