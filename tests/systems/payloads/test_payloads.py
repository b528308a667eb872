"""Every answer of the tables through the real adapters, and through the table in the docs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Event, EventRef, Kind, Window
from syncd.systems import leadconnector as v2
from syncd.systems import leadconnector_v1 as v1
from syncd.systems.errors import (
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnauthorizedError,
    UnreadableError,
)
from syncd.systems.leadconnector_v1.wire import Service
from syncd.systems.lookup_results import Found, Gone
from syncd.systems.port import System
from tests.systems.payloads import leadconnector, leadconnector_v1, sources, table
from tests.systems.payloads.case import Case, read_as, shown
from tests.systems.scripted import NOW, FakeClock, Script

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=10))
CALENDARS = {
    "calendars": [
        {"id": "cal-a", "teamMembers": [{"userId": "user-a"}], "slotDuration": 30},
    ]
}


MEANS: dict[type[PlatformError], str] = {
    UnauthorizedError: "access lost",
    IncompleteReadError: "not understood",
    RateLimitedError: "wait",
    RejectedError: "refused",
    RetryableError: "asked again",
}


async def _list(system: System) -> tuple[str, ...]:
    try:
        snapshot = await system.read(WINDOW)
    except IncompleteReadError:
        return ("not whole",)
    except PlatformError as fault:
        return (MEANS[type(fault)],)
    parsed: list[tuple[Any, Event | UnreadableError]] = []
    for row in snapshot.rows:
        try:
            parsed.append((row, system.event(row)))
        except UnreadableError as broken:
            parsed.append((row, broken))
    return read_as(snapshot, parsed)


async def _one(system: System, event: str) -> tuple[str, ...]:
    sighting = await system.read_one(EventRef(system.name, "alice", event, Kind.APPOINTMENT))
    match sighting:
        case Found(event=found):
            return (shown(found),)
        case Gone():
            return ("gone",)
        case _:
            return ("unknown",)


async def _slots(system: System) -> tuple[str, ...]:
    try:
        offers = await system.free_slots("alice", WINDOW)
    except IncompleteReadError:
        return ("not understood",)
    return tuple(f"{offer.start:%H:%M}-{offer.end:%H:%M}" for offer in offers)


async def _users(system: System) -> tuple[str, ...]:
    return await _state(system, "alice")


async def _state(system: System, provider: str) -> tuple[str, ...]:
    try:
        found = await system.users()
    except PlatformError as fault:
        return (MEANS[type(fault)],)
    return (f"{provider} {found.state_of(provider).value}",)


V2_CALLS = {
    "events": "GET /calendars/events",
    "blocked-slots": "GET /calendars/blocked-slots",
    "appointment": "GET /calendars/events/appointments/evt-1",
    "free-slots": "GET /calendars/cal-a/free-slots",
    "users": "GET /users/",
    "rooms": "GET /calendars/resources/rooms",
    "calendars": "GET /calendars/",
}


@pytest.mark.parametrize("case", leadconnector.CASES, ids=str)
async def test_an_answer_of_v2_is_read_as_the_table_says(case: Case) -> None:
    script = Script("")
    script.reply("GET /calendars/", CALENDARS)
    script.reply("GET /calendars/events", {"events": []})
    script.reply("GET /calendars/blocked-slots", {"events": []})
    script.reply("GET /locations/loc-1", {"location": {"timezone": "Europe/Berlin"}})
    script.reply("GET /calendars/resources/equipments", [])
    script.reply(V2_CALLS[case.call], case.answer)
    system = v2.LeadConnector(
        "clinic",
        v2.Account(location_id="loc-1", token="pit", base_url="https://api.example.com"),
        {"alice": v2.CalendarMapping("user-a", ("cal-a",))},
        FakeClock(),
        transport=httpx.MockTransport(script),
    )
    asked: dict[str, Callable[[], Any]] = {
        "events": lambda: _list(system),
        "blocked-slots": lambda: _list(system),
        "appointment": lambda: _one(system, "evt-1"),
        "free-slots": lambda: _slots(system),
        "users": lambda: _users(system),
        "rooms": lambda: _rooms(system),
        "calendars": lambda: _calendars(system),
    }
    assert await asked[case.call]() == case.read
    await system.aclose()


async def _rooms(system: v2.LeadConnector) -> tuple[str, ...]:
    try:
        found = await system._cache.resources()
    except IncompleteReadError:
        return ("not understood",)
    return tuple(f"{room.key} {room.id}" for room in found.values())


async def _calendars(system: v2.LeadConnector) -> tuple[str, ...]:
    found = (await system._cache.calendars()).values()
    return tuple(
        f"{c.id} {(c.length or timedelta()).seconds // 60} min {', '.join(sorted(c.team)) or '-'}"
        for c in found
    )


V1_CALLS = {
    "list": "GET appointments/",
    "one": "GET appointments/apt-1",
    "slots": "GET appointments/slots",
    "users": "GET users/",
    "services": "GET calendars/services",
    "teams": "GET calendars/teams",
}


@pytest.mark.parametrize("case", leadconnector_v1.CASES, ids=str)
async def test_an_answer_of_v1_is_read_as_the_table_says(case: Case) -> None:
    script = Script("/v1/")
    script.reply("GET appointments/", {"appointments": []})
    script.reply("GET locations/", {"locations": [{"id": "loc-1", "timezone": "Europe/Berlin"}]})
    script.reply("GET calendars/services", {"services": []})
    script.reply("GET users/", {"users": [{"id": "user-a"}]})
    script.reply("GET calendars/teams", {"teams": []})
    script.reply(V1_CALLS[case.call], case.answer)
    system = v1.LeadConnectorV1(
        "legacy",
        v1.Account(base_url="https://api.example.com/v1", api_key="key"),
        {"alice": v1.CalendarMapping("cal-a", "user-a"), "bob": v1.CalendarMapping("cal-b")},
        FakeClock(),
        transport=httpx.MockTransport(script),
    )
    asked: dict[str, Callable[[], Any]] = {
        "list": lambda: _list(system),
        "one": lambda: _one(system, "apt-1"),
        "slots": lambda: _slots(system),
        "users": lambda: _users(system),
        "services": lambda: _services(system),
        "teams": lambda: _state(system, "bob"),
    }
    assert await asked[case.call]() == case.read
    await system.aclose()


async def _services(system: v1.LeadConnectorV1) -> tuple[str, ...]:
    found = [row for row in await system._cache.services() if isinstance(row, Service)]
    return tuple(f"{row.id} team {row.team_id or '-'}" for row in found)


@pytest.mark.parametrize(
    ("cases", "known"),
    [(leadconnector.CASES, sources.V2), (leadconnector_v1.CASES, sources.V1)],
    ids=["v2", "v1"],
)
def test_at_least_thirty_answers_of_a_platform_name_a_source_that_was_read(
    cases: tuple[Case, ...], known: dict[str, sources.Source]
) -> None:
    seen = [case.seen for case in cases]
    assert sum(sources.basis_of(each, known) is sources.Basis.TRACED for each in seen) >= 30
    assert len({(case.call, case.name) for case in cases}) == len(cases)
    assert table.unused(known, seen) == set()


def test_the_docs_show_every_case_as_it_is_read() -> None:
    text = table.DOCS.read_text(encoding="utf-8")
    assert text == table.page(text), "run python -m tests.systems.payloads.table"
