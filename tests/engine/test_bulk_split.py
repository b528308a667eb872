"""Test how the rows of a bulk call are handled if the call is refused as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.model import Action, BulkCall, ConflictKind, Operation, Person, Status
from syncd.store.repository.journal import failed_operations
from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.port import Capabilities
from syncd.systems.replies import Accepted, Done, Reply
from tests.core.kit import v
from tests.engine.fakes import FakeSystem

from .conftest import Rig
from .test_promises import settle

ROWS = 64


def queues(system: FakeSystem, rows: int = ROWS) -> None:
    system.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk_only=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", rows)},
    )


def refusing(
    system: FakeSystem, refuses: Callable[[Operation], bool], fault: RejectedError
) -> list[int]:
    """Refuse each call that contains such a row; return the sizes of all calls."""
    sizes: list[int] = []

    async def write(operations: Sequence[Operation]) -> Reply:
        sizes.append(len(operations))
        if any(map(refuses, operations)):
            raise fault
        for operation in operations:
            system._apply(operation)
        return Accepted("job")

    system.write = write  # type: ignore[method-assign]
    return sizes


async def moved(rig: Rig, count: int) -> None:
    """Book so many meetings in system a, and move each by ten minutes more than the one before."""
    events = [rig.a.book("p", v(24 * day + 9)) for day in range(count)]
    await settle(rig)
    queues(rig.b)
    for number, event in enumerate(events):
        value = rig.a.events[event].value
        later = timedelta(minutes=10 * (number + 1))
        rig.a.move(event, replace(value, start=value.start + later, end=value.end + later))


@pytest.mark.parametrize(
    "why", [RejectionReason.UNFIT, RejectionReason.GONE, RejectionReason.SLOT_TAKEN]
)
async def test_the_row_at_fault_is_found_and_the_others_are_written(
    rig: Rig, why: RejectionReason
) -> None:
    await moved(rig, 7)
    bad = next(e for e, h in rig.b.events.items() if h.value.start == v(24 * 3 + 9).start)
    sizes = refusing(rig.b, lambda o: o.event == bad, RejectedError("b", why=why))
    report = await rig.engine.poll(near=False)
    assert sizes[0] == 7
    assert len(sizes) <= 7
    assert report.operations[Action.MOVE_BLOCK] >= 6
    known = rig.store.records("b", list(rig.b.events))
    assert {r.id for r in known if r.observed is None} == (
        {bad} if why is RejectionReason.GONE else set()
    )


@pytest.mark.parametrize(("each", "calls"), [(True, 1), (False, 9)])
async def test_a_refusal_of_all_rows_counts_for_each_after_a_bounded_search(
    rig: Rig, calls: int, *, each: bool
) -> None:
    await moved(rig, 10)
    sizes = refusing(rig.b, lambda _: True, RejectedError("b", why=RejectionReason.GONE, each=each))
    await rig.engine.poll(near=False)
    assert len(sizes) == calls
    # "It is gone" was answered for all rows at once; it counts only for rows sent alone.
    gone = [r for r in rig.store.records("b", list(rig.b.events)) if r.observed is None]
    assert len(gone) == sum(size == 1 for size in sizes)
    assert len(failed_operations(rig.store, "p")) + len(gone) == 10


async def test_a_status_that_is_answered_with_another_one_is_tried_three_times(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    twin = rig.b.book("p", v(9))
    for system, who in ((rig.a, event), (rig.b, twin)):
        system.events[who].customer = "ann"
        system.customers["ann"] = Person(emails=("ann@example.com",))
    await settle(rig)
    tries: list[Operation] = []

    async def write(operations: Sequence[Operation]) -> Reply:
        tries.extend(operations)
        return Done([(o.ref.id, rig.b.events[o.ref.id].value) for o in operations])

    rig.b.write = write  # type: ignore[method-assign]
    rig.a.cancel(event)
    for _ in range(5):
        await rig.engine.poll(near=False)
    assert len(tries) == 3
    assert rig.b.events[twin].value.status is Status.CONFIRMED
    assert [h.conflict.kind for h in rig.store.open_conflicts()] == [ConflictKind.QUARANTINED]


async def test_several_first_rows_at_fault_take_none_of_the_others_along(rig: Rig) -> None:
    """The earliest rows are refused, as for a deleted user; the search ends early."""
    await moved(rig, 10)
    first = sorted(rig.b.events, key=lambda event: rig.b.events[event].value.start)[:4]
    refusing(rig.b, lambda o: o.event in first, RejectedError("b"))
    before = {event: held.value for event, held in rig.b.events.items()}
    for _ in range(10):
        await rig.engine.poll(near=False)
    assert {e for e, held in rig.b.events.items() if held.value == before[e]} == set(first)
    held = [claim.event for h in rig.store.open_conflicts() for claim in h.conflict.claims]
    assert sorted(map(str, held)) == sorted(first)
