"""A read with known fingerprints (fast) gives the same result as a read without any (slow).

On random data, both must lead to the same comparison with the store: the same changed rows, missing
events, coverage and faults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.event_state.observation import diff_snapshot
from syncd.model import Window
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.errors import UnreadableError
from syncd.systems.port import Snapshot, System
from tests.systems.virtual import VirtualClock

NOW = datetime(2026, 7, 1, tzinfo=UTC)
WINDOW = Window(NOW, NOW + timedelta(days=10))

Item = dict[str, Any]
World = list[Any]

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", " ", 0, 7, True, [], {}, ["x"], "nonsense"]
)
IDS = st.sampled_from(["e1", "e2", "e3", "e4", "e5", "e6"])
WORDS = st.sampled_from(["confirmed", "cancelled"])
HOURS = st.sampled_from([-40, -2, 0, 9, 10, 30, 300])
RECURRING: st.SearchStrategy[Any] = st.sampled_from([None, False, False, True, "true", 1, ["x"]])
MASTERS: st.SearchStrategy[Any] = st.sampled_from([None, None, "", "m1", "m2", 7, ["m1"]])
DATES = st.sampled_from(["2026-06-01T00:00:00.000Z", "2026-06-02T00:00:00.000Z"])


def usual(values: list[Any]) -> st.SearchStrategy[Any]:
    """Draw one of these values, sometimes an odd one."""
    return st.one_of(*([st.sampled_from(values)] * 12), ODD)


def iso(hours: int) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


@st.composite
def v2_item(draw: st.DrawFn) -> Item:
    hour = draw(HOURS)
    return {
        "id": draw(st.one_of(*([IDS] * 9), ODD)),
        "assignedUserId": draw(usual(["u1", "u2", "u9"])),
        "users": draw(st.sampled_from([[], [], ["u2"], None])),
        "calendarId": draw(usual(["c1", "c3", "c9"])),
        "appointmentStatus": draw(usual(["confirmed", "cancelled", "new"])),
        "appoinmentStatus": draw(usual(["confirmed"])),
        "startTime": draw(usual([iso(hour)])),
        "endTime": draw(usual([iso(hour + 1)])),
        "dateUpdated": draw(DATES),
        "deleted": draw(st.sampled_from([False, False, False, None, True, "true"])),
        "title": "Busy",
        "isRecurring": draw(RECURRING),
        "masterEventId": draw(MASTERS),
    }


@st.composite
def house_item(draw: st.DrawFn) -> Item:
    taken = draw(st.sampled_from([None, [], ["r1"], ["yoga room"], [{"name": "yoga room"}], "r1"]))
    return {**draw(v2_item()), "assignedResources": taken}


@st.composite
def v1_item(draw: st.DrawFn) -> Item:
    hour = draw(HOURS)
    return {
        "id": draw(st.one_of(*([IDS] * 9), ODD)),
        "assignedUserId": draw(usual(["u1", "u2", "u9"])),
        "userId": draw(usual(["u1", None])),
        "calendarId": draw(usual(["c1", "c3", "c9"])),
        "contactId": draw(st.sampled_from(["k1", "k2", None])),
        "appointmentStatus": draw(usual(["confirmed", "cancelled", None])),
        "appoinmentStatus": draw(usual(["confirmed"])),
        "status": draw(usual(["booked"])),
        "startTime": draw(usual([iso(hour)])),
        "endTime": draw(usual([iso(hour + 1)])),
        "selectedTimezone": draw(st.sampled_from(["Europe/Berlin", None])),
        "isRecurring": draw(RECURRING),
    }


@st.composite
def task(draw: st.DrawFn) -> Item:
    hour = draw(HOURS)
    when = NOW + timedelta(hours=hour)
    return {
        "UserTaskId": draw(st.one_of(*([IDS] * 9), ODD)),
        "OwnerEmailAddress": draw(usual(["a@example.com", "B@Example.com", "z@example.com"])),
        "StatusCode": draw(usual([0, "0", 1, 2])),
        "DueDate": draw(usual([f"{when:%Y-%m-%d %H:%M:%S}"])),
        "EndDate": draw(usual([f"{when + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"])),
        "TaskType": {"Name": draw(st.sampled_from(["Busy", "Meeting"]))},
        "IsRecurring": draw(RECURRING),
        "RecurrenceId": draw(MASTERS),
    }


def lists(plain: Item, item: st.SearchStrategy[Item]) -> st.SearchStrategy[tuple[World, World]]:
    """Draw an earlier and a current list: some rows unchanged, some changed, some odd."""
    crm = "UserTaskId" in plain
    status = {"StatusCode": st.sampled_from([0, 2])} if crm else {"appointmentStatus": WORDS}
    usually = st.fixed_dictionaries({"UserTaskId" if crm else "id": IDS, **status})

    @st.composite
    def both(draw: st.DrawFn) -> tuple[World, World]:
        before = [{**plain, **draw(usually)} for _ in range(draw(st.integers(1, 5)))]
        before += draw(st.lists(item, max_size=2))
        kept = draw(st.lists(st.sampled_from(before), min_size=1, max_size=6))
        fresh = draw(st.lists(st.one_of(item, st.sampled_from([None, 3])), max_size=2))
        now = [row if draw(st.booleans()) else _mixed(draw, row, draw(item)) for row in kept]
        return before, draw(st.permutations([*now, *fresh]))

    return both()


def _mixed(draw: st.DrawFn, row: Item, other: Item) -> Item:
    """Return a row with one field of another row."""
    field = draw(st.sampled_from(sorted(other)))
    return {**row, field: other[field]}


def v2(answer: Callable[[httpx.Request], World], room: str | None = None) -> System:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/calendars/":
            seats = [{"id": c, "teamMembers": [{"userId": u}]} for c, u in (("c1", "u1"),)]
            return httpx.Response(200, json={"calendars": seats})
        if request.url.path.startswith("/locations/"):
            return httpx.Response(200, json={"location": {"timezone": "Europe/Berlin"}})
        if request.url.path.startswith("/calendars/resources/"):
            first = request.url.path.endswith("/rooms") and request.url.params["skip"] == "0"
            yoga = {"_id": "r1", "name": "yoga room", "calendarIds": ["c1"]}
            return httpx.Response(200, json=[yoga] if first else [])
        rows = answer(request) if request.url.params.get("calendarId") == "c1" else []
        return httpx.Response(200, json={"events": rows})

    return leadconnector.LeadConnector(
        "s",
        leadconnector.Account(location_id="l", token="t", base_url="https://v2.example.com"),
        {
            "p1": leadconnector.CalendarMapping("u1", ("c1",)),
            "p2": leadconnector.CalendarMapping("u2"),
            "p3": leadconnector.CalendarMapping(None, ("c3",)),
            **({} if room is None else {"p4": leadconnector.CalendarMapping(resource=room)}),
        },
        VirtualClock(NOW),
        transport=httpx.MockTransport(handle),
    )


def house(answer: Callable[[httpx.Request], World]) -> System:
    """Read v2 with a room."""
    return v2(answer, "rooms/yoga room")


def v1(answer: Callable[[httpx.Request], World]) -> System:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/locations/"):
            return httpx.Response(200, json={"locations": [{"timezone": "Europe/Berlin"}]})
        rows = answer(request) if request.url.params.get("userId") == "u1" else []
        return httpx.Response(200, json={"appointments": rows})

    return leadconnector_v1.LeadConnectorV1(
        "s",
        leadconnector_v1.Account(api_key="k", base_url="https://v1.example.com"),
        {
            "p1": leadconnector_v1.CalendarMapping("c1", "u1"),
            "p2": leadconnector_v1.CalendarMapping(None, "u2"),
            "p3": leadconnector_v1.CalendarMapping("c3"),
        },
        VirtualClock(NOW),
        transport=httpx.MockTransport(handle),
    )


def crm(answer: Callable[[httpx.Request], World]) -> System:
    def handle(request: httpx.Request) -> httpx.Response:
        rows = answer(request)
        ids = {json.dumps(r.get("UserTaskId")) for r in rows if isinstance(r, dict)}
        return httpx.Response(200, json={"List": rows, "RecordCount": len(ids)})

    return leadsquared.LeadSquared(
        "s",
        leadsquared.Account(
            access_key="a",
            secret_key="s",
            base_url="https://crm.example.com",
            busy_task_type="Busy",
        ),
        {
            "p1": leadsquared.CalendarMapping("a@example.com"),
            "p2": leadsquared.CalendarMapping("b@example.com"),
        },
        VirtualClock(NOW),
        transport=httpx.MockTransport(handle),
    )


async def read(system: System, known: Mapping[str, str]) -> Snapshot:
    return await system.read(WINDOW, None, known)


def stored(system: System, snapshot: Snapshot) -> dict[str, str]:
    """Return the known fingerprints, as the store has them: readable events in the window."""
    found = {}
    for row in snapshot.rows:
        try:
            if WINDOW.overlaps(system.event(row).value):
                found[row.id] = row.fingerprint
        except UnreadableError:
            continue
    return found


def meaning(snapshot: Snapshot, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the differences that the engine finds in a snapshot."""
    rows = {row.id: row for row in snapshot.rows}
    delta = diff_snapshot(known, {r.id: r.fingerprint for r in snapshot.rows}, snapshot.same)
    return {
        "differ": {e: rows[e] for e in delta.differ},
        "unlisted": sorted(delta.unlisted),
        "coverage": sorted(map(repr, snapshot.coverage)),
        "faults": sorted(map(repr, snapshot.faults)),
    }


