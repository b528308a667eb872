"""The simulator is worth what it catches: each planted bug meets a seed that finds it."""

from __future__ import annotations

import pytest

from syncd.simulate.play import play
from syncd.simulate.story import draw
from tests.simulate.plants import PLANTS, Plant


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "seed"), PLANTS, ids=[p.__name__ for p, _ in PLANTS])
def test_a_planted_bug_breaks_a_promise(
    plant: Plant, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = draw(seed)
    assert play(story).broken == []
    plant(monkeypatch)
    assert play(story).broken
