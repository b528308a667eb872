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
from tests.engine.conftest import Shop


def causes(shop: Shop) -> list[tuple[str, ExposureCause]]:
    return [(e.system, e.cause) for e in availability.exposures(shop.store, shop.clock.now())]


async def test_a_blocked_interval_is_not_exposed_and_a_waiting_one_is(shop: Shop) -> None:
    shop.b.faults["write"] = [RetryableError("b")] * 20
    shop.a.book("p", v(9))
    report = await shop.engine.poll(near=False)
    assert report.exposures == 1
    assert causes(shop) == [("b", ExposureCause.UNCLOSED)]
    shop.b.faults.clear()
    assert (await shop.engine.resync()).exposures == 0
    assert causes(shop) == []


async def test_exposures_of_several_providers_are_kept_apart(shop: Shop) -> None:
    assert (await shop.engine.resync()).converged
    shop.clock.pass_(minutes=2)
    await shop.engine.poll(near=False)
    shop.b.faults["write"] = [RetryableError("b")] * 20
    for provider in ("p", "q"):
        shop.a.book(provider, v(9))
    assert (await shop.engine.poll(near=False)).exposures == 2
    found = availability.exposures(shop.store, shop.clock.now())
    assert [e.provider for e in found] == ["p", "q"]
    availability.save_exposures(shop.store, {"q": []})
    assert availability.exposures(shop.store, shop.clock.now()) == found[:1]


async def test_an_exposure_ends_with_its_interval(shop: Shop) -> None:
    shop.b.faults["write"] = [RetryableError("b")] * 20
    shop.a.book("p", v(9))
    await shop.engine.poll(near=False)
    shop.clock.time = at(10)
    assert (await shop.engine.poll(near=False)).exposures == 0


async def test_a_block_without_effect_is_found_by_the_next_slot_read(shop: Shop) -> None:
    shop.b.leaky = True
    shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.clock.pass_(minutes=1)
    await shop.engine.read_free_slots()
    assert (await shop.engine.poll(near=True)).exposures == 1
    assert causes(shop) == [("b", ExposureCause.IGNORED)]
    shop.b.leaky = False
    await shop.engine.read_free_slots()
    assert causes(shop), "the answer is young: it is not asked for again"
    shop.clock.pass_(minutes=15)
    await shop.engine.read_free_slots()
    assert (await shop.engine.poll(near=True)).exposures == 0


async def test_a_restart_keeps_what_is_known(shop: Shop) -> None:
    shop.b.leaky = True
    shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.clock.pass_(minutes=1)
    await shop.engine.read_free_slots()
    await shop.engine.poll(near=True)
    since = availability.exposures(shop.store, shop.clock.now())[0].since
    shop.restart()
    shop.clock.pass_(minutes=1)
    assert (await shop.engine.poll(near=True)).exposures == 1
    assert availability.exposures(shop.store, shop.clock.now())[0].since == since


async def test_a_read_only_calendar_that_offers_a_taken_time_is_named(shop: Shop) -> None:
    engine = shop.engine
    engine.policy = replace(engine.policy, read_only=frozenset({("p", "b")}))
    engine.__post_init__()
    shop.a.book("p", v(9))
    assert (await engine.resync()).exposures == 1
    assert causes(shop) == [("b", ExposureCause.READ_ONLY)]


async def test_a_failed_slot_read_keeps_the_stored_slots_and_reports_it(shop: Shop) -> None:
    await shop.engine.read_free_slots()
    before = availability.availabilities(shop.store, "p")["p", "a"]
    shop.clock.pass_(minutes=20)
    shop.a.faults["free_slots"] = [RetryableError("a", detail="gone fishing")]
    await shop.engine.read_free_slots()
    after = availability.availabilities(shop.store, "p")["p", "a"]
    assert after == replace(before, fault="gone fishing")
    shop.restart()
    shop.store.execute([delete(FREE_TIME).where(FREE_TIME.c.provider == "p")])
    shop.a.faults["free_slots"] = [RejectedError("a", detail="no calendar")]
    await shop.engine.read_free_slots()
    never = availability.availabilities(shop.store, "p")["p", "a"]
    assert (never.known, never.fault) == (False, "no calendar")


async def test_a_gentle_slot_read_uses_a_quarter_of_the_rate(shop: Shop) -> None:
    before = shop.clock.now()
    await shop.engine.read_free_slots(gently=True)
    # Two providers per system: one delay each, four times what the rate would allow.
    assert (shop.clock.now() - before).total_seconds() == pytest.approx(3 * 0.4)


async def test_slot_reads_stop_when_the_service_ends(shop: Shop) -> None:
    shop.engine.stopping.set()
    await shop.engine.read_free_slots()
    assert availability.availabilities(shop.store) == {}


async def test_the_time_until_a_booking_is_blocked_is_measured(shop: Shop) -> None:
    await shop.engine.resync()
    event = shop.a.book("p", v(9))
    shop.clock.pass_(seconds=50)
    await shop.engine.poll(near=True)
    shop.clock.pass_(seconds=10)
    shop.a.move(event, v(12))
    shop.clock.pass_(seconds=20)
    await shop.engine.poll(near=True)
    measured = percentiles(availability.stored_times_to_block(shop.store))
    assert (measured.count, measured.open, measured.p50, measured.longest) == (2, 0, 20, 50)


async def test_slots_read_with_a_clock_that_was_ahead_are_read_again(
    shop: Shop,
) -> None:
    right = shop.clock.now()
    shop.clock.pass_(days=3)
    await shop.engine.resync()
    await shop.engine.read_free_slots()
    shop.clock.time = right
    shop.a.book("p", v(24 * 5))
    # An existing block is not newer than an answer from days in the future.
    assert (await shop.engine.resync()).exposures == 0
    asked = shop.clock.now()
    await shop.engine.read_free_slots()
    assert {free.asked_at for free in availability.availabilities(shop.store, "p").values()} == {
        asked
    }
