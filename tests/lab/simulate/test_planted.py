"""The simulator catches each planted bug on its day."""

from __future__ import annotations

import pytest

from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import Scenario
from tests.lab.simulate.every_plant import PLANTS
from tests.lab.simulate.plants import Plant
from tests.lab.simulate.seeds import GATE

pytestmark = pytest.mark.prove

NAMES = {scenario: plant.__name__ for plant, scenario in reversed(PLANTS) if scenario not in GATE}
"""Each day that the gate does not play anyway, by the first bug that is planted on it."""


@pytest.mark.parametrize("scenario", NAMES, ids=NAMES.values())
def test_a_day_without_its_planted_bug_keeps_every_promise(scenario: Scenario) -> None:
    assert play(scenario).broken == []


@pytest.mark.parametrize(("plant", "scenario"), PLANTS, ids=[p.__name__ for p, _ in PLANTS])
def test_a_planted_bug_breaks_a_promise(
    plant: Plant, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert play(scenario, until_broken=True).broken
