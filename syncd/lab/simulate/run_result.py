"""The result of a played scenario."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from syncd.lab.simulate.scenario import Scenario


@dataclass(slots=True)
class RunResult:
    """The broken promises of a day, its trace, and counts by kind.

    ``acts`` are of people, ``commands`` of the operator, ``writes`` of syncd, ``faults`` injected.
    """

    scenario: Scenario
    broken: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    cycles: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
