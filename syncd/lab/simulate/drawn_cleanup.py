"""Draw the cleanup at the end of a day, the faults during it, and when syncd dies."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.lab.simulate.scenario import Scenario

_CLEANS = 0.5
_FAULTS = (
    FaultKind.UNAUTHORISED,
    FaultKind.ERROR,
    FaultKind.LOSE_BEFORE,
    FaultKind.LOSE_AFTER,
    FaultKind.RATE_LIMITED,
    FaultKind.EMPTY,
    FaultKind.SHORT_PAGE,
)


def with_cleanup(scenario: Scenario, faults: Collection[str]) -> Scenario:
    """Add, on half of the days, a cleanup of a provider, a system or everything at the end.

    ``seconds`` counts the steps of the process until it dies, and ``slot`` picks the scope.
    """
    random = Random(f"cleanup {scenario.seed}")  # noqa: S311 - chance that can be repeated
    if random.random() >= _CLEANS:
        return scenario
    drawn = SimEvent(
        scenario.hours * 3600,
        EventKind.CLEAN_UP,
        random.choice(SYSTEMS),
        random.randrange(1000),
        random.randrange(1000),
        fault=random.choice(_FAULTS),
        times=random.randint(1, 6),
        seconds=random.choice((0, random.randint(1, 80))),
    )
    if drawn.fault not in faults:
        drawn = replace(drawn, fault="")
    if "crash" not in faults:
        drawn = replace(drawn, seconds=0)
    return replace(scenario, steps=(*scenario.steps, drawn))
