"""A platform whose updates do not bring about the end that they are sent (`update_keeps_end`)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine.report import Exit
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)


def book(shop: Shop, minutes: int = 60) -> str:
    return shop.world.book("crm", "alice", shop.world.at(3, 14), minutes)


@pytest.mark.parametrize("kept", ["no", "yes"])
@pytest.mark.parametrize("measured", ["yes", "no", ""])
@pytest.mark.parametrize(("before", "after"), [(60, 120), (120, 60), (60, 90)])
async def test_a_block_gets_another_length_whether_or_not_updates_keep_the_end(
    shop: Shop, kept: str, measured: str, before: int, after: int
) -> None:
    shop.world.sandbox.legacy.set_fact("update_keeps_end", kept)
    if measured:
        shop.app.systems["legacy"].measured.note("update_keeps_end", measured)
    event = book(shop, before)
    await shop.resync()
    start = shop.world.at(3, 15)
    shop.world.sandbox.crm.move(event, start, start + timedelta(minutes=after))
    await shop.resync()
    report = await shop.resync()
    assert shop.wrong() == []
    assert report.exit is Exit.DONE
    assert report.operations.total() == 0


async def test_no_time_is_open_while_a_block_is_replaced(shop: Shop) -> None:
    legacy = shop.world.sandbox.legacy
    legacy.update_keeps_end = False
    event = book(shop)
    await shop.resync()
    start = shop.world.at(3, 14)
    since = len(legacy.calls)
    shop.world.sandbox.crm.move(event, start, start + 2 * HOUR)
    report = await shop.resync()
    writes = [c.method for c in legacy.calls[since:] if c.method in {"POST", "PUT", "DELETE"}]
    assert writes == ["PUT", "POST", "DELETE"]
    assert report.exit is Exit.DONE
    assert shop.wrong() == []


async def test_a_twin_that_cannot_be_lengthened_gets_a_block_beside_it(shop: Shop) -> None:
    world = shop.world
    start = world.at(3, 14)
    first, twin = (world.book(system, "alice", start, 30) for system in ("clinic", "legacy"))
    await shop.resync()
    world.sandbox.legacy.update_keeps_end = False
    world.sandbox.clinic.move(first, start, start + 2 * HOUR)
    await shop.resync()
    report = await shop.resync()
    closed = {(b.start, b.end) for b in world.sandbox.legacy.blocks() if not b.deleted}
    assert (start, start + 2 * HOUR) in closed
    assert report.operations.total() == 0
    # Once the meeting ends earlier again, the block that closed the rest has gone.
    world.sandbox.clinic.move(first, start, start + HOUR / 2)
    await shop.resync()
    assert (await shop.resync()).operations.total() == 0
    assert shop.wrong() == []
    shown = next(m for m in world.sandbox.legacy.appointments() if m.id == twin)
    assert (shown.start, shown.end) == (start, start + HOUR / 2)
