"""An answer that contradicts a measured fact drops it to its safe side at once, and for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.engine.report import RunExit
from syncd.systems.measured import Side
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def side(shop: Shop, system: str, fact: str) -> Side:
    return shop.app.systems[system].measured.side(fact)


async def pass_(shop: Shop, span: timedelta) -> None:
    await shop.clock.sleep(span.total_seconds())


def owner_by_id(shop: Shop) -> None:
    shop.world.sandbox.crm.rows_carry_owner = False
    shop.world.book("crm", "alice", shop.world.at(3, 17))


def no_end(shop: Shop) -> None:
    shop.world.sandbox.crm.rows_carry_end = False
    shop.world.book("crm", "alice", shop.world.at(3, 17))


def completed(shop: Shop) -> None:
    crm = shop.world.sandbox.crm
    crm.completing_changes_end = True
    crm.set_status(shop.world.book("crm", "alice", shop.world.at(3, 17)), "showed")


def cancelled(shop: Shop) -> None:
    crm = shop.world.sandbox.crm
    crm.lists_cancelled = False
    crm.cancel(next(a.id for a in crm.appointments() if a.start > shop.world.at(1, 0)))


def deleted_on_v1(shop: Shop) -> None:
    legacy = shop.world.sandbox.legacy
    legacy.refuses_deleted = True
    legacy.delete(next(a.id for a in legacy.appointments() if a.start > shop.world.at(1, 0)))


def blocks_unlisted(shop: Shop) -> None:
    shop.world.sandbox.legacy.lists_blocks = False


def end_lost(shop: Shop) -> None:
    """A block of an hour on v1 is made longer by syncd, and stays as long as it was."""
    shop.world.sandbox.legacy.update_keeps_end = False
    crm = shop.world.sandbox.crm
    meeting = next(a for a in crm.appointments() if a.start > shop.world.at(1, 0))
    crm.move(meeting.id, meeting.start, meeting.end + HOUR)


CASES: tuple[tuple[str, str, str, Callable[[Shop], None]], ...] = (
    ("crm", "rows_carry_owner", "yes", owner_by_id),
    ("crm", "rows_carry_end", "yes", no_end),
    ("crm", "completing_changes_end", "no", completed),
    ("crm", "lists_cancelled", "yes", cancelled),
    ("legacy", "refuses_deleted", "no", deleted_on_v1),
    ("legacy", "lists_blocks", "yes", blocks_unlisted),
    ("legacy", "update_keeps_end", "yes", end_lost),
)


@pytest.mark.parametrize(("system", "fact", "value", "happens"), CASES)
async def test_a_fact_that_an_answer_contradicts_is_dropped_once_and_stays_so(
    shop: Shop, system: str, fact: str, value: str, happens: Callable[[Shop], None]
) -> None:
    measured = shop.app.systems[system].measured
    safe = measured.safe(fact)
    measured.note(fact, value)
    await shop.resync()
    assert (measured.side(fact), measured.value(fact)) == (Side.MEASURED, value)
    happens(shop)
    with capture_logs() as said:
        for _ in range(2):
            await shop.resync()
            await pass_(shop, MINUTE)
    assert (side(shop, system, fact), measured.value(fact)) == (Side.CONTRADICTED, safe)
    told = [line for line in said if line["event"] == "a platform fact was contradicted"]
    assert [(line["system"], line["fact"]) for line in told] == [(system, fact)]
    await shop.restart()
    assert side(shop, system, fact) is Side.CONTRADICTED
    report = await shop.resync()
    assert side(shop, system, fact) is Side.CONTRADICTED
    assert report.exit is RunExit.DONE
    assert shop.wrong() == []


async def test_a_list_that_is_later_than_was_measured_is_no_news(shop: Shop) -> None:
    clinic, world = shop.world.sandbox.clinic, shop.world
    start = world.at(3, 17)
    first = world.book("crm", "alice", start)
    seat = world.seed_users["clinic", "alice"]
    clinic.book(seat.calendar, seat.user, start, start + HOUR, seat.contact)
    await shop.resync()
    await pass_(shop, MINUTE)
    measured = shop.app.systems["clinic"].measured
    measured.note("list_lag", "0")
    assert shop.app.systems["clinic"].capabilities.lag == timedelta(seconds=5)
    clinic.list_lag = 8.0
    await pass_(shop, MINUTE)
    later = start + 2 * HOUR
    world.sandbox.crm.move(first, later, later + HOUR)
    await shop.app.engine.poll(near=False)
    await pass_(shop, timedelta(seconds=6))
    await shop.app.engine.poll(near=False)
    assert measured.side("list_lag") is Side.CONTRADICTED
    await pass_(shop, MINUTE)
    assert (await shop.resync()).exit is RunExit.DONE
    moved = next(a for a in world.sandbox.crm.appointments() if a.id == first)
    assert moved.start == later, "the late list took the move back"
    assert shop.wrong() == []


async def test_what_was_measured_is_used_from_then_on(shop: Shop) -> None:
    able = {name: system.capabilities for name, system in shop.app.systems.items()}
    assert not able["legacy"].update_keeps_end
    assert not able["crm"].rows_carry_end
    assert able["clinic"].lag == timedelta(seconds=10)
    for system, fact, value in (
        ("legacy", "update_keeps_end", "yes"),
        ("crm", "rows_carry_end", "yes"),
        ("crm", "bulk_rows", "1000"),
        ("clinic", "list_lag", "3"),
        ("clinic", "keeps_tag", "no"),
    ):
        shop.app.systems[system].measured.note(fact, value)
    assert shop.app.systems["legacy"].capabilities.update_keeps_end, "at once"
    await shop.resync()
    await shop.restart()
    able = {name: system.capabilities for name, system in shop.app.systems.items()}
    assert able["legacy"].update_keeps_end
    assert able["crm"].rows_carry_end
    assert {call.rows for call in able["crm"].bulk.values()} == {1000}
    assert able["clinic"].lag == timedelta(seconds=6)
    assert not able["clinic"].key_survives


@pytest.mark.parametrize("keeps", [False, True])
async def test_v1_is_not_read_back_after_a_move_where_it_is_known_to_keep_ends(
    shop: Shop, keeps: bool
) -> None:
    await shop.resync()
    if keeps:
        shop.app.systems["legacy"].measured.note("update_keeps_end", "yes")
    crm, legacy = shop.world.sandbox.crm, shop.world.sandbox.legacy
    meeting = next(a for a in crm.appointments() if a.start > shop.world.at(1, 0))
    crm.move(meeting.id, meeting.start, meeting.end + HOUR)
    before = len(legacy.calls)
    await shop.resync()
    calls = legacy.calls[before:]
    put = next(n for n, call in enumerate(calls) if call.method == "PUT")
    after = [c for c in calls[put + 1 :] if c.path == calls[put].path and c.method == "GET"]
    assert bool(after) is not keeps
    assert shop.wrong() == []


async def test_lists_that_show_blocks_again_do_not_measure_that_anew(shop: Shop) -> None:
    legacy = shop.world.sandbox.legacy
    await shop.resync()
    assert side(shop, "legacy", "lists_blocks") is Side.MEASURED, "a list showed a block"
    legacy.lists_blocks = False
    await shop.resync()
    assert side(shop, "legacy", "lists_blocks") is Side.CONTRADICTED
    legacy.lists_blocks = True
    await shop.restart()
    for _ in range(2):
        await shop.resync()
        await pass_(shop, MINUTE)
    assert side(shop, "legacy", "lists_blocks") is Side.CONTRADICTED
    assert not shop.app.systems["legacy"].capabilities.lists_blocks
    assert shop.wrong() == []


async def test_a_block_that_is_read_by_its_id_does_not_measure_what_lists_show(shop: Shop) -> None:
    shop.world.sandbox.legacy.lists_blocks = False
    for _ in range(2):
        await shop.resync()
        await pass_(shop, MINUTE)
    read = [
        c
        for c in shop.world.sandbox.legacy.calls
        if c.method == "GET" and "/appointments/" in c.path
    ]
    assert len({c.path for c in read}) > 1, "blocks were read by their ids"
    assert side(shop, "legacy", "lists_blocks") is Side.SAFE


async def test_lists_that_show_no_event_at_all_contradict_that_they_show_blocks(
    shop: Shop,
) -> None:
    """Simulator, once seed 10: a location without appointments was said to hide blocks for ever."""
    legacy = shop.world.sandbox.legacy
    for meeting in list(legacy.appointments()):
        legacy.delete(meeting.id)
    await shop.resync()
    shop.app.systems["legacy"].measured.note("lists_blocks", "yes")
    legacy.lists_blocks = False
    for _ in range(2):
        report = await shop.resync()
        await pass_(shop, MINUTE)
    assert side(shop, "legacy", "lists_blocks") is Side.CONTRADICTED
    assert not report.unshown
    assert report.exit is RunExit.DONE
