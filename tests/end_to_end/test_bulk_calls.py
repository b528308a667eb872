"""The content of LeadSquared's bulk calls, counted over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from syncd.engine.writing.first_writes import MOVES
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.model import Action, ConflictKind, Operation
from syncd.model.platform_facts import YES
from syncd.store.repository.journal import failed_operations
from syncd.systems.leadsquared.wire import WriteResponse
from syncd.systems.replies import Reply
from tests.end_to_end.conftest import Site

TIMES = "/Task.svc/BulkUpdateAppointmentTime"
DELETE = "/Task.svc/DeleteTasks"
HOUR = timedelta(hours=1)


def calls_to(site: Site, path: str) -> int:
    return sum(call.path == path for call in site.world.sandbox.crm.calls)


async def booked(site: Site) -> tuple[list[str], list[str]]:
    """Book three twins of two providers in crm and clinic, and four meetings in clinic only."""
    world = site.world
    twins = []
    for who, day, hour in (("alice", 7, 9), ("alice", 7, 12), ("bob", 7, 9)):
        world.book("crm", who, world.at(day, hour))
        twins.append(world.book("clinic", who, world.at(day, hour)))
    alone = [
        world.book("clinic", who, world.at(day, 15))
        for who, day in (("alice", 7), ("bob", 7), ("alice", 8), ("carol", 8))
    ]
    await site.resync()
    assert site.disagreements() == []
    return twins, alone


async def test_all_reschedules_of_a_cycle_are_one_bulk_call(site: Site) -> None:
    twins, alone = await booked(site)
    site.app.engine.systems["crm"].facts.put(MOVES, YES)
    clinic, before = site.world.sandbox.clinic, calls_to(site, TIMES)
    for event in (*twins, *alone):
        shown = next(a for a in clinic.appointments() if a.id == event)
        # One of them goes to where another one is now, so that order matters.
        clinic.move(event, shown.start + 3 * HOUR, shown.end + 3 * HOUR)
    report = await site.resync()
    assert site.disagreements() == []
    assert report.converged
    assert calls_to(site, TIMES) - before == 1
    assert report.operations[Action.MOVE_APPOINTMENT] == 3
    assert report.operations[Action.MOVE_BLOCK] >= 4


async def test_removals_of_a_cycle_are_one_bulk_call_before_the_moves(site: Site) -> None:
    _, alone = await booked(site)
    clinic, before = site.world.sandbox.clinic, calls_to(site, DELETE)
    start = len(site.world.sandbox.crm.calls)
    for event in alone[:2]:
        clinic.cancel(event)
    for event in alone[2:]:
        shown = next(a for a in clinic.appointments() if a.id == event)
        clinic.move(event, shown.start - HOUR, shown.end - HOUR)
    await site.resync()
    assert site.disagreements() == []
    assert calls_to(site, DELETE) - before == 1
    paths = [call.path for call in site.world.sandbox.crm.calls[start:]]
    assert paths.index(DELETE) < paths.index(TIMES)


async def test_a_call_that_is_refused_for_its_size_is_sent_in_halves(site: Site) -> None:
    _, alone = await booked(site)
    crm, clinic = site.world.sandbox.crm, site.world.sandbox.clinic
    crm.most_bulk_rows = 2
    before = calls_to(site, TIMES)
    for event in alone:
        shown = next(a for a in clinic.appointments() if a.id == event)
        clinic.move(event, shown.start + HOUR, shown.end + HOUR)
    report = await site.resync()
    assert site.disagreements() == []
    assert calls_to(site, TIMES) - before == 3
    assert report.failures == []


async def test_only_the_row_that_is_refused_counts_as_refused(site: Site) -> None:
    """One bad row makes the platform refuse the whole call; the other rows are carried out."""
    _, alone = await booked(site)
    crm, clinic = site.world.sandbox.crm, site.world.sandbox.clinic
    bad = next(b.id for b in crm.blocks() if b.start == site.world.at(8, 15) and not b.deleted)
    crm.refuses_rows = frozenset({bad})
    for event in alone:
        shown = next(a for a in clinic.appointments() if a.id == event)
        clinic.move(event, shown.start + HOUR, shown.end + HOUR)
    for _ in range(3):
        await site.resync()
    conflicts = site.app.store.open_conflicts()
    assert [h.conflict.kind for h in conflicts] == ["quarantined"]
    failed = [o for who in PEOPLE for o in failed_operations(site.app.store, who)]
    assert {o.event for o in failed} == {bad}
    stands = {(b.start, b.id == bad) for b in crm.blocks() if not b.deleted}
    assert (site.world.at(8, 15), True) in stands
    assert (site.world.at(7, 16), False) in stands


async def test_of_a_refused_call_only_the_row_that_is_gone_counts_as_gone(site: Site) -> None:
    """The platform says that a task does not exist, but not which one."""
    _, alone = await booked(site)
    crm, clinic = site.world.sandbox.crm, site.world.sandbox.clinic
    crm.refuses_unknown_rows = True
    for event in alone:
        shown = next(a for a in clinic.appointments() if a.id == event)
        clinic.move(event, shown.start + HOUR, shown.end + HOUR)
    blocks = {b.start: b.id for b in crm.blocks() if not b.deleted}
    gone, *others = [blocks[site.world.at(day, 15)] for day in (8, 7)]
    write = site.app.systems["crm"].write

    async def removed_meanwhile(operations: Sequence[Operation]) -> Reply:
        if not next(b for b in crm.blocks() if b.id == gone).deleted:
            crm.remove_block(gone)
        return await write(operations)

    site.app.systems["crm"].write = removed_meanwhile  # type: ignore[method-assign]
    for _ in range(2):
        await site.resync()
    assert site.disagreements() == []
    standing = {b.id for b in crm.blocks() if not b.deleted}
    assert set(others) <= standing
    assert gone not in standing


async def unable_to_delete(site: Site) -> list[ConflictKind]:
    """Refuse to delete one block but not another; return what is left for a person at the end."""
    _, alone = await booked(site)
    crm, clinic = site.world.sandbox.crm, site.world.sandbox.clinic
    bad = next(b.id for b in crm.blocks() if b.start == site.world.at(8, 15) and not b.deleted)
    crm.refuses_rows = frozenset({bad})
    for event in alone:
        clinic.cancel(event)
    for _ in range(4):
        await site.app.engine.poll(near=False)
    standing = {b.id for b in crm.blocks() if not b.deleted}
    assert bad in standing
    return [h.conflict.kind for h in site.app.store.open_conflicts()]


async def test_a_block_that_is_not_deleted_is_quarantined_and_the_others_are_gone(
    site: Site,
) -> None:
    assert await unable_to_delete(site) == [ConflictKind.QUARANTINED]


async def test_a_deletion_whose_counts_are_ignored_is_caught(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WriteResponse, "deleted", lambda _wrote, _asked: None)
    assert await unable_to_delete(site) == []
