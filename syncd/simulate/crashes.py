"""The lives of the process: it may die between any two steps, and its state may refuse it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import httpx

from syncd.model import Changes
from syncd.simulate.operator import Killed
from syncd.simulate.scenario import EventKind, SimEvent
from syncd.store import StateError, Store


@dataclass(slots=True)
class Dangers:
    """What the process has before it, whichever life of it.

    ``fuse`` counts the steps until it dies, 0 if it does not; ``met`` counts what it met.
    """

    met: Counter[str]
    fuse: int = 0
    state_fault: SimEvent = field(
        default_factory=lambda: SimEvent(0, EventKind.STATE_FAULT, times=0)
    )

    def end(self) -> None:
        """Nothing of this kind happens any more."""
        self.fuse = 0
        self.state_fault = replace(self.state_fault, times=0)


class ProcessLife:
    """One life of the process. Once it is over, nothing of it does anything any more."""

    def __init__(self, dangers: Dangers) -> None:
        self._dangers = dangers
        self.dead = False

    def step(self) -> None:
        """One more thing is about to happen, or has happened: this may be the end."""
        if self._dangers.fuse and not self.dead:
            self._dangers.fuse -= 1
            self.dead = self._dangers.fuse == 0
        if self.dead:
            raise Killed

    def state_fault(self) -> str:
        """Why the state refuses this transaction, if it does."""
        fault = self._dangers.state_fault
        if not fault.times:
            return ""
        self._dangers.state_fault = replace(fault, times=fault.times - 1)
        self._dangers.met[fault.fault] += 1
        return fault.fault


class MortalTransport(httpx.AsyncBaseTransport):
    """The way to a platform for one life."""

    def __init__(self, way: httpx.AsyncBaseTransport, life: ProcessLife) -> None:
        self._way = way
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, unless death comes before or after."""
        self._life.step()
        response = await self._way.handle_async_request(request)
        self._life.step()
        return response


class FaultyStore(Store):
    """The real store, on a disk that may be full, in a process that may die."""

    life: ProcessLife | None = None

    def apply(self, *steps: Changes) -> None:
        """One transaction, or none."""
        if self.life is not None:
            self.life.step()
            match self.life.state_fault():
                case "disk-full":
                    raise StateError(self.place, "the disk is full", "Free some space.")
                case "locked":
                    with _locked(self.place):
                        super().apply(*steps)
                case _:
                    pass
        super().apply(*steps)
        if self.life is not None:
            self.life.step()


def no_patience(connection: sqlite3.Connection, *_: object) -> None:
    """Let a locked state be refused at once: to wait for it would cost real time."""
    connection.execute("PRAGMA busy_timeout=0")


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Somebody's database browser is in the middle of a change."""
    with closing(sqlite3.connect(path, isolation_level=None)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        yield
