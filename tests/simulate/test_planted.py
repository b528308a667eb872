"""The simulator is worth what it catches: each planted bug meets a day that it does not survive."""

from __future__ import annotations

import pytest

from syncd.simulate.play import play
from syncd.simulate.story import Story
from tests.simulate.plants import PLANTS, Plant


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "story"), PLANTS, ids=[p.__name__ for p, _ in PLANTS])
def test_a_planted_bug_breaks_a_promise(
    plant: Plant, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert play(story).broken == []
    plant(monkeypatch)
    assert play(story).broken
