"""Test the interval of free-slot reads, and the count of busy intervals that are still offered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from syncd.core.availability.exposure import percentiles
from syncd.model import ExposureCause
from syncd.store.queries import availability
from syncd.store.tables.tables import FREE_TIME
from syncd.systems.errors import RejectedError, RetryableError
from tests.core.kit import at, v
from tests.engine.conftest import Rig


def causes(rig: Rig) -> list[tuple[str, ExposureCause]]:
    return [(e.system, e.cause) for e in availability.exposures(rig.store, rig.clock.now())]


async def test_a_blocked_interval_is_not_exposed_and_a_waiting_one_is(rig: Rig) -> None:
    rig.b.faults["write"] = [RetryableError("b")] * 20
    rig.a.book("p", v(9))
    report = await rig.engine.poll(near=False)
    assert report.exposures == 1
    assert causes(rig) == [("b", ExposureCause.UNCLOSED)]
    rig.b.faults.clear()
    assert (await rig.engine.resync()).exposures == 0
    assert causes(rig) == []


async def test_exposures_of_several_providers_are_kept_apart(rig: Rig) -> None:
    assert (await rig.engine.resync()).converged
    rig.clock.pass_(minutes=2)
    await rig.engine.poll(near=False)
    rig.b.faults["write"] = [RetryableError("b")] * 20
    for provider in ("p", "q"):
        rig.a.book(provider, v(9))
    assert (await rig.engine.poll(near=False)).exposures == 2
    found = availability.exposures(rig.store, rig.clock.now())
    assert [e.provider for e in found] == ["p", "q"]
    availability.save_exposures(rig.store, {"q": []})
    assert availability.exposures(rig.store, rig.clock.now()) == found[:1]


async def test_an_exposure_ends_with_its_interval(rig: Rig) -> None:
    rig.b.faults["write"] = [RetryableError("b")] * 20
    rig.a.book("p", v(9))
    await rig.engine.poll(near=False)
    rig.clock.time = at(10)
    assert (await rig.engine.poll(near=False)).exposures == 0


async def test_a_block_without_effect_is_found_by_the_next_slot_read(rig: Rig) -> None:
    rig.b.leaky = True
    rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.clock.pass_(minutes=1)
    await rig.engine.read_free_slots()
    assert (await rig.engine.poll(near=True)).exposures == 1
    assert causes(rig) == [("b", ExposureCause.IGNORED)]
    rig.b.leaky = False
    await rig.engine.read_free_slots()
    assert causes(rig), "the answer is young: it is not asked for again"
    rig.clock.pass_(minutes=15)
    await rig.engine.read_free_slots()
    assert (await rig.engine.poll(near=True)).exposures == 0


async def test_a_restart_keeps_what_is_known(rig: Rig) -> None:
    rig.b.leaky = True
    rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.clock.pass_(minutes=1)
    await rig.engine.read_free_slots()
    await rig.engine.poll(near=True)
    since = availability.exposures(rig.store, rig.clock.now())[0].since
    rig.restart()
    rig.clock.pass_(minutes=1)
    assert (await rig.engine.poll(near=True)).exposures == 1
    assert availability.exposures(rig.store, rig.clock.now())[0].since == since


async def test_a_read_only_calendar_that_offers_a_taken_time_is_named(rig: Rig) -> None:
    engine = rig.engine
    engine.policy = replace(engine.policy, read_only=frozenset({("p", "b")}))
    engine.__post_init__()
    rig.a.book("p", v(9))
    assert (await engine.resync()).exposures == 1
    assert causes(rig) == [("b", ExposureCause.READ_ONLY)]


async def test_a_failed_slot_read_keeps_the_stored_slots_and_reports_it(rig: Rig) -> None:
    await rig.engine.read_free_slots()
    before = availability.availabilities(rig.store, "p")["p", "a"]
    rig.clock.pass_(minutes=20)
    rig.a.faults["free_slots"] = [RetryableError("a", detail="gone fishing")]
    await rig.engine.read_free_slots()
    after = availability.availabilities(rig.store, "p")["p", "a"]
    assert after == replace(before, fault="gone fishing")
    rig.restart()
    rig.store.execute([delete(FREE_TIME).where(FREE_TIME.c.provider == "p")])
    rig.a.faults["free_slots"] = [RejectedError("a", detail="no calendar")]
    await rig.engine.read_free_slots()
    never = availability.availabilities(rig.store, "p")["p", "a"]
    assert (never.known, never.fault) == (False, "no calendar")


async def test_a_gentle_slot_read_uses_a_quarter_of_the_rate(rig: Rig) -> None:
    before = rig.clock.now()
    await rig.engine.read_free_slots(gently=True)
    # Two providers per system: one delay each, four times what the rate would allow.
    assert (rig.clock.now() - before).total_seconds() == pytest.approx(3 * 0.4)


async def test_slot_reads_stop_when_the_service_ends(rig: Rig) -> None:
    rig.engine.stopping.set()
    await rig.engine.read_free_slots()
    assert availability.availabilities(rig.store) == {}


async def test_the_time_until_a_booking_is_blocked_is_measured(rig: Rig) -> None:
    await rig.engine.resync()
    event = rig.a.book("p", v(9))
    rig.clock.pass_(seconds=50)
    await rig.engine.poll(near=True)
    rig.clock.pass_(seconds=10)
    rig.a.move(event, v(12))
    rig.clock.pass_(seconds=20)
    await rig.engine.poll(near=True)
    measured = percentiles(availability.stored_times_to_block(rig.store))
    assert (measured.count, measured.open, measured.p50, measured.longest) == (2, 0, 20, 50)


async def test_slots_read_with_a_clock_that_was_ahead_are_read_again(
    rig: Rig,
) -> None:
    right = rig.clock.now()
    rig.clock.pass_(days=3)
    await rig.engine.resync()
    await rig.engine.read_free_slots()
    rig.clock.time = right
    rig.a.book("p", v(24 * 5))
    # An existing block is not newer than an answer from days in the future.
    assert (await rig.engine.resync()).exposures == 0
    asked = rig.clock.now()
    await rig.engine.read_free_slots()
    assert {free.asked_at for free in availability.availabilities(rig.store, "p").values()} == {
        asked
    }