async def both(
    make: Callable[[Callable[[httpx.Request], World]], System], before: World, now: World
) -> tuple[dict[str, Any], dict[str, Any], Snapshot]:
    """Read the same lists with and without known fingerprints."""
    listed = [before]
    fast, slow = (make(lambda _request: listed[0]) for _ in range(2))
    known = stored(fast, await read(fast, {}))
    await read(slow, {})
    listed[0] = now
    quick = await read(fast, known)
    careful = await read(slow, {})
    await fast.aclose()
    await slow.aclose()
    return meaning(quick, known), meaning(careful, known), quick


PLAIN: dict[str, Item] = {
    "leadconnector": {
        "id": "e1",
        "assignedUserId": "u1",
        "calendarId": "c1",
        "appointmentStatus": "confirmed",
        "startTime": iso(9),
        "endTime": iso(10),
        "dateUpdated": "2026-06-02T00:00:00.000Z",
    },
    "v1": {
        "id": "e1",
        "assignedUserId": "u1",
        "contactId": "k",
        "appointmentStatus": "confirmed",
        "startTime": iso(9),
        "endTime": iso(10),
    },
    "leadsquared": {
        "UserTaskId": "e1",
        "OwnerEmailAddress": "a@example.com",
        "StatusCode": 0,
        "DueDate": "2026-07-02 09:00:00",
        "EndDate": "2026-07-02 10:00:00",
        "TaskType": {"Name": "Meeting"},
    },
}


