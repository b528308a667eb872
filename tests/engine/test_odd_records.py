"""Records that are unreadable, or readable only by an assumption, affect no others."""

from __future__ import annotations

from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_promises import settle


async def test_a_malformed_record_is_reported_and_the_rest_goes_on(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.move(event, v(12))
    harness.a.broken.add(event)
    harness.a.book("p", v(15))
    first = await harness.engine.resync()
    assert [item.event for item in first.items] == [event]
    assert harness.blocks()["b"] == [v(9).interval, v(15).interval]
    harness.a.broken.clear()
    await settle(harness)
    assert harness.blocks()["b"] == [v(12).interval, v(15).interval]


async def test_a_time_that_had_to_be_interpreted_is_reported_and_carried(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    harness.a.odd[event] = "02:30 does not exist that day"
    first = await harness.engine.resync()
    assert [(i.event, i.reason) for i in first.items] == [(event, "02:30 does not exist that day")]
    assert harness.blocks()["b"] == [v(9).interval]
    harness.a.move(event, v(12))
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(12).interval]
