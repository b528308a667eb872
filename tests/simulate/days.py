"""Days on which just what is named happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from syncd.simulate.story import Step, Story, What


def day(*steps: Step, **rules: str) -> Story:
    """A summer day on which just this happens."""
    start = datetime(2027, 6, 14, 5, 0, tzinfo=UTC)
    return Story(0, start, 24.0, steps, rules=tuple(rules.items()))


def at(hour: float, what: What, system: str, slot: int = 0, **more: Any) -> Step:
    return Step(hour * 3600, what, system, slot=slot, **more)
