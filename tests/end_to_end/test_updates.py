"""A twin on v2 is moved, and nothing but its time changes in any system."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.engine.writing import systems as write_systems
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.leadconnector import wire
from syncd.model import ConflictKind
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)
TEXTS = {"title": "Knee pain", "description": "Bring the letter"}


def book_twins(site: Site, other: str, status: str, calendar: str = "") -> tuple[str, str]:
    """Enter one meeting of Alice's in another system, and with this status on v2."""
    world, clinic = site.world, site.world.sandbox.clinic
    start = world.at(3, 17)
    first = world.book(other, "alice", start)
    seat = world.seed_users["clinic", "alice"]
    twin = clinic.book(
        calendar or seat.calendar, seat.user, start, start + HOUR, seat.contact, status, **TEXTS
    )
    return first, twin


def standing(site: Site, system: str) -> dict[str, Any]:
    """Return all appointments of a system by id."""
    return {a.id: a for a in site.world.sandbox.systems[system].appointments()}


@pytest.mark.parametrize(
    ("status", "other", "replaces"),
    [
        ("new", "crm", True),
        ("new", "legacy", True),
        ("showed", "legacy", True),
        ("confirmed", "crm", True),
        ("new", "legacy", False),
    ],
)
async def test_a_moved_twin_keeps_its_status_and_the_other_system_hears_of_none(
    site: Site, status: str, other: str, replaces: bool
) -> None:
    site.world.sandbox.clinic.update_replaces = replaces
    first, twin = book_twins(site, other, status)
    await site.resync()
    before, elsewhere = standing(site, "clinic")[twin], standing(site, other)[first]
    start = elsewhere.start + 2 * HOUR
    site.world.sandbox.systems[other].move(first, start, start + HOUR)
    assert (await site.resync()).exit is RunExit.DONE
    after, there = standing(site, "clinic")[twin], standing(site, other)[first]
    assert (after.status, after.title, after.description) == (status, *TEXTS.values())
    assert after == replace(before, start=start, end=start + HOUR, updated_at=after.updated_at)
    assert there.status == elsewhere.status
    assert site.disagreements() == []
    assert (await site.resync()).operations.total() == 0


@pytest.mark.parametrize("type", ["round_robin", "collective", "class_booking"])
async def test_a_twin_on_a_teams_calendar_is_moved(site: Site, type: str) -> None:
    clinic = site.world.sandbox.clinic
    users = [site.world.seed_users["clinic", who].user for who in ("alice", "bob")]
    team = clinic.add_calendar("Team", type, users)
    text = site.path.read_text()
    own = site.world.seed_users["clinic", "alice"].calendar
    site.path.write_text(text.replace(f'calendars = ["{own}"]', f'calendars = ["{own}", "{team}"]'))
    await site.reload()
    first, twin = book_twins(site, "legacy", "new", team)
    await site.resync()
    start = standing(site, "legacy")[first].start + 2 * HOUR
    site.world.sandbox.legacy.move(first, start, start + HOUR)
    assert (await site.resync()).exit is RunExit.DONE
    after = standing(site, "clinic")[twin]
    assert (after.start, after.status, after.user) == (start, "new", users[0])


async def test_a_status_that_a_person_sets_is_still_carried(site: Site) -> None:
    first, twin = book_twins(site, "legacy", "new")
    await site.resync()
    site.world.sandbox.legacy.set_status(first, "showed")
    await site.resync()
    after = standing(site, "clinic")[twin]
    assert (after.status, after.title) == ("showed", TEXTS["title"])


async def test_a_move_and_a_status_at_once_are_both_carried(site: Site) -> None:
    first, twin = book_twins(site, "legacy", "new")
    await site.resync()
    legacy = site.world.sandbox.legacy
    start = standing(site, "legacy")[first].start + 2 * HOUR
    legacy.move(first, start, start + HOUR)
    legacy.set_status(first, "showed")
    await site.resync()
    after = standing(site, "clinic")[twin]
    assert (after.status, after.start) == ("showed", start)


