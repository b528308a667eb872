"""An answer that contradicts a measured fact resets it to its safe side at once and permanently."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.engine.report.run_report import RunExit
from syncd.systems.measured import Side
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def side(site: Site, system: str, fact: str) -> Side:
    return site.app.systems[system].measured.side(fact)


async def pass_(site: Site, span: timedelta) -> None:
    await site.clock.sleep(span.total_seconds())


def owner_by_id(site: Site) -> None:
    site.world.sandbox.crm.rows_carry_owner = False
    site.world.book("crm", "alice", site.world.at(3, 17))


def no_end(site: Site) -> None:
    site.world.sandbox.crm.rows_carry_end = False
    site.world.book("crm", "alice", site.world.at(3, 17))


def completed(site: Site) -> None:
    crm = site.world.sandbox.crm
    crm.completing_changes_end = True
    crm.set_status(site.world.book("crm", "alice", site.world.at(3, 17)), "showed")


def cancelled(site: Site) -> None:
    crm = site.world.sandbox.crm
    crm.lists_cancelled = False
    crm.cancel(next(a.id for a in crm.appointments() if a.start > site.world.at(1, 0)))


def deleted_on_v1(site: Site) -> None:
    legacy = site.world.sandbox.legacy
    legacy.refuses_deleted = True
    legacy.delete(next(a.id for a in legacy.appointments() if a.start > site.world.at(1, 0)))


def blocks_unlisted(site: Site) -> None:
    site.world.sandbox.legacy.lists_blocks = False


def end_lost(site: Site) -> None:
    """Let syncd lengthen a block of an hour on v1; the platform keeps the old length."""
    site.world.sandbox.legacy.update_keeps_end = False
    crm = site.world.sandbox.crm
    meeting = next(a for a in crm.appointments() if a.start > site.world.at(1, 0))
    crm.move(meeting.id, meeting.start, meeting.end + HOUR)


CASES: tuple[tuple[str, str, str, Callable[[Site], None]], ...] = (
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
    site: Site, system: str, fact: str, value: str, happens: Callable[[Site], None]
) -> None:
    measured = site.app.systems[system].measured
    safe = measured.safe(fact)
    measured.note(fact, value)
    await site.resync()
    assert (measured.side(fact), measured.value(fact)) == (Side.MEASURED, value)
    happens(site)
    with capture_logs() as said:
        for _ in range(2):
            await site.resync()
            await pass_(site, MINUTE)
    assert (side(site, system, fact), measured.value(fact)) == (Side.CONTRADICTED, safe)
    told = [line for line in said if line["event"] == "a platform fact was contradicted"]
    assert [(line["system"], line["fact"]) for line in told] == [(system, fact)]
    await site.restart()
    assert side(site, system, fact) is Side.CONTRADICTED
    report = await site.resync()
    assert side(site, system, fact) is Side.CONTRADICTED
    assert report.exit is RunExit.DONE
    assert site.disagreements() == []


async def test_a_list_with_more_lag_than_measured_is_no_change(site: Site) -> None:
    clinic, world = site.world.sandbox.clinic, site.world
    start = world.at(3, 17)
    first = world.book("crm", "alice", start)
    seat = world.seed_users["clinic", "alice"]
    clinic.book(seat.calendar, seat.user, start, start + HOUR, seat.contact)
    await site.resync()
    await pass_(site, MINUTE)
    measured = site.app.systems["clinic"].measured
    measured.note("list_lag", "0")
    assert site.app.systems["clinic"].capabilities.lag == timedelta(seconds=5)
    clinic.list_lag = 8.0
    await pass_(site, MINUTE)
    later = start + 2 * HOUR
    world.sandbox.crm.move(first, later, later + HOUR)
    await site.app.engine.poll(near=False)
    await pass_(site, timedelta(seconds=6))
    await site.app.engine.poll(near=False)
    assert measured.side("list_lag") is Side.CONTRADICTED
    await pass_(site, MINUTE)
    assert (await site.resync()).exit is RunExit.DONE
    moved = next(a for a in world.sandbox.crm.appointments() if a.id == first)
    assert moved.start == later, "the late list took the move back"
    assert site.disagreements() == []


async def test_a_measured_fact_is_used_from_then_on(site: Site) -> None:
    able = {name: system.capabilities for name, system in site.app.systems.items()}
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
        site.app.systems[system].measured.note(fact, value)
    assert site.app.systems["legacy"].capabilities.update_keeps_end, "at once"
    await site.resync()
    await site.restart()
    able = {name: system.capabilities for name, system in site.app.systems.items()}
    assert able["legacy"].update_keeps_end
    assert able["crm"].rows_carry_end
    assert {call.rows for call in able["crm"].bulk.values()} == {1000}
    assert able["clinic"].lag == timedelta(seconds=6)
    assert not able["clinic"].key_survives


@pytest.mark.parametrize("keeps", [False, True])
async def test_v1_is_not_read_back_after_a_move_where_it_is_known_to_keep_ends(
    site: Site, keeps: bool
) -> None:
    await site.resync()
    if keeps:
        site.app.systems["legacy"].measured.note("update_keeps_end", "yes")
    crm, legacy = site.world.sandbox.crm, site.world.sandbox.legacy
    meeting = next(a for a in crm.appointments() if a.start > site.world.at(1, 0))
    crm.move(meeting.id, meeting.start, meeting.end + HOUR)
    before = len(legacy.calls)
    await site.resync()
    calls = legacy.calls[before:]
    put = next(n for n, call in enumerate(calls) if call.method == "PUT")
    after = [c for c in calls[put + 1 :] if c.path == calls[put].path and c.method == "GET"]
    assert bool(after) is not keeps
    assert site.disagreements() == []


async def test_lists_that_show_blocks_again_do_not_measure_the_fact_again(site: Site) -> None:
    legacy = site.world.sandbox.legacy
    await site.resync()
    assert side(site, "legacy", "lists_blocks") is Side.MEASURED, "a list showed a block"
    legacy.lists_blocks = False
    await site.resync()
    assert side(site, "legacy", "lists_blocks") is Side.CONTRADICTED
    legacy.lists_blocks = True
    await site.restart()
    for _ in range(2):
        await site.resync()
        await pass_(site, MINUTE)
    assert side(site, "legacy", "lists_blocks") is Side.CONTRADICTED
    assert not site.app.systems["legacy"].capabilities.lists_blocks
    assert site.disagreements() == []


async def test_a_block_read_by_id_does_not_measure_list_contents(site: Site) -> None:
    site.world.sandbox.legacy.lists_blocks = False
    for _ in range(2):
        await site.resync()
        await pass_(site, MINUTE)
    read = [
        c
        for c in site.world.sandbox.legacy.calls
        if c.method == "GET" and "/appointments/" in c.path
    ]
    assert len({c.path for c in read}) > 1, "blocks were read by their ids"
    assert side(site, "legacy", "lists_blocks") is Side.SAFE


async def test_lists_that_show_no_event_at_all_contradict_that_they_show_blocks(
    site: Site,
) -> None:
    """Simulator, seed 10: a location without appointments counted as hiding blocks."""
    legacy = site.world.sandbox.legacy
    for meeting in list(legacy.appointments()):
        legacy.delete(meeting.id)
    await site.resync()
    site.app.systems["legacy"].measured.note("lists_blocks", "yes")
    legacy.lists_blocks = False
    for _ in range(2):
        report = await site.resync()
        await pass_(site, MINUTE)
    assert side(site, "legacy", "lists_blocks") is Side.CONTRADICTED
    assert not report.unshown
    assert report.exit is RunExit.DONE
