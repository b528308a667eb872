"""`syncd simulate`: search for a scenario in which a promise is broken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import render, terminal
from syncd.cli.options import JsonOption, UsageError
from syncd.cli.privileges import write_text
from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import ALL, draw_scenario
from syncd.lab.simulate.shrink import shortest


def simulate(
    *,
    seed: Annotated[int, typer.Option(min=0, help="The number of the first scenario.")] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many scenarios to run, one after another.")
    ] = 1,
    hours: Annotated[
        float, typer.Option(min=1, max=240, help="Simulated hours per scenario.")
    ] = 24.0,
    faults: Annotated[
        str,
        typer.Option(
            metavar="all|none|LIST", help="The faults that may happen, separated by commas."
        ),
    ] = "all",
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a trace of all events to a file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run seeded scenarios on virtual time, with users, faults and crashes; check every promise.

    The whole program runs against the sandbox, with a real database. The same seed gives the same
    trace. A scenario that breaks a promise is shown in its shortest form. Exit: 0 all promises
    were kept; 1 a promise was broken.
    """
    chosen = _faults(faults)
    broken_runs: list[RunResult] = []
    lines: list[str] = []
    total, faults_met = Counter[str](), Counter[str]()
    with terminal.progress("running", quiet=as_json) as update:
        for number in range(seed, seed + seeds):
            update(f"scenario {number}, {len(broken_runs)} broken so far")
            outcome = play(draw_scenario(number, hours, chosen))
            acts, writes = outcome.acts.total(), outcome.writes.total()
            total.update(acts=acts, cycles=outcome.cycles, writes=writes)
            faults_met.update(outcome.faults)
            lines += [f"scenario {number}", *outcome.trace]
            if outcome.broken:
                broken_runs.append(outcome)
    if trace is not None:
        write_text(trace, "\n".join(lines) + "\n")
    if as_json:
        broken = [{"seed": o.scenario.seed, "broken": o.broken} for o in broken_runs]
        met = dict(sorted(faults_met.items()))
        figures = {"stories": seeds, "hours": hours, **total, "faults": met, "broken": broken}
        terminal.print_json(figures)
    else:
        _show_result(
            broken_runs, total, faults_met, f"{render.count(seeds, 'scenario')} of {hours:g} h"
        )
    raise typer.Exit(1 if broken_runs else 0)


def _faults(text: str) -> frozenset[str]:
    if text == "all":
        return ALL
    if text == "none":
        return frozenset()
    names = frozenset(part.strip() for part in text.split(","))
    if unknown := sorted(names - ALL):
        raise UsageError(
            f"there is no fault {', '.join(unknown)}", f"Known faults: {', '.join(sorted(ALL))}."
        )
    return names


def _show_result(
    broken_runs: list[RunResult], total: Counter[str], faults: Counter[str], scenarios: str
) -> None:
    terminal.say(
        f"{scenarios}: {total['acts']} user actions, {faults.total()} faults, "
        f"{total['cycles']} cycles, {total['writes']} changes by syncd"
    )
    if faults:
        terminal.say("faults: " + ", ".join(f"{kind} {n}" for kind, n in faults.most_common()))
    for outcome in broken_runs:
        terminal.say()
        terminal.say(f"seed {outcome.scenario.seed} breaks: {outcome.broken[0]}", style="bold")
        for line in play(shortest(outcome, play)).trace:
            # Requests are only in the trace file; show the actions of people, faults and syncd.
            if line[:1].isdigit():
                terminal.say(f"  {line}")
    terminal.say(
        "all promises were kept"
        if not broken_runs
        else f"{render.count(len(broken_runs), 'scenario')} broke a promise"
    )
