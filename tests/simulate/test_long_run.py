"""Endurance in small: the curves of some hours, and what the verdict is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.simulate.long_run import LongRunResult, Sample, curve, print_samples, run_for

CALM = Sample(1, 90_000, 120_000, 11, 0, 500, 300, {"history": 300})


@pytest.mark.prove
def test_some_hours_of_faults_leave_nothing_behind() -> None:
    run = run_for(seed=3, hours=8)
    assert run.cycles > 400
    assert run.acts > 3
    assert run.faults > 0
    assert {"descriptors", "tasks"} & run.rising().keys() == set()
    assert len({s.descriptors for s in run.samples}) == 1
    assert run.samples[-1].objects < run.samples[1].objects * 1.1


@pytest.mark.parametrize("name", ["memory", "objects", "descriptors", "state"])
def test_a_curve_that_rises_is_noticed(name: str) -> None:
    leak = getattr(CALM, name) // 10
    samples = tuple(
        replace(CALM, at=hour, **{name: getattr(CALM, name) + leak * hour}) for hour in range(24)
    )
    assert set(LongRunResult(samples, 1, 1, 1).rising()) == {name}


def test_calm_curves_are_flat_and_told_so() -> None:
    said: list[str] = []
    assert print_samples("calm", LongRunResult((CALM,) * 24, 1, 1, 1), said.append)
    assert sum("flat" in line for line in said) == 5
    assert all(len(line) <= 100 for line in said)


def test_a_curve_is_drawn_from_zero() -> None:
    assert curve([0, 50, 100]) == "▁▅█"
    assert len(curve(range(1000))) == 40
