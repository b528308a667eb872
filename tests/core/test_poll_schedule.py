"""The slices of a far round: everybody is in one, and their calls are level."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.polling.slices import (
    MAX_COST_FACTOR,
    MAX_SLICES,
    partition,
    round_calls,
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


@given(worlds(), st.floats(1, 30))
def test_every_provider_is_in_exactly_one_slice(world: World, ratio: float) -> None:
    assert sorted(p for each in world.cut(ratio) for p in each) == sorted(world.providers)


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
