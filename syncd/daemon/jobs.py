"""Run the daemon's jobs and requests on the engine, one at a time; no failure ends the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution
from syncd.daemon.arguments import (
    check_arguments,
    contacts_argument,
    plan_argument,
    text_argument,
    window_argument,
)
from syncd.daemon.cleanup_request import CLEANUP_ARGUMENTS, CleanupEngine, run_cleanup
from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.metrics import outcome
from syncd.engine.operator import pausing
from syncd.engine.operator.acknowledge import AcknowledgeError, acknowledge_entry
from syncd.engine.operator.resolve import resolution_from_arguments, resolve_conflict
from syncd.engine.operator.undo import NothingToUndoError, UndoReport
from syncd.engine.probing.outcome import ProbeRun
from syncd.engine.report.progress import Progress
from syncd.engine.report.run_report import Report
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.engine.writing.operation_json import operation_json
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Clock, Window
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.store import Store
from syncd.store.retention.forget import forget_customers

log = structlog.get_logger(__name__)


class EngineApi(CleanupEngine, Protocol):
    """The part of an engine that the daemon needs."""

    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    answers: dict[str, Resolution]
    tasks: SystemTasks
    pauses: WritePauses

    @property
    def stopping(self) -> asyncio.Event:
        """The event that is set when the service has to stop."""

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = ...,
        exactly: ApprovedOperations | None = ...,
        progress: Progress = ...,
    ) -> Report:
        """Run cycles until nothing is left to do."""
        ...

    async def refresh_resources(self) -> None:
        """Refresh the calendars that rooms and equipment close."""
        ...

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = ...
    ) -> Report:
        """Run one cycle over these providers (None: all); ``late``: only those with late reads."""
        ...

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        """Return these providers, and the providers that are always read with them."""
        ...

    async def compact(self) -> None:
        """Compact old history."""
        ...

    async def probe(self, names: Sequence[str], *, progress: Progress = ...) -> ProbeRun:
        """Measure the platform facts of these systems."""
        ...

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Withdraw the measured facts of these systems."""
        ...

    async def undo(
        self,
        run: str,
        *,
        booking: str | None = None,
        dry_run: bool = ...,
        progress: Progress = ...,
    ) -> UndoReport:
        """Undo the writes of a run."""
        ...

    async def read_free_slots(self, *, gently: bool = ...) -> None:
        """Read free slots."""
        ...


SelectDue = Callable[[Collection[str], Callable[[Collection[str]], Collection[str]]], Sequence[str]]
"""Returns the providers that are due; the second argument adds those always read with others."""


