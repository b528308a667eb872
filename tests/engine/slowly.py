"""The small business on virtual time, in systems that take their time to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from syncd.lab.simulate.loop import VirtualClock, run_virtually
from syncd.model import Event, Operation, Person
from syncd.store.store import Store
from syncd.systems.port import Snapshot
from syncd.systems.replies import Reply
from tests.core.kit import NOW, SYSTEMS
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import FakeClock, FakeSystem

T = TypeVar("T")

NORMAL = 0.2
"""Seconds that a call takes."""


@dataclass
class Slowly(FakeSystem):
    """Each call takes ``takes`` seconds, by its name; what is read is as it was when asked."""

    takes: dict[str, float] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)
    """How many calls of each name are in flight."""
    most: dict[str, int] = field(default_factory=dict)

    async def read(self, *given: Any, **named: Any) -> Snapshot:
        return await self._slowly("read", super().read(*given, **named))

    async def customer(self, event: Event) -> Person | None:
        return await self._slowly("person", super().customer(event))

    async def write(self, operations: Sequence[Operation]) -> Reply:
        return await self._slowly("write", super().write(operations))

    async def _slowly(self, name: str, call: Coroutine[Any, Any, T]) -> T:
        self.at_once[name] = self.at_once.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.at_once[name])
        try:
            answer = await call
            await asyncio.sleep(self.takes.get(name, NORMAL))
        finally:
            self.at_once[name] -= 1
        return answer


@dataclass
class SlowRig(Rig):
    """A `Rig` whose systems take time, with times in seconds since its opening."""

    def slow(self, name: str) -> Slowly:
        """Return one of its systems."""
        return cast("Slowly", getattr(self, name))

    async def blocked(
        self, name: str, number: int = 1, within: float = 600, provider: str = "p"
    ) -> float:
        """Wait until a system holds so many blocks; return the time."""
        async with asyncio.timeout(within):
            while len(getattr(self, name).blocks(provider)) != number:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.05)
        return asyncio.get_running_loop().time()


def play(path: Path, story: Callable[[SlowRig], Coroutine[Any, Any, T]]) -> T:
    """Play a scenario with its own rig and check that no task is left over."""

    async def run() -> T:
        clock = cast("FakeClock", VirtualClock(NOW))
        a, b, c = (Slowly(name, ("p", "q"), clock) for name in SYSTEMS)
        store, numbers = Store.open(path / "state.db"), count()
        engine = make_engine(store, clock, (a, b, c), numbers)
        rig = SlowRig(path, clock, a, b, c, store, engine, numbers)
        try:
            told = await story(rig)
            await engine.aclose()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left
            return told
        finally:
            store.close()

    return run_virtually(run())
