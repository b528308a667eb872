"""Run one process over days of faults, and measure its memory and other resources every hour.

    python -m syncd.lab.simulate.long_run --hours 72

The daemon's own parts run at their real intervals on virtual time, against emulators in the same
process. The emulators' own notes are emptied every hour, so that only syncd can grow. Connections
need real sockets: a second, shorter part makes cycles one after another over loopback, with broken
replies, and counts file descriptors.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import structlog
from sqlalchemy import create_engine, text

from syncd.app import App, build
from syncd.config.load import load
from syncd.core.polling.rate import PollIntervals
from syncd.daemon.jobs import Jobs
from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import read_intervals
from syncd.engine.policy import IdSource
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.lab.simulate.loop import VirtualClock, run_virtually
from syncd.lab.simulate.scenario import (
    ALL,
    HOST,
    OUTSIDE,
    EventKind,
    Scenario,
    SimEvent,
    draw_scenario,
)
from syncd.lab.simulate.world import World
from syncd.model import Clock

HOUR = 3600.0
_PATHS = {"crm": "/v2", "clinic": "", "legacy": "/v1"}
_SLOTS_EVERY = 180
"""Near polls between two requests for free slots; more than usual, to save time."""
_FLAT = {"memory": 0.03, "objects": 0.03, "descriptors": 0.0, "tasks": 0.0, "state": 0.05}
"""By how much each curve may rise from the second quarter of a run to its last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of the process at one moment: memory and database in KiB, rows, and so on."""

    at: float
    memory: int
    objects: int
    descriptors: int
    tasks: int
    state: int
    rows: int
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LongRunResult:
    """The curves of a run, and what happened meanwhile."""

    samples: tuple[Sample, ...]
    cycles: int
    acts: int
    faults: int

    def rising(self) -> dict[str, float]:
        """Return by what share each curve that is not flat rose, from second quarter to last."""
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        rises = {}
        for name, allowed in _FLAT.items():
            before = max(1, *(getattr(s, name) for s in early or late))
            rise = max(getattr(s, name) for s in late) / before - 1
            if rise > allowed:
                rises[name] = rise
        return rises


def run_for(seed: int, hours: float) -> LongRunResult:
    """Run for so many simulated hours."""
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder, _silence():
        return run_virtually(_run_process(seed, hours, Path(folder)))


async def _run_process(seed: int, hours: float, folder: Path) -> LongRunResult:
    scenario = _long_scenario(seed, hours)
    clock = VirtualClock(scenario.start)
    world = World(clock, seed)
    world.sandbox.urls = {name: f"http://127.0.0.1{path}" for name, path in _PATHS.items()}
    path = folder / "syncd.toml"
    config = config_text(world.seeded, "state.db", 'history = { keep = "1d" }\n')
    # The demo polls quickly; these are the usual intervals.
    for hurried, usual in (('"10s", ahead = "14d"', '"60s", ahead = "2d"'), ('"1m"', '"15m"')):
        config = config.replace(hurried, usual)
    path.write_text(config)
    settings = load(path, {})
    numbers, random = count(1), Random(f"keys {seed}")  # noqa: S311 - repeatable
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    app = build(
        settings,
        clock=clock,
        transports={name: world.transport(name) for name in SYSTEM_NAMES},
        ids=IdSource(
            lambda: f"r{next(numbers):06}", lambda: "".join(random.choices(letters, k=10))
        ),
    )
    service = _Service(app, clock)
    samples: list[Sample] = []
    jobs = [
        asyncio.create_task(service.poll()),
        asyncio.create_task(_perform_step(scenario, world)),
    ]
    for hour in range(1, int(hours) + 1):
        await asyncio.sleep(hour * HOUR - clock.monotonic())
        for platform in world.sandbox.systems.values():
            platform.calls.clear()
        world.calls.clear()
        world.changes.clear()
        samples.append(_sample(clock.monotonic() / HOUR, app, jobs))
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await app.aclose()
    faults = sum(step.kind is EventKind.FAULT for step in scenario.steps)
    return LongRunResult(tuple(samples), service.cycles, world.acts.total(), faults)


def _long_scenario(seed: int, hours: float) -> Scenario:
    """Return one scenario per six hours, joined; the process itself does not die."""
    part = 6.0
    steps = []
    first = draw_scenario(seed, part)
    for number in range(int(hours / part) + 1):
        scenario = draw_scenario(seed + number, part, ALL - HOST - {"disk"})
        shift = number * part * HOUR
        steps += [_later(step, shift) for step in scenario.steps]
    return Scenario(seed, first.start, hours, tuple(sorted(steps)))


def _later(step: SimEvent, seconds: float) -> SimEvent:
    """Return the step at a later time; its bookings end soon, so that events do not pile up."""
    return replace(step, at=step.at + seconds, slot=step.slot % 24 + 1)


async def _perform_step(scenario: Scenario, world: World) -> None:
    for step in scenario.steps:
        await asyncio.sleep(max(0.0, step.at - world.clock.monotonic()))
        if step.kind is EventKind.FAULT:
            world.inject_fault(step)
        elif step.kind in OUTSIDE:
            world.apply(step)


class _Service:
    """The daemon's jobs at its intervals, with its monitoring."""

    def __init__(self, app: App, clock: Clock) -> None:
        settings = app.settings
        self._app = app
        self._clock = clock
        self._monitor = Monitor(
            app.systems, app.store, settings.syncd.state_path, read_intervals(settings), clock
        )
        self._monitor.reschedule = self._read_sample
        self._paces = self._monitor.intervals
        app.engine.on_write = self._monitor.wrote
        app.engine.select_due = self._monitor.scheduler.due
        heard, failed = self._monitor.record_report, self._monitor.failed
        self._work = Jobs(
            app.engine, heard, failed, providers_due=self._monitor.scheduler.providers_due
        )
        self.cycles = 0

    def _read_sample(self, paces: PollIntervals) -> None:
        self._paces = paces

    async def poll(self) -> None:
        """Poll near; poll a far slice when it is due, and everything once a night."""
        await self._work.resync_and_compact()
        far = night = self._clock.monotonic()
        while True:
            self.cycles += 1
            await asyncio.sleep(self._paces.near.total_seconds())
            now = self._clock.monotonic()
            if now - night >= 24 * HOUR:
                night = now
                await self._work.resync_and_compact()
            elif self.cycles % _SLOTS_EVERY == 0:
                await self._work.slots()
            elif now - far >= self._paces.interval.total_seconds():
                far = now
                await self._work.far()
            else:
                await self._work.near()
            if self.cycles % 15 == 0:
                # Render the metrics as a request for /metrics does.
                self._monitor.metrics.render()


