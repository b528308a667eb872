"""A daemon under attack: `syncd run`, three platforms behind raw sockets, and its costs."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.cli.run import settings_secrets
from syncd.config.load import load
from syncd.lab.sandbox.consistency import EventSummary, disagreements, event_summaries
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import floor_to
from tests.hostile.attack import Attack, Exchange, Nobody
from tests.hostile.front import Front, fronted
from tests.hostile.slowness import Stopwatch
from tests.hostile.watched import Watched

LISTS = {
    "crm": r"POST .*/Task.svc/RetrieveAppointments",
    "clinic": r"GET /calendars/events\?",
    "legacy": r"GET /v1/appointments/\?",
}
PRIVATE = ("Kim Example", "kim@example.com", "555010", "Knee pain", "Knee")
"""The customer and the title of every meeting in the sandbox."""

EVERY = 5.0
"""Seconds between two near polls: the shortest that a configuration allows."""

MOST_MEMORY = 250.0
MOST_BLOCKED = 0.2
MOST_DEAF = 2.0
LATER = 1.0
PATIENCE = 12.0
MOST_EVIDENCE = 20_000
BUDGET, BUDGET_WINDOW = 100, 5.0
"""The calls to LeadSquared in so many seconds: the most that a configuration allows. Attacks follow
on one another as no two polls do, so each waits until half of them is left: the budget is not what
is measured."""

PLENTY = 2_000
"""Allowed calls in ten seconds."""

QUARTER = timedelta(minutes=15)


@dataclass
class Result:
    """The result of one attack.

    ``seconds`` are wall seconds until the change was carried, by job; ``memory`` is in MB. The
    verdict uses `Stopwatch.net`. ``evidence``, after harm, is what the daemon logged meanwhile, and
    what a blocked loop was doing.
    """

    attack: Attack
    system: str
    hits: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    memory: float = 0.0
    blocked: float = 0.0
    blocked_wall: float = 0.0
    problems: list[str] = field(default_factory=list)
    evidence: str = ""

    @property
    def verdict(self) -> str:
        """Return what is wrong, or a text that says that nothing is."""
        return "; ".join(self.problems) or "ok"


@dataclass(kw_only=True)
class Siege(Watched):
    """The daemon and its three platforms."""

    world: Clinic
    fronts: Mapping[str, Front]
    normal: float = 0.0
    bookings: int = 0
    log_read: int = 0

    async def start(self) -> None:
        """Start the daemon and wait until everything is in sync."""
        await self.launch()
        await self.until(lambda: b'"cycle"' in self.log()[self.log_read :], 60)
        if self.wrong():  # on a busy machine a system may have been late for the first resync
            await self.request()
        assert self.wrong() == []
        self.log_read = len(self.log())

    async def relaunch(self) -> None:
        """Restart an ended daemon, and let it call systems that are in back-off after an attack."""
        self.log_read, self.stopping = len(self.log()), False
        await self.launch()
        assert await self.until(lambda: b'"cycle"' in self.log()[self.log_read :], 60)
        assert await self.request() == ""

    # --- what stands outside ------------------------------------------------------------------

    def book(self, system: str) -> tuple[datetime, datetime]:
        """Book a meeting for Alice at a free time."""
        self.bookings += 1
        start = floor_to(datetime.now(UTC), timedelta(hours=1)) + timedelta(hours=3)
        start += QUARTER * self.bookings
        taken = {s.start for s in self.found()}
        while start in taken or not _is_free(start, self.found()):
            start += QUARTER
            self.bookings += 1
        self.world.book(system, "alice", start, 15)
        return start, start + QUARTER

    def found(self) -> list[EventSummary]:
        """Return all events in the three systems."""
        return list(event_summaries(self.world.sandbox.systems, self.world.owners))

    def times(self, system: str, span: tuple[datetime, datetime]) -> int:
        """Return how often an interval of Alice's is busy in a system."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum((s.system, s.provider, s.interval) == (system, "alice", span) for s in found)

    def standing(self) -> int:
        """Return the number of busy events that syncd did not make."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(s.busy and not s.ours for s in found)

    def blocks(self, system: str) -> int:
        """Return the number of syncd's blocks in a system."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(s.ours and s.system == system for s in found)

    def wrong(self) -> list[str]:
        """Return the disagreements between the systems."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [str(each) for each in disagreements(found, SYSTEM_NAMES, datetime.now(UTC))]

    def indiscreet(self) -> list[str]:
        """Return names and secrets that are in the log or the database (promise 11)."""
        places = {"log": self.log(), "database": self._database()}
        logged = (*PRIVATE, *settings_secrets(load(self.config, {})))
        return [
            f"{text!r} is in the {place}"
            for place, held in places.items()
            for text in logged
            if text.encode() in held
        ]

    def _database(self) -> bytes:
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as database:
            return "\n".join(database.iterdump()).encode("utf-8", "surrogatepass")

    def complaints(self) -> list[str]:
        """Return new log lines that no platform should be able to cause."""
        lines = self.log()[self.log_read :]
        self.log_read += len(lines)
        bad = (b"job failed", b"Traceback", b"Unhandled", b"unexpected", b"was never retrieved")
        return [f"the log says {b.decode()!r}" for b in bad if b in lines]

    def stopwatch(self) -> Stopwatch:
        """Return a stopwatch that leaves out the time taken by the machine."""
        assert self.daemon is not None
        return Stopwatch.start(self.daemon.pid)

    async def learn_normal(self) -> None:
        """Measure how long a change takes without an attack."""
        for _ in range(2):
            span = self.book("crm")
            watch = self.stopwatch()
            asked = asyncio.create_task(self.request())
            await self.until(lambda span=span: self.times("clinic", span), PATIENCE)
            self.normal = max(self.normal, watch.net)
            await asked

    # --- an attack ----------------------------------------------------------------------------

    async def suffer(self, attack: Attack, system: str) -> Result:
        """Send an attack instead of a system's lists, while the two others have work to do."""
        result, logged = Result(attack, system), len(self.log())
        jobs = ("resync", "poll") if attack.slow else ("resync",)
        for job in jobs:
            await self._attack(result, job)
            await self._recover(result)
            if not self.alive:
                result.problems.append("the daemon is dead")
                result.evidence = self.evidence(logged)
                return result
        result.problems += self.complaints() + self.indiscreet()
        result.memory, (result.blocked, result.blocked_wall) = (
            max(result.memory, self.memory()),
            self.blocked(),
        )
        if result.memory > MOST_MEMORY:
            result.problems.append(f"{result.memory:.0f} MB")
        if result.blocked > MOST_BLOCKED:
            result.problems.append(f"the loop was blocked for {result.blocked:.2f} s")
        if result.blocked_wall > MOST_DEAF and result.blocked > MOST_DEAF / 2:
            result.problems.append(f"deaf for {result.blocked_wall:.1f} s")
        if result.problems:
            result.evidence = self.evidence(logged)
        return result

    def evidence(self, since: int) -> str:
        """Return the log since that length, and the long steps of the loop."""
        return f"{self.log()[since:][-MOST_EVIDENCE:].decode(errors='replace')}{self.long_steps()}"

    async def _attack(self, result: Result, job: str) -> None:
        system, front = result.system, self.fronts[result.system]
        source, target = (name for name in SYSTEM_NAMES if name != system)
        meetings, blocks = self.standing(), self.blocks(system)
        if result.attack.made:
            await self._prepare(result.attack, system)
        await self.until(self._may_be_asked, 2 * BUDGET_WINDOW)
        if job == "resync" or not result.seconds:
            self.reset()
        front.respond_oddly(result.attack, LISTS[system])
        asked: asyncio.Task[str] | None = None
        if job == "poll":
            await self.until(lambda: front.hits, EVERY * 3)
        span = self.book(source)
        watch = self.stopwatch()
        if job == "resync":
            asked = asyncio.create_task(self.request())
        carried = await self.until(lambda: self.times(target, span), PATIENCE)
        result.seconds[job], took = watch.wall, watch.net
        bound = self.normal + LATER + (EVERY if job == "poll" else 0)
        if took > bound or not carried:
            result.problems.append(f"carried after {took:.1f} s in a {job}, not {bound:.1f} s")
        if asked is not None:
            # What comes after the lists: parsing, storing, and whatever the answer costs later.
            await asyncio.wait({asked}, timeout=1.0 if result.attack.slow else PATIENCE)
        await self.until(lambda: front.hits, 3)
        result.hits = max(result.hits, front.hits)
        if not front.hits:
            result.problems.append(f"not asked in the {job}")
        if self.times(target, span) > 1:
            result.problems.append("carried twice")
        result.problems += self._freed(system, meetings + 1, blocks)
        front.respond_oddly(None)
        front.hang_up()
        if asked is not None and (fault := await asked):
            result.problems.append(fault)

    def _may_be_asked(self) -> bool:
        """Return true if the budget of the account with the smallest one has room for an attack."""
        since = time.monotonic() - BUDGET_WINDOW
        return sum(at > since for at in self.fronts["crm"].asked) < BUDGET / 2

    async def _prepare(self, attack: Attack, system: str) -> None:
        """Make the bodies now: meanwhile no other platform in this process can answer."""
        logged = self.fronts[system].said
        for true in {true for asked, true in logged if re.match(LISTS[system], asked)}:
            await attack.send(Exchange(Nobody(), "", 0, 200, true))

    def _freed(self, system: str, meetings: int, blocks: int) -> list[str]:
        """Return the events that were removed or added without a request."""
        more, fewer = self.standing() - meetings, blocks - self.blocks(system)
        return [
            *([f"{more:+} meetings"] if more else []),
            *([f"{fewer} blocks of ours were removed"] if fewer > 0 else []),
        ]

    async def _recover(self, result: Result) -> None:
        """Let all systems answer correctly; what is wrong afterwards, the attack caused."""
        if result.attack.waits:
            others = [w for w in self.wrong() if f" in {result.system}" not in w]
            if others:
                result.problems.append(f"wrong elsewhere: {others[0]}")
            return
        for _ in range(4):
            fault = await self.request()
            if fault or not self.alive:
                result.problems.append(fault or "the daemon is dead")
                return
            if not self.wrong():
                return
        result.problems.append(f"wrong afterwards: {self.wrong()[0]}")


