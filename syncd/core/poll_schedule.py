"""Whose whole window is read when: the far read dealt out in slices, so that calls are level.

A list call takes any window, so a slice is a part of the calendars, not of the time. In one round,
every slice has one turn. A calendar with news lately may take a second turn of a round, half a
round away from its own, where calm ones give up theirs for it; they do so in every second round at
most, and no turn takes more calls than its slice alone. So what busy calendars are read more often
costs no account anything, and where all are alike, nothing is other than plain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import ceil

Calls = Callable[[Collection[str]], Mapping[str, int]]
"""The list calls that reading the whole window of some providers takes, by system."""
Slices = tuple[tuple[str, ...], ...]

MAX_SLICES = 15
DEARER = 1.25
"""A call that reads many calendars is made once for each slice: by so much all reading of a system
may become dearer for it, near and far together."""
ROUNDS = 2
"""A calm calendar has at least one turn in so many."""

HALF_LIFE = timedelta(hours=1)
CALM = 1 / 8
"""A calendar of less heat is calm: one piece of news keeps it from that for three hours."""


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """``position`` are the providers of each turn of two rounds; then it begins again."""

    slices: Slices
    position: tuple[frozenset[str], ...]

    @property
    def reads(self) -> Mapping[str, int]:
        """How often each provider's whole window is read in two rounds: twice is usual."""
        return Counter(provider for turn in self.position for provider in turn)

    def due(self, number: int) -> frozenset[str]:
        """The providers of a turn, counted from 0 without end."""
        return self.position[number % len(self.position)] if self.position else frozenset()


def decay(heat: Mapping[str, float], after: timedelta) -> dict[str, float]:
    """Heat is the count of news, of which half is forgotten in each half-life."""
    share = 0.5 ** (max(after, timedelta(0)) / HALF_LIFE)
    return {provider: warmth * share for provider, warmth in heat.items()}


def active(heat: Mapping[str, float]) -> tuple[str, ...]:
    """The providers that are not calm, the one with the most news first."""
    warm = (provider for provider, warmth in heat.items() if warmth >= CALM)
    return tuple(sorted(warm, key=lambda provider: (-heat[provider], provider)))


