"""The engine at work: one job at a time, whoever asked for it, and none that ends the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import structlog

from syncd.core.answer import Answer, Unfit
from syncd.daemon.door import Progress, Refused
from syncd.daemon.metrics import outcome
from syncd.engine.acknowledge import CannotAcknowledge, acknowledge
from syncd.engine.lanes import Lanes
from syncd.engine.probe_outcome import Probed
from syncd.engine.report import Report
from syncd.engine.resolve import answer_of, resolve
from syncd.engine.undo import NothingToUndo, Undone
from syncd.model import Clock, Window, utc
from syncd.model.asked import LONGEST_TEXT, fault_of_window
from syncd.store import Store

log = structlog.get_logger(__name__)


class Worker(Protocol):
    """What the daemon needs of an engine."""

    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    answers: dict[str, Answer]
    lanes: Lanes

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the service is to end."""
        ...

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = ...,
        progress: Progress = ...,
    ) -> Report:
        """Bring everything into step."""
        ...

    async def learn(self) -> None:
        """Learn which calendars of rooms there are."""
        ...

    async def watch(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = ...
    ) -> Report:
        """One cycle, over all providers or these, or those that ``late`` answers concern."""
        ...

    def with_doors(self, providers: Collection[str]) -> list[str]:
        """These providers, and those that are always read with them."""
        ...

    async def tidy(self) -> None:
        """Compact what is old."""
        ...

    async def probe(self, names: Sequence[str], *, progress: Progress = ...) -> Probed:
        """Measure the facts of these systems' platforms."""
        ...

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Withdraw what was measured of these systems."""
        ...

    async def undo(
        self, run: str, *, booking: str | None = None, progress: Progress = ...
    ) -> Undone:
        """Put back what a run wrote."""
        ...

    async def ask_slots(self, *, gently: bool = ...) -> None:
        """Ask for free slots."""
        ...


Turn = Callable[[Collection[str], Callable[[Collection[str]], Collection[str]]], Sequence[str]]
"""Whose turn it is, of these providers; the second tells who is always read with some."""


class Work:
    """The jobs. ``busy_since`` is a loop time, None when idle.

    ``told`` hears of each report, ``failed`` the name of each job that raised; ``insist`` is called
    before a request, so that it meets no system that rests. ``turn`` says who is read in a far job;
    everybody, where there is none.
    """

    def __init__(
        self,
        engine: Worker,
        told: Callable[[Report], None] = lambda _report: None,
        failed: Callable[[str], None] = lambda _job: None,
        insist: Callable[[], None] = lambda: None,
        turn: Turn = lambda providers, _beside: sorted(providers),
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

        A run that only waits for a slow system reads nothing, and ends its wait.
        """
        if not self._one.locked() or self._engine.lanes.waiting:
            await self._job("near", lambda: self._engine.watch(near=True))

    async def is_late(self) -> None:
        """Wait until something has come that a cycle did not wait for."""
        await self._late.wait()

    async def late(self) -> None:
        """Bring the near poll forward for what has come late, unless a cycle has taken it up."""
        self._late.clear()
        async with self._one:
            taken = not self._engine.lanes.holds_answers
        if not taken:
            await self._job("near", lambda: self._engine.watch(near=True, late=True))

    async def follow_late(self) -> None:
        """Bring a poll forward each time that something comes late, without end."""
        while True:
            await self.is_late()
            await self.late()

    async def far(self) -> None:
        """Poll the whole window of those whose turn it is."""
        await self._job("far", self._far)

    async def _far(self) -> Report:
        providers = self._turn_of(self._engine.mapping, self._engine.with_doors)
        return await self._engine.watch(near=False, providers=providers)

    async def everything(self) -> None:
        """The resync at the start and at night; after it, what is old is compacted."""
        await self._job("resync", self._engine.resync)
        try:
            await self._engine.tidy()
        except Exception:
            log.exception("job failed", job="tidy")
            self._failed("tidy")

    async def slots(self) -> None:
        """Ask for free slots. It only reads and takes its time, so cycles do not wait for it."""
        if self._engine.stopping.is_set():
            return
        try:
            await self._engine.ask_slots(gently=True)
        except Exception:
            log.exception("job failed", job="slots")
            self._failed("slots")

    async def on_request(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """A resync that somebody asked for through the door. Raises Refused."""
        _check(arguments)
        window = _window(arguments, self._engine.clock.now())
        provider, accept = _text(arguments, "provider"), _text(arguments, "accept")
        if provider is not None and provider not in self._engine.mapping:
            raise Refused(
                f"the running daemon knows no provider {provider[:100]!r}",
                "If it is new in the configuration: restart the daemon, which reads that once.",
            )
        async with self._turn(progress) as began:
            report = await self._engine.resync(
                window=window,
                providers=None if provider is None else [provider],
                accept=accept,
                progress=progress,
            )
        self._hear("request", report, self._now() - began)
        return report.to_json(), report.exit.code

    async def on_undo(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Put back what a run wrote, as somebody asked through the door. Raises Refused."""
        _check(arguments, frozenset({"run", "booking"}))
        run, booking = _text(arguments, "run"), _text(arguments, "booking")
        if run is None:
            raise Refused("no run is named", "Say which run is to be undone.")
        async with self._turn(progress) as began:
            try:
                undone = await self._engine.undo(run, booking=booking, progress=progress)
            except NothingToUndo as nothing:
                raise Refused(nothing.reason, nothing.remedy) from None
        self._hear("undo", undone.report, self._now() - began)
        return undone.to_json(), undone.exit.code

    async def on_probe(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Measure platform facts, or withdraw them, through the door. Raises Refused.

        The cycles go on meanwhile: they do not see the block that a probe makes.
        """
        _check(arguments, frozenset({"systems", "forget"}))
        names = arguments.get("systems")
        known = {system for systems in self._engine.mapping.values() for system in systems}
        if not isinstance(names, list) or not all(str(name) in known for name in names):
            raise Refused(
                "the running daemon does not know all of these systems",
                "If one is new in the configuration: restart the daemon, which reads that once.",
            )
        self._refuse_if_ending()
        if arguments.get("forget") is True:
            return {"forgotten": self._engine.forget_facts(names)}, 0
        if self._probing.locked():
            raise Refused("another probe is at work", "Wait until it has ended.")
        async with self._probing:
            self._insist()
            probed = await self._engine.probe(names, progress=progress)
        log.info("probed", systems=names, ended=str(probed.exit))
        return probed.to_json(), probed.exit.code

    async def on_resolve(
        self, arguments: Mapping[str, Any], progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """What a person decided of a held conflict, through the door. Raises Refused."""
        conflict = _text(arguments, "conflict")
        try:
            answer = answer_of(arguments)
        except ValueError as error:
            raise Refused(str(error), "Restart the daemon: it may be of another version.") from None
        async with self._turn(progress) as began:
            try:
                resolved = await resolve(self._engine, conflict or "", answer, progress=progress)
            except Unfit as unfit:
                raise Refused(unfit.reason, unfit.remedy) from None
        self._hear("resolve", resolved.report, self._now() - began)
        return resolved.to_json(), resolved.code

    async def on_acknowledge(
        self, arguments: Mapping[str, Any], _progress: Progress
    ) -> tuple[Mapping[str, object], int]:
        """Silence what a person knows of, or take that back, through the door. Raises Refused."""
        _check(arguments, frozenset({"id", "by", "undo"}))
        start, by = _text(arguments, "id"), _text(arguments, "by")
        undo = arguments.get("undo") is True
        async with self._one:  # between the jobs: what is reported changes in them
            self._refuse_if_ending()
            store, now = self._engine.store, self._engine.clock.now()
            try:
                done = acknowledge(store, start or "", by or "", now, undo=undo)
            except CannotAcknowledge as cannot:
                raise Refused(cannot.reason, cannot.remedy) from None
        return done.to_json(), 0

    @asynccontextmanager
    async def _turn(self, progress: Progress) -> AsyncIterator[float]:
        """Somebody's turn between the jobs, and when it began. Raises Refused."""
        self._refuse_if_ending()
        if self._one.locked():
            progress("waiting for the cycle at work")
        async with self._alone():
            self._refuse_if_ending()
            self._insist()
            yield self._now()

    def _refuse_if_ending(self) -> None:
        if self._engine.stopping.is_set():
            raise Refused("the daemon is ending", "Run the command again when it has ended.")

    async def exchange(self, engine: Worker) -> None:
        """Go on with another engine, when the job at work has ended."""
        async with self._one, self._probing:
            await self._engine.lanes.finish()
            self._take(engine)

    async def idle(self) -> None:
        """Wait until nothing is at work, and no write in flight."""
        async with self._one, self._probing:
            await self._engine.lanes.finish()

    def _take(self, engine: Worker) -> None:
        self._engine = engine
        engine.lanes.arrived = self._late.set

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
        self._engine.lanes.poke()
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
            exposures=report.exposures,
            journal=report.pending,
            guarded=report.guarded,
            stopped=[each.to_json() for each in report.stopped],
        )


_KNOWN = frozenset({"from", "to", "provider", "accept"})


def _check(arguments: Mapping[str, Any], known: frozenset[str] = _KNOWN) -> None:
    """Refuse what would be ignored: a `dry_run` that is not understood would write."""
    unknown = sorted(name for name, said in arguments.items() if said and name not in known)
    if unknown:
        raise Refused(
            f"such a request to the daemon takes no {', '.join(unknown)[:200]}",
            "For a dry run: `syncd plan`, which needs no daemon. Otherwise restart the daemon: "
            "it may be of another version than this program.",
        )


def _text(arguments: Mapping[str, Any], name: str) -> str | None:
    said = arguments.get(name)
    if said is None:
        return None
    if not isinstance(said, str):
        raise Refused(f"{name} is no text", "Send a name, or leave it out.")
    if len(said) > LONGEST_TEXT:
        raise Refused(f"{name} is too long", f"Send at most {LONGEST_TEXT} characters.")
    return said


def _window(arguments: Mapping[str, Any], now: datetime) -> Window | None:
    start, end = arguments.get("from"), arguments.get("to")
    if start is None and end is None:
        return None
    try:
        window = Window(
            utc(datetime.fromisoformat(str(start))), utc(datetime.fromisoformat(str(end)))
        )
    except (ValueError, OverflowError):
        raise Refused(
            "from and to are no window", "Send both as ISO 8601 times with an offset."
        ) from None
    if fault := fault_of_window(window, now):
        raise Refused(fault, "Send a shorter and nearer one.")
    return window
