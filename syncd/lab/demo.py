"""`syncd demo`: run syncd against the sandbox and print what happens."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from syncd.app import App, build
from syncd.cli import render, terminal
from syncd.cli.exposure_view import print_percentiles
from syncd.config.load import load
from syncd.core.availability.exposure import percentiles
from syncd.daemon.logging import set_up
from syncd.daemon.service import JobIntervals, serve
from syncd.lab.sandbox.consistency import EventSummary, disagreements, event_summaries
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES, ZONE, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import Action, HistoryEntry, Operation
from syncd.store.queries.availability import count_exposures, stored_times_to_block

_NEAR = timedelta(seconds=1)
_STEP_TIMEOUT = 8.0
"""Seconds within which the systems must agree after a step; otherwise the step has failed."""

_REPLIES_TIMEOUT = 1.0
"""Seconds to wait until syncd has received the replies to its last writes."""

_ZONE = ZoneInfo(ZONE)
_PLATFORM = {"crm": "LeadSquared", "clinic": "LeadConnector v2", "legacy": "LeadConnector v1"}


@dataclass(frozen=True, slots=True)
class DemoStep:
    """Something that somebody does on one platform, shown as one step of the demo."""

    provider: str
    system: str
    text: str
    act: Callable[[], object]


@dataclass(slots=True)
class DemoRun:
    """The progress of a demo: the writes of the current step, the delays in seconds, failures."""

    world: Clinic
    writes: list[tuple[float, Operation]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    failures: int = 0

    def on_write(self, operation: Operation, _outcome: str) -> None:
        """Record a write that the daemon has just completed."""
        self.writes.append((time.monotonic(), operation))

    def disagreements(self) -> list[str]:
        """Compare the three platforms; return a line for each disagreement."""
        events = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [str(each) for each in disagreements(events, SYSTEM_NAMES, datetime.now(UTC))]


def demo() -> None:
    """Show syncd at work on three emulated systems with three providers and a week of bookings.

    Needs no account and touches no real system. Ends by itself within 40 s. Exit: 0 only if all
    three systems agree at the end.
    """
    raise typer.Exit(asyncio.run(_demo()))


async def _demo() -> int:
    set_up(style="text", level="error")
    sandbox = Sandbox()
    world = seed_clinic(sandbox, datetime.now(UTC))
    run = DemoRun(world)
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder:
        async with sandbox.serve():
            home = Path(folder)
            path = home / "syncd.toml"
            path.write_text(config_text(world, "demo.db"))
            path.chmod(0o600)
            app = build(load(path, os.environ), on_write=run.on_write)
            pace = JobIntervals(_NEAR, timedelta(minutes=5), app.settings.syncd.resync_at, _ZONE)
            daemon = asyncio.create_task(
                serve(app.engine, pace, home / "demo.db", os.environ, handle_signals=False)
            )
            try:
                await _play_all(run, app, daemon)
                measured = percentiles(stored_times_to_block(app.store))
                exposed = count_exposures(app.store, datetime.now(UTC))
            finally:
                app.engine.stopping.set()
                await daemon
                await app.aclose()
    code = _end(run)
    print_percentiles(measured)
    terminal.say(f"{render.count(exposed, 'busy interval', 'busy intervals')} can still be booked")
    return code


async def _play_all(run: DemoRun, app: App, daemon: asyncio.Task[int]) -> None:
    terminal.say(
        "Three booking systems on this machine, with three providers and a week of bookings:"
    )
    for name in SYSTEM_NAMES:
        terminal.say(f"  {name:<8}{_PLATFORM[name]:<18}{run.world.sandbox.urls[name]}")
    count = sum(event.busy for event in _current_events(run))
    terminal.say(f"They contain {count} bookings and blocks, and are not connected.")
    terminal.say()
    started = time.monotonic()
    await _until_agreed(run, daemon, limit=20.0)
    made = len(run.writes)
    took = time.monotonic() - started
    terminal.say(f"syncd run: first sync, {render.count(made, 'block')} written in {took:.1f} s")
    # A change during the first resync's last read would be written by that slower resync.
    while not daemon.done() and not app.store.runs(1):
        if time.monotonic() > started + 20:
            break
        await asyncio.sleep(0.05)
    for step in _steps(run.world):
        await _play(step, run, app, daemon)


async def _play(step: DemoStep, run: DemoRun, app: App, daemon: asyncio.Task[int]) -> None:
    """Carry out one step, and print what syncd saw and wrote."""
    run.writes.clear()
    before = datetime.now(UTC)
    started = time.monotonic()
    terminal.say()
    terminal.say(f"{datetime.now(_ZONE):%H:%M:%S}  {step.system}: {step.text}", style="bold")
    step.act()
    await _until_agreed(run, daemon, limit=_STEP_TIMEOUT)
    await _until_replies(run)
    actions = {str(action) for action in Action}
    for note in reversed(app.store.history(provider=step.provider, limit=20)):
        if note.at >= before and note.what not in actions and note.system:
            terminal.say(f"  seen     {note.system:<7} {_seen(note)}")
    for at, operation in run.writes:
        text = render.operation(operation, _ZONE)
        terminal.say(f"  written  {operation.system:<7} {text}  (+{at - started:.1f} s)")
    if run.writes:
        run.delays.append(run.writes[-1][0] - started)


def _seen(note: HistoryEntry) -> str:
    if note.after is None:
        return f"gone: {render.value(note.before, _ZONE)}"
    return f"{'new' if note.before is None else 'changed'}: {render.value(note.after, _ZONE)}"


async def _until_agreed(run: DemoRun, daemon: asyncio.Task[int], limit: float) -> None:
    """Wait until the platforms agree; after ``limit`` seconds warn of each disagreement."""
    deadline = time.monotonic() + limit
    while lines := run.disagreements():
        if daemon.done() or time.monotonic() > deadline:
            run.failures += 1
            for line in lines:
                terminal.warn(f"  still different: {line}")
            return
        await asyncio.sleep(0.05)


async def _until_replies(run: DemoRun) -> None:
    """Wait until no more writes are recorded: the platforms agree before the replies arrive."""
    deadline, recorded = time.monotonic() + _REPLIES_TIMEOUT, 0
    while time.monotonic() < deadline and not 0 < len(run.writes) == recorded:
        recorded = len(run.writes)
        await asyncio.sleep(0.1)


def _steps(world: Clinic) -> Sequence[DemoStep]:
    """Return the steps of the demo: book, move and cancel in each of the three systems."""
    steps: list[DemoStep] = []
    booked: dict[str, str] = {}

    def book(system: str, provider: str, start: datetime) -> None:
        booked[system] = world.book(system, provider, start)

    def move(system: str, start: datetime) -> None:
        platform = world.sandbox.systems[system]
        booked[system] = platform.move(booked[system], start, start + timedelta(hours=1))

    def cancel(system: str) -> None:
        platform = world.sandbox.systems[system]
        # LeadSquared has no status for cancelled, so people delete there.
        (platform.delete if system == "crm" else platform.cancel)(booked[system])

    for day, (system, provider) in enumerate(zip(SYSTEM_NAMES, PEOPLE, strict=True)):
        start, later = world.at(day, 11, 30), world.at(day, 13)
        name = provider.capitalize()
        steps += [
            DemoStep(
                provider,
                system,
                f"a customer books {name}, {render.moment(start, _ZONE)}",
                partial(book, system, provider, start),
            ),
            DemoStep(
                provider,
                system,
                f"the customer moves it to {render.moment(later, _ZONE)}",
                partial(move, system, later),
            ),
            DemoStep(
                provider,
                system,
                "the customer cancels it" + (" (deleted)" if system == "crm" else ""),
                partial(cancel, system),
            ),
        ]
    twin = next(
        meeting
        for meeting in world.sandbox.clinic.appointments()
        if meeting.start == world.at(1, 16)
    )
    start = world.at(1, 15)
    steps.append(
        DemoStep(
            "bob",
            "clinic",
            "Bob's meeting at 16:00, which is also in legacy, is moved to "
            f"{render.moment(start, _ZONE)}",
            lambda: world.sandbox.clinic.move(twin.id, start, start + timedelta(hours=1)),
        )
    )
    return steps


def _current_events(run: DemoRun) -> list[EventSummary]:
    events = event_summaries(run.world.sandbox.systems, run.world.owners)
    return [s for s in events if s.busy and s.end > datetime.now(UTC)]


def _end(run: DemoRun) -> int:
    """Print the three systems side by side; return 0 if they agree and no step failed, else 1."""
    terminal.say()
    events = _current_events(run)
    for provider in PEOPLE:
        cells: dict[tuple[datetime, datetime], dict[str, str]] = {}
        for s in events:
            if s.provider == provider:
                kind = (
                    ("block (syncd)" if s.ours else "block (hand)") if s.kind == "block" else s.kind
                )
                cells.setdefault(s.interval, {})[s.system] = kind
        rows = [
            (_interval(interval), *(at.get(system, "OPEN") for system in SYSTEM_NAMES))
            for interval, at in sorted(cells.items())
        ]
        terminal.table(f"{provider} · {ZONE}", ("when", *SYSTEM_NAMES), rows)
    lines = run.disagreements()
    for line in lines:
        terminal.warn(line)
    if run.delays:
        ordered = sorted(run.delays)
        terminal.say(
            f"{len(ordered)} changes; from the change to the last write: median "
            f"{ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s (polling every 1 s)"
        )
    terminal.say("All three systems agree." if not lines else "The three systems do NOT agree.")
    return 1 if lines or run.failures else 0


def _interval(interval: tuple[datetime, datetime]) -> str:
    start, end = (instant.astimezone(_ZONE) for instant in interval)
    return f"{start:%a %d %b %H:%M}-{end:%H:%M}"
