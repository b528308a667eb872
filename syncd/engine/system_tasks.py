"""One lane per system: what is slow in one of them keeps nobody else waiting.

All systems are read at once. Once two of them have answered, the rest get `GRACE` seconds (once one
has, where only two are read). A read that has not ended by then goes on in the background, and the
cycle counts that system as unknown.
While something of a system is in the background, nothing else is read from it or written to it; a
later cycle takes up what came of it. The same holds for writes.

Background work touches the state like any other, except while decisions are made on it
(`DecisionGate`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from syncd.engine.observation import Observation, ReadRequest
from syncd.engine.report import SystemStatus
from syncd.engine.run_pause import RunPause
from syncd.engine.series import join_observations
from syncd.engine.writer import WriteResult
from syncd.systems.port import RetryableError, System
from syncd.systems.stopping import Stopping

GRACE = 0.75
"""Seconds that others are waited for once two systems have answered (promise 8)."""

T = TypeVar("T")


class DecisionGate:
    """Holds back what arrives in the background while decisions are made."""

    def __init__(self) -> None:
        """Begin open."""
        self._open = asyncio.Event()
        self._open.set()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Close it for the length of a block."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        if not self._open.is_set():
            await self._open.wait()


class GatedSystem:
    """A `System` each of whose answers waits for the gate."""

    def __init__(self, system: System, gate: DecisionGate) -> None:
        """Stand in front of a system."""
        self._system = system
        self._gate = gate
        self.since: float | None = None
        """The loop's time at which the call in flight began."""

    def __getattr__(self, name: str) -> Any:
        """All that asks nobody, as the system has it."""
        return getattr(self._system, name)

    async def read(self, *given: Any, **named: Any) -> Any:
        """As the system's own."""
        return await self._answer(self._system.read(*given, **named))

    async def read_one(self, *given: Any) -> Any:
        """As the system's own."""
        return await self._answer(self._system.read_one(*given))

    async def users(self) -> Any:
        """As the system's own."""
        return await self._answer(self._system.users())

    async def whole(self, *given: Any) -> Any:
        """As the system's own."""
        return await self._answer(self._system.whole(*given))

    async def person(self, *given: Any) -> Any:
        """As the system's own."""
        return await self._answer(self._system.person(*given))

    async def write(self, *given: Any) -> Any:
        """As the system's own."""
        return await self._answer(self._system.write(*given))

    async def _answer(self, call: Coroutine[Any, Any, T]) -> T:
        self.since = asyncio.get_running_loop().time()
        try:
            answer = await call
        except Exception:
            await self._gate.passed()
            raise
        finally:
            self.since = None
        await self._gate.passed()
        return answer


@dataclass(slots=True)
class _Lane(Generic[T]):
    """What is under way in one system: the tasks of one kind, by system."""

    tasks: dict[str, asyncio.Task[T]] = field(default_factory=dict)

    def pending(self) -> set[str]:
        """The systems that have not ended."""
        return {name for name, task in self.tasks.items() if not task.done()}

    def ended(self) -> dict[str, T]:
        """Take out what has ended. Raises what the first of them raised."""
        found: dict[str, T] = {}
        for name in sorted(n for n, task in self.tasks.items() if task.done()):
            task = self.tasks.pop(name)
            if not task.cancelled():
                found[name] = task.result()
        return found

    def taken(
        self, tasks: Mapping[str, asyncio.Task[T]], later: Callable[[asyncio.Task[T]], None]
    ) -> dict[str, asyncio.Task[T]]:
        """Take out those of these that have ended; ``later`` is called for each other one."""
        ended = {name: task for name, task in tasks.items() if task.done()}
        for name, task in tasks.items():
            if name not in ended:
                task.add_done_callback(later)
            else:
                del self.tasks[name]
                if not task.cancelled():
                    task.exception()  # only one of several is raised
        return ended


