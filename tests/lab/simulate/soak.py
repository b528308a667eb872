"""`make soak`: play many new simulated days, over as many runs as it takes.

A file keeps each played day: what happened on it, and with which state of the code. A run that is
stopped, by Ctrl-C or a kill, goes on where it was. A day that broke a promise is kept with the
shortest scenario that breaks it, and is played again only on request.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import TROUBLE, EventKind, draw_scenario
from syncd.lab.simulate.shrink import shortest
from tests.lab.simulate.rarity import OF, OFTEN
from tests.prove import HOUSE, digest

FIRST, SEEDS = 10_000, 3_000
"""The first seed, which no other run of the tests plays, and the number of days."""

TRIES = 60
"""The most plays of a broken day to shorten it."""

RAISED = "exception"
"""Prefix of a violation that is an exception raised while the day was played."""


@dataclass(frozen=True, slots=True)
class Day:
    """The result of one day; ``code`` names the state of the code that played it.

    ``broken`` lists the broken promises, and ``story`` the shortest steps that break the first.
    """

    seed: int
    code: str
    hours: float = 24.0
    acts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    broken: Sequence[str] = ()
    story: Sequence[str] = ()


Play = Callable[[int, str], Iterator[Day]]
"""Play a day with a state of the code; yield results, the last of which counts."""


def play_day(seed: int, code: str) -> Iterator[Day]:
    """Play a day; if it breaks a promise, look for the shortest scenario that does."""
    try:
        outcome = play(draw_scenario(seed))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
        yield Day(seed, code, broken=(f"{RAISED}: {error!r}",), story=_traceback(error))
        return
    yield _day(outcome, code)
    if outcome.broken:
        yield _day(outcome, code, _shortest(outcome))


def _day(outcome: RunResult, code: str, story: Sequence[str] = ()) -> Day:
    return Day(
        outcome.scenario.seed,
        code,
        outcome.scenario.hours,
        dict(outcome.acts + outcome.commands),
        dict(outcome.faults),
        dict(outcome.writes),
        outcome.broken,
        story,
    )


def _shortest(outcome: RunResult) -> Sequence[str]:
    try:
        result = play(shortest(outcome, partial(play, until_broken=True), TRIES))
    except Exception as error:  # noqa: BLE001 - a shorter story may raise one
        return _traceback(error)
    # Requests are left out: people, faults and syncd's changes tell what happened.
    return [line for line in result.trace if line[:1].isdigit()]


def _traceback(error: Exception) -> Sequence[str]:
    return "".join(traceback.format_exception(error)).splitlines()[-12:]


class Ledger:
    """A file with a line for each day; the last line of a day counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[int, Day]:
        """Return all days so far. A line that a killed run did not finish is ignored."""
        if not self.path.exists():
            return {}
        days: dict[int, Day] = {}
        for line in self.path.read_text("utf-8").split("\n"):
            with suppress(ValueError, TypeError):
                day = Day(**json.loads(line))
                days[day.seed] = day
        return days

    def note(self, day: Day) -> None:
        """Append the result of a day; several processes may do so at once."""
        line = json.dumps(asdict(day), separators=(",", ":"))
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0, os.SEEK_END)
            if size := file.tell():
                file.seek(size - 1)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the ledger: a second run waits until this one ends."""
        with self.path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def soak(
    ledger: Ledger, wanted: Sequence[int], code: str, jobs: int, play_it: Play = play_day
) -> None:
    """Play the given days that the ledger lacks, in several processes."""
    context = get_context("fork")
    shares = [wanted[n::jobs] for n in range(jobs)]
    workers = [
        context.Process(target=_work, args=(ledger, share, code, os.getpid(), play_it), daemon=True)
        for share in shares
        if share
    ]
    for worker in workers:
        worker.start()
    done, began = 0, time.monotonic()
    while any(worker.is_alive() for worker in workers):
        for worker in workers:
            worker.join(30 / len(workers))
        found = ledger.read()
        done = sum(seed in found for seed in wanted)
        broken = sum(bool(found[seed].broken) for seed in wanted if seed in found)
        pace = (time.monotonic() - began) / max(1, done)
        _say(f"{done} of {len(wanted)} days, {broken} broken, {pace:.1f} s each")


def _work(ledger: Ledger, seeds: Sequence[int], code: str, parent: int, play_it: Play) -> None:
    with suppress(KeyboardInterrupt):
        for seed in seeds:
            for day in play_it(seed, code):
                # The caller may be gone; a finished day is kept nevertheless.
                ledger.note(day)
                if os.getppid() != parent:
                    return


def report(days: Sequence[Day]) -> Iterator[str]:
    """Yield a summary of all days, and each day that broke a promise."""
    acts, faults, writes = Counter[str](), Counter[str](), Counter[str]()
    for day in days:
        acts.update(day.acts)
        faults.update(day.faults)
        writes.update(day.writes)
    hours = sum(day.hours for day in days)
    states = len({day.code for day in days})
    yield f"{len(days)} days ({hours:g} h), played by {states} states of the code"
    for name, counts in (("acts", acts), ("faults", faults), ("writes", writes)):
        numbers = ", ".join(f"{kind} {number}" for kind, number in counts.most_common())
        yield f"{counts.total()} {name}: {numbers}"
    yield from (f"rare: {line}" for line in rare(days))
    broken = [day for day in days if day.broken]
    for day in broken:
        yield ""
        yield f"seed {day.seed} ({day.code}) broke: {day.broken[0]}"
        yield from (f"  {line}" for line in day.story)
    yield ""
    yield f"{len(broken)} days broke a promise" if broken else "every promise held"


def rare(days: Sequence[Day]) -> Iterator[str]:
    """Yield the acts that were performed, and faults that were met, on too few of these days.

    A drawn act may find no target.
    """
    counts = Counter(name for day in days for name in {*day.acts, *day.faults})
    unplayed = {str(kind) for kind in TROUBLE}
    for name in sorted({*map(str, EventKind), *map(str, FaultKind)} - unplayed):
        if counts[name] * OF < OFTEN * len(days):
            yield f"{name} on {counts[name]} of {len(days)} days"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def state_of_code() -> str:
    """Name the commit, and the state of the files, which may differ from it."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    with suppress(OSError, subprocess.CalledProcessError):
        made = subprocess.run(command, cwd=HOUSE, check=True, capture_output=True, text=True)
        return f"{made.stdout.strip()} {digest()}"
    return digest()


def main(argv: Sequence[str] | None = None) -> int:
    """Play the remaining days, and print a summary."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST, help=f"first seed ({FIRST})")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"number of days ({SEEDS})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="number of processes")
    parser.add_argument("--ledger", type=Path, default=HOUSE / ".soak" / "days.jsonl")
    parser.add_argument("--again", action="store_true", help="play the broken days again")
    parser.add_argument("--report", action="store_true", help="print the summary, play nothing")
    options = parser.parse_args(argv)
    ledger = Ledger(options.ledger)
    every = range(options.first, options.first + options.seeds)
    try:
        if not options.report:
            with ledger.alone():
                known = ledger.read()
                fine = {seed for seed, day in known.items() if not (options.again and day.broken)}
                remaining = [seed for seed in every if seed not in fine]
                soak(ledger, remaining, state_of_code(), max(1, options.jobs))
    except KeyboardInterrupt:
        _say("stopped; the same command continues from here")
        return 130
    known = ledger.read()
    days = [known[seed] for seed in every if seed in known]
    for line in report(days):
        _say(line)
    return 1 if any(day.broken for day in days) else 0


if __name__ == "__main__":
    sys.exit(main())
