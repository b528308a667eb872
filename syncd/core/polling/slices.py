"""Schedule the far reads: split the providers into slices of about equal cost in calls.

A slice is a group of providers whose whole windows are read in one turn. Each slice has one turn
per round (one far interval), so that the calls of a round are spread evenly over it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
"""A provider that was not read for this number of rounds is overdue."""


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
