"""`syncd simulate`: hunt for a story in which a promise is broken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import render, terminal
from syncd.cli.options import JsonOption, UsageError
from syncd.cli.privileges import write_text
from syncd.simulate.runner import RunResult, play
from syncd.simulate.scenario import ALL, draw_scenario
from syncd.simulate.shrink import shortest


def simulate(
    *,
    seed: Annotated[int, typer.Option(min=0, help="The first story's number.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many stories, one after another.")] = 1,
    hours: Annotated[float, typer.Option(min=1, max=240, help="Simulated hours of each.")] = 24.0,
    faults: Annotated[
        str, typer.Option(metavar="all|none|LIST", help="Which faults may happen, with commas.")
    ] = "all",
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write down all that happened.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play seeded stories on virtual time: people, faults, crashes; and judge every promise.

    The whole program runs against the sandbox, with a real database. The same seed gives the same
    trace. A story that breaks a promise is shown in its shortest form. Exit 1 if there is one.
    """
    chosen = _faults(faults)
    found: list[RunResult] = []
    lines: list[str] = []
    total, faults_met = Counter[str](), Counter[str]()
    with terminal.progress("playing", quiet=as_json) as told:
        for number in range(seed, seed + seeds):
            told(f"story {number}, {len(found)} broken so far")
            outcome = play(draw_scenario(number, hours, chosen))
            acts, writes = outcome.acts.total(), outcome.writes.total()
            total.update(acts=acts, cycles=outcome.cycles, writes=writes)
            faults_met.update(outcome.faults)
            lines += [f"story {number}", *outcome.trace]
            if outcome.broken:
                found.append(outcome)
    if trace is not None:
        write_text(trace, "\n".join(lines) + "\n")
    if as_json:
        broken = [{"seed": o.scenario.seed, "broken": o.broken} for o in found]
        met = dict(sorted(faults_met.items()))
        figures = {"stories": seeds, "hours": hours, **total, "faults": met, "broken": broken}
        terminal.print_json(figures)
    else:
        _tell(found, total, faults_met, f"{render.count(seeds, 'story', 'stories')} of {hours:g} h")
    raise typer.Exit(1 if found else 0)


def _faults(text: str) -> frozenset[str]:
    if text == "all":
        return ALL
    if text == "none":
        return frozenset()
    asked = frozenset(part.strip() for part in text.split(","))
    if unknown := sorted(asked - ALL):
        raise UsageError(
            f"there is no fault {', '.join(unknown)}", f"There are: {', '.join(sorted(ALL))}."
        )
    return asked


def _tell(found: list[RunResult], total: Counter[str], faults: Counter[str], stories: str) -> None:
    terminal.say(
        f"{stories}: {total['acts']} acts by hand, {faults.total()} faults, "
        f"{total['cycles']} cycles, {total['writes']} changes by syncd"
    )
    if faults:
        terminal.say("faults: " + ", ".join(f"{kind} {n}" for kind, n in faults.most_common()))
    for outcome in found:
        terminal.say()
        terminal.say(f"seed {outcome.scenario.seed} breaks: {outcome.broken[0]}", style="bold")
        for line in play(shortest(outcome, play)).trace:
            # Requests are in the trace file; the story is what people, faults and syncd did.
            if line[:1].isdigit():
                terminal.say(f"  {line}")
    terminal.say("every promise held" if not found else f"{len(found)} stories break a promise")
