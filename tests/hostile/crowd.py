"""Three hostile systems at once, and a state of any size: ``python -m tests.hostile.crowd 2000``.

Each attack takes the place of the lists of all three systems in the same resync. The size is the
number of events in the state: up to 2,000 of them are in the window, half appointments and half
syncd's blocks, and the others are over.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from syncd.app import build
from syncd.config.load import load
from syncd.lab.bench.state import age, converge
from syncd.lab.bench.world import found
from tests.hostile.attacks import ATTACKS
from tests.hostile.front import Front, fronted
from tests.hostile.siege import LISTS, MOST_BLOCKED, MOST_MEMORY
from tests.hostile.watched import Watched

HUNGRY = (
    "gzip-bomb-1GB", "gzip-bomb-of-empty-rows", "100000-unreadable-rows", "20000-unreadable-rows",
    "30000-rows-off", "20-rows-of-1MB", "endless-rows", "endless-pages", "half-emojis-3MB",
    "row-of-40MB",
)  # fmt: skip
"""The attacks that take the most memory when one system sends them."""

PATIENCE = 60.0

IN_WINDOW = 2_000
"""The largest window: the emulated platforms take minutes for longer lists."""


@dataclass
class Toll:
    """The cost of one attack by all systems: peak memory in MB, longest step in seconds."""

    attack: str
    memory: float
    blocked: float
    problems: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Crowd(Watched):
    """A daemon with a state of a given size, and three platforms that can attack at once."""

    fronts: Mapping[str, Front]
    idle: float = 0.0
    """The daemon's peak memory in MB at the start, with true answers."""
    idle_blocked: float = 0.0

    async def suffer(self, name: str) -> Toll:
        """Let all systems send an attack instead of their lists, during one resync."""
        attack = next(a for a in ATTACKS if a.name == name)
        self.reset()
        for system, front in self.fronts.items():
            front.respond_oddly(attack, LISTS[system])
        fault = await self.request(PATIENCE)
        hits = min(front.hits for front in self.fronts.values())
        for front in self.fronts.values():
            front.respond_oddly(None)
            front.hang_up()
        toll = Toll(name, self.memory(), self.blocked()[0])
        if not self.alive:
            toll.problems.append("the daemon is dead")
            return toll
        if fault:
            toll.problems.append(fault)
        if not hits:
            toll.problems.append("not every system was asked")
        if toll.memory > MOST_MEMORY:
            toll.problems.append(f"{toll.memory:.0f} MB")
        if toll.blocked > MOST_BLOCKED:
            toll.problems.append(f"the loop was blocked for {toll.blocked:.2f} s")
        return toll


@asynccontextmanager
async def crowd(folder: Path, size: int) -> AsyncIterator[Crowd]:
    """Start a daemon on a state with this many events, and wait until it has read everything."""
    agency = found(min(size, IN_WINDOW) // 2)
    async with AsyncExitStack() as stack:
        fronts = {
            name: await stack.enter_async_context(fronted(app))
            for name, app in agency.sandbox.systems.items()
        }
        urls = {name: f.url + agency.sandbox.base_path(name) for name, f in fronts.items()}
        made = Crowd(folder=folder, fronts=fronts)
        stack.callback(made.manager.close)
        stack.push_async_callback(made.kill)
        near = '{ every = "1h", ahead = "2d" }\nfar = { every = "6h" }'
        made.config.write_text(agency.config(made.state, urls, near=near))
        app = build(load(made.config, {}))
        await converge(app, app.engine.window(near=False), datetime.now(UTC))
        await app.aclose()
        if size > IN_WINDOW:
            age(made.state, size - IN_WINDOW)
        await made.launch()
        assert await made.until(lambda: b'"cycle"' in made.log(), 300), made.log()[-2000:]
        made.idle = made.memory()
        made.reset()
        assert await made.request(PATIENCE) == ""
        made.idle = max(made.idle, made.memory())
        made.idle_blocked = made.blocked()[0]
        yield made


async def _table(sizes: Sequence[int], names: Sequence[str]) -> int:
    harmful = 0
    for size in sizes:
        with TemporaryDirectory() as folder:
            async with crowd(Path(folder), size) as place:
                where = "in a cgroup of 512 MiB" if place.confined else "in no cgroup"
                _say(
                    f"{size} events in the state, {where}: {place.idle:.0f} MB with true answers, "
                    f"loop {place.idle_blocked:.2f} s"
                )
                for name in names:
                    toll = await place.suffer(name)
                    harmful += bool(toll.problems)
                    _say(
                        f"  {name:26} three at once {toll.memory:6.0f} MB  loop "
                        f"{toll.blocked:5.2f} s  {'; '.join(toll.problems) or 'ok'}"
                    )
                    if not place.alive:
                        break
                _say(f"  SIGTERM: ended after {await place.stop():.1f} s")
    return harmful


def main(arguments: Sequence[str]) -> int:
    """Print a table for each size; return 1 if an attack did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.crowd")
    parser.add_argument("sizes", nargs="*", type=int, default=[2_000, 50_000])
    parser.add_argument("--attacks", nargs="*", default=HUNGRY)
    asked = parser.parse_args(arguments)
    return min(1, asyncio.run(_table(asked.sizes, asked.attacks)))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a tool of the terminal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