class Jobs:
    """The daemon's jobs and requests. ``busy_since`` is a loop time (seconds), None when idle.

    ``on_report`` gets each report, ``on_failure`` the name of each job that raised.
    ``reset_backoff`` is called before a request, so that every system is asked.
    ``providers_due`` selects the providers of a far job; by default all.
    """

    def __init__(
        self,
        engine: EngineApi,
        on_report: Callable[[Report], None] = lambda _report: None,
        on_failure: Callable[[str], None] = lambda _job: None,
        reset_backoff: Callable[[], None] = lambda: None,
        providers_due: SelectDue = lambda providers, _dependents: sorted(providers),
    ) -> None:
        """Take the engine and the callbacks."""
        self._late = asyncio.Event()
        self._set_engine(engine)
        self._on_report = on_report
        self._on_failure = on_failure
        self._reset_backoff = reset_backoff
        self._providers_due = providers_due
        self._engine_lock = asyncio.Lock()
        self._probe_lock = asyncio.Lock()
        self.busy_since: float | None = None

    async def near(self) -> None:
        """Poll the near window, unless another job runs, because each job reads that window too.

        A running job stops waiting for slow systems, and does not pause before its next cycle.
        """
        self._engine.tasks.run_pause.end()
        if not self._engine_lock.locked() or self._engine.tasks.waiting:
            await self._job("near", lambda: self._engine.poll(near=True))

    async def wait_for_late_results(self) -> None:
        """Wait for a read that arrives after its cycle stopped waiting for it."""
        await self._late.wait()

    async def poll_late_results(self) -> None:
        """Poll for reads that arrived late, unless a cycle has processed them already."""
        self._late.clear()
        async with self._engine_lock:
            processed = not self._engine.tasks.has_late_results
        if not processed:
            await self._job("near", lambda: self._engine.poll(near=True, late=True))

    async def follow_late_results(self) -> None:
        """Poll each time that a read arrives late; never return."""
        while True:
            await self.wait_for_late_results()
            await self.poll_late_results()

    async def far(self) -> None:
        """Poll the whole window of the providers that are due for a full-window read."""
        await self._job("far", self._far)

    async def _far(self) -> Report:
        providers = self._providers_due(self._engine.mapping, self._engine.with_dependents)
        return await self._engine.poll(near=False, providers=providers)

    async def resync_and_compact(self) -> None:
        """Resync everything, then compact old history: at the start and every night."""
        await self._job("resync", self._engine.resync)
        try:
            await self._engine.compact()
        except Exception:
            log.exception("job failed", job="tidy")
            self._on_failure("tidy")

    async def slots(self) -> None:
        """Read free slots. Cycles run beside this job, because it only reads and may take long."""
        if self._engine.stopping.is_set():
            return
        try:
            await self._engine.read_free_slots(gently=True)
        except Exception:
            log.exception("job failed", job="slots")
            self._on_failure("slots")

    async def on_request(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Run a resync that a client requested. Raises RequestRejectedError."""
        check_arguments(arguments)
        window = window_argument(arguments, self._engine.clock.now())
        provider, accept = text_argument(arguments, "provider"), text_argument(arguments, "accept")
        if provider is not None and provider not in self._engine.mapping:
            raise RequestRejectedError(
                f"the running daemon has no provider {provider[:100]!r}",
                "If the provider is new in the configuration, reload or restart the daemon.",
            )
        exactly = plan_argument(arguments)
        async with self._exclusive(progress) as started:
            report = await self._engine.resync(
                window=window,
                providers=None if provider is None else [provider],
                accept=accept,
                exactly=exactly,
                progress=progress,
            )
        self._finish("request", report, self._now() - started)
        if exactly is None:
            return report.to_json(), report.exit.code
        decided = [operation_json(each) for each in report.planned]
        result = {**report.to_json(), "plan": {"matched": exactly.matched, "decided": decided}}
        return result, report.exit.code

    async def on_undo(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Undo the writes of a run; with `dry_run` only plan that. Raises RequestRejectedError."""
        check_arguments(arguments, frozenset({"run", "booking", "dry_run"}))
        run, booking = text_argument(arguments, "run"), text_argument(arguments, "booking")
        dry_run = bool(arguments.get("dry_run"))
        if run is None:
            raise RequestRejectedError("the request names no run", "Name a run.")
        async with self._exclusive(progress) as started:
            try:
                undone = await self._engine.undo(
                    run, booking=booking, dry_run=dry_run, progress=progress
                )
            except NothingToUndoError as nothing:
                raise RequestRejectedError(nothing.reason, nothing.remedy) from None
        if dry_run:
            plan = [operation_json(each) for each in undone.operations]
            return {**undone.to_json(), "plan": plan}, undone.exit.code
        self._finish("undo", undone.report, self._now() - started)
        return undone.to_json(), undone.exit.code

    async def on_probe(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Measure platform facts, or withdraw them. Raises RequestRejectedError.

        Cycles run meanwhile: they ignore the canary event that a probe creates.
        """
        check_arguments(arguments, frozenset({"systems", "forget"}))
        names = arguments.get("systems")
        known = {system for systems in self._engine.mapping.values() for system in systems}
        if not isinstance(names, list) or not all(str(name) in known for name in names):
            raise RequestRejectedError(
                "the running daemon does not have all of these systems",
                "If a system is new in the configuration, reload or restart the daemon.",
            )
        self._refuse_if_stopping()
        if arguments.get("forget") is True:
            return {"forgotten": self._engine.forget_facts(names)}, 0
        if self._probe_lock.locked():
            raise RequestRejectedError("another probe is running", "Wait until it has ended.")
        async with self._probe_lock:
            self._reset_backoff()
            probe = await self._engine.probe(names, progress=progress)
        log.info("probed", systems=names, ended=str(probe.exit))
        return probe.to_json(), probe.exit.code

    async def on_cleanup(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Remove blocks that syncd created, or give a system up. Raises RequestRejectedError."""
        check_arguments(arguments, CLEANUP_ARGUMENTS)
        if self._engine.pauses.observe and arguments.get("dry_run") is not True:
            raise RequestRejectedError(OBSERVE_REASON, OBSERVE_REMEDY)
        async with self._exclusive(progress):
            return await run_cleanup(self._engine, arguments, text_argument, progress)

    async def on_resolve(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Apply the operator's resolution of a held conflict. Raises RequestRejectedError."""
        conflict = text_argument(arguments, "conflict") or ""
        try:
            resolution = resolution_from_arguments(arguments)
        except ValueError as error:
            raise RequestRejectedError(str(error), _OTHER_VERSION) from None
        async with self._exclusive(progress) as started:
            try:
                done = await resolve_conflict(self._engine, conflict, resolution, progress=progress)
            except InvalidResolutionError as invalid:
                raise RequestRejectedError(invalid.reason, invalid.remedy) from None
        self._finish("resolve", done.report, self._now() - started)
        return done.to_json(), done.code

    async def on_forget_person(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Erase the stored data of a customer's contacts. Raises RequestRejectedError."""
        check_arguments(arguments, frozenset({"contacts"}))
        contacts = contacts_argument(arguments)
        async with self._engine_lock:  # not during a job, which may store the same ids
            self._refuse_if_stopping()
            erased = forget_customers(self._engine.store, contacts)
        return erased.to_json(), 0

    async def on_acknowledge(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Acknowledge an item or a double booking, or undo that. Raises RequestRejectedError."""
        check_arguments(arguments, frozenset({"id", "by", "undo"}))
        start, by = text_argument(arguments, "id"), text_argument(arguments, "by")
        undo = arguments.get("undo") is True
        async with self._engine_lock:  # not during a job, which may change the reported items
            self._refuse_if_stopping()
            store, now = self._engine.store, self._engine.clock.now()
            try:
                done = acknowledge_entry(store, start or "", by or "", now, undo=undo)
            except AcknowledgeError as error:
                raise RequestRejectedError(error.reason, error.remedy) from None
        return done.to_json(), 0

    async def on_pause(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Pause targets and wait for their writes in flight. Raises RequestRejectedError."""
        check_arguments(arguments, frozenset({"what", "by", "reason"}))
        targets = _pause_targets(arguments)
        engine, by = self._engine, text_argument(arguments, "by") or ""
        reason = text_argument(arguments, "reason") or ""
        pauses = pausing.add_pauses(engine.store, targets, by, reason, engine.clock.now())
        progress("waiting for writes in flight")
        await engine.pauses.wait_for_requests(pauses)
        async with self._probe_lock:  # a probe removes its block in spite of a pause
            return pausing.pauses_json(pauses), 0

    async def on_unpause(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """End pauses; the next cycle writes what is wanted. Raises RequestRejectedError."""
        check_arguments(arguments, frozenset({"what", "by"}))
        targets, by = _pause_targets(arguments), text_argument(arguments, "by") or ""
        self._refuse_if_stopping()
        try:
            ended = pausing.remove_pauses(self._engine.store, targets, by, self._engine.clock.now())
        except pausing.UnpauseError as error:
            raise RequestRejectedError(error.reason, error.remedy) from None
        return pausing.pauses_json(ended), 0

    @asynccontextmanager
    async def _exclusive(self, progress: Progress) -> AsyncIterator[float]:
        """Wait for the engine and hold it; yield the loop time. Raises RequestRejectedError."""
        self._refuse_if_stopping()
        if self._engine_lock.locked():
            progress("waiting for the running cycle")
        async with self._hold_engine():
            self._refuse_if_stopping()
            self._reset_backoff()
            yield self._now()

    def _refuse_if_stopping(self) -> None:
        if self._engine.stopping.is_set():
            raise RequestRejectedError("the daemon is stopping", "Run the command again later.")

    async def replace_engine(self, engine: EngineApi) -> None:
        """Continue with another engine once the running job has ended."""
        async with self._engine_lock, self._probe_lock:
            await self._engine.tasks.drain()
            self._set_engine(engine)

    async def idle(self) -> None:
        """Wait until no job runs and no write is in flight."""
        async with self._engine_lock, self._probe_lock:
            await self._engine.tasks.drain()

    def _set_engine(self, engine: EngineApi) -> None:
        self._engine = engine
        engine.tasks.on_arrival = self._late.set

    async def _job(self, name: str, job: Callable[[], Awaitable[Report]]) -> None:
        try:
            async with self._hold_engine():
                if self._engine.stopping.is_set():
                    return  # checked here: the signal may have arrived while this job waited
                started = self._now()
                report = await job()
                seconds = self._now() - started
        except Exception:
            # A failed cycle must not end the service: the next one starts from the state again.
            log.exception("job failed", job=name)
            self._on_failure(name)
        else:
            self._finish(name, report, seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @asynccontextmanager
    async def _hold_engine(self) -> AsyncIterator[None]:
        self._engine.tasks.wake()
        async with self._engine_lock:
            self.busy_since = self._now()
            try:
                yield
            finally:
                self.busy_since = None

    def _finish(self, name: str, report: Report, seconds: float) -> None:
        """Pass a report on, and log it as one event."""
        report.job, report.seconds = name, round(seconds, 3)
        self._on_report(report)
        systems = {
            system: {"state": str(s.state), "reads": s.reads, "writes": s.writes}
            for system, s in sorted(report.systems.items())
        }
        log.log(
            logging.WARNING if report.guarded else logging.INFO,
            "cycle",
            run=report.run,
            job=name,
            seconds=report.seconds,
            cycles=report.cycles,
            ended=outcome(report),
            systems=systems,
            news=report.news,
            writes={str(action): n for action, n in sorted(report.operations.items()) if n},
            refused=len(report.failures),
            conflicts=report.conflicts,
            unreadable=report.unreadable,
            waiting=len(report.waiting),
            held_back=len(report.held_back),
            exposures=report.exposures,
            journal=report.pending,
            guarded=report.guarded,
            stopped=[each.to_json() for each in report.stopped],
        )


_OTHER_VERSION = "Restart the daemon: its version may differ from this program's."


def _pause_targets(arguments: Mapping[str, Any]) -> list[pausing.PauseTarget]:
    try:
        return pausing.targets_from_arguments(arguments.get("what"))
    except ValueError as error:
        raise RequestRejectedError(str(error), _OTHER_VERSION) from None
