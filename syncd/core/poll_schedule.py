"""Schedule the far reads: split the providers into slices of about equal cost in calls.

A slice is a group of providers whose whole windows are read in one turn. Each slice has one turn
per round (one far interval). An active provider may get a second turn in a round, half a round
after its own, if calm providers give up a turn. A calm provider gives up at most every second turn,
and no turn takes more calls than its slice alone. So reading active providers more often costs no
account more calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import ceil

Calls = Callable[[Collection[str]], Mapping[str, int]]
"""Returns the list calls for one read of the whole window of some providers, by system."""
Slices = tuple[tuple[str, ...], ...]
"""The providers of each slice."""

MAX_SLICES = 15
MAX_COST_FACTOR = 1.25
"""The factor by which slices may raise the calls of all reads of a system, near and far.

A call that reads many calendars must be made once for each slice.
"""
ROUNDS = 2
"""A calm provider has at least one turn in this number of rounds."""

HALF_LIFE = timedelta(hours=1)
"""The time in which the weight of a change halves."""
CALM = 1 / 8
"""A provider with less heat than this is calm. One change keeps a provider active for 3 hours."""


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """The providers of each turn of two rounds, after which the schedule repeats.

    ``slices``: the providers of each slice. ``position``: the providers to read in each turn.
    """

    slices: Slices
    position: tuple[frozenset[str], ...]

    @property
    def reads(self) -> Mapping[str, int]:
        """The far reads of each provider in two rounds; 2 is normal."""
        return Counter(provider for turn in self.position for provider in turn)

    def due(self, number: int) -> frozenset[str]:
        """Return the providers to read in turn ``number``; turns are counted from 0 without end."""
        return self.position[number % len(self.position)] if self.position else frozenset()


def decay(heat: Mapping[str, float], after: timedelta) -> dict[str, float]:
    """Return the heat after some time. Heat is the count of changes, halved in each half-life."""
    share = 0.5 ** (max(after, timedelta(0)) / HALF_LIFE)
    return {provider: value * share for provider, value in heat.items()}


def active(heat: Mapping[str, float]) -> tuple[str, ...]:
    """Return the providers that are not calm, the one with the most changes first."""
    most_active = (provider for provider, value in heat.items() if value >= CALM)
    return tuple(sorted(most_active, key=lambda provider: (-heat[provider], provider)))


def partition(
    providers: Collection[str], calls: Calls, near: Mapping[str, int], ratio: float
) -> Slices:
    """Split the providers into as many slices as useful, with about equal calls each.

    - ``calls``: counts the list calls for any set of providers.
    - ``near``: the calls of one near read, by system.
    - ``ratio``: how many near reads take place in one round; more slices are never needed.
    """
    calls = _cached(calls)
    clusters, all_calls = _clusters(sorted(providers), calls), calls(providers)
    best: Slices = (tuple(sorted(providers)),) if providers else ()
    # More slices take more calls, so a binary search finds the highest count.
    low, high = 1, min(len(providers), MAX_SLICES, int(ratio)) + 1
    while high - low > 1:
        slices = _assign_to_slices(clusters, calls, count := (low + high) // 2)
        taken = round_calls(slices, calls)
        if all(
            near[system] * ratio + taken[system]
            <= MAX_COST_FACTOR * (near[system] * ratio + calls_once)
            for system, calls_once in all_calls.items()
        ):
            best, low = slices, count
        else:
            high = count
    return best


def round_calls(slices: Slices, calls: Calls) -> Counter[str]:
    """Return the calls for one far read of all slices, by system."""
    taken: Counter[str] = Counter()
    for providers in slices:
        taken.update(calls(providers))
    return taken


def schedule(slices: Slices, calls: Calls, most_active: Sequence[str] = ()) -> PollSchedule:
    """Assign the providers to turns; ``most_active`` are the active ones, the most active first."""
    return PollSchedule(slices, tuple(_turns(slices, calls, most_active)))


def _turns(slices: Slices, calls: Calls, most_active: Sequence[str]) -> Iterator[frozenset[str]]:
    count = len(slices)
    rank = {provider: at for at, provider in enumerate(most_active)}
    for number in range(ROUNDS * count):
        own = slices[number % count]
        opposite = slices[(number + count // 2) % count] if count > 1 else ()
        second = sorted(set(opposite) & rank.keys(), key=rank.__getitem__)
        spare = [
            provider
            for at, provider in enumerate(own, number // count)
            if provider not in rank and at % ROUNDS == 0
        ]
        yield _with_active(own, second, spare, calls) if second and spare else frozenset(own)


def _with_active(
    own: Sequence[str], second: Sequence[str], spare: Sequence[str], calls: Calls
) -> frozenset[str]:
    """Add providers of ``second`` to a turn, and drop ``spare`` ones to stay within its calls."""
    budget, turn, droppable = calls(own), frozenset(own), list(spare)
    for provider in second:
        trial, excess = turn | {provider}, _excess(turn | {provider}, budget, calls)
        for calm in droppable:
            if excess and (reduced := _excess(trial - {calm}, budget, calls)) < excess:
                trial, excess = trial - {calm}, reduced
        if not excess:
            turn, droppable = trial, [calm for calm in droppable if calm in trial]
    return turn


def _excess(turn: Collection[str], budget: Mapping[str, int], calls: Calls) -> int:
    """Return how many calls a turn needs beyond the budget, summed over all systems."""
    return sum(max(0, taken - budget.get(system, 0)) for system, taken in calls(turn).items())


# --- splitting --------------------------------------------------------------------------------


def _cached(calls: Calls) -> Calls:
    """Cache the calls of a set of providers."""
    counted = cache(calls)
    return lambda providers: counted(frozenset(providers))


def _clusters(providers: Sequence[str], calls: Calls) -> list[list[str]]:
    """Group the providers that share a list call.

    A call that reads all providers at once groups nobody.
    """
    alone = {provider: calls([provider]) for provider in providers}
    together = calls(providers)
    sharing_systems = {
        system
        for system, taken in together.items()
        if max((one.get(system, 0) for one in alone.values()), default=0)
        < taken
        < sum(one.get(system, 0) for one in alone.values())
    }
    clusters: list[list[str]] = []
    for provider in providers:
        for cluster in clusters if sharing_systems else ():
            pair = calls([cluster[0], provider])
            if any(
                pair.get(s, 0) < alone[cluster[0]].get(s, 0) + alone[provider].get(s, 0)
                for s in sharing_systems
            ):
                cluster.append(provider)
                break
        else:
            clusters.append([provider])
    # Sort by systems, so that each part of a cluster gets some providers of each kind.
    return [sorted(cluster, key=lambda p: (sorted(alone[p].items()), p)) for cluster in clusters]


def _assign_to_slices(clusters: Sequence[Sequence[str]], calls: Calls, count: int) -> Slices:
    """Assign the pieces to slices, the largest first, each to the emptiest slice."""
    pieces = list(_pieces(clusters, calls, count))
    costs = [Counter(calls(piece)) for piece in pieces]
    total = sum(costs, Counter[str]())
    loads = [Counter[str]() for _ in range(count)]
    slices: list[list[str]] = [[] for _ in range(count)]
    for index in sorted(range(len(pieces)), key=lambda index: (-costs[index].total(), index)):
        filled = [_fill_levels(load, costs[index], total) for load in loads]
        emptiest = min(range(count), key=filled.__getitem__)
        loads[emptiest].update(costs[index])
        slices[emptiest] += pieces[index]
    return tuple(tuple(sorted(each)) for each in slices if each)


def _fill_levels(
    load: Mapping[str, int], added: Mapping[str, int], total: Mapping[str, int]
) -> list[float]:
    """Return how full the systems of a piece would be in a slice, the fullest first."""
    levels = ((load[system] + taken) / total[system] for system, taken in added.items() if taken)
    return sorted(levels, reverse=True)


def _pieces(clusters: Sequence[Sequence[str]], calls: Calls, count: int) -> Iterator[Sequence[str]]:
    """Split the clusters that need more than a slice's share of a system's calls."""
    costs = [calls(cluster) for cluster in clusters]
    total = sum(map(Counter, costs), Counter[str]())
    for cluster, cost in zip(clusters, costs, strict=True):
        share = max((taken * count / total[s] for s, taken in cost.items() if taken), default=1.0)
        parts = 1 if share <= 1 else min(len(cluster), ceil(2 * share))
        yield from (cluster[at::parts] for at in range(parts))