@dataclass(slots=True)
class SystemTasks:
    """What is under way in each system. ``on_arrival`` is called when something late has come.

    ``is_relevant`` tells whether a late read calls for a cycle of its own.
    """

    stopping: Stopping
    on_arrival: Callable[[], None] = lambda: None
    is_relevant: Callable[[Observation], bool] = lambda _seen: True
    grace: float = GRACE
    gate: DecisionGate = field(default_factory=DecisionGate)
    run_pause: RunPause = field(default_factory=RunPause)
    _reads: _Lane[Observation] = field(default_factory=_Lane)
    _writes: _Lane[WriteResult] = field(default_factory=_Lane)
    _asked: dict[str, ReadRequest] = field(default_factory=dict)
    _asides: dict[tuple[str, object], asyncio.Task[Any]] = field(default_factory=dict)
    _poked: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for_all: bool = False
    """Whether everybody is waited for: nothing is carried, or there is no pair besides the late."""
    _news: bool = False
    waiting: bool = False
    """Whether a run waits for what is late, and has nothing else to do."""

    def gated(self, system: System) -> System:
        """Return a system as background work may use it."""
        return cast("System", GatedSystem(system, self.gate))

    @property
    def pending(self) -> list[str]:
        """The systems of which something has not ended."""
        asked = {name for (name, _), task in self._asides.items() if not task.done()}
        return sorted(self._reads.pending() | self._writes.pending() | asked)

    @property
    def has_late_results(self) -> bool:
        """Whether something late has come since the last cycle began."""
        return self._news

    def late_writes(self) -> dict[str, WriteResult]:
        """Take up the late writes that have ended."""
        return self._writes.ended()

    def late_reads(self) -> list[Observation]:
        """Return the late reads that have ended, and wait to be taken up."""
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
        """Read the wanted systems. Those that are late count as slow, and are read on.

        A late read that has ended since counts as the read of its system if the cycle ``follows``
        it; else, and where it does not reach as far, the system is read anew, and only its news
        counts. Raises what a read raises.
        """
        self._news = False
        if self.waits_for_all:
            groups = (self._reads.tasks, self._writes.tasks, self._asides)
            await self._all(*(task for group in groups for task in group.values()))
        observed: dict[str, Observation] = {}
        earlier: dict[str, Observation] = {}
        for name, seen in self._reads.ended().items():
            asked = self._asked.pop(name)
            serves = name not in wanted or (follows and asked.serves(wanted[name]))
            (observed if serves else earlier)[name] = seen
        busy = {*self.pending}
        fresh: dict[str, asyncio.Task[Observation]] = {}
        for name, asked in wanted.items():
            if name not in observed and name not in busy:
                self._asked[name] = asked
                fresh[name] = self._reads.tasks[name] = asyncio.create_task(work(name, asked))
        answered = sum(seen.state is SystemStatus.OK for seen in observed.values())
        try:
            await self._wait(fresh, answered, min(_PAIR, max(1, len(wanted) - 1)))
        finally:
            ended = self._reads.taken(fresh, self._read_came)
            for name in ended:
                del self._asked[name]
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
        """Write to systems side by side; None where it goes on in the background.

        That is where one call is in flight for longer than the grace, and all others are done or
        are as slow.
        """
        gated = {name: GatedSystem(system, self.gate) for name, system in systems.items()}
        tasks = {n: asyncio.create_task(work(cast("System", g))) for n, g in gated.items()}
        self._writes.tasks |= tasks
        try:
            await self._wait_for_writes(gated, tasks)
        finally:
            ended = self._writes.taken(tasks, self._came)
        return {name: ended[name].result() if name in ended else None for name in tasks}

    async def ask(
        self,
        system: str,
        what: object,
        call: Callable[[], Coroutine[Any, Any, T]],
        *,
        urgent: bool = True,
    ) -> T:
        """Ask a question beside the reads; who is late with one is asked nothing else meanwhile.

        The answer is there for whoever asks the same again; if it is ``urgent``, a cycle is made
        for it. Raises RetryableError.
        """
        key = (system, what)
        task = self._asides.get(key)
        if task is None or task.cancelled():
            if system in self.pending:
                raise RetryableError(system, detail="an earlier question is not answered yet")
            self._forget_asides()
            task = self._asides[key] = asyncio.create_task(call())
            try:
                await asyncio.wait({task}, timeout=None if self.waits_for_all else self.grace)
            except asyncio.CancelledError:
                task.cancel()
                raise
        if not task.done():
            if urgent:
                task.add_done_callback(self._came)
            raise RetryableError(system, detail=f"no answer came within {self.grace:g} s")
        del self._asides[key]
        return cast("T", task.result())

    async def next_arrival(self) -> bool:
        """Wait until something late has come; return False if that was cut short."""
        groups = (self._reads.tasks, self._writes.tasks, self._asides)
        tasks = [task for group in groups for task in group.values() if not task.done()]
        if not tasks or self.stopping.is_set():
            return False
        poked = asyncio.create_task(self._poked.wait())
        self.waiting = True
        try:
            async with self.stopping.cut():
                await asyncio.wait({*tasks, poked}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return False
        finally:
            self.waiting = False
            self._poked.clear()
            poked.cancel()
            await asyncio.gather(poked, return_exceptions=True)
        return any(task.done() for task in tasks)

    def wake(self) -> None:
        """End the wait for what is late: somebody has work to do."""
        if self.waiting:
            self._poked.set()

    async def drain(self) -> None:
        """Give up what is read, and wait for the writes in flight."""
        for task in (*self._reads.tasks.values(), *self._asides.values()):
            task.cancel()
        tasks = (*self._reads.tasks.values(), *self._asides.values(), *self._writes.tasks.values())
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reads.tasks.clear()
        self._asides.clear()
        self._asked.clear()

    async def cancel_all(self) -> None:
        """Cut everything off at once; what was sent is in the journal."""
        for task in self._writes.tasks.values():
            task.cancel()
        await self.drain()
        self._writes.tasks.clear()

    # --- within -------------------------------------------------------------------------------

    async def _wait(
        self,
        tasks: Mapping[str, asyncio.Task[Any]],
        answered: int,
        enough: int,
    ) -> None:
        """Wait for these, until the grace is over that begins when ``enough`` have answered.

        That is two, or one where two are read: the calendars of all others wait for them.
        """
        loop = asyncio.get_running_loop()
        open_: set[asyncio.Task[Any]] = set(tasks.values())
        until: float | None = None
        try:
            while open_:
                if until is None and answered >= enough and not self.waits_for_all:
                    until = loop.time() + self.grace
                left = None if until is None else max(0.0, until - loop.time())
                done, open_ = await asyncio.wait(
                    open_, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    return
                answered += sum(_is_answer(task.result()) for task in done)
        except asyncio.CancelledError:
            for task in tasks.values():
                task.cancel()
            raise

    async def _wait_for_writes(
        self,
        gated: Mapping[str, GatedSystem],
        tasks: Mapping[str, asyncio.Task[WriteResult]],
    ) -> None:
        """Wait until none goes on but those whose call in flight takes too long."""
        now = asyncio.get_running_loop().time
        try:
            while True:
                open_ = {name: task for name, task in tasks.items() if not task.done()}
                left = [(gated[n].since or now()) + self.grace - now() for n in open_]
                lively = [seconds for seconds in left if seconds > 0]
                if not open_ or (not lively and not self.waits_for_all):
                    return
                await asyncio.wait(
                    open_.values(),
                    timeout=None if self.waits_for_all else min(lively),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        except asyncio.CancelledError:
            for task in tasks.values():
                task.cancel()
            raise

    def _forget_asides(self) -> None:
        done = [key for key, task in self._asides.items() if task.done()]
        for key in done[: max(0, len(done) - MAX_LATE_ANSWERS)]:
            del self._asides[key]

    async def _all(self, *tasks: asyncio.Task[Any]) -> None:
        if tasks:
            await asyncio.wait(tasks)

    def _slow(self, name: str) -> Observation:
        """Make the observation of a system of which something is still under way."""
        doing = "a write" if name in self._writes.pending() else "what it was asked"
        seen = Observation(name, SystemStatus.SLOW, f"it has not answered {doing} yet")
        if name in self._asked:
            seen.request = self._asked[name]
        return seen

    def _read_came(self, task: asyncio.Task[Observation]) -> None:
        if task.cancelled():
            return
        self._news = True
        if task.exception() is not None or self.is_relevant(task.result()):
            self.on_arrival()

    def _came(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()
            self._news = True
            self.on_arrival()


_PAIR = 2
"""So many systems can carry a change between them."""

MIN_SYSTEMS = 3
"""With fewer systems there is no pair besides the one that is late."""

MAX_LATE_ANSWERS = 100
"""Late answers that are kept for whoever asks again."""


def _is_answer(result: object) -> bool:
    return isinstance(result, Observation) and result.state is SystemStatus.OK


def _add_news(seen: Observation, earlier: Observation) -> None:
    """Add to a read what an earlier one of the same system brought, and nobody has decided on."""
    state, cause, fault, covered = seen.state, seen.cause, seen.fault, seen.coverage
    join_observations(seen, earlier)
    seen.moved_in |= earlier.moved_in
    seen.state, seen.cause, seen.fault, seen.coverage = state, cause, fault, covered
