"""A seeded sandbox and a configured syncd, on virtual time or on real sockets.

Almost every test needs neither a socket nor a real second. So `site` has none: its requests reach
the platforms in the same process, and a wait of a minute takes no time. `served_site` is the same
on loopback sockets, in real time except for waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from syncd.app import App, build
from syncd.config.load import load
from syncd.engine.report.run_report import Report
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.lab.simulate.loop import VirtualClock, VirtualLoop
from syncd.model import Clock
from tests.fast_clock import FastClock

Loop = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Loop]:
    """Run each test that uses the virtual clock on a loop whose waits take no time."""
    if "clock" in item.fixturenames:
        return {"virtual": VirtualLoop}
    return {"real": asyncio.new_event_loop}


@dataclass
class Site:
    """The three platforms, their events, and a syncd for them.

    Without ``ways`` syncd uses the network.
    """

    world: Clinic
    path: Path
    clock: Clock
    ways: Mapping[str, httpx.AsyncBaseTransport]
    app: App

    async def resync(self, **asked: object) -> Report:
        """Run one resync, as the command does."""
        self.app.reset_backoff()
        return await self.app.engine.resync(**asked)  # type: ignore[arg-type]

    def never_late(self) -> None:
        """Let no read count as late, however long it waits for the rate limit of its account."""
        self.app.engine.tasks.grace = 3600

    def disagreements(self, theirs: Collection[str] = ()) -> list[str]:
        """Return the disagreements between systems; ``theirs`` are people's copies of blocks."""
        seen = event_summaries(self.world.sandbox.systems, self.world.owners, theirs)
        return [str(each) for each in disagreements(seen, SYSTEM_NAMES, self.clock.now())]

    def blocks(self) -> int:
        """Return the number of syncd's blocks in all systems."""
        seen = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(s.ours for s in seen)

    def calls(self) -> dict[str, int]:
        """Return the number of HTTP calls that reached each platform so far."""
        return {name: len(s.calls) for name, s in self.world.sandbox.systems.items()}

    async def restart(self) -> None:
        """Restart the app with the stored state only."""
        await self.app.aclose()
        self.app = build(self.app.settings, clock=self.clock, transports=self.ways)

    async def reload(self) -> None:
        """Restart the app with the current configuration."""
        await self.app.aclose()
        self.start()

    def start(self) -> None:
        """Start an app with the current configuration; the previous one has ended."""
        self.app = build(load(self.path, {}), clock=self.clock, transports=self.ways)


S = TypeVar("S", bound=Site)


@asynccontextmanager
async def opened(
    kind: type[S],
    folder: Path,
    clock: Clock | None = None,
    *,
    empty: bool = False,
    configured: Callable[[str], str] = str,
) -> AsyncIterator[S]:
    """Open a site with a week of bookings, or an empty one; nothing is synced yet.

    Without a clock it uses loopback sockets, in real time except for waits, which take none.
    ``configured`` changes the text of the configuration.
    """
    found = clock or FastClock()
    sandbox = Sandbox(found)
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, found.now(), empty=empty)
    ways = {name: AsgiTransport(sandbox.apps[name]) for name in SYSTEM_NAMES} if clock else {}
    async with nullcontext() if clock else sandbox.serve():
        if clock:
            for name, platform in sandbox.systems.items():
                sandbox.urls[name] = f"http://127.0.0.1:1{platform.base_path}"
        path = folder / "syncd.toml"
        # The account allows more than the demo's, so that no test waits for its budget.
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(configured(text))
        made = kind(world, path, found, ways, None)  # type: ignore[arg-type]
        made.start()
        yield made
        await made.app.aclose()


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that starts now; a test that uses it waits for nothing."""
    return VirtualClock(datetime.now(UTC))


@pytest.fixture
async def site(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Site]:
    """Yield a site with a week of bookings; nothing is synced yet."""
    async with opened(Site, tmp_path, clock) as made:
        yield made


@pytest.fixture
async def served_site(tmp_path: Path) -> AsyncIterator[Site]:
    """Yield the same as `site` on loopback sockets, in real time except for waits."""
    async with opened(Site, tmp_path) as made:
        yield made
