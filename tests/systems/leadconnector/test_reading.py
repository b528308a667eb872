"""Reads of a v2 location: calls, rows, coverage."""

from datetime import timedelta
from typing import Any

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.model import EventRef, Kind, Status, Topic, Window
from syncd.model.all_day import AllDay, AllDayRule
from syncd.systems.errors import (
    IncompleteReadError,
    RateLimitedError,
    RetryableError,
    UnauthorizedError,
    UnreadableError,
)
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.lookup_results import Gone
from tests.lab.sandbox.kit import at, ms

from .conftest import BLOCKED, EVENTS, WINDOW, Clinic, each, events, hour, rows

CALENDARS = "GET /calendars/"
DAY = timedelta(days=1)


async def test_meetings_and_blocks_are_read_with_coverage_of_both(clinic: Clinic) -> None:
    meeting, block = clinic.book(at(9)), clinic.block(at(12))
    snapshot = await clinic.build().read(WINDOW)
    assert {(r.id, r.provider) for r in snapshot.rows} == {(meeting, "alice"), (block, "alice")}
    assert [(c.provider, c.kinds, c.window) for c in snapshot.coverage] == [
        ("alice", frozenset(Kind), WINDOW)
    ]
    assert not snapshot.faults
    assert not snapshot.malformed


async def test_a_read_sends_location_owner_milliseconds_version_and_token(clinic: Clinic) -> None:
    await clinic.build().read(WINDOW)
    for call, owner in (
        (EVENTS, {"calendarId": clinic.calendar}),
        (BLOCKED, {"userId": clinic.alice}),
    ):
        (request,) = clinic.sent(call)
        assert request.query == {
            "locationId": clinic.platform.location_id,
            "startTime": ms(WINDOW.start - DAY),
            "endTime": ms(WINDOW.end),
            **owner,
        }
        assert request.headers["version"] == "2021-04-15"
        assert request.headers["authorization"] == f"Bearer {clinic.platform.token}"
        assert request.headers["user-agent"].startswith("syncd")


async def test_one_call_reads_all_calendars_of_a_group(clinic: Clinic) -> None:
    appointment = clinic.book(at(9))
    bobs = clinic.platform.book(clinic.bobs, clinic.bob, at(9), at(10), clinic.contact)
    system = clinic.build(clinic.both)
    snapshot = await system.read(WINDOW)
    assert {(r.id, r.provider) for r in snapshot.rows} == {(appointment, "alice"), (bobs, "bob")}
    (request,) = clinic.sent(EVENTS)
    assert request.query["groupId"] == clinic.group
    assert "calendarId" not in request.query
    assert {r.query["userId"] for r in clinic.sent(BLOCKED)} == {clinic.alice, clinic.bob}
    assert {c.provider for c in snapshot.coverage} == {"alice", "bob"}


async def test_a_steady_read_makes_the_declared_calls_and_no_other(clinic: Clinic) -> None:
    system = clinic.build(clinic.both | clinic.room)
    await system.read(WINDOW)
    clinic.proxy.requests.clear()
    await system.read(WINDOW)
    assert len(clinic.proxy.requests) == system.calls_per_read(WINDOW) == 5
    assert set(clinic.proxy.calls) == {EVENTS, BLOCKED}


async def test_the_calendars_of_a_room_are_planned_after_the_first_read(clinic: Clinic) -> None:
    calendars = (clinic.calendar, clinic.hall)
    clinic.platform.resources.add("rooms", "yoga room", calendars=calendars)
    system = clinic.build({"yoga": CalendarMapping(resource="rooms/yoga room")})
    assert system.plan(WINDOW) == ()
    await system.read(WINDOW)
    planned = [call.ids[0] for call in system.plan(WINDOW)]
    assert sorted(planned) == sorted(calendars)
    assert sorted(r.query["calendarId"] for r in clinic.sent(EVENTS)) == sorted(planned)


async def test_a_calendar_alone_in_its_group_is_read_by_itself(clinic: Clinic) -> None:
    await clinic.build(clinic.both).read(WINDOW, ["bob"])
    assert [r.query.get("calendarId") for r in clinic.sent(EVENTS)] == [clinic.bobs]
    assert [r.query.get("userId") for r in clinic.sent(BLOCKED)] == [clinic.bob]


