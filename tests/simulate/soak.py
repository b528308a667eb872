"""`make soak`: play many simulated days that were never played, over as many sittings as it takes.

A file keeps each day that was played: what happened on it, and with which state of the code. A run
that is stopped, by Ctrl-C or a kill, goes on where it was. A day that broke a promise is kept with
the shortest story that breaks it, and is played again only when that is asked for.
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

from syncd.sandbox.faults import FaultKind
from syncd.simulate.run_result import RunResult
from syncd.simulate.runner import play
from syncd.simulate.scenario import TROUBLE, EventKind, draw_scenario
from syncd.simulate.shrink import shortest
from tests.prove import HOUSE, digest
from tests.simulate.rarity import OF, OFTEN

FIRST, SEEDS = 10_000, 3_000
"""The first day, which no other run of the tests plays, and how many there are."""

TRIES = 60
"""So often a broken day is played again to cut it short."""

RAISED = "exception"
"""What a line begins with that says of a day that playing it raised an exception."""


@dataclass(frozen=True, slots=True)
class Day:
    """What became of one day; ``code`` names the state of the code that played it.

    ``broken`` says which promises it broke, and ``story`` is the shortest way to break the first.
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
"""Plays a day with a state of the code, and says what became of it, the last time best."""


def play_day(seed: int, code: str) -> Iterator[Day]:
    """Play a day; if it breaks a promise, look for the shortest story that does."""
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
        found = play(shortest(outcome, partial(play, until_broken=True), TRIES))
    except Exception as error:  # noqa: BLE001 - a shorter story may raise one
        return _traceback(error)
    # Requests are left out: the story is what people, faults and syncd did.
    return [line for line in found.trace if line[:1].isdigit()]


def _traceback(error: Exception) -> Sequence[str]:
    return "".join(traceback.format_exception(error)).splitlines()[-12:]


class Ledger:
    """A file with a line for each day; the last line of a day counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[int, Day]:
        """All days so far. A line that a killed run did not finish counts for nothing."""
        if not self.path.exists():
            return {}
        found: dict[int, Day] = {}
        for line in self.path.read_text("utf-8").split("\n"):
            with suppress(ValueError, TypeError):
                day = Day(**json.loads(line))
                found[day.seed] = day
        return found

    def note(self, day: Day) -> None:
        """Add what became of a day; several processes may do so at once."""
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
        """Let one run at a time play: until it ends, another one waits."""
        with self.path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def soak(
    ledger: Ledger, wanted: Sequence[int], code: str, jobs: int, play_it: Play = play_day
) -> None:
    """Play the wanted days that the ledger does not have, in some processes at once."""
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
                # Whoever began this may be gone; what is done by then is kept.
                ledger.note(day)
                if os.getppid() != parent:
                    return


def report(days: Sequence[Day]) -> Iterator[str]:
    """Yield what happened on all days together, and each day that broke a promise."""
    acts, faults, writes = Counter[str](), Counter[str](), Counter[str]()
    for day in days:
        acts.update(day.acts)
        faults.update(day.faults)
        writes.update(day.writes)
    hours = sum(day.hours for day in days)
    states = len({day.code for day in days})
    yield f"{len(days)} days ({hours:g} h), played by {states} states of the code"
    for name, counts in (("acts", acts), ("faults", faults), ("writes", writes)):
        each = ", ".join(f"{kind} {number}" for kind, number in counts.most_common())
        yield f"{counts.total()} {name}: {each}"
    yield from (f"rare: {line}" for line in rare(days))
    broken = [day for day in days if day.broken]
    for day in broken:
        yield ""
        yield f"seed {day.seed} ({day.code}) breaks: {day.broken[0]}"
        yield from (f"  {line}" for line in day.story)
    yield ""
    yield f"{len(broken)} days broke a promise" if broken else "every promise held"


def rare(days: Sequence[Day]) -> Iterator[str]:
    """Yield the acts that were performed, and faults that were met, on too few of these days.

    What is drawn may find nothing to do it to.
    """
    counts = Counter(name for day in days for name in {*day.acts, *day.faults})
    unplayed = {str(what) for what in TROUBLE}
    for name in sorted({*map(str, EventKind), *map(str, FaultKind)} - unplayed):
        if counts[name] * OF < OFTEN * len(days):
            yield f"{name} on {counts[name]} of {len(days)} days"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def state_of_code() -> str:
    """Name the commit, and the state of the files, as there may be changes beside it."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    with suppress(OSError, subprocess.CalledProcessError):
        made = subprocess.run(command, cwd=HOUSE, check=True, capture_output=True, text=True)
        return f"{made.stdout.strip()} {digest()}"
    return digest()


def main(argv: Sequence[str] | None = None) -> int:
    """Go on with the days that are left, and say what all of them came to."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST, help=f"first seed ({FIRST})")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many ({SEEDS})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--ledger", type=Path, default=HOUSE / ".soak" / "days.jsonl")
    parser.add_argument("--again", action="store_true", help="play the broken days again")
    parser.add_argument("--report", action="store_true", help="play nothing, say what is known")
    asked = parser.parse_args(argv)
    ledger = Ledger(asked.ledger)
    every = range(asked.first, asked.first + asked.seeds)
    try:
        if not asked.report:
            with ledger.alone():
                known = ledger.read()
                fine = {seed for seed, day in known.items() if not (asked.again and day.broken)}
                left = [seed for seed in every if seed not in fine]
                soak(ledger, left, state_of_code(), max(1, asked.jobs))
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from here")
        return 130
    known = ledger.read()
    days = [known[seed] for seed in every if seed in known]
    for line in report(days):
        _say(line)
    return 1 if any(day.broken for day in days) else 0


if __name__ == "__main__":
    sys.exit(main())
