"""Records that are unreadable, or readable only by an assumption, affect no others."""

from __future__ import annotations

from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_promises import settle


async def test_a_malformed_record_is_reported_and_the_rest_goes_on(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.move(event, v(12))
    rig.a.broken.add(event)
    rig.a.book("p", v(15))
    first = await rig.engine.resync()
    assert [item.event for item in first.items] == [event]
    assert rig.blocks()["b"] == [v(9).interval, v(15).interval]
    rig.a.broken.clear()
    await settle(rig)
    assert rig.blocks()["b"] == [v(12).interval, v(15).interval]


async def test_a_time_that_had_to_be_interpreted_is_reported_and_carried(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    rig.a.odd[event] = "02:30 does not exist that day"
    first = await rig.engine.resync()
    assert [(i.event, i.reason) for i in first.items] == [(event, "02:30 does not exist that day")]
    assert rig.blocks()["b"] == [v(9).interval]
    rig.a.move(event, v(12))
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(12).interval]
