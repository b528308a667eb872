"""The order of writes: make room before taking it, and gather what a platform takes in one call."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from operator import itemgetter

from syncd.core.inputs import inputs_digest
from syncd.model import Action, BulkCall, Operation, Value

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
    operations: Sequence[Operation], bulk_of: Callable[[Operation], BulkCall | None]
) -> list[tuple[Operation, ...]]:
    """Cut one system's ordered operations into calls.

    Operations of one bulk call are gathered at the place of the first one, whatever their actions
    are: the platform carries out the whole list as one. None of them overtakes an operation that
    makes room for it; then it begins another call.
    """
    calls: list[list[Operation]] = []
    begun: dict[BulkCall, int] = {}
    for operation in operations:
        bulk = bulk_of(operation)
        at = None if bulk is None else begun.get(bulk)
        if bulk is None:
            calls.append([operation])
        elif at is None or len(calls[at]) >= bulk.rows or _overtakes(operation, calls[at + 1 :]):
            begun[bulk] = len(calls)
            calls.append([operation])
        else:
            calls[at].append(operation)
    return [tuple(call) for call in calls]


def _overtakes(operation: Operation, calls: Iterable[Sequence[Operation]]) -> bool:
    """Whether one of these calls must be made before the operation."""
    wanted = operation.after
    return any(
        (other.event is not None and other.event == operation.event)
        or (
            wanted is not None
            and wanted.busy
            and other.before is not None
            and other.before.busy
            and wanted.overlaps(other.before)
        )
        for call in calls
        for other in call
    )


def groups(
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


def operation_key(operation: Operation) -> str:
    """A name for what is wanted, equal for each attempt at it: the unit of quarantine."""
    target = operation.event or operation.bookings
    return inputs_digest(
        operation.action, operation.system, operation.provider, target, operation.after
    )
