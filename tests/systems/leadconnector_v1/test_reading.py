"""Reads of a v1 location: scopes, slices, coverage."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Action, EventRef, Kind, Operation, Status, Topic, Value, Window
from syncd.systems.errors import (
    IncompleteReadError,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.lookup_results import Found
from tests.systems.scripted import NOW, FakeClock, Script

from .conftest import LIST, ONE, PAIR, Build, appointment, block, listed

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))
MEETINGS = frozenset({Kind.APPOINTMENT})
ALICE = {"alice": CalendarMapping(calendar="cal-a", user="user-a")}
LOCATION = "GET locations/"


async def test_an_unknown_status_is_reported_without_loss_of_coverage(
    build: Build, script: Script
) -> None:
    odd = appointment("a1", appoinmentStatus="postponed")
    script.reply(LIST, listed(odd, appointment("a2", appoinmentStatus="active")))
    system = build({"alice": PAIR["alice"]})
    snapshot = await system.read(WINDOW)
    assert [(m.event, m.topic, m.provider) for m in snapshot.malformed] == [
        ("a1", Topic.UNKNOWN_STATUS, "alice")
    ]
    assert [system.event(row).value.busy for row in snapshot.rows] == [True, True]
    assert len(snapshot.coverage) == 1


async def test_a_block_with_an_unknown_status_stays_a_block(build: Build, script: Script) -> None:
    script.reply(LIST, listed(block("b1", appoinmentStatus="archived")))
    system = build({"alice": PAIR["alice"]}, statuses={"archived": Status.CANCELLED})
    assert not (await system.read(WINDOW)).rows
    system = build({"alice": PAIR["alice"]})
    (row,) = (await system.read(WINDOW)).rows
    assert (system.event(row).kind, system.event(row).value.busy) == (Kind.BLOCK, True)


async def test_a_status_whose_word_is_mapped_to_another_is_never_written(build: Build) -> None:
    able = build(statuses={"showed": Status.CANCELLED}).capabilities.statuses
    assert set(able) == {Status.CONFIRMED, Status.CANCELLED, Status.NOSHOW, Status.INVALID}


async def test_a_user_is_read_by_user_and_a_team_only_where_no_user_is_named(
    build: Build, script: Script
) -> None:
    script.reply(LIST, listed())
    services = [{"id": calendar, "teamId": "team-2"} for calendar in ("c2", "c3")]
    script.reply("GET calendars/services", {"services": services})
    system = build(
        {
            "ann": CalendarMapping(team="team-1", user="u1"),
            "ben": CalendarMapping(team="team-2", calendar="c2"),
            "cid": CalendarMapping(team="team-2", calendar="c3"),
            "dan": CalendarMapping(calendar="c4"),
        }
    )
    snapshot = await system.read(WINDOW)
    asked = [{k: v for k, v in r.url.params.items() if k.endswith("Id")} for r in script.requests]
    # The services come first: they say whether both calendars are still in the team.
    assert asked == [{}, {"userId": "u1"}, {"teamId": "team-2"}, {"calendarId": "c4"}]
    assert system.calls_per_read(WINDOW) == 3
    assert {c.provider for c in snapshot.coverage} == {"ann", "ben", "cid", "dan"}


async def test_times_are_sent_in_milliseconds_with_a_margin_of_a_day(
    build: Build, script: Script
) -> None:
    script.reply(LIST, listed())
    await build(ALICE).read(WINDOW)
    params = script.requests[0].url.params
    day = timedelta(days=1)
    assert int(params["startDate"]) == (WINDOW.start - day).timestamp() * 1000
    assert int(params["endDate"]) == (WINDOW.end + day).timestamp() * 1000
    assert params["includeAll"] == "true"
    assert script.requests[0].headers["Authorization"] == "Bearer the-secret"


async def test_a_steady_read_makes_no_other_call(build: Build, script: Script) -> None:
    script.reply(LIST, listed(appointment()))
    system = build(ALICE)
    await system.read(WINDOW)
    await system.read(WINDOW)
    assert [r.url.path for r in script.requests] == ["/v1/appointments/"] * 2


async def test_blocks_are_covered_after_a_list_has_shown_one(build: Build, script: Script) -> None:
    script.reply(LIST, listed(appointment()), listed(appointment(), block()), listed())
    system = build(ALICE)
    seen = [(await system.read(WINDOW)).coverage[0].kinds for _ in range(3)]
    assert seen == [MEETINGS, frozenset(Kind), frozenset(Kind)]


async def test_a_long_window_is_read_in_slices_and_put_together(
    build: Build, script: Script
) -> None:
    script.reply(LIST, listed(appointment()))
    window = Window(NOW, NOW + timedelta(days=400))
    system = build(ALICE)
    snapshot = await system.read(window)
    asked = [
        (p["userId"], p["startDate"], p["endDate"]) for p in (r.url.params for r in script.requests)
    ]
    times = [(c.span.start.timestamp(), c.span.end.timestamp()) for c in system.plan(window)]
    assert asked == [("user-a", *(str(int(t * 1000)) for t in both)) for both in times]
    assert len(asked) == system.calls_per_read(window) == 2
    assert [r.id for r in snapshot.rows] == ["a1"]
    assert [c.window for c in snapshot.coverage] == [window]


async def test_a_failed_list_does_not_affect_the_coverage_of_others(
    build: Build, script: Script
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "userId" in request.url.params:
            return httpx.Response(500)
        return httpx.Response(200, json=listed(appointment("b", userId=None, calendarId="cal-b")))

    script.reply(LIST, answer)
    snapshot = await build().read(WINDOW)
    assert [(r.id, r.provider) for r in snapshot.rows] == [("b", "bob")]
    assert [c.provider for c in snapshot.coverage] == ["bob"]
    assert [type(f) for f in snapshot.faults] == [RetryableError]


async def test_a_failed_slice_keeps_earlier_rows_and_coverage(build: Build, script: Script) -> None:
    script.reply(LIST, listed(appointment()), httpx.Response(401))
    snapshot = await build(ALICE).read(Window(NOW, NOW + timedelta(days=400)))
    assert len(snapshot.rows) == 1
    assert [c.window for c in snapshot.coverage] == [Window(NOW, NOW + timedelta(days=363))]
    assert [type(f) for f in snapshot.faults] == [UnauthorizedError]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(401, json={"msg": "Api key is invalid"}), UnauthorizedError),
        (httpx.Response(200, content=b""), IncompleteReadError),
        (httpx.Response(200, content=b"OK"), IncompleteReadError),
        (httpx.Response(200, content=b'""'), IncompleteReadError),
        (httpx.Response(200, json={}), IncompleteReadError),
        (httpx.Response(200, content=b'{"appointments":[{"id":"a1"'), IncompleteReadError),
    ],
)
async def test_a_read_in_which_all_lists_fail_raises(
    build: Build, script: Script, answer: httpx.Response, fault: type[Exception]
) -> None:
    script.reply(LIST, answer)
    with pytest.raises(fault):
        await build().read(WINDOW)


@pytest.mark.parametrize("odd", [None, "x", 3, True, [1], {}, {"id": None}, {"id": 1.5}])
async def test_a_row_without_id_proves_no_absence_in_its_scope(
    build: Build, script: Script, odd: Any
) -> None:
    script.reply(LIST, listed(appointment(), odd), listed())
    snapshot = await build().read(WINDOW)
    assert [r.id for r in snapshot.rows] == ["a1"]
    assert [c.provider for c in snapshot.coverage] == ["bob"]
    (item,) = snapshot.malformed
    assert (item.event, item.topic) == ("GET appointments/ of alice", Topic.UNREADABLE)
    assert [(u.provider, u.incomplete) for u in snapshot.unproven] == [("alice", False)]
    assert all(WINDOW.covered_by([u.window]) for u in snapshot.unproven)
    assert not snapshot.faults


async def test_rows_of_unmapped_users_and_cancelled_blocks_are_dropped(
    build: Build, script: Script
) -> None:
    off = block(appoinmentStatus="cancelled")
    script.reply(LIST, listed(appointment(userId="user-x"), off))
    snapshot = await build(ALICE).read(WINDOW)
    assert not snapshot.rows
    assert len(snapshot.coverage) == 1


async def test_rows_far_from_the_window_are_dropped_and_near_ones_are_kept(
    build: Build, script: Script
) -> None:
    def at(event_id: str, start: str, end: str) -> dict[str, Any]:
        return appointment(event_id, startTime=start, endTime=end)

    script.reply(
        LIST,
        listed(
            at("long before", "2026-02-27T09:00:00Z", "2026-02-27T10:00:00Z"),
            at("just before", "2026-02-28T09:00:00Z", "2026-02-28T10:00:00Z"),
            at("at its end", "2026-03-04T08:00:00Z", "2026-03-04T09:00:00Z"),
            at("unreadable", "soon", "2026-03-04T09:00:00Z"),
        ),
    )
    system = build(ALICE)
    snapshot = await system.read(WINDOW)
    assert [r.id for r in snapshot.rows] == ["just before", "unreadable"]
    with pytest.raises(UnreadableError):
        system.event(snapshot.rows[1])


async def test_the_location_s_zone_is_read_once_and_only_for_times_without_offset(
    build: Build, script: Script
) -> None:
    bare = appointment(
        startTime="2026-03-02T05:30:00", endTime="2026-03-02T06:00:00", selectedTimezone=""
    )
    script.reply(LIST, listed(bare))
    script.reply(LOCATION, {"locations": [{"id": "C2Qu", "timezone": "US/Eastern"}]})
    system = build(ALICE)
    snapshot = [system.event((await system.read(WINDOW)).rows[0]) for _ in range(2)]
    assert {(e.value.start.hour, e.value.start.minute) for e in snapshot} == {(10, 30)}
    assert [r.url.path for r in script.requests].count("/v1/locations/") == 1


async def test_a_configured_zone_saves_the_call(build: Build, script: Script) -> None:
    bare = appointment(
        startTime="2026-03-02T05:30:00", endTime="2026-03-02T06:00:00", selectedTimezone=""
    )
    script.reply(LIST, listed(bare))
    system = build(ALICE, timezone="America/New_York")
    (row,) = (await system.read(WINDOW)).rows
    assert system.event(row).value.start.hour == 10


LOOKUP = "GET contacts/lookup"
HOLDS = {"blocks": "hold", "hold_email": "busy@example.com"}


async def test_holds_are_blocks_that_the_list_always_shows(build: Build, script: Script) -> None:
    script.reply(LOOKUP, {"contacts": [{"id": "contact-h"}]})
    held = appointment("h1", contactId="contact-h", contact=..., notes="Busy [s:abcdefghij]")
    off = held | {"id": "h2", "appoinmentStatus": "cancelled"}
    script.reply(LIST, listed(appointment(), held, off))
    system = build(ALICE, **HOLDS)
    snapshot = await system.read(WINDOW)
    events = {row.id: system.event(row).kind for row in snapshot.rows}
    assert events == {"a1": Kind.APPOINTMENT, "h1": Kind.BLOCK}
    assert snapshot.coverage[0].kinds == frozenset(Kind)
    await system.read(WINDOW)
    assert [r.url.path for r in script.requests].count("/v1/contacts/lookup") == 1


@pytest.mark.parametrize(
    ("answer", "lookups"),
    [
        ({"id": "h1", "contact": {"id": "contact-h"}}, 1),
        ({"id": "h1", "contactId": "contact-h"}, 1),
        ({"id": "h1", "contactId": "a-fingerprint"}, 2),
        ({"id": "h1"}, 2),
        ({}, 2),
    ],
)
async def test_the_hold_contact_is_looked_up_again_only_where_a_hold_may_have_made_one(
    build: Build, script: Script, answer: dict[str, Any], lookups: int
) -> None:
    script.reply(LOOKUP, {"contacts": [{"id": "contact-h"}]})
    script.reply(LIST, listed(appointment()))
    script.reply("POST appointments/", answer)
    script.reply(LOCATION, {"locations": [{"id": "C2Qu", "timezone": "Europe/Berlin"}]})
    system = build(ALICE, **HOLDS)
    await system.read(WINDOW)
    value = Value(NOW, NOW + timedelta(hours=1))
    new = Operation(
        Action.CREATE_BLOCK, "legacy", "alice", Kind.BLOCK, None, None, value, key="abcdefghij"
    )
    with suppress(UnknownOutcomeError):  # an answer without an id
        await system.write([new])
    await system.read(WINDOW)
    assert [r.url.path for r in script.requests].count("/v1/contacts/lookup") == lookups


async def test_nothing_is_read_while_the_hold_contacts_are_unknown(
    build: Build, script: Script
) -> None:
    script.reply(LOOKUP, httpx.Response(401))
    script.reply(LIST, listed(appointment()))
    with pytest.raises(UnauthorizedError):
        await build(ALICE, **HOLDS).read(WINDOW)


@pytest.mark.parametrize(
    "miss",
    [
        httpx.Response(404),
        httpx.Response(200, content=b""),
        httpx.Response(200, json={"contacts": []}),
        httpx.Response(422, json={"email": {"message": "none", "rule": "invalid"}}),
    ],
)
async def test_a_missing_hold_contact_is_no_fault(
    build: Build, script: Script, miss: httpx.Response
) -> None:
    script.reply(LOOKUP, miss)
    script.reply(LIST, listed(appointment()))
    snapshot = await build(ALICE, **HOLDS).read(WINDOW)
    assert len(snapshot.rows) == 1


TEAM = {
    "ann": CalendarMapping(calendar="c1", team="t1"),
    "ben": CalendarMapping(calendar="c2", team="t1"),
}
SERVICES = "GET calendars/services"


def services(**teams: str) -> dict[str, Any]:
    return {"services": [{"id": id, "teamId": team} for id, team in teams.items()]}


async def test_a_calendar_that_left_its_team_is_read_by_itself(
    build: Build, script: Script, clock: FakeClock
) -> None:
    script.reply(SERVICES, services(c1="t1", c2="t1"), services(c1="t2", c2="t1"))
    script.reply(LIST, listed())
    system = build(TEAM)
    await system.read(WINDOW)
    assert [call.selector for call in system.plan(WINDOW)] == ["teamId"]
    clock.passed += 901
    await system.read(WINDOW)
    assert {(call.selector, call.ids[0]) for call in system.plan(WINDOW)} == {
        ("calendarId", "c1"),
        ("calendarId", "c2"),
    }


async def test_a_known_event_that_a_team_lacks_has_the_services_read_again(
    build: Build, script: Script
) -> None:
    script.reply(SERVICES, services(c1="t1", c2="t1"), services(c1="t2", c2="t1"))
    script.reply(LIST, listed())
    row = appointment("a1", calendarId="c1", userId="")
    script.reply(ONE, row)
    system = build(TEAM)
    await system.read(WINDOW)
    found = await system.read_one(EventRef("legacy", "ann", "a1", Kind.APPOINTMENT))
    assert isinstance(found, Found)
    await system.read_one(EventRef("legacy", "ann", "a1", Kind.APPOINTMENT), found.event.value)
    await system.read(WINDOW)
    assert "teamId" not in {call.selector for call in system.plan(WINDOW)}


async def test_a_refused_team_is_read_again_with_current_services(
    build: Build, script: Script
) -> None:
    script.reply(SERVICES, services(c1="t1", c2="t1"), services(c1="t2", c2="t1"))
    script.reply(LIST, httpx.Response(422, json={"teamId": {"rule": "invalid"}}), listed())
    snapshot = await build(TEAM).read(WINDOW)
    assert not snapshot.faults
    assert {c.provider for c in snapshot.coverage} == {"ann", "ben"}


async def test_a_list_that_always_has_150_rows_is_reported_and_proves_nothing(
    build: Build, script: Script
) -> None:
    script.reply(LIST, listed(*(appointment(f"a{n}") for n in range(150))))
    snapshot = await build(ALICE).read(WINDOW)
    assert [(m.topic, m.provider) for m in snapshot.malformed] == [(Topic.LIST, "alice")]
    assert len(snapshot.rows) == 150
    assert not snapshot.coverage
    assert not snapshot.faults


WEEKS = timedelta(days=60)


async def test_a_look_back_is_read_and_covered_without_older_events(
    build: Build, script: Script
) -> None:
    start = "2026-01-20T08:00:00Z"
    leave = appointment("a1", startTime=start, endTime="2026-03-05T08:00:00Z")
    over = appointment("a2", startTime=start, endTime="2026-01-20T09:00:00Z")
    script.reply(LIST, listed(leave, over))
    snapshot = await build(ALICE).read(WINDOW, look_back=WEEKS)
    assert [row.id for row in snapshot.rows] == ["a1"]
    assert not snapshot.malformed
    assert [c.window for c in snapshot.coverage] == [WINDOW.from_earlier(WEEKS)]
    asked = (WINDOW.start - WEEKS - timedelta(days=1)).timestamp() * 1000
    assert [int(r.url.params["startDate"]) for r in script.requests] == [asked]
