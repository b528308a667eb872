"""Three emulated accounts and a configured syncd in one process, on virtual time, to be probed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from syncd.app import App, build
from syncd.config.load import load
from syncd.engine.probing.canaries import Canaries
from syncd.engine.probing.outcome import ProbeOutcome, ProbeRun
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.platform import Platform
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import Fact
from syncd.model.canary import Canary
from syncd.model.platform_facts import PlatformKind
from syncd.store.queries.canaries import canaries
from syncd.store.queries.facts import facts

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SYSTEM_OF = {
    PlatformKind.LEADSQUARED: "crm",
    PlatformKind.V2: "clinic",
    PlatformKind.V1: "legacy",
}
TITLE = "syncd probe"


class Killed(BaseException):
    """The process dies here: nothing that it does after this takes effect."""


@dataclass
class Steps:
    """The instants at which the process can die; it dies at the one with the number ``last``."""

    last: int | None = None
    passed: list[str] = field(default_factory=list)
    dead: bool = False

    def step(self, name: str) -> None:
        """Pass one, or die."""
        if self.dead:
            return
        self.passed.append(name)
        if len(self.passed) == self.last:
            self.dead = True
            raise Killed(name)


@dataclass
class Way(httpx.AsyncBaseTransport):
    """The way to one platform, for a process that may die before and after each request."""

    inner: AsgiTransport
    steps: Steps
    beside: Callable[[], Awaitable[object]] | None = None
    """What is done, in a task of its own, before each request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        beside, self.beside = self.beside, None
        if beside is not None:
            await asyncio.create_task(_awaited(beside), context=Context())
            self.beside = beside
        self.steps.step(f"before {request.method} {request.url.path}")
        if self.steps.dead:
            raise httpx.ConnectError("the process is dead", request=request)
        response = await self.inner.handle_async_request(request)
        self.steps.step(f"after {request.method} {request.url.path}")
        return response


async def _awaited(made: Callable[[], Awaitable[object]]) -> None:
    await made()


@dataclass
class Office:
    """The accounts, the configuration and the program."""

    path: Path
    clock: ManualClock
    sandbox: Sandbox
    world: Clinic
    ways: dict[str, Way]
    steps: Steps
    app: App = field(init=False)

    def __post_init__(self) -> None:
        """Start the program."""
        self.start()

    def start(self) -> None:
        """Start the program on the state that is there."""
        self.app = build(load(self.path, {}), clock=self.clock, transports=self.ways)
        store, steps = self.app.store, self.steps
        keep, apply = store.replace, store.apply

        def kept(*given: Any) -> None:
            if not steps.dead:
                keep(*given)
                steps.step(f"after keeping {given[0].name}")

        def applied(*given: Any) -> None:
            if not steps.dead:
                apply(*given)
                steps.step("after storing")

        setattr(store, "replace", kept)  # noqa: B010 - methods are not to be assigned
        setattr(store, "apply", applied)  # noqa: B010

    async def restart(self) -> None:
        """Let the process end as it is, and start another one two minutes later."""
        self.app.store.close()
        self.steps.last, self.steps.dead = None, False
        self.clock.advance(120)
        self.start()
        self.app.reset_backoff()

    async def probe(self, *names: str) -> ProbeRun:
        """Measure systems, all of them unless some are named."""
        self.app.reset_backoff()
        return await self.app.engine.probe(names or SYSTEM_NAMES)

    def on_made(self, told: Callable[[str], object]) -> None:
        """Call this once, as soon as the id of a canary is stored."""
        prove = Canaries.prove

        def proven(canaries: Canaries, canary: Canary, event: str) -> Canary:
            setattr(Canaries, "prove", prove)  # noqa: B010
            named = prove(canaries, canary, event)
            told(event)
            return named

        setattr(Canaries, "prove", proven)  # noqa: B010

    def first_place(self, event: str) -> datetime:
        """Return where a canary was made, as history tells."""
        notes = [n for n in self.app.store.history() if n.what == "probe" and n.event == event]
        return notes[-1].after.start if notes[-1].after else NOW

    def platform(self, name: str) -> Platform:
        """Return an emulated platform."""
        return self.sandbox.systems[name]

    def calls(self, name: str) -> int:
        """Count the requests that reached a platform."""
        return len(self.sandbox.systems[name].calls)

    def standing(self) -> list[tuple[str, str]]:
        """Name all that a probe made and that is still there."""
        found: list[tuple[str, str]] = []
        for name in SYSTEM_NAMES:
            platform = self.sandbox.systems[name]
            found += [
                (name, b.id) for b in platform.blocks() if not b.deleted and b.start > self.far
            ]
        return found

    def ever_made(self) -> dict[str, int]:
        """Count the blocks that stood there at any time, by system."""
        return {
            name: sum(b.start > self.far for b in self.sandbox.systems[name].blocks())
            for name in SYSTEM_NAMES
        }

    @property
    def far(self) -> datetime:
        """After all that people entered."""
        return NOW + timedelta(days=50)

    def facts(self, name: str) -> dict[str, str]:
        """Return what is stored of a system, by fact."""
        found: list[Fact] = facts(self.app.store, name)
        return {fact.name: fact.value for fact in found}

    def open_canaries(self) -> int:
        """Count the canaries that the state holds to be there."""
        return sum(c.may_exist for c in canaries(self.app.store))


def outcome(probed: ProbeRun, name: str) -> ProbeOutcome:
    """Return the outcome of one system."""
    return next(each for each in probed.outcomes if each.system == name)


def an_office(folder: Path, *, booked: bool = True) -> Office:
    """Furnish three accounts, with what the facts are found by."""
    clock = ManualClock(NOW)
    sandbox = Sandbox(clock)
    world = seed_clinic(sandbox, NOW, empty=True)
    sandbox.urls = {name: f"http://127.0.0.1{sandbox.base_path(name)}" for name in SYSTEM_NAMES}
    sandbox.legacy.lists_blocks = True
    if booked:
        for index, who in enumerate(("alice", "bob", "carol")):
            world.book("clinic", who, world.at(index, 10))
        seat = world.seed_users["clinic", "alice"]
        start = world.at(3, 10)
        sandbox.clinic.book_service(
            seat.calendar, seat.user, start, start + timedelta(hours=1), seat.contact
        )
    path = folder / "syncd.toml"
    cancel = 'cancel_as = "cancel"\ncancel_path = "Task.svc/BulkCancelAppointments"\n'
    text = config_text(world, str(folder / "state.db"))
    path.write_text(text.replace('busy_task_type = "Busy"\n', f'busy_task_type = "Busy"\n{cancel}'))
    path.chmod(0o600)
    steps = Steps()
    ways = {name: Way(AsgiTransport(sandbox.apps[name]), steps) for name in SYSTEM_NAMES}
    return Office(path, clock, sandbox, world, ways, steps)
