"""Run the asyncio tasks of each system in a lane, so that a slow system delays no other.

All systems are read in parallel. Once two reads have ended, with a response or a fault, the others
get `GRACE` seconds; once one has ended, if only two are read; at once, if only one is read because
the others still have a task in the background. (A one-shot run is patient: it waits until two have
responded.) A read that has not ended by then is late: it continues in the background, and the cycle
counts its system as unknown. While a task of a system is
in the background, nothing else is read from or written to that system; a later cycle uses the
result. Writes work the same way. Background tasks may change the state, except while decisions are
made (`DecisionGate`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from syncd.engine.reading.observation import Observation, ReadRequest
from syncd.engine.reading.series import join_observations
from syncd.engine.report.run_report import SystemStatus
from syncd.engine.tasks.decision_gate import DecisionGate, GatedSystem
from syncd.engine.tasks.run_pause import RunPause
from syncd.engine.writing.context import WriteResult
from syncd.systems.errors import RetryableError
from syncd.systems.port import System
from syncd.systems.stopping import Stopping

GRACE = 0.75
"""Seconds to wait for more systems once two responded (promise 8, docs/design.md#promises)."""

T = TypeVar("T")


@dataclass(slots=True)
class _Lane(Generic[T]):
    """The running asyncio tasks of one kind (reads or writes), by system."""

    tasks: dict[str, asyncio.Task[T]] = field(default_factory=dict)

    def pending(self) -> set[str]:
        """Return the systems whose task has not ended."""
        return {name for name, task in self.tasks.items() if not task.done()}

    def ended(self) -> dict[str, T]:
        """Remove ended tasks; return their results. Raises the first exception of a task."""
        found: dict[str, T] = {}
        for name in sorted(n for n, task in self.tasks.items() if task.done()):
            task = self.tasks.pop(name)
            if not task.cancelled():
                found[name] = task.result()
        return found

    def take_ended(
        self, tasks: Mapping[str, asyncio.Task[T]], later: Callable[[asyncio.Task[T]], None]
    ) -> dict[str, asyncio.Task[T]]:
        """Remove and return the tasks that have ended; the others call ``later`` when they end."""
        ended = {name: task for name, task in tasks.items() if task.done()}
        for name, task in tasks.items():
            if name not in ended:
                task.add_done_callback(later)
            else:
                del self.tasks[name]
                if not task.cancelled():
                    task.exception()  # Mark it as retrieved: only one of several is raised.
        return ended


@dataclass(slots=True)
class SystemTasks:
    """The running asyncio tasks of all systems.

    ``on_arrival`` is called when a late task has ended, to start a cycle. ``is_relevant`` returns
    true if the result of a late read needs a cycle of its own.
    """

    stopping: Stopping
    on_arrival: Callable[[], None] = lambda: None
    is_relevant: Callable[[Observation], bool] = lambda _seen: True
    grace: float = GRACE
    gate: DecisionGate = field(default_factory=DecisionGate)
    run_pause: RunPause = field(default_factory=RunPause)
    _reads: _Lane[Observation] = field(default_factory=_Lane)
    _writes: _Lane[WriteResult] = field(default_factory=_Lane)
    _requests: dict[str, ReadRequest] = field(default_factory=dict)
    _calls: dict[tuple[str, object], asyncio.Task[Any]] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for_all: bool = False
    """True if a cycle waits for all systems: it writes nothing, or there are too few systems."""
    patient: bool = False
    """True if no other run waits for this one: a cycle waits until two systems have responded."""
    _has_late: bool = False
    waiting: bool = False
    """True while a run has nothing to do but wait for late tasks."""

    def gated(self, system: System) -> System:
        """Return a system for use in the background, behind the gate."""
        return cast("System", GatedSystem(system, self.gate))

    @property
    def pending(self) -> list[str]:
        """Return the systems with a task that has not ended."""
        called = {name for (name, _), task in self._calls.items() if not task.done()}
        return sorted(self._reads.pending() | self._writes.pending() | called)

    @property
    def has_late_results(self) -> bool:
        """Return true if a late task has ended since the last cycle began."""
        return self._has_late

    def late_writes(self) -> dict[str, WriteResult]:
        """Remove and return the results of late writes that have ended."""
        return self._writes.ended()

    def late_reads(self) -> list[Observation]:
        """Return the results of late reads that have ended; the next `read` takes them."""
        return [
            task.result()
            for _, task in sorted(self._reads.tasks.items())
            if task.done() and not task.cancelled() and task.exception() is None
        ]

    async def read(
        self,
        wanted: Mapping[str, ReadRequest],
        work: Callable[[str, ReadRequest], Coroutine[Any, Any, Observation]],
        *,
        follows: bool,
    ) -> dict[str, Observation]:
        """Read the ``wanted`` systems by ``work``; return the observation of each system.

        A late system has the state SLOW, and its read continues in the background. If a late read
        has ended since, the cycle ``follows`` it, and its request covers the wanted one, its result
        is used as the read of its system. Otherwise the system is read again, and only the changes
        that the late read saw are added. Raises what a read raises.
        """
        self._has_late = False
        if self.waits_for_all:
            groups = (self._reads.tasks, self._writes.tasks, self._calls)
            await self._all(*(task for group in groups for task in group.values()))
        observed: dict[str, Observation] = {}
        earlier: dict[str, Observation] = {}
        for name, seen in self._reads.ended().items():
            request = self._requests.pop(name)
            serves = name not in wanted or (follows and request.serves(wanted[name]))
            (observed if serves else earlier)[name] = seen
        busy = {*self.pending}
        fresh: dict[str, asyncio.Task[Observation]] = {}
        for name, request in wanted.items():
            if name not in observed and name not in busy:
                self._requests[name] = request
                fresh[name] = self._reads.tasks[name] = asyncio.create_task(work(name, request))
        ended_before = len(observed.keys() & wanted.keys())
        # A system with a task in the background is not waited for, so it counts for nothing here.
        least = 0 if busy & wanted.keys() else 1
        enough = min(_PAIR, max(least, ended_before + len(fresh) - 1)) - ended_before
        if self.patient:
            responded = sum(map(_has_responded, observed.values()))
            enough = min(_PAIR, max(1, len(wanted) - 1)) - responded
        try:
            await self._wait(fresh, enough)
        finally:
            ended = self._reads.take_ended(fresh, self._on_late_read)
            for name in ended:
                del self._requests[name]
        observed |= {name: task.result() for name, task in ended.items()}
        for name in wanted:
            seen = observed.setdefault(name, self._slow(name))
            if name in earlier:
                _add_news(seen, earlier[name])
        return {name: observed[name] for name in sorted(observed, key=[*wanted, *observed].index)}

    async def write(
        self,
        systems: Mapping[str, System],
        work: Callable[[System], Coroutine[Any, Any, WriteResult]],
    ) -> dict[str, WriteResult | None]:
        """Write to systems in parallel by ``work``; None if a write continues in the background.

        A write continues there if one of its calls is in flight for longer than ``grace``, while
        all other systems are done or as slow.
        """
        gated = {name: GatedSystem(system, self.gate) for name, system in systems.items()}
        tasks = {n: asyncio.create_task(work(cast("System", g))) for n, g in gated.items()}
        self._writes.tasks |= tasks
        try:
            await self._wait_for_writes(gated, tasks)
        finally:
            ended = self._writes.take_ended(tasks, self._on_late_task)
        return {name: ended[name].result() if name in ended else None for name in tasks}

    async def ask(
        self,
        system: str,
        what: object,
        call: Callable[[], Coroutine[Any, Any, T]],
        *,
        urgent: bool = True,
    ) -> T:
        """Make a call that is neither a read nor a write, if no task of the system is running.

        ``what`` identifies the call. If the response takes longer than ``grace``, the call
        continues in the background and RetryableError is raised; the same call made later returns
        the response. A late response starts a cycle if the call is ``urgent``.
        """
        key = (system, what)
        task = self._calls.get(key)
        if task is None or task.cancelled():
            if system in self.pending:
                raise RetryableError(system, detail="an earlier call has no response yet")
            self._forget_responses()
            task = self._calls[key] = asyncio.create_task(call())
            try:
                await asyncio.wait({task}, timeout=None if self.waits_for_all else self.grace)
            except asyncio.CancelledError:
                task.cancel()
                raise
        if not task.done():
            if urgent:
                task.add_done_callback(self._on_late_task)
            raise RetryableError(system, detail=f"no response within {self.grace:g} s")
        del self._calls[key]
        return cast("T", task.result())

    async def next_arrival(self) -> bool:
        """Wait until a late task has ended; return false if none ended (syncd stops, or `wake`)."""
        groups = (self._reads.tasks, self._writes.tasks, self._calls)
        tasks = [task for group in groups for task in group.values() if not task.done()]
        if not tasks or self.stopping.is_set():
            return False
        woken = asyncio.create_task(self._woken.wait())
        self.waiting = True
        try:
            async with self.stopping.cut():
                await asyncio.wait({*tasks, woken}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return False
        finally:
            self.waiting = False
            self._woken.clear()
            woken.cancel()
            await asyncio.gather(woken, return_exceptions=True)
        return any(task.done() for task in tasks)

    def wake(self) -> None:
        """End `next_arrival`, because another job is waiting to run."""
        if self.waiting:
            self._woken.set()

    async def drain(self) -> None:
        """Cancel reads and other calls, and wait for the writes in flight."""
        for task in (*self._reads.tasks.values(), *self._calls.values()):
            task.cancel()
        tasks = (*self._reads.tasks.values(), *self._calls.values(), *self._writes.tasks.values())
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reads.tasks.clear()
        self._calls.clear()
        self._requests.clear()

    async def cancel_all(self) -> None:
        """Cancel all tasks at once. Writes that were sent stay open in the journal."""
        for task in self._writes.tasks.values():
            task.cancel()
        await self.drain()
        self._writes.tasks.clear()

    async def _wait(
        self,
        tasks: Mapping[str, asyncio.Task[Any]],
        enough: int,
    ) -> None:
        """Wait for these tasks, at most ``grace`` seconds after ``enough`` of them have ended.

        In a patient run, failed reads do not count.
        """
        loop = asyncio.get_running_loop()
        open_: set[asyncio.Task[Any]] = set(tasks.values())
        until: float | None = None
        ended = 0
        try:
            while open_:
                if until is None and ended >= enough and not self.waits_for_all:
                    until = loop.time() + self.grace
                timeout = None if until is None else max(0.0, until - loop.time())
                done, open_ = await asyncio.wait(
                    open_, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    return
                ended += sum(not self.patient or _has_responded(task.result()) for task in done)
        except asyncio.CancelledError:
            for task in tasks.values():
                task.cancel()
            raise

    async def _wait_for_writes(
        self,
        gated: Mapping[str, GatedSystem],
        tasks: Mapping[str, asyncio.Task[WriteResult]],
    ) -> None:
        """Wait until all writes have ended, except writes with a call that takes too long."""
        now = asyncio.get_running_loop().time
        try:
            while True:
                open_ = {name: task for name, task in tasks.items() if not task.done()}
                timeout = [(gated[n].since or now()) + self.grace - now() for n in open_]
                time_left = [seconds for seconds in timeout if seconds > 0]
                if not open_ or (not time_left and not self.waits_for_all):
                    return
                await asyncio.wait(
                    open_.values(),
                    timeout=None if self.waits_for_all else min(time_left),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        except asyncio.CancelledError:
            for task in tasks.values():
                task.cancel()
            raise

    def _forget_responses(self) -> None:
        done = [key for key, task in self._calls.items() if task.done()]
        for key in done[: max(0, len(done) - MAX_LATE_RESPONSES)]:
            del self._calls[key]

    async def _all(self, *tasks: asyncio.Task[Any]) -> None:
        if tasks:
            await asyncio.wait(tasks)

    def _slow(self, name: str) -> Observation:
        """Return the observation of a system whose task is still running."""
        call = "a write" if name in self._writes.pending() else "an earlier call"
        seen = Observation(name, SystemStatus.SLOW, f"it has not answered {call} yet")
        if name in self._requests:
            seen.request = self._requests[name]
        return seen

    def _on_late_read(self, task: asyncio.Task[Observation]) -> None:
        if task.cancelled():
            return
        self._has_late = True
        if task.exception() is not None or self.is_relevant(task.result()):
            self.on_arrival()

    def _on_late_task(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()
            self._has_late = True
            self.on_arrival()


_PAIR = 2
"""A change can be propagated between two systems; more are not waited for."""

MIN_SYSTEMS = 3
"""With fewer systems, no two are left beside a late system, so a cycle waits for all."""

MAX_LATE_RESPONSES = 100
"""The number of late responses that are kept until the same call is made again."""


def _has_responded(result: object) -> bool:
    return isinstance(result, Observation) and result.state is SystemStatus.OK


def _add_news(seen: Observation, earlier: Observation) -> None:
    """Add the changes of an earlier read of the same system that no decision has used yet."""
    state, cause, fault, covered = seen.state, seen.cause, seen.fault, seen.coverage
    join_observations(seen, earlier)
    seen.moved_in |= earlier.moved_in
    seen.state, seen.cause, seen.fault, seen.coverage = state, cause, fault, covered
