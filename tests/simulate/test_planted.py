"""The simulator is worth what it catches: each planted bug meets a seed that finds it."""

from __future__ import annotations

import pytest

from syncd.simulate.play import play
from syncd.simulate.story import draw
from tests.simulate.plants import PLANTS, Plant


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "seed", "faults"), PLANTS, ids=[p.__name__ for p, _, _ in PLANTS]
)
def test_a_planted_bug_breaks_a_promise(
    plant: Plant, seed: int, faults: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = draw(seed) if faults is None else draw(seed, faults=faults)
    assert play(story).broken == []
    plant(monkeypatch)
    assert play(story).broken
