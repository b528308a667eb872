"""`python -m syncd.lab.bench` prints all tables; `... cell NAME JSON` measures one cell."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyperf

from syncd.cli import terminal
from syncd.lab.bench.cells import run

SIZES = (1_000, 10_000, 100_000)
PAST = 2_000_000
STARTS = {
    "--help": ["-m", "syncd", "--help"],
    "status": ["-m", "syncd", "status"],
    "resync, empty plan": ["-m", "syncd", "resync", "--yes"],
    "import syncd": ["-c", "import syncd"],
    "Python itself": ["-c", "pass"],
}


class Bench:
    """The results so far."""

    def __init__(self) -> None:
        """Start without results."""
        self.benchmarks: list[pyperf.Benchmark] = []

    def cell(self, name: str, label: str, **arguments: Any) -> dict[str, Any]:
        """Measure one cell in its own process, and store the result."""
        sys.stderr.write(f"{label} ...\n")
        command = [sys.executable, "-m", "syncd.lab.bench", "cell", name, json.dumps(arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            sys.stderr.write(ran.stderr[-3000:])
            sys.exit(f"{label} failed")
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        for what in ("cpu", "wall", "floor", "request", "sent", "lag", "memory"):
            if what in found:
                self._keep(f"{label}: {what}", found[what], found)
        return found

    def _keep(self, name: str, values: list[float], found: Mapping[str, Any]) -> None:
        about = {k: v for k, v in found.items() if isinstance(v, int | float)}
        stored = pyperf.Run(
            [float(v) for v in values],
            metadata={"name": name, "loops": 1, **about},
            collect_metadata=False,
        )
        self.benchmarks.append(pyperf.Benchmark([stored]))

    @contextmanager
    def served(self, **arguments: Any) -> Iterator[str]:
        """Serve an agency; yield the folder with its configuration."""
        with tempfile.TemporaryDirectory() as home:
            arguments["home"] = home
            command = [
                sys.executable,
                "-m",
                "syncd.lab.bench",
                "cell",
                "serve",
                json.dumps(arguments),
            ]
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            ) as server:
                while not (Path(home) / "syncd.toml").exists():
                    if server.poll() is not None:
                        sys.exit("the emulated platforms did not start")
                    time.sleep(0.1)
                yield home
                if server.stdin is not None:
                    server.stdin.close()


def cycles(bench: Bench, sizes: tuple[int, ...]) -> None:
    """Measure cycles: first sync, no changes, 1 % changed; engine alone, and over HTTP."""
    rows = []
    for size in sizes:
        one = bench.cell("engine", f"{size} pairs, nothing changed", size=size)
        rows.append(_row(size, "nothing changed, engine alone", one))
        rows.append(
            _row(
                size,
                "1 % changed, until the writes",
                bench.cell("changed", f"{size}, 1 %", size=size),
            )
        )
        rows.append(
            _row(
                size,
                "first sync, until the writes",
                bench.cell("first", f"{size}, first", size=size),
            )
        )
        with bench.served(size=size) as home:
            bench.cell("seed", f"{size}, state", home=home)
            one = bench.cell("over_http", f"{size} pairs over HTTP, nothing changed", home=home)
            rows.append(_row(size, "nothing changed, over HTTP", one))
    columns = ("pairs", "cycle", "CPU s", "floors", "wall s", "calls", "MB read", "peak MB")
    terminal.table("cycles", columns, rows)


def _row(size: int, what: str, one: Mapping[str, Any]) -> list[str]:
    wall = f"{statistics.median(one['wall']):.3f}" if "wall" in one else ""
    return [
        f"{size:,}".replace(",", " "),
        what,
        f"{statistics.median(one['cpu']):.4f}",
        f"{one['ratio']:.2f}" if "ratio" in one else "",
        wall,
        str(one.get("calls", "")),
        f"{one['bytes'] / 1e6:.1f}" if "bytes" in one else "",
        f"{one['peak_mb']:.0f}" if "peak_mb" in one else "",
    ]


def growth(bench: Bench, past: int) -> None:
    """Measure the same cycle with and without old rows in the state."""
    young = bench.cell("engine", "10000 pairs, no past", size=10_000)
    old = bench.cell("engine", f"10000 pairs, {past} rows of past", size=10_000, past=past // 4)
    rows = [
        [str(rows), f"{statistics.median(one['cpu']):.4f}", f"{one['ratio']:.2f}"]
        for rows, one in ((0, young), (past, old))
    ]
    terminal.table("growth, 10 000 pairs", ("past rows", "CPU s", "floors"), rows)


def journal(bench: Bench) -> None:
    """Measure writes: single operations, and bulk reschedules."""
    alone = bench.cell("journal", "the journal of 1000 blocks, nothing sent")
    with bench.served(size=1_000, blocked=False) as home:
        one = bench.cell("writing", "1000 blocks made", home=home)
    with bench.served(size=3_000) as home:
        bench.cell("seed", "3000, state", home=home)
        bulk = bench.cell("bulk", "1000 reschedules in LeadSquared", home=home)
    rows = [
        ["operations", str(one["operations"]), str(bulk["operations"])],
        ["calls", str(one["operations"]), str(bulk["calls"])],
        ["operations a second, wall", f"{one['per_second']:.0f}", ""],
        ["writing: CPU, ms an operation", _ms(one), _ms(bulk)],
        ["  without the same request by a bare httpx client", f"{one['own_ms']:.2f}", ""],
        ["one request (a block made), one after the other", "", ""],
        ["  by a bare httpx client", f"{one['request'][0] * 1000:.2f}", ""],
        ["  by syncd, with budget and retries", f"{one['sent'][0] * 1000:.2f}", ""],
        ["journal, outcome and history, measured alone", _ms(alone), ""],
        ["  the same of a block moved", _ms(alone, "moving"), ""],
        ["besides: reading and deciding before", f"{one['before_ms']:.2f}", ""],
        ["besides: measuring what is open after", f"{one['telling_ms']:.2f}", ""],
        ["besides: the cycle that confirms", f"{one['confirming_ms']:.2f}", ""],
    ]
    terminal.table("writes", ("", "blocks made", "LeadSquared reschedules"), rows)


def _ms(one: Mapping[str, Any], what: str = "cpu") -> str:
    return f"{one[what][0] / one['operations'] * 1000:.2f}"


def starts(bench: Bench) -> None:
    """Measure the run time of commands."""
    rows = []
    with bench.served(size=1_000) as home:
        bench.cell("seed", "1000, state", home=home)
        for name, command in STARTS.items():
            one = bench.cell("start", f"start: {name}", home=home, command=command)
            rows.append([name, f"{min(one['cpu']):.3f}", f"{statistics.median(one['cpu']):.3f}"])
    terminal.table("start", ("command", "CPU s, best", "median"), rows)


def lag(bench: Bench) -> None:
    """Measure how long a change takes to reach the other systems."""
    near = '{ every = "5s", ahead = "59d" }'  # the least that a configuration may say
    with bench.served(size=1_000, repeat=False, near=near) as home:
        bench.cell("seed", "1000, state", home=home)
        one = bench.cell("lag", "lag over 500 changes at near = 5 s", home=home)
    rows = [[name, f"{one[name]:.2f}"] for name in ("p50", "p95", "max")]
    terminal.table("near = 5 s", ("from a change outside to its acknowledged write", "s"), rows)
    terminal.say(f"{one['done']} of {one['done'] + one['never']} changes were written")


def memory(bench: Bench, cycles_: int = 10_000) -> None:
    """Measure whether memory grows with the number of cycles."""
    one = bench.cell("lasting", f"memory over {cycles_} cycles", size=300, cycles=cycles_)
    rows = [[str(cycles_ // 10 * (at + 1)), f"{held:.1f}"] for at, held in enumerate(one["memory"])]
    terminal.table(
        f"memory, {one['moved']} of the cycles with a write", ("after cycles", "MB held"), rows
    )


PARTS: Mapping[str, Callable[[Bench, tuple[int, ...]], None]] = {
    "starts": lambda bench, _: starts(bench),
    "cycles": cycles,
    "growth": lambda bench, _: growth(bench, PAST),
    "journal": lambda bench, _: journal(bench),
    "lag": lambda bench, _: lag(bench),
    "memory": lambda bench, _: memory(bench),
}


def main() -> None:
    """Measure the requested parts; by default all."""
    if sys.argv[1:2] == ["cell"]:
        sys.stdout.write(json.dumps(run(sys.argv[2], json.loads(sys.argv[3]))) + "\n")
        return
    parser = argparse.ArgumentParser(prog="python -m syncd.lab.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], help="default: all")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="pairs, with commas")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where to keep it")
    asked = parser.parse_args()
    bench = Bench()
    terminal.say(f"Python {platform.python_version()}, seconds of CPU of the syncd process")
    for part in asked.parts or PARTS:
        PARTS[part](bench, tuple(int(size) for size in asked.sizes.split(",")))
    asked.json.unlink(missing_ok=True)
    pyperf.BenchmarkSuite(bench.benchmarks).dump(str(asked.json))
    terminal.say(f"kept in {asked.json}; compare two with: pyperf compare_to OLD NEW --table")


if __name__ == "__main__":
    main()
