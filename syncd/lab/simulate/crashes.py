"""Crashes of the process between any two steps, and failures of its database."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import httpx

from syncd.lab.simulate.operator import ProcessKilled
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.model import Changes
from syncd.store import StateError, Store


@dataclass(slots=True)
class Dangers:
    """The crashes and database failures ahead, shared by all processes of a day.

    ``fuse`` counts down the steps until the process dies (0: never). ``met`` counts what happened.
    """

    met: Counter[str]
    fuse: int = 0
    state_fault: SimEvent = field(
        default_factory=lambda: SimEvent(0, EventKind.STATE_FAULT, times=0)
    )

    def end(self) -> None:
        """Cancel all pending crashes and failures."""
        self.fuse = 0
        self.state_fault = replace(self.state_fault, times=0)


class ProcessLife:
    """One process. Once it is dead, none of its calls has an effect."""

    def __init__(self, dangers: Dangers) -> None:
        self._dangers = dangers
        self.dead = False

    def step(self) -> None:
        """Count a step before or after an effect; raise `ProcessKilled` if this is the last."""
        if self._dangers.fuse and not self.dead:
            self._dangers.fuse -= 1
            self.dead = self._dangers.fuse == 0
        if self.dead:
            raise ProcessKilled

    def state_fault(self) -> str:
        """Return why the database refuses this transaction, '' if it does not."""
        fault = self._dangers.state_fault
        if not fault.times:
            return ""
        self._dangers.state_fault = replace(fault, times=fault.times - 1)
        self._dangers.met[fault.fault] += 1
        return fault.fault


class MortalTransport(httpx.AsyncBaseTransport):
    """The transport to one platform for one process."""

    def __init__(self, transport: httpx.AsyncBaseTransport, life: ProcessLife) -> None:
        self._way = transport
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, unless the process dies before or after it."""
        self._life.step()
        response = await self._way.handle_async_request(request)
        self._life.step()
        return response


class FaultyStore(Store):
    """The real store, on a disk that may be full, in a process that may die."""

    life: ProcessLife | None = None

    def apply(self, *steps: Changes) -> None:
        """Apply the changes in one transaction, unless the process dies or the database fails."""
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


def fail_when_locked(connection: sqlite3.Connection, *_: object) -> None:
    """Refuse a locked database at once: waiting for it would cost real time."""
    connection.execute("PRAGMA busy_timeout=0")


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold a write lock on the database, as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        yield