PLAIN["house"] = {**PLAIN["leadconnector"], "assignedResources": ["r1"]}

PLATFORMS = {
    "leadconnector": (v2, v2_item()),
    "house": (house, house_item()),
    "v1": (v1, v1_item()),
    "leadsquared": (crm, task()),
}


@pytest.mark.prove
@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_known_fingerprints_do_not_change_the_result_of_a_read(
    platform: str, data: st.DataObject
) -> None:
    make, item = PLATFORMS[platform]
    before, now = data.draw(lists(PLAIN[platform], item))
    quick, careful, _ = asyncio.run(both(make, before, now))
    assert quick == careful


@pytest.mark.parametrize("platform", sorted(PLATFORMS.keys() - {"house"}))
async def test_an_unchanged_row_is_returned_as_an_id(platform: str) -> None:
    make, _ = PLATFORMS[platform]
    row = PLAIN[platform]
    # LeadSquared's addresses are learned from the first row of each user.
    other = {**row, ("UserTaskId" if platform == "leadsquared" else "id"): "e2"}
    quick, careful, snapshot = await both(make, [other, row], [other, row])
    assert quick == careful
    assert "e1" in snapshot.same
    assert "e1" not in {r.id for r in snapshot.rows}


async def test_of_two_copies_of_a_row_the_newer_one_counts() -> None:
    row = PLAIN["leadconnector"]
    older = {**row, "startTime": iso(8), "dateUpdated": "2026-06-01T00:00:00.000Z"}
    newer = {**row, "startTime": iso(8), "dateUpdated": "2026-06-03T00:00:00.000Z"}
    for copy, differs in ((older, set()), (newer, {"e1"})):
        for listed in ([row, copy], [copy, row]):
            quick, careful, _ = await both(v2, [row], listed)
            assert quick == careful
            assert set(quick["differ"]) == differs


