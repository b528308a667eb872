"""`syncd demo`: the whole thing at work on the sandbox, told as it happens."""

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
from syncd.core.exposure import percentiles
from syncd.daemon.logging import set_up
from syncd.daemon.service import JobIntervals, serve
from syncd.model import Action, HistoryEntry, Operation
from syncd.sandbox.consistency import EventSummary, disagreements, event_summaries
from syncd.sandbox.scenario import PEOPLE, SYSTEMS, ZONE, Clinic, config_text, seed_clinic
from syncd.sandbox.server import Sandbox
from syncd.store.availability import count_exposures, stored_times_to_block

_NEAR = timedelta(seconds=1)
_PATIENCE = 8.0
"""Seconds after which an act that is not answered counts as a failure."""

_LAST_ANSWERS = 1.0
"""So many seconds syncd may need to hear what the platforms have done already."""

_ZONE = ZoneInfo(ZONE)
_PLATFORM = {"crm": "LeadSquared", "clinic": "LeadConnector v2", "legacy": "LeadConnector v1"}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does in one system."""

    who: str
    system: str
    says: str
    act: Callable[[], object]


@dataclass(slots=True)
class Story:
    """What is told: writes as the daemon makes them, and what did not come true."""

    world: Clinic
    writes: list[tuple[float, Operation]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    failures: int = 0

    def heard(self, operation: Operation, _what: str) -> None:
        """Note a write that the daemon made just now."""
        self.writes.append((time.monotonic(), operation))

    def wrong(self) -> list[str]:
        """Look at the three platforms from outside."""
        seen = event_summaries(self.world.sandbox.systems, self.world.owners)
        return disagreements(seen, SYSTEMS, datetime.now(UTC))


def demo() -> None:
    """Watch syncd at work: three emulated systems, three people, a week of bookings.

    Nothing real is touched and no account is needed. It ends by itself within 40 s; exit 0 only if
    all three systems agree at the end.
    """
    raise typer.Exit(asyncio.run(_demo()))


async def _demo() -> int:
    set_up(style="text", level="error")
    sandbox = Sandbox()
    world = seed_clinic(sandbox, datetime.now(UTC))
    story = Story(world)
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder:
        async with sandbox.serve():
            home = Path(folder)
            path = home / "syncd.toml"
            path.write_text(config_text(world, "demo.db"))
            path.chmod(0o600)
            app = build(load(path, os.environ), on_write=story.heard)
            pace = JobIntervals(_NEAR, timedelta(minutes=5), app.settings.syncd.resync_at, _ZONE)
            daemon = asyncio.create_task(
                serve(app.engine, pace, home / "demo.db", os.environ, handle_signals=False)
            )
            try:
                await _tell(story, app, daemon)
                measured = percentiles(stored_times_to_block(app.store))
                exposed = count_exposures(app.store, datetime.now(UTC))
            finally:
                app.engine.stopping.set()
                await daemon
                await app.aclose()
    code = _end(story)
    print_percentiles(measured)
    terminal.say(
        f"{render.count(exposed, 'taken interval is', 'taken intervals are')} still offered"
    )
    return code


async def _tell(story: Story, app: App, daemon: asyncio.Task[int]) -> None:
    terminal.say("Three booking systems on this machine, with three people and a week of bookings:")
    for name in SYSTEMS:
        terminal.say(f"  {name:<8}{_PLATFORM[name]:<18}{story.world.sandbox.urls[name]}")
    found = sum(s.busy for s in _living(story))
    terminal.say(f"They hold {found} bookings and blocks, and know nothing of each other.")
    terminal.say()
    started = time.monotonic()
    await _until_agreed(story, daemon, patience=20.0)
    made = len(story.writes)
    took = time.monotonic() - started
    terminal.say(f"syncd run: first sync, {render.count(made, 'block')} written in {took:.1f} s")
    # What changes while it looks once more would be its to write, at the pace of a resync.
    while not daemon.done() and not app.store.runs(1):
        if time.monotonic() > started + 20:
            break
        await asyncio.sleep(0.05)
    for act in _acts(story.world):
        await _play(act, story, app, daemon)


async def _play(act: Act, story: Story, app: App, daemon: asyncio.Task[int]) -> None:
    """Do one thing by hand, and tell what followed."""
    story.writes.clear()
    before = datetime.now(UTC)
    started = time.monotonic()
    terminal.say()
    terminal.say(f"{datetime.now(_ZONE):%H:%M:%S}  {act.system}: {act.says}", style="bold")
    act.act()
    await _until_agreed(story, daemon, patience=_PATIENCE)
    await _until_heard(story)
    actions = {str(action) for action in Action}
    for note in reversed(app.store.history(provider=act.who, limit=20)):
        if note.at >= before and note.what not in actions and note.system:
            terminal.say(f"  seen     {note.system:<7} {_seen(note)}")
    for at, operation in story.writes:
        wrote = render.operation(operation, _ZONE)
        terminal.say(f"  written  {operation.system:<7} {wrote}  (+{at - started:.1f} s)")
    if story.writes:
        story.delays.append(story.writes[-1][0] - started)


def _seen(note: HistoryEntry) -> str:
    if note.after is None:
        return f"gone: {render.value(note.before, _ZONE)}"
    return f"{'new' if note.before is None else 'changed'}: {render.value(note.after, _ZONE)}"


async def _until_agreed(story: Story, daemon: asyncio.Task[int], patience: float) -> None:
    """Wait until the platforms agree; say what is wrong if they do not in time."""
    deadline = time.monotonic() + patience
    while wrong := story.wrong():
        if daemon.done() or time.monotonic() > deadline:
            story.failures += 1
            for line in wrong:
                terminal.warn(f"  not yet: {line}")
            return
        await asyncio.sleep(0.05)


async def _until_heard(story: Story) -> None:
    """Wait for the last answers: the platforms agree a little before syncd has heard of it."""
    deadline, heard = time.monotonic() + _LAST_ANSWERS, 0
    while time.monotonic() < deadline and not 0 < len(story.writes) == heard:
        heard = len(story.writes)
        await asyncio.sleep(0.1)


def _acts(world: Clinic) -> Sequence[Act]:
    """Somebody books, moves and cancels in each of the three systems."""
    acts: list[Act] = []
    booked: dict[str, str] = {}

    def book(system: str, who: str, start: datetime) -> None:
        booked[system] = world.book(system, who, start)

    def move(system: str, start: datetime) -> None:
        platform = world.sandbox.systems[system]
        booked[system] = platform.move(booked[system], start, start + timedelta(hours=1))

    def off(system: str) -> None:
        platform = world.sandbox.systems[system]
        # LeadSquared knows no cancelling: people delete there.
        (platform.delete if system == "crm" else platform.cancel)(booked[system])

    for day, (system, who) in enumerate(zip(SYSTEMS, PEOPLE, strict=True)):
        start, later = world.at(day, 11, 30), world.at(day, 13)
        name = who.capitalize()
        acts += [
            Act(
                who,
                system,
                f"a customer books {name}, {render.moment(start, _ZONE)}",
                partial(book, system, who, start),
            ),
            Act(
                who,
                system,
                f"the customer moves it to {render.moment(later, _ZONE)}",
                partial(move, system, later),
            ),
            Act(
                who,
                system,
                "the customer calls it off" + (" (deleted)" if system == "crm" else ""),
                partial(off, system),
            ),
        ]
    twin = next(
        meeting
        for meeting in world.sandbox.clinic.appointments()
        if meeting.start == world.at(1, 16)
    )
    start = world.at(1, 15)
    acts.append(
        Act(
            "bob",
            "clinic",
            f"Bob's 16:00, which is also in legacy, is moved to {render.moment(start, _ZONE)}",
            lambda: world.sandbox.clinic.move(twin.id, start, start + timedelta(hours=1)),
        )
    )
    return acts


def _living(story: Story) -> list[EventSummary]:
    seen = event_summaries(story.world.sandbox.systems, story.world.owners)
    return [s for s in seen if s.busy and s.end > datetime.now(UTC)]


def _end(story: Story) -> int:
    """Print the three systems side by side, and judge."""
    terminal.say()
    shown = _living(story)
    for who in PEOPLE:
        cells: dict[tuple[datetime, datetime], dict[str, str]] = {}
        for s in shown:
            if s.provider == who:
                kind = (
                    ("block (syncd)" if s.ours else "block (hand)") if s.kind == "block" else s.kind
                )
                cells.setdefault(s.interval, {})[s.system] = kind
        rows = [
            (_span(interval), *(at.get(system, "OPEN") for system in SYSTEMS))
            for interval, at in sorted(cells.items())
        ]
        terminal.table(f"{who} · {ZONE}", ("when", *SYSTEMS), rows)
    wrong = story.wrong()
    for line in wrong:
        terminal.warn(line)
    if story.delays:
        ordered = sorted(story.delays)
        terminal.say(
            f"{len(ordered)} changes; from change to last write: median "
            f"{ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s (polling every 1 s)"
        )
    terminal.say("All three systems agree." if not wrong else "They do NOT agree.")
    return 1 if wrong or story.failures else 0


def _span(interval: tuple[datetime, datetime]) -> str:
    start, end = (instant.astimezone(_ZONE) for instant in interval)
    return f"{start:%a %d %b %H:%M}-{end:%H:%M}"