async def over_sockets(cycles: int, folder: Path) -> LongRunResult:
    """Make cycles one after another over loopback, while replies break; take 24 samples."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    seeded = seed_clinic(sandbox, datetime.now(UTC))
    samples: list[Sample] = []
    random = Random(1)  # noqa: S311 - repeatable
    faults = 0
    async with sandbox.serve():
        path = folder / "syncd.toml"
        config = config_text(seeded, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(config)
        app = build(load(path, {}))
        for platform in sandbox.systems.values():
            platform.limit = None
        try:
            await app.engine.resync()
            for number in range(1, cycles + 1):
                app.reset_backoff()
                if random.random() < 0.2:  # noqa: PLR2004 - one cycle in five
                    faults += 1
                    kind = random.choice((FaultKind.LOSE_BEFORE, FaultKind.RESET_BODY))
                    sandbox.systems[random.choice(SYSTEM_NAMES)].faults.add(Fault(kind, times=1))
                await app.engine.poll(near=True)
                for platform in sandbox.systems.values():
                    platform.calls.clear()
                if number % max(1, cycles // 24) == 0:
                    samples.append(_sample(number, app, []))
        finally:
            await app.aclose()
    return LongRunResult(tuple(samples), cycles, 0, faults)


def _sample(at: float, app: App, own: Sequence[object]) -> Sample:
    gc.collect()
    state = app.settings.syncd.state_path
    log = state.with_name(state.name + "-wal")
    engine = create_engine(f"sqlite:///{state}")
    with engine.connect() as connection:
        listed = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        names = [name for (name,) in listed]
        tables = {
            name: int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608
            for name in names
        }
    engine.dispose()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return Sample(
        at=round(at, 2),
        memory=int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024,
        objects=len(gc.get_objects()),
        descriptors=len(list(Path("/proc/self/fd").iterdir())) - 1,
        tasks=len(asyncio.all_tasks()) - 1 - len(own),
        state=sum(f.stat().st_size for f in (state, log) if f.exists()) // 1024,
        rows=sum(tables.values()),
        tables=tables,
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Silence the log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)


# --- the report -------------------------------------------------------------------------------

_BARS = "▁▂▃▄▅▆▇█"


def curve(values: Sequence[float], width: int = 40) -> str:
    """Return a line of bars between 0 and the largest value."""
    shown = min(width, len(values))
    top = max(values) or 1
    shown_values = [values[i * len(values) // shown] for i in range(shown)]
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in shown_values)


def print_samples(title: str, run: LongRunResult, say: Callable[[str], None]) -> bool:
    """Print the curves; return true if all are flat."""
    say(f"{title}: {run.cycles} cycles, {run.acts} acts by hand, {run.faults} faults")
    rising = run.rising()
    for name, unit in (
        ("memory", "KiB"),
        ("objects", ""),
        ("descriptors", ""),
        ("tasks", ""),
        ("state", "KiB"),
        ("rows", ""),
    ):
        values = [float(getattr(s, name)) for s in run.samples]
        verdict = f"rises by {rising[name]:.0%}" if name in rising else "flat"
        if name not in _FLAT:
            verdict = ""
        say(
            f"  {name:<12}{curve(values):<42}{values[0]:>9.0f} .. {max(values):>9.0f} "
            f"{unit:<4}{verdict}"
        )
    last = sorted(run.samples[-1].tables.items(), key=lambda item: -item[1])
    say("  rows at the end: " + ", ".join(f"{name} {n}" for name, n in last[:7]))
    return not rising


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts and print their curves; return 1 if a curve is not flat."""
    parser = argparse.ArgumentParser(prog="syncd.lab.simulate.long_run", description=__doc__)
    parser.add_argument("--hours", type=float, default=72.0, help="simulated hours (72)")
    parser.add_argument("--cycles", type=int, default=120, help="cycles over real sockets (120)")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    options = parser.parse_args(arguments)
    flat = print_samples(
        f"{options.hours:g} simulated hours", run_for(options.seed, options.hours), print
    )
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder, _silence():
        sockets = asyncio.run(over_sockets(options.cycles, Path(folder)))
    flat &= print_samples("over real sockets", sockets, print)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
