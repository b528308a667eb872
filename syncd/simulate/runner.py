"""Play a story: the whole program against the town, with a supervisor that restarts it."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

from sqlalchemy import event

from syncd.app import App, build
from syncd.core.poll_schedule import ROUNDS
from syncd.daemon.jobs import Jobs
from syncd.daemon.poll_scheduler import PollScheduler, read_intervals
from syncd.engine.policy import IdSource
from syncd.engine.report import Report
from syncd.model import ExposureCause
from syncd.model.platform_facts import NO
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.scenario import SYSTEMS, config_text
from syncd.simulate import (
    broken,
    buffered,
    busy,
    cleaning,
    concealing,
    final_state,
    one_sided,
    oracle,
    paused,
    records_check,
    status_check,
    stopping,
    unproven,
    waits,
)
from syncd.simulate.cancelling import bulk_calls
from syncd.simulate.cleaned_up import judge_beside
from syncd.simulate.clocks import note_clock
from syncd.simulate.configuring import Configuration
from syncd.simulate.crashes import Dangers, FaultyStore, MortalTransport, ProcessLife, no_patience
from syncd.simulate.disk import Disk
from syncd.simulate.drawn_facts import configured, set_facts
from syncd.simulate.economy import idle_writes, writes_per_change
from syncd.simulate.environment import folder_in_memory, kept_log, rare_garbage_collection
from syncd.simulate.errands import beside
from syncd.simulate.facts import closes_calendars, note_measured
from syncd.simulate.far import judge_far_meetings
from syncd.simulate.first_writes import judge_damage
from syncd.simulate.gateways import over_limits
from syncd.simulate.hosted import is_share
from syncd.simulate.loop import VirtualClock, run_virtually
from syncd.simulate.mass_edit import Change
from syncd.simulate.operator import Killed, Operator
from syncd.simulate.rebooking import judge_rebookings
from syncd.simulate.scenario import CONFIGURED, OPERATOR, OUTSIDE, EventKind, Scenario, SimEvent
from syncd.simulate.service import Service
from syncd.simulate.siblings import judge_carried, was_carried
from syncd.simulate.timeliness import Timely, judge_paces, until_next
from syncd.simulate.untouched import puts_back, statuses_left
from syncd.simulate.world import World
from syncd.store import StateError, Store
from syncd.store.availability import exposures

NEAR, FARS = 1200.0, 6
"""The daemon's pace here: the near window every 20 minutes, the whole one in six times that."""

RESTART = 15.0
QUIET = (ROUNDS * FARS + 4) * NEAR
"""By then the daemon alone has read everything at least once, and written what is missing."""

SLOTS, ASKS = "5h", 15
"""How old an answer about free slots may be, and after how many near polls it asks for them."""


@dataclass(slots=True)
class RunResult:
    """The broken promises of a day, its trace, and counts by kind.

    ``acts`` are of people, ``commands`` of the operator, ``writes`` of syncd, ``faults`` injected.
    """

    scenario: Scenario
    broken: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    cycles: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


def play(story: Scenario, *, until_broken: bool = False, only_acts: bool = False) -> RunResult:
    """Play a story to its end, until it has broken a promise, or (``only_acts``) just its day."""
    with folder_in_memory() as folder, kept_log() as log, rare_garbage_collection():
        return run_virtually(_perform(lambda: _Runner(story, folder, log), until_broken, only_acts))


async def _perform(made: Callable[[], _Runner], until_broken: bool, only_acts: bool) -> RunResult:
    with closing(made()) as stage:
        day = asyncio.create_task(stage.play())
        if until_broken:
            stage.when_broken = day.cancel
        if only_acts:
            stage.when_acted = day.cancel
        await asyncio.wait({day})
        if not day.cancelled():
            day.result()  # or what it raised
        return stage.counted()


