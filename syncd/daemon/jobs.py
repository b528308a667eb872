"""The engine at work: one job at a time, whoever asked for it, and none that ends the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog

from syncd.core.resolution import InvalidResolutionError, Resolution
from syncd.daemon.arguments import check_arguments, contacts_of, plan_of, text, window_of
from syncd.daemon.cleanup_request import KNOWN_OF_CLEANUP, CleanupEngine, cleaned_up
from syncd.daemon.control_socket import Progress, RefusedError
from syncd.daemon.metrics import outcome
from syncd.engine import pausing
from syncd.engine.acknowledge import AcknowledgeError, acknowledge_entry
from syncd.engine.agreed_operations import AgreedOperations
from syncd.engine.operation_json import operation_json
from syncd.engine.probe_outcome import ProbeRun
from syncd.engine.report import Report
from syncd.engine.resolve import resolution_from_arguments, resolve_conflict
from syncd.engine.system_tasks import SystemTasks
from syncd.engine.undo import NothingToUndoError, UndoReport
from syncd.engine.write_pauses import WritePauses
from syncd.model import Clock, Window
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.store import Store
from syncd.store.forget import forget_persons

log = structlog.get_logger(__name__)


class EngineApi(CleanupEngine, Protocol):
    """What the daemon needs of an engine."""

    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    answers: dict[str, Resolution]
    tasks: SystemTasks
    pauses: WritePauses

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the service is to end."""

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = ...,
        exactly: AgreedOperations | None = ...,
        progress: Progress = ...,
    ) -> Report:
        """Bring everything into step."""
        ...

    async def refresh_resources(self) -> None:
        """Learn which calendars of rooms there are."""
        ...

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = ...
    ) -> Report:
        """One cycle, over all providers or these, or those that ``late`` answers concern."""
        ...

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        """These providers, and those that are always read with them."""
        ...

    async def compact(self) -> None:
        """Compact what is old."""
        ...

    async def probe(self, names: Sequence[str], *, progress: Progress = ...) -> ProbeRun:
        """Measure the facts of these systems' platforms."""
        ...

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Withdraw what was measured of these systems."""
        ...

    async def undo(
        self,
        run: str,
        *,
        booking: str | None = None,
        dry_run: bool = ...,
        progress: Progress = ...,
    ) -> UndoReport:
        """Put back what a run wrote."""
        ...

    async def read_free_slots(self, *, gently: bool = ...) -> None:
        """Ask for free slots."""
        ...


Exclusive = Callable[[Collection[str], Callable[[Collection[str]], Collection[str]]], Sequence[str]]
"""Whose turn it is, of these providers; the second tells who is always read with some."""


class Jobs:
    """The jobs. ``busy_since`` is a loop time, None when idle.

    ``told`` hears of each report, ``failed`` the name of each job that raised; ``insist`` is called
    before a request, so that no system rests. ``turn`` says who is read in a far job, or everybody.
    """

    def __init__(
        self,
        engine: EngineApi,
        told: Callable[[Report], None] = lambda _report: None,
        failed: Callable[[str], None] = lambda _job: None,
        insist: Callable[[], None] = lambda: None,
        turn: Exclusive = lambda providers, _beside: sorted(providers),
    ) -> None:
        """Nothing is done yet."""
        self._late = asyncio.Event()
        self._take(engine)
        self._told = told
        self._failed = failed
        self._insist = insist
        self._turn_of = turn
        self._one = asyncio.Lock()
        self._probing = asyncio.Lock()
        self.busy_since: float | None = None

    async def near(self) -> None:
        """Poll the near window; skipped while something else is at work, which reads it anyway.

        A run that only waits for a slow system reads nothing, and ends its wait. One that pauses
        between two cycles makes its next one now.
        """
        self._engine.tasks.run_pause.end()
        if not self._one.locked() or self._engine.tasks.waiting:
            await self._job("near", lambda: self._engine.poll(near=True))

    async def is_late(self) -> None:
        """Wait until something has come that a cycle did not wait for."""
        await self._late.wait()

    async def late(self) -> None:
        """Bring the near poll forward for what has come late, unless a cycle has taken it up."""
        self._late.clear()
        async with self._one:
            taken = not self._engine.tasks.has_late_results
        if not taken:
            await self._job("near", lambda: self._engine.poll(near=True, late=True))

    async def follow_late(self) -> None:
        """Bring a poll forward each time that something comes late, without end."""
        while True:
            await self.is_late()
            await self.late()

    async def far(self) -> None:
        """Poll the whole window of those whose turn it is."""
        await self._job("far", self._far)

    async def _far(self) -> Report:
        providers = self._turn_of(self._engine.mapping, self._engine.with_dependents)
        return await self._engine.poll(near=False, providers=providers)

    async def everything(self) -> None:
        """The resync at the start and at night; after it, what is old is compacted."""
        await self._job("resync", self._engine.resync)
        try:
            await self._engine.compact()
        except Exception:
            log.exception("job failed", job="tidy")
            self._failed("tidy")

    async def slots(self) -> None:
        """Ask for free slots. It only reads and takes its time, so cycles do not wait for it."""
        if self._engine.stopping.is_set():
            return
        try:
            await self._engine.read_free_slots(gently=True)
        except Exception:
            log.exception("job failed", job="slots")
            self._failed("slots")

    async def on_request(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """A resync that somebody asked for through the door. Raises RefusedError."""
        check_arguments(arguments)
        window = window_of(arguments, self._engine.clock.now())
        provider, accept = text(arguments, "provider"), text(arguments, "accept")
        if provider is not None and provider not in self._engine.mapping:
            raise RefusedError(
                f"the running daemon knows no provider {provider[:100]!r}",
                "If it is new in the configuration: restart the daemon, which reads that once.",
            )
        exactly = plan_of(arguments)
        async with self._turn(progress) as began:
            report = await self._engine.resync(
                window=window,
                providers=None if provider is None else [provider],
                accept=accept,
                exactly=exactly,
                progress=progress,
            )
        self._hear("request", report, self._now() - began)
        if exactly is None:
            return report.to_json(), report.exit.code
        decided = [operation_json(each) for each in report.planned]
        told = {"matched": exactly.matched, "decided": decided}
        return {**report.to_json(), "plan": told}, report.exit.code

    async def on_undo(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Put back what a run wrote, or plan that, through the door. Raises RefusedError."""
        check_arguments(arguments, frozenset({"run", "booking", "dry_run"}))
        run, booking = text(arguments, "run"), text(arguments, "booking")
        dry_run = bool(arguments.get("dry_run"))
        if run is None:
            raise RefusedError("no run is named", "Say which run is to be undone.")
        async with self._turn(progress) as began:
            try:
                undone = await self._engine.undo(
                    run, booking=booking, dry_run=dry_run, progress=progress
                )
            except NothingToUndoError as nothing:
                raise RefusedError(nothing.reason, nothing.remedy) from None
        if dry_run:
            plan = [operation_json(each) for each in undone.operations]
            return {**undone.to_json(), "plan": plan}, undone.exit.code
        self._hear("undo", undone.report, self._now() - began)
        return undone.to_json(), undone.exit.code

    async def on_probe(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Measure platform facts, or withdraw them, through the door. Raises RefusedError.

        The cycles go on meanwhile: they do not see the block that a probe makes.
        """
        check_arguments(arguments, frozenset({"systems", "forget"}))
        names = arguments.get("systems")
        known = {system for systems in self._engine.mapping.values() for system in systems}
        if not isinstance(names, list) or not all(str(name) in known for name in names):
            raise RefusedError(
                "the running daemon does not know all of these systems",
                "If one is new in the configuration: restart the daemon, which reads that once.",
            )
        self._refuse_if_ending()
        if arguments.get("forget") is True:
            return {"forgotten": self._engine.forget_facts(names)}, 0
        if self._probing.locked():
            raise RefusedError("another probe is at work", "Wait until it has ended.")
        async with self._probing:
            self._insist()
            probed = await self._engine.probe(names, progress=progress)
        log.info("probed", systems=names, ended=str(probed.exit))
        return probed.to_json(), probed.exit.code

    async def on_cleanup(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Remove what syncd made, or give a system up, through the door. Raises RefusedError."""
        check_arguments(arguments, KNOWN_OF_CLEANUP)
        if self._engine.pauses.observe and arguments.get("dry_run") is not True:
            raise RefusedError(OBSERVE_REASON, OBSERVE_REMEDY)
        async with self._turn(progress):
            return await cleaned_up(self._engine, arguments, text, progress)

    async def on_resolve(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """What a person decided of a held conflict, through the door. Raises RefusedError."""
        conflict = text(arguments, "conflict") or ""
        try:
            answer = resolution_from_arguments(arguments)
        except ValueError as error:
            raise RefusedError(
                str(error), "Restart the daemon: it may be of another version."
            ) from None
        async with self._turn(progress) as began:
            try:
                done = await resolve_conflict(self._engine, conflict, answer, progress=progress)
            except InvalidResolutionError as unfit:
                raise RefusedError(unfit.reason, unfit.remedy) from None
        self._hear("resolve", done.report, self._now() - began)
        return done.to_json(), done.code

    async def on_forget_person(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Erase what is stored of a customer's contacts, through the door. Raises RefusedError."""
        check_arguments(arguments, frozenset({"contacts"}))
        contacts = contacts_of(arguments)
        async with self._one:  # between the jobs, which may be storing the same ids
            self._refuse_if_ending()
            erased = forget_persons(self._engine.store, contacts)
        return erased.to_json(), 0

    async def on_acknowledge(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Silence what a person knows of, or take that back, through the door.

        Raises RefusedError.
        """
        check_arguments(arguments, frozenset({"id", "by", "undo"}))
        start, by = text(arguments, "id"), text(arguments, "by")
        undo = arguments.get("undo") is True
        async with self._one:  # between the jobs: what is reported changes in them
            self._refuse_if_ending()
            store, now = self._engine.store, self._engine.clock.now()
            try:
                done = acknowledge_entry(store, start or "", by or "", now, undo=undo)
            except AcknowledgeError as cannot:
                raise RefusedError(cannot.reason, cannot.remedy) from None
        return done.to_json(), 0

    async def on_pause(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Pause what a person names, at once and beside the job at work. Raises RefusedError.

        The answer comes when nothing that began before is under way there any more.
        """
        check_arguments(arguments, frozenset({"what", "by", "reason"}))
        places = _places(arguments)
        engine, by = self._engine, text(arguments, "by") or ""
        reason = text(arguments, "reason") or ""
        found = pausing.add_pauses(engine.store, places, by, reason, engine.clock.now())
        progress("waiting for what is being written")
        await engine.pauses.wait_for_requests(found)
        async with self._probing:  # a probe removes what it made, whatever is paused meanwhile
            return pausing.pauses_json(found), 0

    async def on_unpause(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """End pauses; the next cycle writes what is wanted by then. Raises RefusedError."""
        check_arguments(arguments, frozenset({"what", "by"}))
        places, by = _places(arguments), text(arguments, "by") or ""
        self._refuse_if_ending()
        try:
            ended = pausing.remove_pauses(self._engine.store, places, by, self._engine.clock.now())
        except pausing.UnpauseError as cannot:
            raise RefusedError(cannot.reason, cannot.remedy) from None
        return pausing.pauses_json(ended), 0

    @asynccontextmanager
    async def _turn(self, progress: Progress) -> AsyncIterator[float]:
        """Somebody's turn between the jobs, and when it began. Raises RefusedError."""
        self._refuse_if_ending()
        if self._one.locked():
            progress("waiting for the cycle at work")
        async with self._alone():
            self._refuse_if_ending()
            self._insist()
            yield self._now()

    def _refuse_if_ending(self) -> None:
        if self._engine.stopping.is_set():
            raise RefusedError("the daemon is ending", "Run the command again when it has ended.")

    async def exchange(self, engine: EngineApi) -> None:
        """Go on with another engine, when the job at work has ended."""
        async with self._one, self._probing:
            await self._engine.tasks.drain()
            self._take(engine)

    async def idle(self) -> None:
        """Wait until nothing is at work, and no write in flight."""
        async with self._one, self._probing:
            await self._engine.tasks.drain()

    def _take(self, engine: EngineApi) -> None:
        self._engine = engine
        engine.tasks.on_arrival = self._late.set

    async def _job(self, name: str, job: Callable[[], Awaitable[Report]]) -> None:
        try:
            async with self._alone():
                if self._engine.stopping.is_set():
                    return  # asked only now: the signal may have come while this job waited
                began = self._now()
                report = await job()
                seconds = self._now() - began
        except Exception:
            # One bad cycle must not end the service: the next one starts from the state again.
            log.exception("job failed", job=name)
            self._failed(name)
        else:
            self._hear(name, report, seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._engine.tasks.wake()
        async with self._one:
            self.busy_since = self._now()
            try:
                yield
            finally:
                self.busy_since = None

    def _hear(self, name: str, report: Report, seconds: float) -> None:
        """Pass a report on, and log the one event that tells all about it."""
        report.job, report.seconds = name, round(seconds, 3)
        self._told(report)
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


def _places(arguments: Mapping[str, Any]) -> list[pausing.PauseTarget]:
    try:
        return pausing.targets_from_arguments(arguments.get("what"))
    except ValueError as error:
        raise RefusedError(
            str(error), "Restart the daemon: it may be of another version."
        ) from None
