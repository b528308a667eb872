"""Cancelled and booked anew on the emulated platforms: the twin moves, and nobody is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.rebooked import REBOOKED
from syncd.engine.report import RunExit
from syncd.model import ConflictKind, floor_to
from syncd.sandbox.records import PlatformAppointment
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)
PAIRS = [("clinic", "crm"), ("legacy", "clinic"), ("crm", "legacy")]


async def twins(shop: Shop, system: str, other: str, days: int = 1) -> tuple[str, str]:
    """A meeting of a client of its own in two systems, which are in step."""
    events = []
    # Whether a time is inside office hours is not what is tried here.
    shop.world.sandbox.legacy.checks_slots = False
    start = floor_to(datetime.now(UTC), HOUR) + timedelta(days=days)
    for name in (system, other):
        platform, seat = shop.world.sandbox.systems[name], shop.world.seed_users[name, "alice"]
        contact = platform.add_contact("Mia Example", "mia@example.com", "")
        events.append(platform.book(seat.calendar, seat.user, start, start + HOUR, contact))
    assert (await shop.resync()).exit is RunExit.DONE
    return events[0], events[1]


def seen(shop: Shop, system: str, event: str) -> PlatformAppointment:
    return next(a for a in shop.world.sandbox.systems[system].appointments() if a.id == event)


def book_anew(shop: Shop, system: str, event: str) -> str:
    """Book the same client for five hours later."""
    old, platform = seen(shop, system, event), shop.world.sandbox.systems[system]
    seat, start = shop.world.seed_users[system, "alice"], old.start + 5 * HOUR
    return platform.book(seat.calendar, seat.user, start, start + HOUR, old.contact)


@pytest.mark.parametrize("days", [1, 20])
@pytest.mark.parametrize(("system", "other"), PAIRS)
async def test_a_twin_follows_a_meeting_that_was_booked_anew(
    shop: Shop, system: str, other: str, days: int
) -> None:
    event, twin = await twins(shop, system, other, days)
    shop.world.sandbox.systems[system].cancel(event)
    new = book_anew(shop, system, event)
    report = await shop.resync()
    assert (report.exit, report.conflicts) == (RunExit.DONE, 0)
    after = seen(shop, other, twin)
    assert (after.start, after.status) == (seen(shop, system, new).start, "confirmed")
    assert shop.wrong() == []
    assert REBOOKED in {note.rule for note in shop.app.store.history(run=report.run)}
    assert report.operations.total() == 2
    assert (await shop.resync()).operations.total() == 0


async def test_a_question_about_a_twin_in_leadsquared_ends_with_the_new_booking(
    shop: Shop,
) -> None:
    event, twin = await twins(shop, "clinic", "crm")
    shop.world.sandbox.clinic.cancel(event)
    await shop.resync()
    kinds = [held.conflict.kind for held in shop.app.store.open_conflicts()]
    assert kinds == [ConflictKind.CANNOT_CANCEL]
    new = book_anew(shop, "clinic", event)
    assert (await shop.resync()).exit is RunExit.DONE
    assert seen(shop, "crm", twin).start == seen(shop, "clinic", new).start
    assert shop.app.store.open_conflicts() == []
    assert shop.wrong() == []


@pytest.mark.parametrize(("system", "other"), PAIRS)
async def test_a_platform_that_tells_no_times_is_understood_in_one_near_cycle(
    shop: Shop, system: str, other: str
) -> None:
    shop.world.sandbox.systems[system].tells_times = False
    event, twin = await twins(shop, system, other)
    shop.world.sandbox.systems[system].cancel(event)
    new = book_anew(shop, system, event)
    assert (await shop.resync()).exit is RunExit.DONE
    assert seen(shop, other, twin).start == seen(shop, system, new).start
