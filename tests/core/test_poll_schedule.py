"""The rota: nobody waits for longer than is promised, and no turn takes more than its slice."""

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


def town(size: int, groups: int = 1) -> World:
    """All of them in all systems."""
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
def rotas(draw: st.DrawFn) -> tuple[World, PollSchedule, tuple[str, ...]]:
    world = draw(worlds())
    warm = draw(st.lists(st.sampled_from(sorted(world.providers)), unique=True))
    slices = world.cut(draw(st.floats(1, 30)))
    return world, schedule(slices, world.calls, warm), tuple(warm)


def gaps(rota: PollSchedule, provider: str) -> list[int]:
    """Turns from each read of a provider to the next, as the rota begins again and again."""
    at = [number for number, turn in enumerate(rota.position) if provider in turn]
    return [
        later - sooner
        for sooner, later in zip(at, [*at[1:], at[0] + len(rota.position)], strict=True)
    ]


@given(rotas())
def test_everybody_is_read_in_two_rounds_and_whoever_is_not_calm_in_each(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    world, rota, warm = drawn
    assert sorted(p for each in rota.slices for p in each) == sorted(world.providers)
    assert len(rota.position) == ROUNDS * len(rota.slices)
    for provider in world.providers:
        rounds = 1 if provider in warm else ROUNDS
        assert max(gaps(rota, provider)) <= rounds * len(rota.slices)


@given(rotas())
def test_no_turn_takes_more_calls_of_any_system_than_its_slice_alone(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    world, rota, _ = drawn
    for number, turn in enumerate(rota.position):
        plain = world.calls(rota.slices[number % len(rota.slices)])
        assert all(taken <= plain[system] for system, taken in world.calls(turn).items())


@given(worlds(), st.floats(1, 30))
def test_slices_make_no_system_much_dearer_and_there_are_not_more_than_near_reads(
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
        # Three groups in two slices are two and one: whoever shares a call stays together.
        assert max(loads) <= 1.6 * share + 3


@given(rotas())
def test_calm_calendars_give_turns_up_only_for_busy_ones(
    drawn: tuple[World, PollSchedule, tuple[str, ...]],
) -> None:
    _, rota, warm = drawn
    for number, turn in enumerate(rota.position):
        own = set(rota.slices[number % len(rota.slices)])
        assert turn - own <= set(warm)
        assert not (own - turn) & set(warm)
        assert turn - own or turn == own


@pytest.mark.parametrize("warm", [(), "all"])
def test_where_all_are_alike_everybody_is_read_once_a_round(warm: object) -> None:
    world = town(40, 4)
    rota = schedule(world.cut(), world.calls, sorted(world.providers) if warm else ())
    assert set(rota.reads.values()) == {ROUNDS}


@pytest.mark.parametrize(
    ("size", "groups", "ratio", "slices"),
    [
        pytest.param(0, 1, 15, 0, id="nobody"),
        pytest.param(1, 1, 15, 1, id="one"),
        pytest.param(3, 1, 15, 3, id="no-more-than-there-are"),
        pytest.param(50, 5, 15, 5, id="a-call-for-all-is-made-five-times"),
        pytest.param(50, 5, 6, 2, id="and-twice-where-near-reads-are-few"),
        pytest.param(50, 5, 1, 1, id="far-as-often-as-near"),
        pytest.param(50, 5, 0.5, 1, id="far-more-often-than-near"),
        pytest.param(200, 1, 60, 15, id="never-too-many"),
    ],
)
def test_how_many_slices_make_sense(size: int, groups: int, ratio: float, slices: int) -> None:
    assert len(town(size, groups).cut(ratio)) == slices


def test_calendars_that_share_a_call_stay_together_where_that_keeps_slices_level() -> None:
    world = town(50, 5)
    for each in world.cut():
        assert len({world.groups[p] for p in each}) == 1
        assert len(each) == 10


def test_a_group_too_large_for_a_slice_is_parted_and_level_in_all_systems() -> None:
    everybody = town(200)
    half = World(everybody.bulk, everybody.groups, frozenset(sorted(everybody.single)[:100]))
    assert {tuple(half.calls(each).values()) for each in half.cut()} == {(1, 41, 20)}


def test_a_busy_calendar_is_read_twice_as_often_and_two_calm_ones_half_as_often() -> None:
    world = town(40, 4)
    rota = schedule(world.cut(6), world.calls, ["p007"])
    reads = rota.reads
    assert reads["p007"] == 2 * ROUNDS
    assert gaps(rota, "p007") == [1, 1, 1, 1]
    seldom = [p for p in world.providers if reads[p] < ROUNDS]
    assert {reads[p] for p in seldom} == {1}
    assert 1 <= len(seldom) <= 4


def test_the_busiest_come_first_where_not_all_can_be_paid_for() -> None:
    world = town(12)
    (first, second) = world.cut(6)
    warm = [*first[:4], *second[:5]]
    # One of the second slice is calm, and gives every second turn to one of the first.
    reads = schedule((first, second), world.calls, warm).reads
    assert [reads[p] for p in warm[:4]] == [3, 2, 2, 2]
    others = schedule((first, second), world.calls, warm[::-1]).reads
    assert [others[p] for p in warm[:4]] == [2, 2, 2, 3]


def test_news_is_half_forgotten_in_an_hour_and_keeps_from_calm_for_three() -> None:
    heat = {"a": 1.0, "b": 4.0, "c": 0.0}
    assert active(heat) == ("b", "a")
    assert decay(heat, timedelta(hours=1)) == {"a": 0.5, "b": 2.0, "c": 0.0}
    assert active(decay(heat, timedelta(hours=3))) == ("b", "a")
    assert active(decay(heat, timedelta(hours=3, seconds=1))) == ("b",)
    assert decay(heat, timedelta(hours=-5)) == heat
