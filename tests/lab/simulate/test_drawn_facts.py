"""Each uncertain fact of the table is drawn on each of its sides, and set on the platforms."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

import pytest

from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.server import Sandbox
from syncd.lab.simulate.drawn_facts import ELSEWHERE, NEVER, SYSTEM_OF, set_facts
from syncd.lab.simulate.scenario import EventKind, Scenario, draw_scenario
from syncd.model.platform_facts import NO, PLATFORM_FACTS

SEEDS, OFTEN = 300, 5
KEYS = [(SYSTEM_OF[row.platform], row.name) for row in PLATFORM_FACTS]
SIDES = [(SYSTEM_OF[row.platform], row.name, side) for row in PLATFORM_FACTS for side in row.sides]


@cache
def stories() -> tuple[Scenario, ...]:
    """Draw the scenarios that are counted."""
    return tuple(draw_scenario(seed) for seed in range(SEEDS))


@cache
def drawn() -> Counter[tuple[str, str, str]]:
    """Count how often each side of each fact is set on a day, whatever drew it."""
    counts: Counter[tuple[str, str, str]] = Counter()
    sandbox = Sandbox(ManualClock(datetime(2027, 6, 14, tzinfo=UTC)))
    before = [(name, system, dict(vars(system))) for name, system in sandbox.systems.items()]
    for scenario in stories():
        set_facts(sandbox, scenario)
        for name, system, state in before:
            for row in PLATFORM_FACTS:
                if row.platform is system.kind:
                    with suppress(ValueError):  # a number of rows that the table does not name
                        counts[name, row.name, system.fact(row.name)] += 1
            vars(system).clear()
            vars(system).update(state)
            system.caps = {}
    return counts


@pytest.mark.parametrize("side", [s for s in SIDES if s[:2] not in NEVER], ids=" ".join)
def test_each_side_of_a_fact_is_drawn_often_enough(side: tuple[str, str, str]) -> None:
    assert drawn()[side] >= OFTEN


def test_exceptions_are_rows_of_the_table_and_never_drawn() -> None:
    assert set(NEVER) | ELSEWHERE <= set(KEYS)
    assert ELSEWHERE.isdisjoint(NEVER)


def test_facts_of_other_streams_are_not_drawn_again() -> None:
    own = {(system, name) for scenario in stories() for system, name, _ in scenario.facts}
    assert own == set(KEYS) - ELSEWHERE - set(NEVER)


def test_facts_are_measured_on_some_days_and_change_on_some_of_those() -> None:
    measured = Counter(key for scenario in stories() for key in scenario.measured)
    for row in PLATFORM_FACTS:
        key = (SYSTEM_OF[row.platform], row.name)
        assert measured[key] >= OFTEN or row.measured is not type(row.measured).PROBE
        assert measured[key] < SEEDS
    changed = Counter(
        step.system
        for scenario in stories()
        for step in scenario.steps
        if step.kind is EventKind.CHANGE_FACT
    )
    assert min(changed[system] for system in SYSTEM_OF.values()) >= OFTEN


def test_stripped_tags_are_always_measured_before() -> None:
    for scenario in stories():
        stripped = {(s, n) for s, n, side in scenario.facts if (n, side) == ("keeps_tag", NO)}
        assert stripped <= set(scenario.measured)


def test_a_day_without_complaints_has_no_drawn_facts() -> None:
    assert draw_scenario(3, complaints=False).facts == ()
