"""Play a scenario: the whole program against the world, with a supervisor that restarts it."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

from sqlalchemy import event

from syncd.app import App, build
from syncd.core.polling.slices import ROUNDS
from syncd.daemon.jobs import Jobs
from syncd.daemon.poll_scheduler import PollScheduler, read_intervals
from syncd.engine.policy import IdSource
from syncd.engine.report.run_report import Report
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, config_text
from syncd.lab.simulate import (
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
from syncd.lab.simulate.blocks import endless_blocks
from syncd.lab.simulate.cancelling import bulk_calls
from syncd.lab.simulate.cleaned_up import judge_beside
from syncd.lab.simulate.clocks import note_clock
from syncd.lab.simulate.configuring import Configuration
from syncd.lab.simulate.crashes import (
    Dangers,
    FaultyStore,
    MortalTransport,
    ProcessLife,
    fail_when_locked,
)
from syncd.lab.simulate.disk import Disk
from syncd.lab.simulate.drawn_facts import configured, set_facts
from syncd.lab.simulate.economy import idle_writes, writes_per_change
from syncd.lab.simulate.environment import captured_log, folder_in_memory, rare_garbage_collection
from syncd.lab.simulate.errands import build_second_app
from syncd.lab.simulate.facts import closes_calendars, note_measured
from syncd.lab.simulate.far import judge_far_meetings
from syncd.lab.simulate.first_writes import judge_damage
from syncd.lab.simulate.gateways import over_limits
from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.loop import VirtualClock, run_virtually
from syncd.lab.simulate.mass_edit import Change
from syncd.lab.simulate.operator import Operator, ProcessKilled
from syncd.lab.simulate.rebooking import judge_rebookings
from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.scenario import CONFIGURED, OPERATOR, OUTSIDE, EventKind, Scenario, SimEvent
from syncd.lab.simulate.service import RunningService
from syncd.lab.simulate.siblings import judge_platform_changes, was_made_by_platform
from syncd.lab.simulate.timeliness import TimelinessJudge, judge_paces, wait_for_poll
from syncd.lab.simulate.untouched import restores_status, unexplained_statuses
from syncd.lab.simulate.world import World
from syncd.model import ExposureCause
from syncd.model.platform_facts import NO
from syncd.store import StateError, Store
from syncd.store.queries.availability import exposures

NEAR_SECONDS, FAR_EVERY = 1200.0, 6
"""Seconds between near polls, and the number of near polls to a far one."""

RESTART_SECONDS = 15.0
QUIET_SECONDS = (ROUNDS * FAR_EVERY + 4) * NEAR_SECONDS
"""By then the daemon has read everything at least once, and written what was missing."""

SLOTS_AGE, SLOTS_EVERY = "5h", 15
"""How old an answer about free slots may be, and the number of near polls between two requests."""


def play(scenario: Scenario, *, until_broken: bool = False, only_acts: bool = False) -> RunResult:
    """Play a scenario to its end, to a broken promise, or (``only_acts``) just its day."""
    with folder_in_memory() as folder, captured_log() as log, rare_garbage_collection():
        performance = _perform(lambda: _Runner(scenario, folder, log), until_broken, only_acts)
        return run_virtually(performance)


async def _perform(create: Callable[[], _Runner], until_broken: bool, only_acts: bool) -> RunResult:
    with closing(create()) as runner:
        day = asyncio.create_task(runner.play())
        if until_broken:
            runner.on_violation = day.cancel
        if only_acts:
            runner.on_day_end = day.cancel
        await asyncio.wait({day})
        if not day.cancelled():
            day.result()  # raises what the day raised
        return runner.collect()


class _Runner:
    """One performance of a scenario."""

    def __init__(self, scenario: Scenario, folder: Path, log: io.StringIO) -> None:
        self.scenario = scenario
        self.folder = folder
        self.log = log
        self.result = RunResult(scenario)
        self.host = VirtualClock(scenario.start)
        self.world = World(VirtualClock(scenario.start), scenario.seed, self._judge)
        self.world.choices, self.world.series = scenario.choices, scenario.series
        self.world.report_violation = self._violate
        one_sided.set_rules(self.world, scenario)
        state = folder / "state.db"
        self.operator = Operator(state, self.world, self._trace, self._build_second_app)
        self.dangers, self.exit_code, self.reload = Dangers(self.result.faults), -1, False
        self.disk = Disk(state)
        self.requests, self.cleaning = set[asyncio.Task[None]](), cleaning.NO_CLEANUP
        self.on_violation: Callable[[], object] = lambda: None
        self.on_day_end: Callable[[], object] = lambda: None
        self.reader: tuple[int, sqlite3.Connection] | None = None
        numbers, random = count(1), Random(f"keys {scenario.seed}")  # noqa: S311 - repeatable
        letters = "abcdefghijklmnopqrstuvwxyz234567"
        self.ids = IdSource(
            row=lambda: f"r{next(numbers):06}",
            key=lambda: "".join(random.choices(letters, k=10)),
        )

    async def play(self) -> None:
        """Play the day, let the outside be quiet, then judge."""
        seeded = self.world.seeded
        set_facts(seeded.sandbox, self.scenario)
        busy.prepare(self.world, self.scenario.busy)
        concealing.prepare(self.world, self.scenario)
        buffered.prepare(self.world, self.scenario.buffers)
        seeded.sandbox.urls = {name: f"http://127.0.0.1{p}" for name, p in _PATHS.items()}
        path = self.folder / "syncd.toml"
        text = config_text(seeded, "state.db", f'slots = {{ every = "{SLOTS_AGE}" }}\n')
        self.configuration = Configuration(path, configured(text, self.scenario), self.scenario)
        self.settings = self.configuration.read()
        for step in self.scenario.before:
            self._perform_step(step)
        supervisor = asyncio.create_task(self._supervise())
        try:
            await self._play_day()
        finally:
            for task in (supervisor, *self.requests):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor
        await asyncio.sleep(RESTART_SECONDS)
        await self._judge_quiet()
        self.cleaning = cleaning.begin(self.world, self.scenario, self.result.commands)
        if self.cleaning is not None:
            await self.cleaning.run_until_done(
                self.dangers, self._start, self._trace, self._violate
            )

    def collect(self) -> RunResult:
        """Return the results so far."""
        self.result.trace += self.world.calls
        self.result.acts = self.world.acts
        for platform in self.world.sandbox.systems.values():
            self.result.faults.update({str(k): n for k, n in platform.faults.injected.items()})
        self.result.commands += self.operator.done
        self.result.writes.update(c.kind for c in self.world.changes if not c.by_hand)
        return self.result

    async def _play_day(self) -> None:
        """Perform all steps, and let time pass after them, while the daemon runs."""
        for step in self.scenario.of_the_day:
            await self._until(step.at)
            self._perform_step(step)
        await self._until(self.scenario.hours * 3600)
        self.on_day_end()
        await asyncio.sleep(0)  # the task ends here if only the day is played
        # Events of a place that was out of the file need not be propagated yet.
        whole = not paused.changed_recently(self.world, broken.READ_WITHIN)
        self._judge_with(lambda *args: paused.judge_pauses(self.world, self.scenario, *args))
        if whole:
            self._judge_with(lambda *args: broken.judge_broken(self.world, self.scenario, *args))
            self._judge_with(lambda *args: stopping.judge_stops(self.world, self.scenario, *args))
        if whole and waits.ends_with_resync(self.scenario):
            await self.operator.nightly()
            self._judge_with(lambda *args: waits.judge_exit_code(self.exit_code, self.world, *args))
        for line in (*judge_damage(self.world), *judge_platform_changes(self.world)):
            self._violate(line)
        self.world.clear_faults()
        self.reload = self.reload or bool(self.configuration.put_back(self.world))
        self.settings = self.configuration.read()
        self.dangers.end()
        self.host.offset = timedelta(0)
        note_clock(self.world, self.host.offset)
        self._trace("all faults end")
        await self.operator.release()
        await asyncio.sleep(QUIET_SECONDS)
        await asyncio.gather(*self.requests)
        await self.operator.release()
        if unproven.needs_night(self.world):
            await self.operator.nightly()
        for _ in range(3):
            # The operator releases the guard, so nothing may be stopped any more.
            await self.operator.accept()
        self._judge_rest()

    # --- the program --------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Restart the process some seconds after it died, as systemd does."""
        while True:
            app, life = self._start()
            try:
                await self._run_daemon(app, life)
            except ProcessKilled:
                self.result.faults["crash"] += 1
                self.world.deaths.append(self.world.clock.now())
                self._trace("the process died")
            finally:
                self.operator.jobs = None
                await app.engine.tasks.cancel_all()
                app.store.close()
                if done := self.disk.replace(self.host.now()):
                    self.result.faults[done] += 1
                    self.world.note_state_loss()
                    self._trace(done)
            await asyncio.sleep(RESTART_SECONDS)
            self._trace("restart")

    def _start(self) -> tuple[App, ProcessLife]:
        life = ProcessLife(self.dangers)
        store = FaultyStore.open(self.folder / "state.db")
        store.life = life
        # No lock is held for a moment only, so waiting would just cost real time.
        event.listen(store._engine, "checkout", fail_when_locked)  # noqa: SLF001
        return self._build(store, life), life

    def _build(self, store: Store, life: ProcessLife) -> App:
        self.reload = False
        self.world.unmapped.note_loaded(self.world.clock.now())
        transports = {
            name: MortalTransport(self.world.transport(name), life) for name in SYSTEM_NAMES
        }
        app = build(
            self.settings, store=store, clock=self.host, transports=transports, ids=self.ids
        )
        app.engine.patient = False
        app.engine.recent.every = timedelta(seconds=FAR_EVERY * NEAR_SECONDS)
        for step in self.scenario.steps:
            if step.fault == FaultKind.STRIP_KEYS and step.system in app.systems:
                # It was measured before that this platform strips tags.
                app.systems[step.system].measured.note("keeps_tag", NO)
        note_measured(app.systems, self.world.sandbox, self.scenario)
        return app

    def _build_second_app(self, store: Store) -> App:
        return build_second_app(self.settings, store, self.host, self.world, self.ids)

    async def _run_daemon(self, app: App, life: ProcessLife) -> None:
        near, far = timedelta(seconds=NEAR_SECONDS), timedelta(seconds=FAR_EVERY * NEAR_SECONDS)
        spans = replace(read_intervals(self.settings), near=near, far=far)
        service = RunningService(app, PollScheduler(app.systems, spans, self.host))

        def on_report(report: Report) -> None:
            self.result.cycles += 1
            self.exit_code = report.exit.code
            service.record_report(report)
            waits = paused.judge_waiting(self.world, report)
            for line in (*timely.judge(report), *judge_paces(service.rounds), *waits):
                self._violate(line)

        timely = TimelinessJudge(self.world)
        jobs = Jobs(app.engine, on_report, self._job_failed, service.reset_backoff, service.turn)
        self.operator.jobs = jobs
        await jobs.resync_and_compact()
        last = 0
        for poll in count(1):
            await wait_for_poll(jobs, service.rounds.intervals.near.total_seconds())
            if self.reload:
                fresh = self._build(app.store, life)
                await service.switch_to(jobs, fresh, PollScheduler(fresh.systems, spans, self.host))
                await jobs.resync_and_compact()
            if (poll - last) * near >= service.rounds.tick:
                last = poll
                await jobs.far()
            else:
                await jobs.near()
            if poll % SLOTS_EVERY == 0:
                await jobs.slots()
            if poll % FAR_EVERY == 0 and any(
                s.kind is EventKind.STATE_RESTORED for s in self.scenario.steps
            ):
                self.disk.back_up()

    def _job_failed(self, job: str) -> None:
        """Record a violation unless the state ended the job: no answer may (promise 8)."""
        error = sys.exc_info()[1]
        if not isinstance(error, StateError):
            self._violate(f"8: the job {job} ended with {type(error).__name__}")

    def _judge_rest(self) -> None:
        """Judge that all agrees after the daemon had its time, without a restart or help."""
        for line in (*records_check.ended_jobs(self.log.getvalue()), *endless_blocks(self.world)):
            self._violate(line)
        self._judge_with(lambda *args: broken.judge_rest(self.world, *args))

    def _judge_with(self, judge: Callable[[Store, datetime, datetime], Iterable[str]]) -> None:
        with closing(Store.open(self.folder / "state.db", write=False)) as store:
            now = self.world.clock.now()
            for line in judge(store, now, now + self.settings.syncd.window.future):
                self._violate(line)

    async def _judge_quiet(self) -> None:
        """Judge three cycles without changes or faults, after which nothing may be written."""
        app, _life = self._start()
        for _ in range(3):
            await app.engine.resync()
            await asyncio.sleep(60)
        app.engine.dirty.mark_whole(app.engine.mapping)  # decide on everything again
        last = await app.engine.resync()
        if last.operations:
            self._violate(f"1: writes without a change or fault: {dict(last.operations)}")
        await app.engine.read_free_slots()
        await app.engine.exposure_tracker.measure()
        now = self.world.clock.now()
        for exposure in exposures(app.store, now):
            if exposure.cause is ExposureCause.IGNORED and closes_calendars(
                self.world, exposure.system
            ):
                self._violate(f"exposure: no calendar of this platform ignores blocks: {exposure}")
        end = now + self.settings.syncd.window.future
        for line in final_state.judge_end(self.world, app.store, now, end):
            self._violate(line)
        for line in status_check.judge_report(self.world, app.store, last, now, end):
            self._violate(line)
        judges = (
            writes_per_change,
            idle_writes,
            unexplained_statuses,
            judge_rebookings,
            judge_far_meetings,
            bulk_calls,
            over_limits,
        )
        for line in (line for judge in judges for line in judge(self.world)):
            self._violate(line)
        app.store.close()
        with sqlite3.connect(self.folder / "state.db") as database:
            dump = "\n".join(database.iterdump())
            for line in records_check.missing_from_history(self.world, database):
                self._violate(line)
        database.close()
        sandbox = self.world.sandbox
        secrets = (sandbox.clinic.token, sandbox.legacy.token, sandbox.crm.secret_key)
        for line in records_check.leaked_words((dump, self.log.getvalue()), secrets):
            self._violate(line)

    # --- what happens -------------------------------------------------------------------------

    def _perform_step(self, step: SimEvent) -> None:
        match step.kind:
            case EventKind.FAULT:
                self.world.inject_fault(step)
            case EventKind.HOST_CLOCK:
                self.host.offset += timedelta(seconds=step.seconds)
                note_clock(self.world, self.host.offset)
                self.result.faults["host-clock"] += 1
            case EventKind.STATE_FAULT:
                self.dangers.state_fault = step
            case EventKind.CRASH:
                self.dangers.fuse = step.number
            case EventKind.STATE_LOST | EventKind.STATE_RESTORED:
                self.dangers.fuse, self.disk.next = 1, step
            case _ if step.kind in CONFIGURED:
                self._trace(f"configuration: {self._configure(step) or 'nothing to change'}")
                return
            case _ if step.kind in OPERATOR:
                self.requests.add(asyncio.create_task(self.operator.perform(step)))
            case _ if step.kind in OUTSIDE:
                done = self.world.apply(step)
                self._trace(f"{step.system} by hand: {done or 'no target'}")
                return
        self._trace(str(step))

    def _configure(self, step: SimEvent) -> str:
        """Change the file; the program reloads it with its next poll, or dies and restarts."""
        done = self.configuration.change(step, self.world)
        if done:
            self.result.commands[step.kind] += 1
            self.settings = self.configuration.read()
            if self.operator.jobs is not None:
                self.reload = step.slot % 2 == 1
                self.dangers.fuse = self.dangers.fuse if self.reload else 1
        return done

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.world.clock.monotonic()))

    def _judge(self, change: Change) -> None:
        """Judge a change by syncd at the moment when it happened."""
        self._trace(f"{change.system} syncd: {change}")
        if was_made_by_platform(self.world, change) or cleaning.judge_during_cleanup(
            self.cleaning, change, self._violate
        ):
            return
        unjournaled: Iterable[str] = ()
        along = is_share(change.event) or restores_status(self.world, change)
        if not self.world.may_be_lost(change.at) and not along:
            unjournaled = records_check.unjournaled(change, self._open_reader())
        freed = judge_beside(self.scenario, self.world, change, self.host.offset)
        for line in (*oracle.judge_change(self.world, change), *unjournaled, *freed):
            self._violate(line)

    def _open_reader(self) -> sqlite3.Connection:
        """Return a reader of the state file; opening it each time would be slow."""
        path = self.folder / "state.db"
        file = path.stat().st_ino
        if self.reader is None or self.reader[0] != file:
            self.close()
            self.reader = (file, sqlite3.connect(path))
        return self.reader[1]

    def close(self) -> None:
        """Close the reader of the state file."""
        if self.reader is not None:
            self.reader[1].close()
            self.reader = None

    def _trace(self, text: str) -> None:
        self.result.trace += self.world.calls
        self.world.calls.clear()
        self.result.trace.append(f"{self.world.clock.now():%d %H:%M:%S} {text}")

    def _violate(self, line: str) -> None:
        self._trace(f"BROKEN {line}")
        self.result.broken.append(line)
        self.on_violation()


_PATHS = {"crm": "/v2", "clinic": "", "legacy": "/v1"}
