"""The calls that reach the platforms: a cycle without changes makes only the planned list calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.lab.sandbox.platform import Call
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)

Made = Counter[tuple[str, str, str]]
"""The number of calls by system, method and path, and the selector of a list."""

SELECTORS = ("groupId", "calendarId", "userId", "teamId")
NAMED = (*SELECTORS, "id", "email", "skip")
EVENTS = ("/calendars/events", "/calendars/blocked-slots", "/appointments/", "/Task.svc/Retr")
"""Paths that are never cached: events, whether listed or read by id."""

ONE_IN_V1 = ("legacy", "GET /appointments/")
"""A path that is followed by an id of 20 letters."""


def asked(system: str, call: Call) -> tuple[str, str, str]:
    selector = [f"{name}={call.query[name]}" for name in NAMED if name in call.query]
    return (system, f"{call.method} {call.path}", "".join(selector))


def made(site: Site, since: dict[str, int]) -> Made:
    """Return the calls to all systems since then."""
    systems = site.world.sandbox.systems.items()
    return Counter(asked(name, call) for name, s in systems for call in s.calls[since[name] :])


def planned(site: Site, *, near: bool) -> Made:
    """Return the list calls that the adapters plan."""
    window = site.app.engine.window(near=near)
    found: Made = Counter()
    for name, system in site.app.systems.items():
        for call in system.plan(window):
            method, _, path = call.call.partition(" ")
            # A body is not logged, so neither are the users that LeadSquared is asked for.
            selector = f"{call.selector}={call.ids[0]}" if call.selector in SELECTORS else ""
            found[name, f"{method} /{path.removeprefix('/')}", selector] += 1
    return found


async def settled(site: Site) -> None:
    """Sync until nothing is left to do, so that further calls are due to time alone."""
    for _ in range(6):
        report = await site.resync()
        if not report.operations.total() and report.converged:
            return
    pytest.fail("it does not settle")


async def assert_quiet(site: Site) -> None:
    """Check that the next near and far cycles make the planned list calls and no others."""
    for near in (True, False, True, False):
        since = site.calls()
        await site.app.engine.poll(near=near)
        assert made(site, since) == planned(site, near=near)


async def test_a_quiet_cycle_makes_the_planned_list_calls_and_no_other(site: Site) -> None:
    await settled(site)
    await assert_quiet(site)


def emptied(site: Site) -> None:
    """Remove all of Carol's events in the clinic, where blocks cannot be read by id."""
    clinic, user = site.world.sandbox.clinic, site.world.seed_users["clinic", "carol"].user
    for meeting in clinic.appointments():
        if meeting.user == user and not meeting.deleted:
            clinic.delete(meeting.id)
    for block in clinic.blocks():
        if block.user == user and not block.deleted:
            clinic.remove_block(block.id)


def crowded(site: Site) -> None:
    """Book two customers at one time in v1, so that syncd asks for the seats of its services."""
    legacy, seat = site.world.sandbox.legacy, site.world.seed_users["legacy", "alice"]
    legacy.calendars[seat.calendar] = replace(legacy.calendars[seat.calendar], per_slot=3)
    other = legacy.add_contact("Lee Example", "lee@example.com", "+4930555011")
    start = site.world.at(2, 18)
    for contact in (seat.contact, other):
        legacy.book(seat.calendar, seat.user, start, start + HOUR, contact)


@pytest.mark.parametrize(
    "happens",
    # Looking for what was deleted takes the clinic's calls of ten seconds.
    [pytest.param(emptied, marks=pytest.mark.prove), crowded],
)
async def test_the_cycles_after_something_odd_are_quiet_too(
    site: Site, happens: Callable[[Site], None]
) -> None:
    site.never_late()
    await settled(site)
    happens(site)
    await settled(site)
    await assert_quiet(site)


