"""The table of attacks, sent to a running daemon while the two other systems have work to do."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.report import Bundle, bundles, run, side_by_side
from tests.hostile.siege import LISTS, MOST_DEAF, Result, siege

pytestmark = pytest.mark.slow

SHORT = (
    "chunks-that-end", "deep", "gzip-gzip-bomb-3GB", "half-an-emoji", "status-204", "fields-list",
    "ids-with-half-emojis", "names-and-secrets-in-an-error", "retry-400-digits",
)  # fmt: skip
"""The attacks in the gate, some of each family. The last one causes an hour's back-off."""

DEAFENING = (
    "status-204", "chunks-of-one-byte", "gzip-bomb-1GB", "20000-headers", "half-emojis-3MB",
    "100000-keys", "100000-copies", "20000-unreadable-rows", "endless-white-space", "endless-pages",
    "reads-and-never-answers", "one-byte-a-second",
)  # fmt: skip
"""The attacks of each family that take most of the daemon's time."""
BY_NAME = {attack.name: attack for attack in ATTACKS}
BUNDLES = bundles(ATTACKS)
GROUPS = side_by_side(BUNDLES, 2)
"""Bundles that are sent at the same time, each to its own daemon: they mostly wait."""
TO_THE_END = "reads-and-never-answers"
"""During this attack the daemon is stopped gracefully; during the others connections are closed."""
AGAIN = 1
"""Repeats of an attack whose only harm was its duration, because the machine may be busy.

More repeats would hide a fault that shows only sometimes; `Stopwatch` handles most of it.
"""


def test_the_table_has_many_attacks_with_unique_names() -> None:
    assert len(ATTACKS) >= 120
    assert len(BY_NAME) == len(ATTACKS)
    assert sorted(a.name for bundle in BUNDLES for a, _ in bundle) == sorted(BY_NAME)
    assert sum(len(group) for group in GROUPS) == len(BUNDLES)
    assert not any(a.waits for bundle in BUNDLES for a, _ in bundle[:-1])
    assert all(name in BY_NAME for name in (*SHORT, *DEAFENING))
    assert {BY_NAME[name].family for name in DEAFENING} == {a.family for a in ATTACKS}


async def harm(bundle: Bundle, folder: Path) -> dict[str, str]:
    """Send the attacks; return the harmful ones and their harm, for each repeat."""
    found: dict[str, str] = {}
    remaining = bundle
    for number in range(1 + AGAIN):
        home = folder / str(number)
        results = [result async for result in run(remaining, home)]
        found = {
            f"{r.attack.name} from {r.system}": f"{r.verdict}\n{r.evidence}"
            for r in results
            if r.problems
        }
        remaining = [(r.attack, r.system) for r in results if r.problems]
        if not remaining or any(not _is_late(r) for r in results if r.problems):
            break
    return found


def _is_late(result: Result) -> bool:
    return all(problem.startswith("carried after") for problem in result.problems)


async def test_one_attack_of_each_family_harms_no_other_system(tmp_path: Path) -> None:
    systems = list(LISTS)
    bundle = [(BY_NAME[name], systems[n % 3]) for n, name in enumerate(SHORT)]
    assert await harm(bundle, tmp_path) == {}


@pytest.mark.prove
@pytest.mark.parametrize("number", range(len(GROUPS)))
async def test_no_attack_harms_anybody_else(tmp_path: Path, number: int) -> None:
    sent = [harm(bundle, tmp_path / f"{at}") for at, bundle in enumerate(GROUPS[number])]
    assert [found for found in await asyncio.gather(*sent) if found] == []


@pytest.mark.prove
@pytest.mark.parametrize("first", range(0, len(DEAFENING), 4))
async def test_a_signal_is_heard_in_the_middle_of_an_attack(tmp_path: Path, first: int) -> None:
    async with siege(tmp_path) as place:
        for name in DEAFENING[first : first + 4]:
            front = place.fronts["crm"]
            if not place.alive:
                await place.relaunch()
            front.respond_oddly(BY_NAME[name], LISTS["crm"])
            assert await place.until(lambda front=front: front.hits, 20), name
            assert place.daemon is not None
            assert not place.has_heard(), name
            os.kill(place.daemon.pid, signal.SIGTERM)
            assert await place.until(place.has_heard, MOST_DEAF), name
            if name != TO_THE_END:
                front.respond_oddly(None)
                front.hang_up()
            # It finishes what is in flight, for at most 20 s.
            async with asyncio.timeout(25):
                assert await place.daemon.wait() == 0, name