class _Runner:
    """One performance."""

    def __init__(self, story: Scenario, folder: Path, log: io.StringIO) -> None:
        self.story = story
        self.folder = folder
        self.log = log
        self.outcome = RunResult(story)
        self.host = VirtualClock(story.start)
        self.town = World(VirtualClock(story.start), story.seed, self._judge)
        self.town.choices, self.town.series = story.choices, story.series
        self.town.break_promise = self._break
        one_sided.set_rules(self.town, story)
        self.operator = Operator(folder / "state.db", self.town, self._say, self._beside_it)
        self.dangers, self.said, self.reload = Dangers(self.outcome.faults), -1, False
        self.disk = Disk(folder / "state.db")
        self.requests, self.cleaning = set[asyncio.Task[None]](), cleaning.NOBODY
        self.when_broken: Callable[[], object] = lambda: None
        self.when_acted: Callable[[], object] = lambda: None
        self.reader: tuple[int, sqlite3.Connection] | None = None
        numbers, random = count(1), Random(f"keys {story.seed}")  # noqa: S311 - repeatable
        letters = "abcdefghijklmnopqrstuvwxyz234567"
        self.ids = IdSource(
            row=lambda: f"r{next(numbers):06}",
            key=lambda: "".join(random.choices(letters, k=10)),
        )

    async def play(self) -> None:
        """Let it all happen, then let it be quiet, then judge."""
        world = self.town.world
        set_facts(world.sandbox, self.story)
        busy.prepare(self.town, self.story.busy)
        concealing.prepare(self.town, self.story)
        buffered.prepare(self.town, self.story.buffers)
        world.sandbox.urls = {name: f"http://127.0.0.1{p}" for name, p in _PATHS.items()}
        path = self.folder / "syncd.toml"
        text = config_text(world, "state.db", f'slots = {{ every = "{SLOTS}" }}\n')
        self.configuration = Configuration(path, configured(text, self.story), self.story)
        self.settings = self.configuration.read()
        for step in self.story.before:
            self._happen(step)
        supervisor = asyncio.create_task(self._supervise())
        try:
            await self._day()
        finally:
            for task in (supervisor, *self.requests):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor
        await asyncio.sleep(RESTART)
        await self._quiet()
        self.cleaning = cleaning.begin(self.town, self.story, self.outcome.commands)
        if self.cleaning is not None:
            await self.cleaning.carry_out(self.dangers, self._start, self._say, self._break)

    def counted(self) -> RunResult:
        """Return what the story came to by now."""
        self.outcome.trace += self.town.calls
        self.outcome.acts = self.town.acts
        for platform in self.town.sandbox.systems.values():
            self.outcome.faults.update({str(k): n for k, n in platform.faults.injected.items()})
        self.outcome.commands += self.operator.done
        self.outcome.writes.update(c.kind for c in self.town.changes if not c.by_hand)
        return self.outcome

    async def _day(self) -> None:
        """All steps, and the quiet after them, while the daemon runs."""
        for step in self.story.of_the_day:
            await self._until(step.at)
            self._happen(step)
        await self._until(self.story.hours * 3600)
        self.when_acted()
        await asyncio.sleep(0)  # ends here where only the day is played
        # What was out of the file until now, or still is, cannot have been carried.
        whole = not paused.changed_lately(self.town, broken.SEEN_WITHIN)
        self._judge_with(lambda *seen: paused.judge_told(self.town, self.story, *seen))
        if whole:
            self._judge_with(lambda *seen: broken.judge_broken(self.town, self.story, *seen))
            self._judge_with(lambda *seen: stopping.judge_stops(self.town, self.story, *seen))
        if whole and waits.ends_with_resync(self.story):
            await self.operator.nightly()
            self._judge_with(lambda *seen: waits.judge_said(self.said, self.town, *seen))
        for line in (*judge_damage(self.town), *judge_carried(self.town)):
            self._break(line)
        self.town.clear_faults()
        self.reload = self.reload or bool(self.configuration.put_back(self.town))
        self.settings = self.configuration.read()
        self.dangers.end()
        self.host.offset = timedelta(0)
        note_clock(self.town, self.host.offset)
        self._say("all is mended")
        await self.operator.release()
        await asyncio.sleep(QUIET)
        await asyncio.gather(*self.requests)
        await self.operator.release()
        if unproven.needs_night(self.town):
            await self.operator.nightly()
        for _ in range(3):
            # A person looks after the brakes: nothing else may be left standing.
            await self.operator.accept()
        self._judge_rest()

    # --- the program --------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """What systemd does: start it again, some seconds after it died."""
        while True:
            app, life = self._start()
            try:
                await self._daemon(app, life)
            except Killed:
                self.outcome.faults["crash"] += 1
                self.town.deaths.append(self.town.clock.now())
                self._say("the process died")
            finally:
                self.operator.work = None
                await app.engine.tasks.cancel_all()
                app.store.close()
                if done := self.disk.replace(self.host.now()):
                    self.outcome.faults[done] += 1
                    self.town.forgot()
                    self._say(done)
            await asyncio.sleep(RESTART)
            self._say("restart")

    def _start(self) -> tuple[App, ProcessLife]:
        life = ProcessLife(self.dangers)
        store = FaultyStore.open(self.folder / "state.db")
        store.life = life
        # Nobody holds the state for a moment only: waiting would cost real time.
        event.listen(store._engine, "checkout", no_patience)  # noqa: SLF001
        return self._build(store, life), life

    def _build(self, store: Store, life: ProcessLife) -> App:
        self.reload = False
        self.town.unmapped.went_over(self.town.clock.now())
        ways = {name: MortalTransport(self.town.transport(name), life) for name in SYSTEMS}
        app = build(self.settings, store=store, clock=self.host, transports=ways, ids=self.ids)
        app.engine.patient = False
        app.engine.recent.every = timedelta(seconds=FARS * NEAR)
        for step in self.story.steps:
            if step.fault == FaultKind.STRIP_KEYS and step.system in app.systems:
                # That this platform strips tags has been found out before.
                app.systems[step.system].measured.note("keeps_tag", NO)
        note_measured(app.systems, self.town.sandbox, self.story)
        return app

    def _beside_it(self, store: Store) -> App:
        return beside(self.settings, store, self.host, self.town, self.ids)

    async def _daemon(self, app: App, life: ProcessLife) -> None:
        near, far = timedelta(seconds=NEAR), timedelta(seconds=FARS * NEAR)
        spans = replace(read_intervals(self.settings), near=near, far=far)
        at_work = Service(app, PollScheduler(app.systems, spans, self.host))

        def told(report: Report) -> None:
            self.outcome.cycles += 1
            self.said = report.exit.code
            at_work.hear(report)
            waits = paused.judge_report(self.town, report)
            for line in (*timely.judge(report), *judge_paces(at_work.rounds), *waits):
                self._break(line)

        timely = Timely(self.town)
        work = Jobs(app.engine, told, self._job_failed, at_work.insist, at_work.turn)
        self.operator.work = work
        await work.resync_and_compact()
        last = 0
        for poll in count(1):
            await until_next(work, at_work.rounds.intervals.near.total_seconds())
            if self.reload:
                fresh = self._build(app.store, life)
                await at_work.go_over(work, fresh, PollScheduler(fresh.systems, spans, self.host))
                await work.resync_and_compact()
            if (poll - last) * near >= at_work.rounds.tick:
                last = poll
                await work.far()
            else:
                await work.near()
            if poll % ASKS == 0:
                await work.slots()
            if poll % FARS == 0 and any(
                s.kind is EventKind.STATE_RESTORED for s in self.story.steps
            ):
                self.disk.back_up()

    def _job_failed(self, job: str) -> None:
        """The state may end a job; no answer of a system may (promise 8)."""
        error = sys.exc_info()[1]
        if not isinstance(error, StateError):
            self._break(f"8: the job {job} ended with {type(error).__name__}")

    def _judge_rest(self) -> None:
        """The daemon has had its time: all must agree, without a restart or anybody's help."""
        for line in (*records_check.ended_jobs(self.log.getvalue()), *self.town.endless()):
            self._break(line)
        self._judge_with(lambda *seen: broken.judge_rest(self.town, *seen))

    def _judge_with(self, judge: Callable[[Store, datetime, datetime], Iterable[str]]) -> None:
        with closing(Store.open(self.folder / "state.db", write=False)) as store:
            now = self.town.clock.now()
            for line in judge(store, now, now + self.settings.syncd.window.future):
                self._break(line)

    async def _quiet(self) -> None:
        """Nothing changes any more and all systems answer: three cycles, then silence."""
        app, _life = self._start()
        for _ in range(3):
            await app.engine.resync()
            await asyncio.sleep(60)
        app.engine.dirty.mark_whole(app.engine.mapping)  # look at everything again
        last = await app.engine.resync()
        if last.operations:
            self._break(f"1: still writing when all is quiet: {dict(last.operations)}")
        await app.engine.read_free_slots()
        await app.engine.exposure_tracker.measure()
        now = self.town.clock.now()
        for exposure in exposures(app.store, now):
            if exposure.cause is ExposureCause.IGNORED and closes_calendars(
                self.town, exposure.system
            ):
                self._break(f"exposure: no calendar here ignores blocks: {exposure}")
        end = now + self.settings.syncd.window.future
        for line in final_state.judge_end(self.town, app.store, now, end):
            self._break(line)
        for line in status_check.judge_report(self.town, app.store, last, now, end):
            self._break(line)
        told = (
            writes_per_change,
            idle_writes,
            statuses_left,
            judge_rebookings,
            judge_far_meetings,
            bulk_calls,
            over_limits,
        )
        for line in (line for judge in told for line in judge(self.town)):
            self._break(line)
        app.store.close()
        with sqlite3.connect(self.folder / "state.db") as database:
            dump = "\n".join(database.iterdump())
            for line in records_check.unexplained(self.town, database):
                self._break(line)
        database.close()
        sandbox = self.town.sandbox
        secrets = (sandbox.clinic.token, sandbox.legacy.token, sandbox.crm.secret_key)
        for line in records_check.indiscreet((dump, self.log.getvalue()), secrets):
            self._break(line)

    # --- what happens -------------------------------------------------------------------------

    def _happen(self, step: SimEvent) -> None:
        match step.kind:
            case EventKind.FAULT:
                self.town.inject_fault(step)
            case EventKind.HOST_CLOCK:
                self.host.offset += timedelta(seconds=step.seconds)
                note_clock(self.town, self.host.offset)
                self.outcome.faults["host-clock"] += 1
            case EventKind.STATE_FAULT:
                self.dangers.state_fault = step
            case EventKind.CRASH:
                self.dangers.fuse = step.number
            case EventKind.STATE_LOST | EventKind.STATE_RESTORED:
                self.dangers.fuse, self.disk.next = 1, step
            case _ if step.kind in CONFIGURED:
                self._say(f"configuration: {self._configure(step) or 'nothing to change'}")
                return
            case _ if step.kind in OPERATOR:
                self.requests.add(asyncio.create_task(self.operator.perform(step)))
            case _ if step.kind in OUTSIDE:
                done = self.town.apply(step)
                self._say(f"{step.system} by hand: {done or 'nothing to do it to'}")
                return
        self._say(str(step))

    def _configure(self, step: SimEvent) -> str:
        """Change the file; the program reloads it with its next poll, or dies and starts again."""
        done = self.configuration.change(step, self.town)
        if done:
            self.outcome.commands[step.kind] += 1
            self.settings = self.configuration.read()
            if self.operator.work is not None:
                self.reload = step.slot % 2 == 1
                self.dangers.fuse = self.dangers.fuse if self.reload else 1
        return done

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.town.clock.monotonic()))

    def _judge(self, change: Change) -> None:
        """Judge something that syncd did, at the moment when it happened."""
        self._say(f"{change.system} syncd: {change}")
        if was_carried(self.town, change) or cleaning.judges(self.cleaning, change, self._break):
            return
        unannounced: Iterable[str] = ()
        along = is_share(change.event) or puts_back(self.town, change)
        if not self.town.is_forgotten(change.at) and not along:
            unannounced = records_check.unannounced(change, self._beside())
        freed = judge_beside(self.story, self.town, change, self.host.offset)
        for line in (*oracle.judge_change(self.town, change), *unannounced, *freed):
            self._break(line)

    def _beside(self) -> sqlite3.Connection:
        """The state as another program reads it; to open it anew each time would take longest."""
        path = self.folder / "state.db"
        file = path.stat().st_ino
        if self.reader is None or self.reader[0] != file:
            self.close()
            self.reader = (file, sqlite3.connect(path))
        return self.reader[1]

    def close(self) -> None:
        """Let go of the state."""
        if self.reader is not None:
            self.reader[1].close()
            self.reader = None

    def _say(self, text: str) -> None:
        self.outcome.trace += self.town.calls
        self.town.calls.clear()
        self.outcome.trace.append(f"{self.town.clock.now():%d %H:%M:%S} {text}")

    def _break(self, line: str) -> None:
        self._say(f"BROKEN {line}")
        self.outcome.broken.append(line)
        self.when_broken()


_PATHS = {"crm": "/v2", "clinic": "", "legacy": "/v1"}