def furnished(site: Site) -> None:
    """Make a room and equipment providers, in LeadSquared and in the clinic."""
    clinic, crm = site.world.sandbox.clinic, site.world.sandbox.crm
    course, beauty = (clinic.add_calendar(name, "event") for name in ("Course", "Beauty"))
    clinic.resources.add("rooms", "yoga room", calendars=(course,))
    clinic.resources.add("equipments", "laser", quantity=2, calendars=(beauty,))
    text = site.path.read_text()
    for name, kind, setting in (
        ("yoga", "room", "rooms/yoga room"),
        ("laser", "equipment", "equipment/laser"),
    ):
        crm.add_user(name.capitalize(), f"{name}@example.com")
        text += f"""
[providers.{name}]
kind = "{kind}"
[providers.{name}.calendars]
crm = {{ user = "{name}@example.com" }}
clinic = {{ resource = "{setting}" }}
"""
    site.path.write_text(text)
    seat = site.world.seed_users["crm", "alice"]
    start = site.world.at(2, 18)
    crm.book(seat.calendar, "yoga@example.com", start, start + HOUR, seat.contact, title="x")


@pytest.mark.prove
async def test_with_rooms_a_quiet_cycle_makes_only_planned_calls_too(site: Site) -> None:
    furnished(site)
    await site.reload()
    site.never_late()
    await settled(site)
    calls = planned(site, near=True)
    # By calendar: the doors of both, which need no user, in both lists.
    assert sum(selector.startswith("calendarId") for _, _, selector in calls) == 4
    await assert_quiet(site)


@pytest.mark.prove
async def test_a_restart_reads_needed_directories_once_more(site: Site) -> None:
    furnished(site)
    crowded(site)
    await site.reload()
    site.never_late()
    await settled(site)
    await site.restart()
    site.never_late()
    since = site.calls()
    await site.app.engine.poll(near=False)
    again = made(site, since) - planned(site, near=False)
    assert again == Counter(
        {
            ("clinic", "GET /calendars/", ""): 1,
            # Two pages each: one that is short need not be the last, for all that is known.
            ("clinic", "GET /calendars/resources/rooms", "skip=0"): 1,
            ("clinic", "GET /calendars/resources/rooms", "skip=1"): 1,
            ("clinic", "GET /calendars/resources/equipments", "skip=0"): 1,
            ("clinic", "GET /calendars/resources/equipments", "skip=1"): 1,
            ("legacy", "GET /calendars/services", ""): 1,
            # The first read looks back 60 days: with the 60 ahead that is more than one call takes.
            ("crm", "POST /Task.svc/RetrieveAppointments/ByUserEmailAddress", ""): 1,
        }
    )
    await assert_quiet(site)


@pytest.mark.prove
async def test_no_person_user_type_or_calendar_is_fetched_twice(site: Site) -> None:
    """Every cycle brings a twin of the same customer, who must be looked up to match it."""
    furnished(site)
    crowded(site)
    await site.reload()
    since = dict.fromkeys(SYSTEM_NAMES, 0)
    for day in range(8, 14):
        who = PEOPLE[day % 3]
        for system in SYSTEM_NAMES:
            site.world.book(system, who, site.world.at(day, 11))
        site.world.book(SYSTEM_NAMES[day % 3], who, site.world.at(day, 15))
        await site.app.engine.poll(near=bool(day % 2))
        await settled(site)
    assert site.disagreements() == []
    things = {
        selector: n for selector, n in made(site, since).items() if selector[1].startswith("GET ")
    }
    things = {
        selector: n
        for selector, n in things.items()
        if not any(part in selector[1] for part in EVENTS)
    }
    assert {selector[1].split("/")[1] for selector in things} >= {
        "contacts",
        "LeadManagement.svc",
        "calendars",
    }
    assert {selector: n for selector, n in things.items() if n > 1} == {}
    # In v1 a customer comes with one of the appointments, which is read by its id.
    one = [path for system, path, _ in made(site, since) if (system, path[:-20]) == ONE_IN_V1]
    assert len(one) == 1
