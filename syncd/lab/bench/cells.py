"""The cells of the tables: each measures one thing in its own process and prints one object.

Times are seconds of CPU (user and system) of this process, unless their name says wall.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from syncd.app import App, build
from syncd.config.load import load
from syncd.engine.cycle import cycle
from syncd.engine.reading.running_events import FAR_LOOK_BACK
from syncd.engine.report.run_report import Report
from syncd.lab.bench import floor, served, whole
from syncd.lab.bench.measure import cpu_of, held, leave_out_the_platforms, lower, peak
from syncd.lab.bench.memory import Memory
from syncd.lab.bench.state import age, converge
from syncd.lab.bench.world import HALF_HOUR, SYSTEM_NAMES, Agency, found

URLS = {
    "crm": "https://crm.example.com/v2",
    "clinic": "https://clinic.example.com",
    "legacy": "https://legacy.example.com/v1",
}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


class Still:
    """A clock that stands still; a sleep on it returns at once."""

    def __init__(self) -> None:
        """Start at zero."""
        self._passed = 0.0

    def now(self) -> datetime:
        """Return always the same instant."""
        return NOON

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Advance only the monotonic clock."""
        self._passed += max(0.0, seconds)
        await asyncio.sleep(0)


class BenchSite:
    """A configured syncd over platforms in memory, with a clock that stands still."""

    def __init__(self, agency: Agency, home: Path) -> None:
        """Build the app."""
        self.agency = agency
        self.ways = {name: Memory(agency.sandbox, name) for name in SYSTEM_NAMES}
        self.clock = Still()
        path = home / "syncd.toml"
        path.write_text(agency.config(home / "state.db", URLS))
        self.app: App = build(load(path, {}), clock=self.clock, transports=self.ways)

    async def cycle(self) -> Report:
        """Run one far cycle, as the daemon does."""
        return await self.app.engine.poll(near=False)

    async def ask_once(self, look_back: timedelta) -> None:
        """Make one far read with this look-back, so that the platforms' answers are cached."""
        window = self.app.engine.window(near=False)
        await asyncio.gather(
            *(s.read(window, look_back=look_back) for s in self.app.systems.values())
        )

    def forget(self) -> None:
        """Forget the cached answers of the platforms."""
        for way in self.ways.values():
            way.forget()

    def sent(self) -> tuple[int, int]:
        """Return the numbers of calls and bytes so far."""
        return sum(w.calls for w in self.ways.values()), sum(w.bytes for w in self.ways.values())


async def _agreed(size: int, home: Path, *, past: int = 0) -> BenchSite:
    """Return a syncd with everything in sync, after one cycle that confirmed this."""
    site = BenchSite(found(size, Still()), home)
    await converge(site.app, site.app.engine.window(near=False), NOON)
    if past:
        age(home / "state.db", past)
    for _ in range(2):
        # The first far read of a process looks back further than those after it.
        site.forget()
        report = await site.cycle()
        assert not report.operations, "the agency was not in agreement"
        assert not report.news
    assert report.answered, [s.cause for s in report.systems.values()]
    return site


async def engine(home: Path, size: int, *, rounds: int = 5, past: int = 0) -> dict[str, Any]:
    """Measure the cycle without changes and the floor, alternating in one process."""
    site = await _agreed(size, home, past=past)
    leave_out_the_platforms()
    pages = [body for way in site.ways.values() for body in way.bodies()]
    with closing(sqlite3.connect(home / "floor.db")) as connection:
        floor.fill(connection, pages)
        cpu, least = [], []
        for _ in range(rounds):
            gc.collect()
            before = time.process_time()
            assert not floor.cycle(connection, pages)
            least.append(time.process_time() - before)
            gc.collect()
            before = time.process_time()
            await site.cycle()
            cpu.append(time.process_time() - before)
    pages.clear()
    calls, sent = site.sent()
    lower()
    await site.cycle()
    after_calls, after_sent = site.sent()
    most = peak()
    await site.app.aclose()
    return {
        "cpu": cpu,
        "floor": least,
        "ratio": statistics.median(cpu) / statistics.median(least),
        "calls": after_calls - calls,
        "bytes": after_sent - sent,
        "peak_mb": most,
    }


async def changed(home: Path, size: int) -> dict[str, Any]:
    """Move 1 % of each system's meetings by hand; measure the cycle up to the writes (not sent)."""
    site = await _agreed(size, home)
    moved = sum(site.agency.shift(name, 0.01) for name in SYSTEM_NAMES)
    site.forget()
    await site.ask_once(FAR_LOOK_BACK)
    leave_out_the_platforms()
    before = time.process_time()
    report = Report(run="dry", dry_run=True)
    await cycle(site.app.engine, site.app.engine.window(near=False), report)
    cpu = time.process_time() - before
    assert len(report.planned) == moved, (len(report.planned), moved)
    await site.app.aclose()
    return {"cpu": [cpu], "moved": moved}


async def lasting(home: Path, size: int, cycles: int, every: int = 25) -> dict[str, Any]:
    """Run many cycles with a manual move now and then; measure memory after each tenth."""
    site = await _agreed(size, home)
    made = site.agency.bookings[0]
    platform = site.agency.sandbox.systems[made.system]
    memory, moved = [], 0
    for number in range(1, cycles + 1):
        if number % every == 0:
            start = made.start + TEN_MINUTES * (number // every)
            platform.move(made.appointment, start, start + HALF_HOUR)
            site.forget()
            for each in site.agency.sandbox.systems.values():
                each.calls.clear()  # the platforms remember who asked; that is no memory of syncd's
        report = await site.cycle()
        assert report.answered
        if report.operations:
            moved += 1
            site.forget()
        if number % (cycles // 10) == 0:
            memory.append(held())
    await site.app.aclose()
    return {"memory": memory, "moved": moved}


async def first(home: Path, size: int) -> dict[str, Any]:
    """Measure the first sync up to the writes: everything is read and decided."""
    site = BenchSite(found(size, Still(), blocked=False), home)
    await site.ask_once(site.app.engine.running.longest)
    leave_out_the_platforms()
    lower()
    before = time.process_time()
    report = await site.app.engine.resync(dry_run=True)
    cpu = time.process_time() - before
    assert len(report.planned) == size, len(report.planned)
    most = peak()
    await site.app.aclose()
    return {"cpu": [cpu], "writes": size, "peak_mb": most}


def start(home: Path, command: Sequence[str], rounds: int = 5) -> dict[str, Any]:
    """Measure a command from start to end, in a folder with a configuration."""
    env = {**os.environ, "SYNCD_CONFIG": str(home / "syncd.toml")}
    return {"cpu": [cpu_of([sys.executable, *command], env) for _ in range(rounds)]}


def run(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one cell."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=True
    )
    given = dict(arguments)
    with tempfile.TemporaryDirectory() as fresh:
        cell = CELLS[name](Path(given.pop("home", fresh)), **given)
        found: dict[str, Any] = asyncio.run(cell) if inspect.iscoroutine(cell) else cell
    return found


CELLS: Mapping[str, Callable[..., Any]] = {
    "engine": engine,
    "changed": changed,
    "first": first,
    "start": start,
    "seed": whole.seed,
    "lasting": lasting,
    "over_http": whole.over_http,
    "writing": whole.writing,
    "bulk": whole.bulk,
    "journal": whole.journal,
    "lag": whole.lag,
    "serve": served.serve,
}
