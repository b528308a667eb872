"""Simulated days, each with its own people, faults and crashes."""

from __future__ import annotations

import pytest

from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import Scenario, draw_scenario
from tests.lab.simulate.seeds import FOUND, GATE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize with as many days as were asked for."""
    if "further" in metafunc.fixturenames:
        metafunc.parametrize("further", range(len(GATE), metafunc.config.option.seeds))


@pytest.mark.parametrize("scenario", GATE, ids=lambda scenario: str(scenario.seed))
def test_every_promise_holds_on_the_first_days(scenario: Scenario) -> None:
    assert play(scenario).broken == [], "see: syncd simulate --seed N"


@pytest.mark.prove
def test_every_promise_holds_on_every_seed(further: int) -> None:
    assert play(draw_scenario(further)).broken == [], "see: syncd simulate --seed N"


@pytest.mark.prove
@pytest.mark.parametrize("seed", FOUND)
def test_days_that_once_broke_a_promise_hold(seed: int) -> None:
    assert play(draw_scenario(seed, complaints=False)).broken == []