LOOK_THE_SAME: list[tuple[str, Item, Item]] = [
    # on a calendar without a user, and now on a user's
    ("leadconnector", {"assignedUserId": None, "calendarId": "c3"}, {"users": ["u2"]}),
    ("leadconnector", {}, {"deleted": True}),
    # a cancelled meeting, and now a cancelled block: that one takes no time, so it is absent
    ("v1", {"appointmentStatus": "cancelled"}, {"contactId": None}),
    ("leadsquared", {"StatusCode": 2}, {"TaskType": {"Name": "Busy"}}),
    # a single meeting, which is made an instance of a series
    ("leadconnector", {}, {"masterEventId": "m1"}),
    ("leadconnector", {}, {"isRecurring": True}),
    ("v1", {}, {"isRecurring": True}),
    ("leadsquared", {}, {"RecurrenceId": "m1"}),
]


@pytest.mark.parametrize(("platform", "first", "then"), LOOK_THE_SAME)
async def test_a_row_with_only_some_equal_fields_is_compared_in_full(
    platform: str, first: Item, then: Item
) -> None:
    make, _ = PLATFORMS[platform]
    row = {**PLAIN[platform], **first}
    other = {**PLAIN[platform], ("UserTaskId" if platform == "leadsquared" else "id"): "e2"}
    quick, careful, _ = await both(make, [other, row], [other, {**row, **then}])
    assert quick == careful
    assert quick["differ"] or quick["unlisted"]


async def test_an_unchanged_meeting_still_adds_or_removes_its_rooms_row() -> None:
    without = PLAIN["leadconnector"]
    taken = PLAIN["house"]
    room, person = "e1@rooms/yoga room", "e1"
    quick, careful, _ = await both(house, [without], [taken])
    assert quick == careful
    assert quick["differ"].keys() == {room}
    assert quick["unlisted"] == []
    quick, careful, _ = await both(house, [taken], [without])
    assert quick == careful
    assert (quick["differ"], quick["unlisted"]) == ({}, [room])
    quick, careful, told = await both(house, [taken], [taken])
    assert quick == careful
    assert {row.id for row in told.rows} == {room, person}


async def test_a_room_that_cannot_be_found_loses_no_row_of_a_person() -> None:
    def lost(answer: Callable[[httpx.Request], World]) -> System:
        return v2(answer, "rooms/no such room")

    row = PLAIN["house"]
    quick, careful, _ = await both(lost, [row], [{**row, "startTime": iso(8)}])
    assert quick == careful
    assert quick["differ"].keys() == {"e1"}
