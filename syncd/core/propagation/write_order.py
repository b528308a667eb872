"""Order the writes of a system, and gather those that the platform takes in one call.

After `order`, a write that needs a time comes after the write that frees it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from operator import itemgetter

from syncd.core.inputs import inputs_digest
from syncd.model import Action, BulkCall, Operation, Value

_FREEING = (Action.REMOVE_BLOCK, Action.SET_STATUS)
_MOVES = (Action.MOVE_APPOINTMENT, Action.MOVE_BLOCK)


def order(operations: Iterable[Operation]) -> list[Operation]:
    """Order one system's operations: writes that free time, then moves, then writes that take time.

    A move to a time comes after the move that frees that time. If moves wait for each other in a
    circle, the first of them is made first.
    """
    freeing: list[Operation] = []
    moves: list[Operation] = []
    taking: list[Operation] = []
    for operation in sorted(operations, key=_sort_key):
        if operation.action in _MOVES:
            moves.append(operation)
        elif operation.action in _FREEING and not _takes_time(operation):
            freeing.append(operation)
        else:
            taking.append(operation)
    return [*freeing, *_sort_moves(moves), *taking]


def _takes_time(operation: Operation) -> bool:
    """Return true if the write takes time that was free: a status that revives a meeting."""
    before, after = operation.before, operation.after
    return after is not None and after.busy and (before is None or not before.busy)


def _sort_key(operation: Operation) -> tuple[int, str, str, str]:
    value = operation.after or operation.before
    when = value.start.isoformat() if value else ""
    return (list(Action).index(operation.action), when, operation.provider, operation.event or "")


def _sort_moves(moves: Sequence[Operation]) -> list[Operation]:
    """Sort moves so that each comes after the moves for which it waits.

    If all remaining moves wait for each other, the first move is taken.
    """
    waits = _blocking_moves(moves)
    waiting_for: dict[int, list[int]] = {}
    for index, blockers in enumerate(waits):
        for other in blockers:
            waiting_for.setdefault(other, []).append(index)
    ready = [index for index, blockers in enumerate(waits) if not blockers]
    remaining = iter(range(len(moves)))
    done: dict[int, Operation] = {}
    while len(done) < len(moves):
        index = heappop(ready) if ready else next(index for index in remaining if index not in done)
        if index in done:
            continue
        done[index] = moves[index]
        for other in waiting_for.get(index, ()):
            waits[other].discard(index)
            if not waits[other]:
                heappush(ready, other)
    return list(done.values())


def _blocking_moves(moves: Sequence[Operation]) -> list[set[int]]:
    """Return for each move the indexes of the moves of its provider that occupy its target time."""
    occupied: dict[str, list[tuple[datetime, int, Value]]] = {}
    for index, move in enumerate(moves):
        if move.before is not None:
            occupied.setdefault(move.provider, []).append((move.before.start, index, move.before))
    longest: dict[str, timedelta] = {}
    for provider, places in occupied.items():
        places.sort(key=_START)
        longest[provider] = max(value.end - value.start for _, _, value in places)
    waits: list[set[int]] = []
    for index, move in enumerate(moves):
        target, places = move.after, occupied.get(move.provider, [])
        if target is None or not places:
            waits.append(set())
            continue
        first = bisect_left(places, target.start - longest[move.provider], key=_START)
        last = bisect_right(places, target.end, key=_START)
        candidates = places[first:last]
        waits.append(
            {other for _, other, value in candidates if other != index and target.overlaps(value)}
        )
    return waits


_START = itemgetter(0)


def batches(
    operations: Sequence[Operation], bulk_of: Callable[[Operation], BulkCall | None]
) -> list[tuple[Operation, ...]]:
    """Split one system's ordered operations into calls.

    ``bulk_of`` returns the bulk call that may carry an operation; None: the operation needs a call
    of its own. Operations of the same bulk call are gathered at the place of the first of them,
    whatever their actions: the platform runs the whole list at once. An operation that must come
    after an operation of a later call is not moved ahead of that call, but starts a new call.
    """
    calls: list[list[Operation]] = []
    open_calls: dict[BulkCall, int] = {}
    for operation in operations:
        bulk = bulk_of(operation)
        index = None if bulk is None else open_calls.get(bulk)
        if bulk is None:
            calls.append([operation])
        elif (
            index is None
            or len(calls[index]) >= bulk.rows
            or _overtakes(operation, calls[index + 1 :])
        ):
            open_calls[bulk] = len(calls)
            calls.append([operation])
        else:
            calls[index].append(operation)
    return [tuple(call) for call in calls]


def _overtakes(operation: Operation, calls: Iterable[Sequence[Operation]]) -> bool:
    """Return true if one of these calls must be made before the operation."""
    target = operation.after
    return any(
        (other.event is not None and other.event == operation.event)
        or (
            target is not None
            and target.busy
            and other.before is not None
            and other.before.busy
            and target.overlaps(other.before)
        )
        for call in calls
        for other in call
    )


def groups(
    calls: Iterable[tuple[Operation, ...]], size: int
) -> Iterator[list[tuple[Operation, ...]]]:
    """Split calls into groups of about ``size`` operations, in order; a call is never split."""
    group: list[tuple[Operation, ...]] = []
    for call in calls:
        if group and sum(map(len, group)) + len(call) > size:
            yield group
            group = []
        group.append(call)
    if group:
        yield group


def operation_key(operation: Operation) -> str:
    """Return a digest of what a write shall achieve; it is equal for every attempt at the write."""
    target = operation.event or operation.bookings
    return inputs_digest(
        operation.action, operation.system, operation.provider, target, operation.after
    )
