"""The command `syncd simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncd.cli import simulate as command
from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.scenario import EventKind, Scenario, draw_scenario
from tests.cli.conftest import RunCommand


@pytest.mark.prove
def test_a_scenario_runs_and_its_faults_are_counted(
    run_command: RunCommand, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.txt"
    done = run_command("simulate", "--seed", 3, "--json", "--trace", trace)
    assert done.code == 0
    data = json.loads(done.out)
    assert data["broken"] == []
    assert data["stories"] == 1
    assert sum(data["faults"].values()) > 0
    assert "by hand" in trace.read_text()


def test_an_unknown_fault_is_refused_and_the_known_ones_are_listed(run_command: RunCommand) -> None:
    done = run_command("simulate", "--faults", "lag,gremlins")
    assert done.code == 2
    assert "there is no fault gremlins" in done.err
    assert "lose-after" in done.err


def test_a_failing_scenario_is_shown_in_its_shortest_form(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(scenario: Scenario) -> RunResult:
        moves = [step for step in scenario.steps if step.kind is EventKind.MOVE]
        outcome = RunResult(scenario, trace=[str(step) for step in scenario.steps])
        outcome.broken = ["5: moved by nobody"] if moves else []
        return outcome

    seed = next(
        n for n in range(50) if any(s.kind is EventKind.MOVE for s in draw_scenario(n).steps)
    )
    monkeypatch.setattr(command, "play", broken)
    done = run_command("simulate", "--seed", seed)
    assert done.code == 1
    assert f"seed {seed} breaks: 5: moved by nobody" in done.out
    assert len([line for line in done.out.splitlines() if line.startswith("  ")]) == 1
