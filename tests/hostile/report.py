"""Print the table of attacks: ``python -m tests.hostile.report [NAME ...]``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.siege import Result, siege

PER_DAEMON = 24
"""Attacks per daemon, before the next daemon starts with a new state."""

SIDE_BY_SIDE = 3
"""Daemons at a time. They mostly wait; heavy attacks are sent alone."""


Bundle = list[tuple[Attack, str]]
"""The attacks on one daemon, each with the system that sends it."""


def bundles(attacks: Sequence[Attack]) -> list[Bundle]:
    """Distribute the attacks over daemons, each with the system that sends it; heavy ones first.

    Every daemon gets about as many slow ones. An attack after which its system is not asked for
    an hour is the last one of a daemon.
    """
    lasting = [a for a in attacks if a.waits]
    heavy = [a for a in attacks if a.heavy and not a.waits]
    others = [a for a in attacks if not (a.waits or a.heavy)]
    slow_first = sorted(others, key=lambda a: not a.slow)
    count = max(len(lasting), ceil((len(others) + len(lasting)) / PER_DAEMON))
    dealt = [[*slow_first[at::count], *lasting[at : at + 1]] for at in range(count)]
    heavies = [heavy[at : at + PER_DAEMON] for at in range(0, len(heavy), PER_DAEMON)]
    return [
        [(a, SYSTEM_NAMES[(at + n) % 3]) for n, a in enumerate(group)]
        for at, group in enumerate([*heavies, *dealt])
        if group
    ]


def side_by_side(dealt: Sequence[Bundle], size: int) -> list[list[Bundle]]:
    """Group bundles to be sent at the same time; heavy ones are alone."""
    alone = [bundle for bundle in dealt if any(a.heavy for a, _ in bundle)]
    others = [bundle for bundle in dealt if bundle not in alone]
    return [[each] for each in alone] + [
        others[at : at + size] for at in range(0, len(others), size)
    ]


async def run(bundle: Sequence[tuple[Attack, str]], folder: Path) -> AsyncIterator[Result]:
    """Send a bundle to one daemon; start a new daemon if the last one died or hung."""
    remaining = list(bundle)
    number = 0
    while remaining:
        number += 1
        home = folder / str(number)
        os.makedirs(home)  # noqa: PTH103 - of no weight beside a daemon
        async with siege(home) as place:
            while remaining:
                attack, system = remaining.pop(0)
                result = await place.suffer(attack, system)
                yield result
                lost = not place.alive or any(
                    "resync" in p or "wrong" in p for p in result.problems
                )
                if lost:
                    break
            await place.stop()


def line(result: Result) -> str:
    """Return one line of the table."""
    seconds = " ".join(f"{job} {s:.1f}" for job, s in result.seconds.items())
    return (
        f"{result.attack.family:12} {result.attack.name:30} {result.system:7} "
        f"{result.memory:6.0f} MB  loop {result.blocked:5.2f} s  {seconds:24} {result.verdict}"
    )


async def table(attacks: Sequence[Attack], side_by_side: int = SIDE_BY_SIDE) -> list[Result]:
    """Run the attacks, and print each line when it is known."""
    found: list[Result] = []
    beside, alone = asyncio.Semaphore(side_by_side), asyncio.Lock()

    async def play(number: int, bundle: Sequence[tuple[Attack, str]], folder: Path) -> None:
        heavy = any(a.heavy for a, _ in bundle)
        async with alone if heavy else beside:
            async for result in run(bundle, folder / f"{number}"):
                found.append(result)
                _say("\n".join(filter(None, [line(result), result.evidence])))

    with TemporaryDirectory() as folder:
        async with asyncio.TaskGroup() as group:
            for number, bundle in enumerate(bundles(attacks)):
                group.create_task(play(number, bundle, Path(folder)))
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the table; return the number of attacks that did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.report")
    parser.add_argument("names", nargs="*", help="attacks or families; all of them without one")
    asked = parser.parse_args(arguments)
    chosen = [a for a in ATTACKS if not asked.names or {a.name, a.family} & set(asked.names)]
    began = time.monotonic()
    found = asyncio.run(table(chosen))
    harmful = [r for r in found if r.problems]
    most = max((result.memory for result in found), default=0.0)
    _say(
        f"\n{len(found)} attacks in {time.monotonic() - began:.0f} s: {len(harmful)} did harm; "
        f"peak memory {most:.0f} MB"
    )
    for kind, times in Counter(r.attack.family for r in harmful).most_common():
        _say(f"  {kind}: {times}")
    return min(1, len(harmful))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a tool of the terminal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
