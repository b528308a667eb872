"""Cancelled and booked again on the platforms: the twin moves, and nobody is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.matching.rebooked import REBOOKED
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.records import PlatformAppointment
from syncd.model import ConflictKind, floor_to
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)
PAIRS = [("clinic", "crm"), ("legacy", "clinic"), ("crm", "legacy")]


async def twins(site: Site, system: str, other: str, days: int = 1) -> tuple[str, str]:
    """Book a meeting with a customer of its own in two systems, and sync."""
    events = []
    # Whether a time is inside office hours is not what is tried here.
    site.world.sandbox.legacy.checks_slots = False
    start = floor_to(datetime.now(UTC), HOUR) + timedelta(days=days)
    for name in (system, other):
        platform, seat = site.world.sandbox.systems[name], site.world.seed_users[name, "alice"]
        contact = platform.add_contact("Mia Example", "mia@example.com", "")
        events.append(platform.book(seat.calendar, seat.user, start, start + HOUR, contact))
    assert (await site.resync()).exit is RunExit.DONE
    return events[0], events[1]


def seen(site: Site, system: str, event: str) -> PlatformAppointment:
    return next(a for a in site.world.sandbox.systems[system].appointments() if a.id == event)


def book_anew(site: Site, system: str, event: str) -> str:
    """Book the same customer five hours later."""
    old, platform = seen(site, system, event), site.world.sandbox.systems[system]
    seat, start = site.world.seed_users[system, "alice"], old.start + 5 * HOUR
    return platform.book(seat.calendar, seat.user, start, start + HOUR, old.contact)


@pytest.mark.parametrize("days", [1, 20])
@pytest.mark.parametrize(("system", "other"), PAIRS)
async def test_a_twin_follows_a_meeting_that_was_cancelled_and_booked_again(
    site: Site, system: str, other: str, days: int
) -> None:
    event, twin = await twins(site, system, other, days)
    site.world.sandbox.systems[system].cancel(event)
    new = book_anew(site, system, event)
    report = await site.resync()
    assert (report.exit, report.conflicts) == (RunExit.DONE, 0)
    after = seen(site, other, twin)
    assert (after.start, after.status) == (seen(site, system, new).start, "confirmed")
    assert site.disagreements() == []
    assert REBOOKED in {note.rule for note in site.app.store.history(run=report.run)}
    assert report.operations.total() == 2
    assert (await site.resync()).operations.total() == 0


async def test_a_question_about_a_twin_in_leadsquared_ends_with_the_new_booking(
    site: Site,
) -> None:
    event, twin = await twins(site, "clinic", "crm")
    site.world.sandbox.clinic.cancel(event)
    await site.resync()
    kinds = [held.conflict.kind for held in site.app.store.open_conflicts()]
    assert kinds == [ConflictKind.CANNOT_CANCEL]
    new = book_anew(site, "clinic", event)
    assert (await site.resync()).exit is RunExit.DONE
    assert seen(site, "crm", twin).start == seen(site, "clinic", new).start
    assert site.app.store.open_conflicts() == []
    assert site.disagreements() == []


@pytest.mark.parametrize(("system", "other"), PAIRS)
async def test_a_rebooking_without_update_times_is_found_in_one_near_cycle(
    site: Site, system: str, other: str
) -> None:
    site.world.sandbox.systems[system].tells_times = False
    event, twin = await twins(site, system, other)
    site.world.sandbox.systems[system].cancel(event)
    new = book_anew(site, system, event)
    assert (await site.resync()).exit is RunExit.DONE
    assert seen(site, other, twin).start == seen(site, system, new).start