def partition(
    providers: Collection[str], calls: Calls, near: Mapping[str, int], ratio: float
) -> Slices:
    """Cut the providers into as many slices as make sense; the calls of each are about equal.

    ``near`` are the calls of one read of the near window, by system, of which there are ``ratio``
    in a round. More slices than that would have nothing between them.
    """
    calls = _remembered(calls)
    clusters, whole = _clusters(sorted(providers), calls), calls(providers)
    best: Slices = (tuple(sorted(providers)),) if providers else ()
    # More slices take more calls, so it is enough to halve what lies between too few and too many.
    few, many = 1, min(len(providers), MAX_SLICES, int(ratio)) + 1
    while many - few > 1:
        slices = _dealt(clusters, calls, count := (few + many) // 2)
        taken = round_calls(slices, calls)
        if all(
            near[system] * ratio + taken[system] <= DEARER * (near[system] * ratio + once)
            for system, once in whole.items()
        ):
            best, few = slices, count
        else:
            many = count
    return best


def round_calls(slices: Slices, calls: Calls) -> Counter[str]:
    """The calls of one round, by system."""
    taken: Counter[str] = Counter()
    for each in slices:
        taken.update(calls(each))
    return taken


def schedule(slices: Slices, calls: Calls, warm: Sequence[str] = ()) -> PollSchedule:
    """Deal the turns; ``warm`` are the busy providers, the busiest first."""
    return PollSchedule(slices, tuple(_turns(slices, calls, warm)))


def _turns(slices: Slices, calls: Calls, warm: Sequence[str]) -> Iterator[frozenset[str]]:
    count = len(slices)
    rank = {provider: at for at, provider in enumerate(warm)}
    for number in range(ROUNDS * count):
        own = slices[number % count]
        opposite = slices[(number + count // 2) % count] if count > 1 else ()
        second = sorted(set(opposite) & rank.keys(), key=rank.__getitem__)
        spare = [
            provider
            for at, provider in enumerate(own, number // count)
            if provider not in rank and at % ROUNDS == 0
        ]
        yield _swapped(own, second, spare, calls) if second and spare else frozenset(own)


def _swapped(
    own: Sequence[str], second: Sequence[str], spare: Sequence[str], calls: Calls
) -> frozenset[str]:
    """Let those of ``second`` in for whom enough of ``spare`` can go."""
    budget, turn, free = calls(own), frozenset(own), list(spare)
    for provider in second:
        trial, excess = turn | {provider}, _excess(turn | {provider}, budget, calls)
        for calm in free:
            if excess and (less := _excess(trial - {calm}, budget, calls)) < excess:
                trial, excess = trial - {calm}, less
        if not excess:
            turn, free = trial, [calm for calm in free if calm in trial]
    return turn


def _excess(turn: Collection[str], budget: Mapping[str, int], calls: Calls) -> int:
    return sum(max(0, taken - budget.get(system, 0)) for system, taken in calls(turn).items())


# --- cutting ----------------------------------------------------------------------------------


def _remembered(calls: Calls) -> Calls:
    """Count the same calls once."""
    counted = cache(calls)
    return lambda providers: counted(frozenset(providers))


def _clusters(providers: Sequence[str], calls: Calls) -> list[list[str]]:
    """Providers that share a list call, together; a call that reads them all parts nobody."""
    alone = {provider: calls([provider]) for provider in providers}
    together = calls(providers)
    parting = {
        system
        for system, taken in together.items()
        if max((one.get(system, 0) for one in alone.values()), default=0)
        < taken
        < sum(one.get(system, 0) for one in alone.values())
    }
    clusters: list[list[str]] = []
    for provider in providers:
        for cluster in clusters if parting else ():
            pair = calls([cluster[0], provider])
            if any(
                pair.get(s, 0) < alone[cluster[0]].get(s, 0) + alone[provider].get(s, 0)
                for s in parting
            ):
                cluster.append(provider)
                break
        else:
            clusters.append([provider])
    # Those with the same systems side by side, so that each part of a cluster gets some of them.
    return [sorted(cluster, key=lambda p: (sorted(alone[p].items()), p)) for cluster in clusters]


def _dealt(clusters: Sequence[Sequence[str]], calls: Calls, count: int) -> Slices:
    """The largest pieces first, each to where there is most room for it."""
    pieces = list(_pieces(clusters, calls, count))
    costs = [Counter(calls(piece)) for piece in pieces]
    total = sum(costs, Counter[str]())
    loads = [Counter[str]() for _ in range(count)]
    slices: list[list[str]] = [[] for _ in range(count)]
    for at in sorted(range(len(pieces)), key=lambda at: (-costs[at].total(), at)):
        filled = [_filled(load, costs[at], total) for load in loads]
        least = min(range(count), key=filled.__getitem__)
        loads[least].update(costs[at])
        slices[least] += pieces[at]
    return tuple(tuple(sorted(each)) for each in slices if each)


def _filled(
    load: Mapping[str, int], more: Mapping[str, int], total: Mapping[str, int]
) -> list[float]:
    """How full the systems of a piece would be, the fullest first."""
    there = ((load[system] + taken) / total[system] for system, taken in more.items() if taken)
    return sorted(there, reverse=True)


def _pieces(clusters: Sequence[Sequence[str]], calls: Calls, count: int) -> Iterator[Sequence[str]]:
    """Part the clusters that are more than a slice's share of a system's calls, and finely."""
    costs = [calls(cluster) for cluster in clusters]
    total = sum(map(Counter, costs), Counter[str]())
    for cluster, cost in zip(clusters, costs, strict=True):
        share = max((taken * count / total[s] for s, taken in cost.items() if taken), default=1.0)
        parts = 1 if share <= 1 else min(len(cluster), ceil(2 * share))
        yield from (cluster[at::parts] for at in range(parts))
