"""The long run for a few hours, and what its verdict notices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.lab.simulate.long_run import LongRunResult, Sample, curve, print_samples, run_for

CALM = Sample(1, 90_000, 120_000, 11, 0, 500, 300, {"history": 300})


@pytest.mark.prove
def test_resources_stay_flat_over_hours_of_faults() -> None:
    run = run_for(seed=3, hours=8)
    assert run.cycles > 400
    assert run.acts > 3
    assert run.faults > 0
    assert {"descriptors", "tasks"} & run.rising().keys() == set()
    assert len({s.descriptors for s in run.samples}) == 1
    assert run.samples[-1].objects < run.samples[1].objects * 1.1


@pytest.mark.parametrize("name", ["memory", "objects", "descriptors", "state"])
def test_a_rising_curve_is_reported(name: str) -> None:
    leak = getattr(CALM, name) // 10
    samples = tuple(
        replace(CALM, at=hour, **{name: getattr(CALM, name) + leak * hour}) for hour in range(24)
    )
    assert set(LongRunResult(samples, 1, 1, 1).rising()) == {name}


def test_flat_curves_are_reported_as_flat() -> None:
    lines: list[str] = []
    assert print_samples("calm", LongRunResult((CALM,) * 24, 1, 1, 1), lines.append)
    assert sum("flat" in line for line in lines) == 5
    assert all(len(line) <= 100 for line in lines)


def test_a_curve_is_drawn_from_zero() -> None:
    assert curve([0, 50, 100]) == "▁▅█"
    assert len(curve(range(1000))) == 40
