"""A furnished sandbox on real sockets, and a configured syncd beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.engine.report import Report
from syncd.sandbox.agreement import disagreements, sights
from syncd.sandbox.scenario import SYSTEMS, World, config_text, furnish
from syncd.sandbox.server import Sandbox
from syncd.wiring import App, build


@dataclass
class Shop:
    """The three platforms, what is booked on them, and the syncd that keeps them in step."""

    world: World
    path: Path
    app: App

    async def resync(self, **asked: object) -> Report:
        """One resync, as the command does it."""
        self.app.insist()
        return await self.app.engine.resync(**asked)  # type: ignore[arg-type]

    def wrong(self, theirs: Collection[str] = ()) -> list[str]:
        """What an outside observer would call wrong; ``theirs`` are copies of our blocks."""
        seen = sights(self.world.sandbox.systems, self.world.owners, theirs)
        return disagreements(seen, SYSTEMS, datetime.now(UTC))

    def blocks(self) -> int:
        """How many blocks of syncd's stand, in all systems."""
        seen = sights(self.world.sandbox.systems, self.world.owners)
        return sum(s.ours for s in seen)

    def calls(self) -> dict[str, int]:
        """HTTP calls that reached each platform so far."""
        return {name: len(s.calls) for name, s in self.world.sandbox.systems.items()}

    async def restart(self) -> None:
        """Forget all that is not on disk."""
        await self.app.aclose()
        self.app = build(self.app.settings)

    async def reload(self) -> None:
        """Start again with the configuration as it is now."""
        await self.app.aclose()
        self.app = build(load(self.path, {}))


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """The three systems with a week of bookings; nothing synced yet."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = furnish(sandbox, datetime.now(UTC))
    async with sandbox.serve():
        path = tmp_path / "syncd.toml"
        # The account allows more than the demo's, so that no test waits for its budget.
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text)
        app = build(load(path, {}))
        made = Shop(world, path, app)
        yield made
        await made.app.aclose()
