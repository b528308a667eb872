"""A seed always gives the same scenario, and a broken one is shortened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.lab.simulate.drawn_faults import STATE
from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import (
    ALL,
    HOST,
    MORE_RULES,
    ONE_PAGE,
    RULES,
    SYSTEMS,
    TROUBLE,
    EventKind,
    Scenario,
    draw_scenario,
)
from syncd.lab.simulate.shrink import shrink
from tests.lab.simulate.plants_of_blocks import wrong_length
from tests.lab.simulate.rarity import stories


@pytest.mark.prove
def test_a_seed_gives_the_same_trace_in_every_process(tmp_path: Path) -> None:
    traces = []
    for salt in ("1", "2"):
        path = tmp_path / salt
        command = [sys.executable, "-m", "syncd", "simulate", "--seed", "11", "--trace", str(path)]
        env = {**os.environ, "PYTHONHASHSEED": salt}
        subprocess.run(command, env=env, check=True, capture_output=True)
        traces.append(path.read_bytes())
    assert traces[0] == traces[1]
    assert traces[0].count(b"\n") > 300


def test_other_seeds_give_other_scenarios() -> None:
    assert draw_scenario(1) == draw_scenario(1)
    assert draw_scenario(1) != draw_scenario(2)


def test_every_kind_of_trouble_and_of_act_is_drawn() -> None:
    steps = [step for scenario in stories() for step in scenario.steps]
    assert {step.kind for step in steps} == set(EventKind)
    faults = Counter(step.fault for step in steps if step.kind is EventKind.FAULT)
    assert set(faults) == ALL - HOST - {"disk"}
    assert {step.fault for step in steps if step.kind is EventKind.STATE_FAULT} == set(STATE)
    assert {step.system for step in steps if step.system} == set(SYSTEMS)


def test_every_rule_and_both_sizes_of_page_are_drawn() -> None:
    days = stories()[:100]
    assert {scenario.page == ONE_PAGE for scenario in days} == {True, False}
    drawn = {(kind, choice) for scenario in days for kind, choice in scenario.rules}
    every = RULES | MORE_RULES | {"twin_deleted": ("cancel", "keep", "hold")}
    assert drawn == {(kind, choice) for kind, choices in every.items() for choice in choices}


def test_overrides_of_every_rule_are_drawn() -> None:
    overrides = [dict(scenario.override) for scenario in stories() if scenario.override]
    assert {override["kind"] for override in overrides} == set(RULES | MORE_RULES)
    assert {override.get("system", "") for override in overrides} == {"", *SYSTEMS}


def test_a_scenario_without_faults_has_none() -> None:
    kinds = {step.kind for seed in range(50) for step in draw_scenario(seed, faults=()).steps}
    assert kinds.isdisjoint(TROUBLE)


def test_a_broken_scenario_is_reduced_to_the_steps_that_break_it() -> None:
    scenario = draw_scenario(5)
    needed = {scenario.steps[1], scenario.steps[4]}

    def breaks(shorter: Scenario) -> bool:
        return needed <= set(shorter.steps)

    assert set(shrink(scenario, breaks).steps) == needed


@pytest.mark.prove
def test_a_shortened_scenario_still_plays() -> None:
    scenario = draw_scenario(7)
    outcome = play(replace(scenario, steps=scenario.steps[::3]))
    assert outcome.broken == []
    assert outcome.cycles > 60


@pytest.mark.prove
def test_a_day_can_end_with_the_first_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong_length(monkeypatch)
    scenario = draw_scenario(0)
    whole, short = play(scenario), play(scenario, until_broken=True)
    assert short.broken
    assert whole.broken[: len(short.broken)] == short.broken
    assert whole.trace[: len(short.trace)] == short.trace
    assert short.cycles < whole.cycles / 4