async def test_fields_that_an_update_resets_are_restored_and_reported(site: Site) -> None:
    first, twin = book_twins(site, "legacy", "new")
    await site.resync()
    clinic, legacy = site.world.sandbox.clinic, site.world.sandbox.legacy
    clinic.faults.add(Fault(FaultKind.RESET_FIELDS, times=1))
    elsewhere = standing(site, "legacy")[first]
    start = elsewhere.start + 2 * HOUR
    legacy.move(first, start, start + HOUR)
    report = await site.resync()
    after = standing(site, "clinic")[twin]
    assert (after.status, after.title) == ("new", TEXTS["title"])
    assert standing(site, "legacy")[first].status == elsewhere.status
    (remark,) = [r for r in report.remarks if "put back" in r]
    assert "appointmentStatus" in remark
    notes = [n for n in site.app.store.history() if n.event == twin and "put back" in n.detail]
    assert [n.what for n in notes] == ["move-appointment"]
    assert "Knee" not in repr((report, notes))


@pytest.mark.prove
async def test_a_status_that_cannot_be_put_back_is_carried_nowhere_and_held(site: Site) -> None:
    first, twin = book_twins(site, "legacy", "new")
    await site.resync()
    clinic, legacy = site.world.sandbox.clinic, site.world.sandbox.legacy
    elsewhere = standing(site, "legacy")[first]
    clinic.faults.add(Fault(FaultKind.RESET_FIELDS))
    start = elsewhere.start + 2 * HOUR
    legacy.move(first, start, start + HOUR)
    report = await site.resync()
    assert any("could not put back" in failure for failure in report.failures)
    for _ in range(2):
        await site.resync()
    conflicts = [h.conflict for h in site.app.store.open_conflicts() if h.conflict.held]
    assert [c.kind for c in conflicts] == [ConflictKind.QUARANTINED]
    assert standing(site, "legacy")[first].status == elsewhere.status
    assert standing(site, "clinic")[twin].start == start
    written = [c for c in clinic.calls if c.method == "PUT"]
    await site.resync()
    assert [c for c in clinic.calls if c.method == "PUT"] == written


@pytest.mark.parametrize("shown", ["list first", "recovery first"])
async def test_a_reset_of_an_update_without_an_answer_is_put_back_and_carried_nowhere(
    site: Site, shown: str
) -> None:
    first, twin = book_twins(site, "legacy", "new")
    await site.resync()
    clinic, legacy = site.world.sandbox.clinic, site.world.sandbox.legacy
    elsewhere = standing(site, "legacy")[first]
    clinic.faults.add(Fault(FaultKind.RESET_FIELDS, times=1))
    clinic.faults.add(Fault(FaultKind.LOSE_AFTER, method="PUT", times=1))
    start = elsewhere.start + 2 * HOUR
    legacy.move(first, start, start + HOUR)
    await site.app.engine.poll(near=False)
    assert standing(site, "clinic")[twin].status == "confirmed"
    if shown == "list first":
        # Its own read fails for once, so that the list is the first to show it.
        path = "/calendars/events/appointments"
        clinic.faults.add(Fault(FaultKind.ERROR, path=path, method="GET", times=3))
    await site.resync()
    after, there = standing(site, "clinic")[twin], standing(site, "legacy")[first]
    assert (after.status, after.start) == ("new", start)
    assert there.status == elsewhere.status
    assert (await site.resync()).operations.total() == 0


