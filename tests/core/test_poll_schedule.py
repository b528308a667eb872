"""The poll schedule: no provider waits too long, and no turn takes more calls than its slice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.poll_schedule import (
    MAX_COST_FACTOR,
    MAX_SLICES,
    ROUNDS,
    PollSchedule,
    active,
    decay,
    partition,
    round_calls,
    schedule,
)


@dataclass(frozen=True)
class World:
    """Which calls read whom.

    One reads all in `bulk`, one a group and one each in `grouped`, one each in `single`.
    """

    bulk: frozenset[str]
    groups: Mapping[str, int]
    single: frozenset[str]

    @property
    def providers(self) -> frozenset[str]:
        return self.bulk | self.groups.keys() | self.single

    def calls(self, providers: Collection[str]) -> dict[str, int]:
        wanted = set(providers)
        grouped = wanted & self.groups.keys()
        return {
            "bulk": int(bool(wanted & self.bulk)),
            "grouped": len(grouped) + len({self.groups[p] for p in grouped}),
            "single": len(wanted & self.single),
        }

    def cut(self, ratio: float = 15) -> tuple[tuple[str, ...], ...]:
        return partition(self.providers, self.calls, self.calls(self.providers), ratio)


def uniform_world(size: int, groups: int = 1) -> World:
    """Return a world in which every provider is in every system."""
    names = [f"p{number:03}" for number in range(size)]
    grouped = {name: at % groups for at, name in enumerate(names)}
    return World(frozenset(names), grouped, frozenset(names))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = [f"p{number}" for number in range(draw(st.integers(1, 24)))]
    some = st.sets(st.sampled_from(names))
    groups = draw(st.dictionaries(st.sampled_from(names), st.integers(0, 3)))
    return World(frozenset(draw(some)), groups, frozenset(draw(some)) | {names[0]})


@st.composite
def schedules(draw: st.DrawFn) -> tuple[World, PollSchedule, tuple[str, ...]]:
    world = draw(worlds())
    warm = draw(st.lists(st.sampled_from(sorted(world.providers)), unique=True))
    slices = world.cut(draw(st.floats(1, 30)))
    return world, schedule(slices, world.calls, warm), tuple(warm)


def gaps(plan: PollSchedule, provider: str) -> list[int]:
    """Return the turns between two reads of a provider, as the schedule repeats."""
    at = [number for number, turn in enumerate(plan.position) if provider in turn]
    return [
        later - sooner
        for sooner, later in zip(at, [*at[1:], at[0] + len(plan.position)], strict=True)
    ]


@given(schedules())
def test_every_provider_is_read_in_two_rounds_and_active_ones_in_each(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    world, plan, warm = drawn
    assert sorted(p for each in plan.slices for p in each) == sorted(world.providers)
    assert len(plan.position) == ROUNDS * len(plan.slices)
    for provider in world.providers:
        rounds = 1 if provider in warm else ROUNDS
        assert max(gaps(plan, provider)) <= rounds * len(plan.slices)


@given(schedules())
def test_no_turn_takes_more_calls_of_any_system_than_its_slice_alone(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    world, plan, _ = drawn
    for number, turn in enumerate(plan.position):
        plain = world.calls(plan.slices[number % len(plan.slices)])
        assert all(taken <= plain[system] for system, taken in world.calls(turn).items())


@given(worlds(), st.floats(1, 30))
def test_slices_cost_little_more_and_are_at_most_as_many_as_near_reads(
    world: World, ratio: float
) -> None:
    slices, whole = world.cut(ratio), world.calls(world.providers)
    taken = round_calls(slices, world.calls)
    assert 1 <= len(slices) <= max(1, min(MAX_SLICES, int(ratio)))
    for system, once in whole.items():
        plain = once * ratio + once
        assert once * ratio + taken[system] <= MAX_COST_FACTOR * plain or len(slices) == 1


@given(worlds(), st.floats(2, 30))
def test_the_calls_of_a_round_are_level_in_every_system(world: World, ratio: float) -> None:
    slices = world.cut(ratio)
    for system in ("bulk", "grouped", "single"):
        loads = [world.calls(each)[system] for each in slices]
        share = sum(loads) / len(loads)
        # Three groups in two slices are two and one, because a group stays together.
        assert max(loads) <= 1.6 * share + 3


@given(schedules())
def test_calm_providers_give_up_turns_only_for_active_ones(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    _, plan, warm = drawn
    for number, turn in enumerate(plan.position):
        own = set(plan.slices[number % len(plan.slices)])
        assert turn - own <= set(warm)
        assert not (own - turn) & set(warm)
        assert turn - own or turn == own


@pytest.mark.parametrize("warm", [(), "all"])
def test_equal_providers_are_read_once_a_round(warm: object) -> None:
    world = uniform_world(40, 4)
    plan = schedule(world.cut(), world.calls, sorted(world.providers) if warm else ())
    assert set(plan.reads.values()) == {ROUNDS}


@pytest.mark.parametrize(
    ("size", "groups", "ratio", "slices"),
    [
        pytest.param(0, 1, 15, 0, id="nobody"),
        pytest.param(1, 1, 15, 1, id="one"),
        pytest.param(3, 1, 15, 3, id="at-most-one-per-provider"),
        pytest.param(50, 5, 15, 5, id="a-shared-call-is-made-five-times"),
        pytest.param(50, 5, 6, 2, id="fewer-slices-if-near-reads-are-few"),
        pytest.param(50, 5, 1, 1, id="far-as-often-as-near"),
        pytest.param(50, 5, 0.5, 1, id="far-more-often-than-near"),
        pytest.param(200, 1, 60, 15, id="never-too-many"),
    ],
)
def test_the_number_of_slices(size: int, groups: int, ratio: float, slices: int) -> None:
    assert len(uniform_world(size, groups).cut(ratio)) == slices


def test_calendars_that_share_a_call_stay_in_one_slice() -> None:
    world = uniform_world(50, 5)
    for each in world.cut():
        assert len({world.groups[p] for p in each}) == 1
        assert len(each) == 10


def test_a_group_too_large_for_a_slice_is_split_evenly() -> None:
    everybody = uniform_world(200)
    half = World(everybody.bulk, everybody.groups, frozenset(sorted(everybody.single)[:100]))
    assert {tuple(half.calls(each).values()) for each in half.cut()} == {(1, 41, 20)}


def test_an_active_provider_is_read_twice_as_often_at_the_cost_of_two_calm_ones() -> None:
    world = uniform_world(40, 4)
    plan = schedule(world.cut(6), world.calls, ["p007"])
    reads = plan.reads
    assert reads["p007"] == 2 * ROUNDS
    assert gaps(plan, "p007") == [1, 1, 1, 1]
    seldom = [p for p in world.providers if reads[p] < ROUNDS]
    assert {reads[p] for p in seldom} == {1}
    assert 1 <= len(seldom) <= 4


def test_the_most_active_come_first_if_the_budget_is_short() -> None:
    world = uniform_world(12)
    (first, second) = world.cut(6)
    warm = [*first[:4], *second[:5]]
    # One of the second slice is calm and gives every second turn to one of the first.
    reads = schedule((first, second), world.calls, warm).reads
    assert [reads[p] for p in warm[:4]] == [3, 2, 2, 2]
    others = schedule((first, second), world.calls, warm[::-1]).reads
    assert [others[p] for p in warm[:4]] == [2, 2, 2, 3]


def test_heat_halves_in_an_hour_and_one_change_lasts_three() -> None:
    heat = {"a": 1.0, "b": 4.0, "c": 0.0}
    assert active(heat) == ("b", "a")
    assert decay(heat, timedelta(hours=1)) == {"a": 0.5, "b": 2.0, "c": 0.0}
    assert active(decay(heat, timedelta(hours=3))) == ("b", "a")
    assert active(decay(heat, timedelta(hours=3, seconds=1))) == ("b",)
    assert decay(heat, timedelta(hours=-5)) == heat
