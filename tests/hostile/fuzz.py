"""Fuzz the parsers for a time: ``python -m tests.hostile.fuzz --minutes 60``.

The targets take turns with fresh seeds. Findings are printed with their example. Once understood, a
finding becomes a named test in `test_fuzzed.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.hostile.fuzz_targets import TARGETS, Target

EXAMPLES = 100
"""Examples per turn. A turn ends early if it finds a fault, to make the example small."""


def main(arguments: Sequence[str]) -> int:
    """Fuzz for this many minutes; return the number of different faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    asked = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    names = asked.targets or list(TARGETS)
    ends = time.monotonic() + asked.minutes * 60
    turns: Counter[str] = Counter()
    spent = dict.fromkeys(names, 0.0)
    found: Counter[str] = Counter()
    while time.monotonic() < ends:
        name = min(names, key=lambda each: spent[each])
        began = time.monotonic()
        fault = one_turn(TARGETS[name], asked.first_seed + turns[name])
        turns[name] += 1
        spent[name] += time.monotonic() - began
        if fault:
            place = f"{name}: {_place(fault)}"
            found[place] += 1
            if found[place] == 1:
                _say(f"FOUND {place}\n{''.join(traceback.format_exception(fault))}")
        if sum(turns.values()) % 50 == 0:
            _sum_up(turns, spent, found)
    _sum_up(turns, spent, found)
    return len(found)


def one_turn(target: Target, number: int, examples: int = EXAMPLES) -> BaseException | None:
    """Try fresh examples; return the exception of the smallest failing one."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(**target.drawn)
    def turn(**drawn: object) -> None:
        target.check(**drawn)

    try:
        turn()
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # noqa: BLE001 - whatever it is, it is what is looked for
        return fault
    return None


def _place(fault: BaseException) -> str:
    frames = [
        f for f in traceback.extract_tb(fault.__traceback__) if "hypothesis" not in f.filename
    ]
    ours = [f for f in frames if "/syncd/" in f.filename] or frames
    last = ours[-1]
    where = "/".join(last.filename.rsplit("/", 3)[1:])
    return f"{type(fault).__name__} at {where}:{last.lineno}"


def _sum_up(turns: Counter[str], spent: Mapping[str, float], found: Counter[str]) -> None:
    for name, seconds in sorted(spent.items()):
        _say(f"  {name}: about {turns[name] * EXAMPLES} examples in {seconds:.0f} s")
    for place, times in found.most_common():
        _say(f"  found {times} times: {place}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a tool of the terminal


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
