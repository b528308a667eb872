"""The order of writes: make room before taking it, and gather what a platform takes in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from syncd.core.facts import digest
from syncd.model import Action, Operation

_FIRST = (Action.REMOVE_BLOCK, Action.SET_STATUS)
_MOVES = (Action.MOVE_APPOINTMENT, Action.MOVE_BLOCK)


def order(operations: Iterable[Operation]) -> list[Operation]:
    """Order one system's operations: what frees time, then moves, then what takes time.

    A move that needs a slot comes after the move that frees it; a ring of moves is cut at its
    earliest one.
    """
    todo = sorted(operations, key=_place)
    freeing = [o for o in todo if o.action in _FIRST and not _takes(o)]
    moves = [o for o in todo if o.action in _MOVES]
    taking = [o for o in todo if o not in freeing and o not in moves]
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
    rest = list(moves)
    done: list[Operation] = []
    while rest:
        ready = next((o for o in rest if not any(_waits(o, other) for other in rest)), rest[0])
        rest.remove(ready)
        done.append(ready)
    return done


def _waits(operation: Operation, other: Operation) -> bool:
    """Whether the operation goes to a place that the other one still holds."""
    if other is operation or operation.provider != other.provider:
        return False
    return (
        operation.after is not None
        and other.before is not None
        and operation.after.overlaps(other.before)
    )


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
