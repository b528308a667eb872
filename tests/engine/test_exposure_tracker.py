"""Test the interval of free-slot reads, and the count of busy intervals that are still offered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from syncd.core.exposure import percentiles
from syncd.model import ExposureCause
from syncd.store import availability
from syncd.store.tables import FREE_TIME
from syncd.systems.port import RejectedError, RetryableError
from tests.core.kit import at, v
from tests.engine.conftest import EngineHarness


def causes(harness: EngineHarness) -> list[tuple[str, ExposureCause]]:
    return [(e.system, e.cause) for e in availability.exposures(harness.store, harness.clock.now())]


async def test_a_blocked_interval_is_not_exposed_and_a_waiting_one_is(
    harness: EngineHarness,
) -> None:
    harness.b.faults["write"] = [RetryableError("b")] * 20
    harness.a.book("p", v(9))
    report = await harness.engine.poll(near=False)
    assert report.exposures == 1
    assert causes(harness) == [("b", ExposureCause.UNCLOSED)]
    harness.b.faults.clear()
    assert (await harness.engine.resync()).exposures == 0
    assert causes(harness) == []


async def test_exposures_of_several_providers_are_kept_apart(harness: EngineHarness) -> None:
    assert (await harness.engine.resync()).converged
    harness.clock.pass_(minutes=2)
    await harness.engine.poll(near=False)
    harness.b.faults["write"] = [RetryableError("b")] * 20
    for provider in ("p", "q"):
        harness.a.book(provider, v(9))
    assert (await harness.engine.poll(near=False)).exposures == 2
    found = availability.exposures(harness.store, harness.clock.now())
    assert [e.provider for e in found] == ["p", "q"]
    availability.save_exposures(harness.store, {"q": []})
    assert availability.exposures(harness.store, harness.clock.now()) == found[:1]


async def test_an_exposure_ends_with_its_interval(harness: EngineHarness) -> None:
    harness.b.faults["write"] = [RetryableError("b")] * 20
    harness.a.book("p", v(9))
    await harness.engine.poll(near=False)
    harness.clock.time = at(10)
    assert (await harness.engine.poll(near=False)).exposures == 0


async def test_a_block_without_effect_is_found_by_the_next_slot_read(
    harness: EngineHarness,
) -> None:
    harness.b.leaky = True
    harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.clock.pass_(minutes=1)
    await harness.engine.read_free_slots()
    assert (await harness.engine.poll(near=True)).exposures == 1
    assert causes(harness) == [("b", ExposureCause.IGNORED)]
    harness.b.leaky = False
    await harness.engine.read_free_slots()
    assert causes(harness), "the answer is young: it is not asked for again"
    harness.clock.pass_(minutes=15)
    await harness.engine.read_free_slots()
    assert (await harness.engine.poll(near=True)).exposures == 0


async def test_a_restart_keeps_what_is_known(harness: EngineHarness) -> None:
    harness.b.leaky = True
    harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.clock.pass_(minutes=1)
    await harness.engine.read_free_slots()
    await harness.engine.poll(near=True)
    since = availability.exposures(harness.store, harness.clock.now())[0].since
    harness.restart()
    harness.clock.pass_(minutes=1)
    assert (await harness.engine.poll(near=True)).exposures == 1
    assert availability.exposures(harness.store, harness.clock.now())[0].since == since


async def test_a_read_only_calendar_that_offers_a_taken_time_is_named(
    harness: EngineHarness,
) -> None:
    engine = harness.engine
    engine.policy = replace(engine.policy, read_only=frozenset({("p", "b")}))
    engine.__post_init__()
    harness.a.book("p", v(9))
    assert (await engine.resync()).exposures == 1
    assert causes(harness) == [("b", ExposureCause.READ_ONLY)]


async def test_a_failed_slot_read_keeps_the_stored_slots_and_reports_it(
    harness: EngineHarness,
) -> None:
    await harness.engine.read_free_slots()
    before = availability.availabilities(harness.store, "p")["p", "a"]
    harness.clock.pass_(minutes=20)
    harness.a.faults["free_slots"] = [RetryableError("a", detail="gone fishing")]
    await harness.engine.read_free_slots()
    after = availability.availabilities(harness.store, "p")["p", "a"]
    assert after == replace(before, fault="gone fishing")
    harness.restart()
    harness.store.execute([delete(FREE_TIME).where(FREE_TIME.c.provider == "p")])
    harness.a.faults["free_slots"] = [RejectedError("a", detail="no calendar")]
    await harness.engine.read_free_slots()
    never = availability.availabilities(harness.store, "p")["p", "a"]
    assert (never.known, never.fault) == (False, "no calendar")


async def test_a_gentle_slot_read_uses_a_quarter_of_the_rate(harness: EngineHarness) -> None:
    before = harness.clock.now()
    await harness.engine.read_free_slots(gently=True)
    # Two providers per system: one delay each, four times what the rate would allow.
    assert (harness.clock.now() - before).total_seconds() == pytest.approx(3 * 0.4)


async def test_slot_reads_stop_when_the_service_ends(harness: EngineHarness) -> None:
    harness.engine.stopping.set()
    await harness.engine.read_free_slots()
    assert availability.availabilities(harness.store) == {}


async def test_the_time_until_a_booking_is_blocked_is_measured(harness: EngineHarness) -> None:
    await harness.engine.resync()
    event = harness.a.book("p", v(9))
    harness.clock.pass_(seconds=50)
    await harness.engine.poll(near=True)
    harness.clock.pass_(seconds=10)
    harness.a.move(event, v(12))
    harness.clock.pass_(seconds=20)
    await harness.engine.poll(near=True)
    measured = percentiles(availability.stored_times_to_block(harness.store))
    assert (measured.count, measured.open, measured.p50, measured.longest) == (2, 0, 20, 50)


async def test_slots_read_with_a_clock_that_was_ahead_are_read_again(
    harness: EngineHarness,
) -> None:
    right = harness.clock.now()
    harness.clock.pass_(days=3)
    await harness.engine.resync()
    await harness.engine.read_free_slots()
    harness.clock.time = right
    harness.a.book("p", v(24 * 5))
    # An existing block is not newer than an answer from days in the future.
    assert (await harness.engine.resync()).exposures == 0
    asked = harness.clock.now()
    await harness.engine.read_free_slots()
    assert {free.asked_at for free in availability.availabilities(harness.store, "p").values()} == {
        asked
    }
