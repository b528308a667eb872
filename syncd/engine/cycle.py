"""The cycle: recover, observe, decide, write, confirm. The resync: cycles until nothing is left.

One engine per state, one cycle at a time. A provider is decided on again until a decision finds
nothing to do for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from syncd.core.answer import Answer
from syncd.core.repair import repair
from syncd.engine import baseline
from syncd.engine.agenda import Agenda
from syncd.engine.annexes import Annexes
from syncd.engine.baseline import Baselines
from syncd.engine.canaries import Canaries
from syncd.engine.cleaned import Cleaned
from syncd.engine.cleanup_beside import Cleaner, Wanted, clean_up_beside
from syncd.engine.clocks import known_error, watch_clock
from syncd.engine.deciding import decide_on
from syncd.engine.ending import MOST_CYCLES, Ending, Progress
from syncd.engine.exactly import PLAN, Exactly, admitted
from syncd.engine.execute import Desk
from syncd.engine.exposure import Watch
from syncd.engine.held_back import HeldBackLog
from syncd.engine.lanes import BESIDES, Lanes
from syncd.engine.leaving import name_left_behind
from syncd.engine.looking import Paced, everybody, look
from syncd.engine.moved_in import Newcomers
from syncd.engine.observation import Asked, Observation, in_full, proven_by
from syncd.engine.paused import Pauses
from syncd.engine.persons import Persons
from syncd.engine.policy import Ids, Policy
from syncd.engine.probe_outcome import Probed
from syncd.engine.probes import Probes
from syncd.engine.probing import forget_facts, probe
from syncd.engine.recent import Recent
from syncd.engine.report import Health, Report
from syncd.engine.reports import end_unmapped
from syncd.engine.running import Depth, Running
from syncd.engine.siblings import take_up_stops
from syncd.engine.slots import ask_all
from syncd.engine.stops import LISTED
from syncd.engine.telling import remark, tell
from syncd.engine.tidying import tidy
from syncd.engine.undo import Undone, undo
from syncd.engine.waited import with_waits
from syncd.engine.waits import MOST_KEPT, WaitingWrites
from syncd.engine.writing import write
from syncd.model import READABLE, Clock, Kind, Operation, Waiting, WaitReason, Window
from syncd.store.ranges import providers_out_of_range
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.stopping import Stopping

__all__ = ["Engine", "Ids", "Policy"]

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
    ids: Ids
    persons: Persons
    policy: Policy
    stopping: Stopping = field(default_factory=Stopping)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    rests: Callable[[str], WaitReason | None] = lambda _system: None
    admits: Callable[[Sequence[Operation]], Sequence[Operation]] = list
    paced: Paced = everybody
    """Who of some providers a poll asks a system for: one whose account is tight is asked less."""
    passed_over: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), that this cycle does not ask for: it is not their time."""
    mapped: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """A digest of what each calendar, (provider, system), is mapped to."""
    answers: dict[str, Answer] = field(default_factory=dict)
    annexes: Annexes = field(default_factory=Annexes)
    cleaner: Cleaner | None = None
    exposed: Watch = field(init=False)
    baselines: Baselines = field(init=False)
    running: Running = field(init=False)
    recent: Recent = field(init=False)
    agenda: Agenda = field(default_factory=Agenda)
    newcomers: Newcomers = field(default_factory=Newcomers)
    clock_error: timedelta = timedelta(0)
    """How far the platforms' time is ahead of this machine's clock, where that is wrong."""
    _in_range: bool = False
    answered: set[tuple[str, str]] = field(default_factory=set)
    """The calendars, (provider, system), whose lists were answered at least once."""
    probes: dict[str, Probes] = field(default_factory=dict)
    patient: bool = True
    """A resync waits where a platform allows no more calls; the daemon does not."""
    waiting: WaitingWrites = field(init=False)
    lanes: Lanes = field(init=False)
    canaries: Canaries = field(init=False)
    pauses: Pauses = field(init=False)
    held_back: HeldBackLog = field(init=False)

    def __post_init__(self) -> None:
        """Everything is to be decided on once."""
        policy = self.policy
        self.pauses = Pauses(self.store, policy.observe)
        self.exposed = Watch(
            self.store, self.clock, self.systems, policy.read_only, policy.future, self.pauses
        )
        self.running = Running(policy.longest, policy.far_every)
        self.recent = Recent(self.store, policy.far_every)
        self.waiting, self.held_back = WaitingWrites(self.store), HeldBackLog(self.store)
        self.lanes = Lanes(self.stopping, matters=self._calls_for_a_cycle)
        self.canaries = Canaries(self.store, self.clock, self.ids.row, self.systems, self.pauses)
        self.clock_error = known_error(self.store)
        self.agenda.add(self.mapping)
        self.baselines = Baselines(
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
        exactly: Exactly | None = None,
        progress: Progress = lambda _text: None,
    ) -> Report:
        """Cycle over the full window until another cycle would come to the same.

        When that is, and how long it waits between two cycles, `engine.ending` says. ``exactly`` is
        the plan that is to be carried out; the run ends at once where it is not what is decided.
        """
        self.agenda.add(providers or self.mapping)
        report = Report(run=self.ids.row(), dry_run=dry_run, exactly=exactly)
        self._begin_questions()
        try:
            with with_waits(self.stopping, progress) as told:
                await self._converge(report, window, providers, accept, told)
        finally:
            for probes in self.probes.values():
                probes.end_run()
            if self.patient:
                await self.lanes.finish()
        report.interrupted = self.stopping.is_set() and not report.converged
        for each in report.systems.values():
            if report.interrupted and each.state is Health.SLOW:
                each.state = Health.INTERRUPTED  # It was not waited for to the end.
        remark(report, accept)
        self.file(report, "resync")
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
        ending = Ending(self.clock, self.stopping, progress, patient=self.patient)
        while True:
            error = self.clock_error
            whole = window or self.window(near=False)
            await self.cycle(whole, report, providers, accept, progress, depth=Depth.RESYNC)
            over = report.dry_run or self.stopping.is_set()
            if self.clock_error != error and not over and report.cycles < MOST_CYCLES:
                self._begin_questions()
                continue  # What was read was not the window that is meant.
            refused = report.exactly is not None and not report.exactly.matched
            if refused and not report.refused:
                return
            if not await ending.goes_on(report, self.lanes, unconfirmed=self.waits(report)):
                return
            if report.dry_run or refused:
                self.agenda.add(providers or self.mapping)  # nothing of it was carried out

    def _begin_questions(self) -> None:
        """Let each event be asked for by id once in this run."""
        for name in self.systems:
            self.probes.setdefault(name, Probes()).begin_run()

    async def ask_slots(
        self, *, gently: bool = False, progress: Progress = lambda _text: None
    ) -> None:
        """Ask for the free slots that were not asked for lately; the next measure counts them."""
        with with_waits(self.stopping, progress) as told:
            learned = await ask_all(
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
        self.exposed.due |= learned

    async def tidy(self) -> None:
        """Compact what is older than history is kept."""
        await tidy(self.store, self.now() - self.policy.keep, self.stopping)

    def with_doors(self, providers: Collection[str]) -> list[str]:
        """These providers, and those that are always read with them."""
        return self.annexes.with_doors(providers)

    async def watch(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
    ) -> Report:
        """One cycle of the daemon, over all providers or these.

        ``late``: for what came late, over the providers that it concerns.
        """
        report = Report(run=self.ids.row())
        depth = Depth.NEAR if near else Depth.FAR
        if late:
            touched = {p for seen in self.lanes.read_late() for p in seen.touched}
            providers = [p for p in self.mapping if p in touched or self.agenda.due(p)]
        await self.cycle(self.window(near=near), report, providers, depth=depth, follows=late)
        self.file(report, "near" if near else "far")
        return report

    async def aclose(self) -> None:
        """Give up what is read in the background, and wait for the writes in flight."""
        await self.lanes.finish()

    def _calls_for_a_cycle(self, seen: Observation) -> bool:
        """Whether a late read has news, or brings back a system that decisions wait for."""
        return bool(seen.touched) or any(
            self.agenda.due(provider)
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
    ) -> Undone:
        """Put back what a run wrote (see `engine.undo`). Raises NothingToUndo."""
        with with_waits(self.stopping, progress) as told:
            return await undo(self, run, booking=booking, dry_run=dry_run, progress=told)

    async def probe(self, names: Sequence[str], *, progress: Progress = lambda _: None) -> Probed:
        """Measure the facts of these systems' platforms (see `engine.probing`)."""
        with with_waits(self.stopping, progress) as told:
            return await probe(self, names, told)

    async def cleanup(self, wanted: Wanted, *, progress: Progress = lambda _: None) -> Cleaned:
        """Remove what syncd made (see `engine.cleanup`), and have everybody decided on anew."""
        with with_waits(self.stopping, progress) as told:
            return await clean_up_beside(self, wanted, told)

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Withdraw what was measured of these systems; return the facts, by system."""
        return forget_facts(self.systems, self.store, names)

    def waits(self, report: Report) -> bool:
        """Whether a system that answers has still to show the outcome of a write."""
        answering = {name for name, s in report.systems.items() if s.state is Health.OK}
        return any(i.operation.system in answering for i in self.store.pending_intents())

    def file(self, report: Report, kind: str) -> None:
        """Keep the run, if anything happened in it."""
        if report.dry_run:
            return
        quiet = not (report.news or report.operations or report.guarded or report.failures)
        now = self.clock.now()
        self.waiting.settle(self._calendars(), now)
        self.held_back.settle(self._calendars(), report.run, now)
        if kind != "resync" and quiet and report.answered:
            return
        self.store.start_run(report.run, kind, now)
        told = {**report.to_json(most_waiting=MOST_KEPT), LISTED: report.listed}
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
        self.lanes.patient = waits or len(self.systems) < BESIDES
        await self.learn()
        if self.pauses.renew():
            self.agenda.add(self.mapping)
        chosen = self.annexes.with_doors(providers or self.mapping)
        report.cycles += 1
        desk, error = self.desk(report), self.clock_error
        before = {name: system.traffic for name, system in self.systems.items()}
        full = self.is_full(window)
        dropped = self.baselines.forget_dropped(chosen) if full else set()
        if full:
            names = {*self.systems, *(each.name for each in self.annexes.closures)}
            end_unmapped(self.store, names, self.clock.now())
        self.agenda.add(dropped | self.baselines.take_back(chosen))
        report.settled += len(dropped)  # a further cycle decides without what they had there
        by_id = depth is Depth.RESYNC and report.cycles == 1
        observed = await look(
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
        watch_clock(self, observed)
        for span, seen in in_full(observed, self.clock_error):
            self.baselines.note_read(proven_by(seen), span)
        if by_id:
            report.left_behind = name_left_behind(self)
        progress("deciding")
        decisions = await decide_on(self, chosen, observed, report, accept, dropped)
        if self.annexes.closures:
            # What rooms close is known once their own bookings are.
            closed, doors = await self.annexes.observe(self.store, self.clock, window, chosen)
            for each in closed.values():
                near, deep = depth is Depth.NEAR, self.policy.longest
                each.asked = Asked(
                    window, tuple(doors), deep, error, near=near, full=full, by_id=by_id
                )
            observed |= closed
            decisions |= await decide_on(self, doors, observed, report, accept)
        operations = [o for d in decisions.values() for o in d.operations]
        report.planned, report.unmade = operations, 0
        operations = admitted(report.exactly, self.admits(operations))
        unmade: list[Waiting] = []
        if operations and not report.dry_run:
            unmade = await write(self, operations, observed, desk, report, progress)
        self.waiting.hear(decisions, unmade)
        self.held_back.hear(decisions, unmade)
        report.waiting = self.waiting.all(self._calendars())
        report.held_back = self.held_back.all(self._calendars())
        report.paused, report.observe = self.pauses.found, self.pauses.observe
        if not report.dry_run and report.exactly is None:
            await self.annexes.tie(self.systems, self.store, self.clock, self.lanes, self.pauses)
        for span, seen in in_full(observed, self.clock_error):
            self._settle(span, seen, report)
        await tell(self, report, observed, before)

    async def learn(self) -> None:
        """Ask what rooms can close, where there are rooms: such calendars are kept in sync, too."""
        self.mapping, new = await self.annexes.learn(self.mapping, self.lanes)
        self.agenda.add(new)
        self.baselines.cover(
            (provider, system)
            for provider in new
            for system in self.mapping[provider]
            if system in self.systems
        )

    def desk(self, report: Report) -> Desk:
        """What writes of this run need."""
        return Desk(
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

    def repair(self, desk: Desk) -> None:
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
        take_up_stops(self.systems.values(), self.store)
        self._in_range = True

    def is_full(self, window: Window) -> bool:
        """Whether it is the whole window, or more; it was asked for a moment ago."""
        whole, moment = self.window(near=False), timedelta(minutes=1)
        return window.start <= whole.start + moment and window.end + moment >= whole.end

    def _settle(self, window: Window, observed: Mapping[str, Observation], report: Report) -> None:
        """Note which calendars are now known in full, and what nobody can explain in them."""
        settled = self.baselines.settle(proven_by(observed), window, self.clock.now())
        arrived = [c for o in observed.values() if o.state is Health.OK for c in o.arrived]
        report.settled += len(settled) + self.baselines.note_arrived(arrived, window)
        for provider, system in settled:
            report.remarks += baseline.unexplained(self.store, provider, system, self.clock.now())