async def test_a_user_without_mapped_calendars_is_read_on_all_their_teams(clinic: Clinic) -> None:
    second = clinic.platform.add_calendar("Second", "round_robin", [clinic.alice, clinic.bob])
    appointment = clinic.platform.book(second, clinic.alice, at(9), at(10), clinic.contact)
    bobs = clinic.platform.book(second, clinic.bob, at(9), at(10), clinic.contact)
    snapshot = await clinic.build({"alice": CalendarMapping(clinic.alice)}).read(WINDOW)
    assert {r.query.get("calendarId") for r in clinic.sent(EVENTS)} == {clinic.calendar, second}
    assert [r.id for r in snapshot.rows] == [appointment]
    assert bobs not in {r.id for r in snapshot.rows}


async def test_a_user_on_no_team_is_read_by_user(clinic: Clinic) -> None:
    carol = clinic.platform.add_user("Carol Cole", "carol@example.com")
    snapshot = await clinic.build({"carol": CalendarMapping(carol)}).read(WINDOW)
    assert [r.query.get("userId") for r in clinic.sent(EVENTS)] == [carol]
    assert snapshot.coverage[0].kinds == frozenset(Kind)


async def test_an_event_calendar_is_read_for_both_kinds_by_itself(clinic: Clinic) -> None:
    meeting = clinic.platform.book(clinic.hall, "", at(9), at(10), clinic.contact)
    block = clinic.platform.block("", at(12), at(13), "Cleaning", clinic.hall)
    snapshot = await clinic.build(clinic.room).read(WINDOW)
    assert {(r.id, r.provider) for r in snapshot.rows} == {(meeting, "hall"), (block, "hall")}
    asked = [r.query.get("calendarId") for r in clinic.sent(EVENTS) + clinic.sent(BLOCKED)]
    assert asked == [clinic.hall, clinic.hall]


async def test_an_event_calendar_of_a_user_is_read_for_its_own_blocks_too(clinic: Clinic) -> None:
    block = clinic.platform.block("", at(12), at(13), "Cleaning", clinic.hall)
    mapped = {"alice": CalendarMapping(clinic.alice, (clinic.calendar, clinic.hall))}
    snapshot = await clinic.build(mapped).read(WINDOW)
    assert [(r.id, r.provider) for r in snapshot.rows] == [(block, "alice")]
    owners = {(r.query.get("userId"), r.query.get("calendarId")) for r in clinic.sent(BLOCKED)}
    assert owners == {(clinic.alice, None), (None, clinic.hall)}


async def test_events_that_began_up_to_a_day_before_the_window_are_read(clinic: Clinic) -> None:
    night = clinic.platform.book(
        clinic.calendar, clinic.alice, at(1, 3), at(0.5, 4), clinic.contact
    )
    window = Window(at(0, 4), at(0, 5))
    snapshot = await clinic.build().read(window)
    assert [r.id for r in snapshot.rows] == [night]
    assert snapshot.coverage[0].window == window


async def test_a_read_of_no_provider_makes_no_call(clinic: Clinic) -> None:
    snapshot = await clinic.build().read(WINDOW, [])
    assert not clinic.proxy.requests
    assert not snapshot.coverage


async def test_rows_of_other_users_are_dropped(clinic: Clinic) -> None:
    clinic.platform.book(clinic.calendar, clinic.bob, at(9), at(10), clinic.contact)
    snapshot = await clinic.build().read(WINDOW)
    assert not snapshot.rows
    assert snapshot.coverage[0].kinds == frozenset(Kind)


async def test_a_row_of_an_unrequested_provider_is_dropped(
    clinic: Clinic,
) -> None:
    clinic.book(at(9))
    clinic.platform.book(clinic.bobs, clinic.alice, at(9), at(10), clinic.contact)
    snapshot = await clinic.build(clinic.both).read(WINDOW, ["bob"])
    assert not snapshot.rows
    assert [c.provider for c in snapshot.coverage] == ["bob"]