def _is_free(start: datetime, found: list[EventSummary]) -> bool:
    end = start + QUARTER
    return not any(s.provider == "alice" and s.start < end and s.end > start for s in found)


def _book_some(world: Clinic) -> None:
    """Book meetings for everybody in every system, with a twin and a block, created yesterday.

    They are few: each daemon must write all blocks before the first attack.
    """
    platforms = world.sandbox.systems.values()
    for platform in platforms:
        platform.backdated = timedelta(days=1)
    for day, system in enumerate(SYSTEM_NAMES):
        for index, who in enumerate(PEOPLE):
            world.book(system, who, world.at(day, 9 + index))
    for system in ("clinic", "legacy"):
        world.book(system, "bob", world.at(1, 16))
    world.block("clinic", "alice", world.at(2, 12), 60, "Lunch")
    for platform in platforms:
        platform.backdated = timedelta(0)


@asynccontextmanager
async def siege(folder: Path) -> AsyncIterator[Siege]:
    """Yield a seeded siege with the daemon running and everything in sync."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    sandbox.legacy.checks_slots = False
    sandbox.clinic.limit = RateLimit(PLENTY, 10, 200_000)
    sandbox.legacy.limit = RateLimit(PLENTY, 10)
    world = seed_clinic(sandbox, datetime.now(UTC), empty=True)
    _book_some(world)
    async with AsyncExitStack() as stack:
        fronts = {
            name: await stack.enter_async_context(fronted(app))
            for name, app in sandbox.systems.items()
        }
        fronts["legacy"].more = (f"X-RateLimit-Max: {PLENTY}",)
        sandbox.urls = {name: f.url + sandbox.base_path(name) for name, f in fronts.items()}
        text = config_text(world, "state.db").replace(
            "calls_per_5s = 25", f"calls_per_5s = {BUDGET}"
        )
        text = text.replace('every = "10s"', 'every = "5s"')
        made = Siege(folder=folder, world=world, fronts=fronts)
        made.config.write_text(text)
        stack.callback(made.manager.close)
        stack.push_async_callback(made.kill)
        await made.start()
        await made.learn_normal()
        yield made