@pytest.mark.parametrize(
    ("status", "word", "everywhere"),
    [("showed", "attended", True), ("new", "", True), ("new", "", False), ("showed", "", True)],
)
async def test_a_missing_status_is_no_change_and_is_not_reset(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: str, word: str, everywhere: bool
) -> None:
    """v2's next release has another word or none, at first perhaps only in reads by id."""
    first, twin = book_twins(site, "legacy", status)
    legacy = site.world.sandbox.legacy
    legacy.set_status(first, status)
    await site.resync()
    start = standing(site, "legacy")[first].start
    event = wire.appointment

    def renamed(*given: Any, **named: Any) -> Any:
        row = event(*given, **named)
        listed = "_get_appointment" not in {sys._getframe(up).f_code.co_name for up in (1, 2)}
        if row["appointmentStatus"] == status and (everywhere or not listed):
            row |= dict.fromkeys(("appointmentStatus", "appoinmentStatus"), word or None)
        return row

    monkeypatch.setattr(wire, "appointment", renamed)
    # The sandbox takes no word but those of today.
    for moved in (start,) if word else (start, start + HOUR):
        if moved != start:
            legacy.move(first, moved, moved + HOUR)
        await site.resync()
        for system, meeting in (("legacy", first), ("clinic", twin)):
            found = standing(site, system)[meeting]
            assert (found.status, found.start) == (status, moved), system
    assert (await site.resync()).operations.total() == 0


async def test_a_meeting_that_is_moved_between_the_list_and_the_update_is_not_overwritten(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, twin = book_twins(site, "legacy", "confirmed")
    await site.resync()
    clinic, legacy = site.world.sandbox.clinic, site.world.sandbox.legacy
    legacy.checks_slots = False
    start = standing(site, "legacy")[first].start
    legacy.move(first, start + 2 * HOUR, start + 3 * HOUR)
    write = write_systems.write_systems

    async def a_person_first(*given: Any) -> Any:
        if standing(site, "clinic")[twin].start == start:
            clinic.move(twin, start + 4 * HOUR, start + 5 * HOUR)
        return await write(*given)

    monkeypatch.setattr("syncd.engine.cycle.write_systems", a_person_first)
    await site.app.engine.poll(near=False)
    assert standing(site, "clinic")[twin].start == start + 4 * HOUR
    await site.app.engine.poll(near=False)
    assert standing(site, "clinic")[twin].start == standing(site, "legacy")[first].start


async def test_an_end_that_v1_does_not_keep_is_reported_and_not_carried(site: Site) -> None:
    start = site.world.at(3, 14)
    first, twin = (site.world.book(system, "alice", start, 30) for system in ("clinic", "legacy"))
    await site.resync()
    site.world.sandbox.legacy.update_keeps_end = False
    start -= 2 * HOUR
    site.world.sandbox.clinic.move(first, start, start + 2 * HOUR)
    reports = [await site.resync(), await site.resync()]
    there = standing(site, "legacy")[twin]
    assert (there.start, there.end) == (start, start + HOUR / 2)
    assert standing(site, "clinic")[first].end == start + 2 * HOUR
    assert "endAt" in " ".join(reports[0].failures)
    assert reports[1].operations.total() == 0


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("lag", [0.0, 5.0])
async def test_a_list_from_before_two_writes_is_no_change(
    site: Site, lag: float, *, kept: bool
) -> None:
    """A status is written right after the move, and does not change the end either (seed 218)."""
    site.path.write_text(f'{site.path.read_text()}\n[rules]\nmoved_and_cancelled = "move"\n')
    await site.reload()
    start = site.world.at(3, 14)
    first, twin = (site.world.book(system, "alice", start, 60) for system in ("crm", "legacy"))
    await site.resync()
    legacy = site.world.sandbox.legacy
    legacy.update_keeps_end, legacy.list_lag = kept, lag
    legacy.cancel(twin)
    await asyncio.sleep(30)
    start -= 2 * HOUR
    site.world.sandbox.crm.move(first, start, start + HOUR)
    for _ in range(3):
        await site.resync()
    there, here = standing(site, "legacy")[twin], standing(site, "crm")[first]
    assert (there.start, there.status) == (start, "confirmed")
    assert there.end == start + (HOUR if kept else HOUR / 2)
    assert (here.start, here.end, here.status) == (start, start + HOUR, "confirmed")
    conflicts = site.app.store.open_conflicts()
    assert [held.conflict.kind for held in conflicts] == []