async def test_a_deleted_meeting_is_no_row_whether_it_drops_out_or_is_flagged(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    clinic.platform.delete(clinic.book(at(9)))
    clinic.book(at(10))
    assert len((await system.read(WINDOW)).rows) == 1
    clinic.proxy.rewrite(EVENTS, each(deleted=True))
    assert not (await system.read(WINDOW)).rows


async def test_rows_shown_twice_count_once(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.block(at(12))
    clinic.fault(FaultKind.DUPLICATE_ROWS)
    assert len(await events(clinic.build())) == 2


async def test_of_two_copies_of_a_row_the_later_counts(clinic: Clinic) -> None:
    clinic.book(at(9))
    later = {"appointmentStatus": "cancelled", "dateUpdated": "2026-03-02T07:00:00.000Z"}
    clinic.proxy.rewrite(EVENTS, rows(lambda found: [*found, *({**r, **later} for r in found)]))
    (event,) = await events(clinic.build())
    assert event.value.status == "cancelled"


async def test_an_empty_list_is_complete(clinic: Clinic) -> None:
    snapshot = await clinic.build().read(WINDOW)
    assert not snapshot.rows
    assert snapshot.coverage[0].kinds == frozenset(Kind)


# --- what is not whole ------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [None, "x", 3, [1], {}, {"id": None}, {"id": ""}])
@pytest.mark.parametrize(("call", "left"), [(EVENTS, {Kind.BLOCK}), (BLOCKED, {Kind.APPOINTMENT})])
async def test_a_row_without_id_is_reported_and_its_list_proves_no_absence(
    clinic: Clinic, odd: Any, call: str, left: set[Kind]
) -> None:
    known = {clinic.book(at(9)), clinic.block(at(12))}
    clinic.proxy.rewrite(call, rows(lambda found: [*found, odd]))
    snapshot = await clinic.build().read(WINDOW)
    assert {r.id for r in snapshot.rows} == known
    assert [c.kinds for c in snapshot.coverage] == [left]
    (item,) = snapshot.malformed
    assert (item.event, item.topic) == (f"{call} of alice", Topic.UNREADABLE)
    assert item.reason.startswith("1 row has no id")
    assert [(u.provider, u.kinds, u.incomplete) for u in snapshot.unproven] == [
        ("alice", frozenset(Kind) - left, False)
    ]
    assert not snapshot.faults


@pytest.mark.parametrize(
    "changes",
    [
        {"startTime": None},
        {"startTime": "soon"},
        {"startTime": {}},
        {"endTime": "2026-03-02T08:00:00+01:00"},
        {"endTime": "2026-03-02T09:00:00+01:00"},
        {"startTime": "0001-01-01T00:00:00+01:00"},
        {"startTime": "99999999999999999999"},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [EVENTS, BLOCKED])
async def test_an_unreadable_row_is_reported_and_its_id_counts_as_listed(
    clinic: Clinic, call: str, changes: dict[str, Any]
) -> None:
    known = {clinic.book(at(9)), clinic.block(at(9))}
    clinic.proxy.rewrite(call, each(**changes))
    system = clinic.build()
    snapshot = await system.read(WINDOW)
    assert {r.id for r in snapshot.rows} == known  # so nothing takes it for absent
    broken = []
    for row in snapshot.rows:
        try:
            system.event(row)
        except UnreadableError as error:
            broken.append(error)
    assert len(broken) == 1
    assert broken[0].event in known
    assert "Carla" not in str(broken[0])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events":null}', b'{"events":[{"id":'])
async def test_an_answer_without_a_list_is_no_empty_list(clinic: Clinic, body: bytes) -> None:
    block = clinic.block(at(12))
    clinic.proxy.rewrite(EVENTS, lambda _: body)
    snapshot = await clinic.build().read(WINDOW)
    assert [r.id for r in snapshot.rows] == [block]
    assert [c.kinds for c in snapshot.coverage] == [{Kind.BLOCK}]
    assert [type(f) for f in snapshot.faults] == [IncompleteReadError]


async def test_a_body_that_breaks_off_is_read_again(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.fault(FaultKind.RESET_BODY, path="/calendars/events", times=1)
    assert len(await events(clinic.build())) == 1
    assert len(clinic.sent(EVENTS)) == 2


async def test_a_failed_list_loses_only_its_own_coverage(clinic: Clinic) -> None:
    meeting = clinic.book(at(9))
    clinic.fault(FaultKind.ERROR, path="/calendars/blocked-slots")
    snapshot = await clinic.build().read(WINDOW)
    assert [r.id for r in snapshot.rows] == [meeting]
    assert [c.kinds for c in snapshot.coverage] == [{Kind.APPOINTMENT}]
    assert [type(f) for f in snapshot.faults] == [RetryableError]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (FaultKind.ERROR, RetryableError),
        (FaultKind.LOSE_BEFORE, RetryableError),
        (FaultKind.UNAUTHORISED, UnauthorizedError),
        (FaultKind.RATE_LIMITED, RateLimitedError),
    ],
)
async def test_a_read_in_which_all_lists_fail_raises(
    clinic: Clinic, kind: FaultKind, fault: type[Exception]
) -> None:
    clinic.fault(kind)
    with pytest.raises(fault):
        await clinic.build().read(WINDOW)


async def test_without_the_list_of_calendars_a_mapped_user_is_still_read(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.fault(FaultKind.ERROR, path="/calendars/$")
    snapshot = await clinic.build(clinic.both).read(WINDOW)
    assert len(snapshot.rows) == 1
    assert {c.kinds for c in snapshot.coverage} == {frozenset(Kind)}
    assert [type(f) for f in snapshot.faults] == [RetryableError]
    assert {r.query.get("calendarId") for r in clinic.sent(EVENTS)} == {
        clinic.calendar,
        clinic.bobs,
    }


async def test_without_the_list_of_calendars_a_user_s_meetings_are_not_covered(
    clinic: Clinic,
) -> None:
    clinic.fault(FaultKind.ERROR, path="/calendars/$")
    snapshot = await clinic.build({"alice": CalendarMapping(clinic.alice)}).read(WINDOW)
    assert [c.kinds for c in snapshot.coverage] == [{Kind.BLOCK}]


async def test_the_list_of_calendars_is_kept_for_a_quarter_of_an_hour_and_longer_if_it_fails(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    await system.read(WINDOW)
    clinic.clock.advance(899)
    await system.read(WINDOW)
    assert len(clinic.sent(CALENDARS)) == 1
    clinic.clock.advance(2)
    clinic.fault(FaultKind.ERROR, path="/calendars/$")
    snapshot = await system.read(WINDOW)
    assert len(clinic.sent(CALENDARS)) > 1
    assert snapshot.coverage[0].kinds == frozenset(Kind)
    assert not snapshot.faults
    asked = len(clinic.sent(CALENDARS))
    await system.read(WINDOW)
    assert len(clinic.sent(CALENDARS)) == asked


async def test_an_unknown_status_is_reported_and_counts_as_busy(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(appointmentStatus="daydreaming"))
    system = clinic.build()
    snapshot = await system.read(WINDOW)
    assert [(m.event, "'daydreaming'" in m.reason) for m in snapshot.malformed] == [(known, True)]
    assert [(m.topic, m.provider) for m in snapshot.malformed] == [(Topic.UNKNOWN_STATUS, "alice")]
    assert system.event(snapshot.rows[0]).value.busy
    # A row that is as it is known is reported as long as its status is.
    again = await system.read(WINDOW, None, {row.id: row.fingerprint for row in snapshot.rows})
    assert [m.event for m in again.malformed] == [known]


async def test_a_row_is_parsed_again_when_its_status_word_is_mapped(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(appointmentStatus="Did not come"))
    known = {row.id: row.fingerprint for row in (await clinic.build().read(WINDOW)).rows}
    system = clinic.build(statuses={"did not come": Status.NOSHOW})
    snapshot = await system.read(WINDOW, None, known)
    assert [system.event(row).value.status for row in snapshot.rows] == [Status.NOSHOW]
    assert [row.fingerprint == known[row.id] for row in snapshot.rows] == [False]
    assert not snapshot.malformed


async def test_a_fingerprint_contains_time_status_and_owner_and_nothing_personal(
    clinic: Clinic,
) -> None:
    event = clinic.book(at(9), title="Carla's teeth")
    system = clinic.build(clinic.both)

    async def print_() -> str:
        (row,) = (await system.read(WINDOW)).rows
        return row.fingerprint

    prints = [await print_(), await print_()]
    clinic.platform.move(event, at(10), at(11))
    prints.append(await print_())
    clinic.platform.cancel(event)
    prints.append(await print_())
    clinic.platform.move(event, at(10), at(11), clinic.bob)
    prints.append(await print_())
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4
    assert "Carla" not in "".join(prints)


async def test_read_at_is_when_the_read_began(clinic: Clinic) -> None:
    began = clinic.clock.now()
    clinic.fault(FaultKind.SLOW, seconds=7)
    snapshot = await clinic.build().read(WINDOW)
    assert clinic.clock.now() > began
    assert snapshot.coverage[0].read_at == began


async def test_a_look_back_is_read_and_covered_without_older_events(clinic: Clinic) -> None:
    back = 20 * DAY
    leave = clinic.platform.block(clinic.alice, WINDOW.start - 15 * DAY, WINDOW.end, "Leave")
    clinic.platform.block(clinic.alice, WINDOW.start - 15 * DAY, WINDOW.start - 14 * DAY, "Over")
    assert not (await clinic.build().read(WINDOW)).rows
    snapshot = await clinic.build().read(WINDOW, look_back=back)
    assert [row.id for row in snapshot.rows] == [leave]
    assert [c.window for c in snapshot.coverage] == [WINDOW.from_earlier(back)]


async def test_an_unknown_status_of_a_past_event_is_not_reported(clinic: Clinic) -> None:
    start = WINDOW.start - 15 * DAY
    clinic.platform.book(clinic.calendar, clinic.alice, start, start + DAY, clinic.contact)
    clinic.proxy.rewrite(EVENTS, each(appointmentStatus="odd", appoinmentStatus="odd"))
    snapshot = await clinic.build().read(WINDOW, look_back=20 * DAY)
    assert (snapshot.rows, snapshot.malformed) == ([], [])


MIDNIGHTS = {"startTime": "2026-03-03T00:00:00+01:00", "endTime": "2026-03-03T00:00:00+01:00"}


def ignoring(clinic: Clinic) -> dict[str, CalendarMapping]:
    """Return a mapping of alice whose all-day events block nothing."""
    rule = AllDayRule(AllDay.IGNORE)
    return {"alice": CalendarMapping(clinic.alice, (clinic.calendar,), all_day=rule)}


async def test_an_all_day_event_of_equal_dates_takes_the_day_and_reads_the_zone_once(
    clinic: Clinic,
) -> None:
    known = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, each(isFullDay=True, **MIDNIGHTS))
    system = clinic.build()
    (row,) = (await system.read(WINDOW)).rows
    value = system.event(row).value
    assert (row.id, value.start, value.end) == (known, at(0, 3), at(0, 4))
    again = await system.read(WINDOW, None, {row.id: row.fingerprint})
    assert [r.fingerprint for r in again.rows] == [row.fingerprint]
    assert clinic.proxy.calls.count("GET /locations/{id}") == 1


async def test_an_ignored_all_day_event_is_not_read_and_counts_as_gone(
    clinic: Clinic,
) -> None:
    known = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, each(isFullDay=True, **MIDNIGHTS))
    system = clinic.build(ignoring(clinic))
    snapshot = await system.read(WINDOW)
    assert (snapshot.rows, snapshot.malformed, len(snapshot.coverage)) == ([], [], 1)
    ref = EventRef("clinic", "alice", known, Kind.BLOCK)
    assert await system.read_one(ref, hour(at(12))) == Gone(own_list=True)


async def test_an_all_day_event_is_in_utc_if_the_zone_is_refused(clinic: Clinic) -> None:
    clinic.block(at(12))
    clinic.proxy.rewrite(
        BLOCKED, each(isFullDay=True, startTime="2026-03-03", endTime="2026-03-03")
    )
    clinic.fault(FaultKind.UNAUTHORISED, path="/locations")
    system = clinic.build()
    (row,) = (await system.read(WINDOW)).rows
    assert system.event(row).value.start == at(1, 3)
