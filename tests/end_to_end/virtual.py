"""The sandbox and a configured syncd on virtual time: waits take no time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from syncd.app import App, build
from syncd.config.load import load
from syncd.engine.report.run_report import Report
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.lab.simulate.loop import VirtualClock, run_virtually
from syncd.store import Store

T = TypeVar("T")

START = datetime(2027, 6, 14, 5, 0, tzinfo=UTC)


@dataclass
class VirtualSite:
    """A site without rate limits on the platforms; ``texts`` is its progress."""

    world: Clinic
    clock: VirtualClock
    path: Path
    app: App
    texts: list[str] = field(default_factory=list)

    async def resync(self, **asked: Any) -> Report:
        self.app.reset_backoff()
        return await self.app.engine.resync(progress=self.texts.append, **asked)

    async def restart(self, *, killed: bool = False) -> None:
        """Start a new process, after an orderly end or a crash."""
        if killed:
            self.app.store.close()
        else:
            await self.app.aclose()
        self.app = self.start()

    def start(self, store: Store | None = None) -> App:
        sandbox = self.world.sandbox
        ways = {name: AsgiTransport(sandbox.apps[name]) for name in SYSTEM_NAMES}
        return build(load(self.path, {}), store=store, clock=self.clock, transports=ways)

    def calls(self, system: str) -> int:
        return len(self.world.sandbox.systems[system].calls)


def play(
    folder: Path, scene: Callable[[VirtualSite], Coroutine[Any, Any, T]], *, calls: int = 100
) -> T:
    """Run a scene; ``calls`` is LeadSquared's configured limit for 5 s."""

    async def run() -> T:
        clock = VirtualClock(START)
        sandbox = Sandbox(clock)
        for platform in sandbox.systems.values():
            platform.limit = None
        world = seed_clinic(sandbox, clock.now())
        for name, platform in sandbox.systems.items():
            sandbox.urls[name] = f"http://127.0.0.1:1{platform.base_path}"
        path = folder / "syncd.toml"
        text = config_text(world, "state.db")
        path.write_text(text.replace("calls_per_5s = 25", f"calls_per_5s = {calls}"))
        site = VirtualSite(world, clock, path, None)  # type: ignore[arg-type]
        site.app = site.start()
        try:
            return await scene(site)
        finally:
            await site.app.aclose()

    return run_virtually(run())
