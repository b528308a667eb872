"""The order of writes: make room before taking it, and gather what a platform takes in one call."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from operator import itemgetter

from syncd.core.facts import digest
from syncd.model import Action, Operation, Value

_FIRST = (Action.REMOVE_BLOCK, Action.SET_STATUS)
_MOVES = (Action.MOVE_APPOINTMENT, Action.MOVE_BLOCK)


def order(operations: Iterable[Operation]) -> list[Operation]:
    """Order one system's operations: what frees time, then moves, then what takes time.

    A move that needs a slot comes after the move that frees it; a ring of moves is cut at its
    earliest one.
    """
    freeing: list[Operation] = []
    moves: list[Operation] = []
    taking: list[Operation] = []
    for operation in sorted(operations, key=_place):
        if operation.action in _MOVES:
            moves.append(operation)
        elif operation.action in _FIRST and not _takes(operation):
            freeing.append(operation)
        else:
            taking.append(operation)
    return [*freeing, *_untangle(moves), *taking]


def _takes(operation: Operation) -> bool:
    """Whether the write makes time busy that was free: a status that revives a meeting."""
    before, after = operation.before, operation.after
    return after is not None and after.busy and (before is None or not before.busy)


def _place(operation: Operation) -> tuple[int, str, str, str]:
    value = operation.after or operation.before
    when = value.start.isoformat() if value else ""
    return (list(Action).index(operation.action), when, operation.provider, operation.event or "")


def _untangle(moves: Sequence[Operation]) -> list[Operation]:
    """Always the first one that waits for none that is left; where all wait, the first."""
    waits = _waits(moves)
    behind: dict[int, list[int]] = {}
    for at, others in enumerate(waits):
        for other in others:
            behind.setdefault(other, []).append(at)
    ready = [at for at, others in enumerate(waits) if not others]
    rest = iter(range(len(moves)))
    done: dict[int, Operation] = {}
    while len(done) < len(moves):
        at = heappop(ready) if ready else next(at for at in rest if at not in done)
        if at in done:
            continue
        done[at] = moves[at]
        for other in behind.get(at, ()):
            waits[other].discard(at)
            if not waits[other]:
                heappush(ready, other)
    return list(done.values())


def _waits(moves: Sequence[Operation]) -> list[set[int]]:
    """For each move those of its provider, by place, that still hold where it goes to."""
    held: dict[str, list[tuple[datetime, int, Value]]] = {}
    for at, move in enumerate(moves):
        if move.before is not None:
            held.setdefault(move.provider, []).append((move.before.start, at, move.before))
    longest: dict[str, timedelta] = {}
    for provider, places in held.items():
        places.sort(key=_STARTS)
        longest[provider] = max(value.end - value.start for _, _, value in places)
    waits: list[set[int]] = []
    for at, move in enumerate(moves):
        wanted, places = move.after, held.get(move.provider, [])
        if wanted is None or not places:
            waits.append(set())
            continue
        first = bisect_left(places, wanted.start - longest[move.provider], key=_STARTS)
        last = bisect_right(places, wanted.end, key=_STARTS)
        near = places[first:last]
        waits.append({other for _, other, value in near if other != at and wanted.overlaps(value)})
    return waits


_STARTS = itemgetter(0)


def batches(
    operations: Sequence[Operation], sizes: Mapping[Action, int]
) -> list[tuple[Operation, ...]]:
    """Cut one system's ordered operations into calls.

    An action that the platform takes in bulk is gathered at the place of its first operation: the
    platform carries out the whole list as one, so order inside it means nothing.
    """
    calls: list[tuple[Operation, ...]] = []
    gathered: set[Action] = set()
    for operation in operations:
        action, size = operation.action, sizes.get(operation.action, 1)
        if size == 1:
            calls.append((operation,))
        elif action not in gathered:
            gathered.add(action)
            same = [o for o in operations if o.action is action]
            calls.extend(tuple(same[i : i + size]) for i in range(0, len(same), size))
    return calls


def ahead(
    calls: Iterable[tuple[Operation, ...]], size: int
) -> Iterator[list[tuple[Operation, ...]]]:
    """Cut calls into groups of about so many operations, in order; a call is never cut."""
    group: list[tuple[Operation, ...]] = []
    for call in calls:
        if group and sum(map(len, group)) + len(call) > size:
            yield group
            group = []
        group.append(call)
    if group:
        yield group


def name(operation: Operation) -> str:
    """A name for what is wanted, equal for each attempt at it: the unit of quarantine."""
    target = operation.event or operation.bookings
    return digest(operation.action, operation.system, operation.provider, target, operation.after)
