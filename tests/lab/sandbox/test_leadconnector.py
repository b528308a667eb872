"""Successful answers of LeadConnector v2, over a real socket.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.lab.sandbox.leadconnector import Notification
from syncd.lab.sandbox.odd_rows import UNKNOWN_STATUS
from tests.lab.sandbox.kit import APPOINTMENTS, BLOCKS, HOUR, QUIET, Clinic, at, berlin, ms


async def test_an_appointment_is_listed_in_the_locations_offset(clinic: Clinic) -> None:
    id = clinic.book(at(9), title="Check-up")
    answer = (await clinic.events()).json()
    assert set(answer) == {"events", "traceId"}
    assert answer["events"] == [
        {
            "id": id,
            "title": "Check-up",
            "calendarId": clinic.calendar,
            "locationId": clinic.platform.location_id,
            "contactId": clinic.contact,
            "groupId": clinic.group,
            "assignedUserId": clinic.alice,
            "users": [],
            "appointmentStatus": "confirmed",
            "appoinmentStatus": "confirmed",
            "address": "",
            "isRecurring": False,
            "startTime": "2026-03-02T09:00:00+01:00",
            "endTime": "2026-03-02T10:00:00+01:00",
            "dateAdded": "2026-03-02T06:00:00.000Z",
            "dateUpdated": "2026-03-02T06:00:00.000Z",
            "assignedResources": [],
            "createdBy": {"source": "calendar_page", "userId": None},
            "deleted": False,
        }
    ]


async def test_events_of_event_calendars_name_no_user(clinic: Clinic) -> None:
    clinic.platform.book(clinic.hall, "", at(9), at(10), clinic.contact)
    (row,) = (await clinic.events(calendarId=clinic.hall)).json()["events"]
    assert {"assignedUserId", "users", "groupId"} & set(row) == set()


async def test_lists_are_by_calendar_user_or_group(clinic: Clinic) -> None:
    mine = clinic.book(at(9))
    his = clinic.platform.book(clinic.bobs, clinic.bob, at(9), at(10), clinic.contact)
    assert await clinic.ids(calendarId=clinic.bobs) == [his]
    assert await clinic.ids(userId=clinic.alice) == [mine]
    assert await clinic.ids(groupId=clinic.group) == [mine, his]


async def test_an_event_is_listed_by_its_start(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    for window, shown in [
        ((at(9), at(12)), [id]),
        ((at(8), at(9)), [id]),
        ((at(9.5), at(12)), []),
        ((at(8), at(8.5)), []),
    ]:
        found = await clinic.ids(startTime=ms(window[0]), endTime=ms(window[1]))
        assert found == shown


async def test_a_window_may_end_after_year_9999(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    assert await clinic.ids(startTime="0", endTime="9999999999999999") == [id]


async def test_cancelled_appointments_stay_listed_and_deleted_ones_do_not(clinic: Clinic) -> None:
    cancelled, deleted = clinic.book(at(9)), clinic.book(at(11))
    clinic.platform.cancel(cancelled)
    clinic.platform.delete(deleted)
    (row,) = (await clinic.events()).json()["events"]
    assert (row["id"], row["appointmentStatus"]) == (cancelled, "cancelled")


async def test_a_deleted_appointment_is_read_by_id_with_its_old_status(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    clinic.platform.delete(id)
    answer = (await clinic.client.get(f"{APPOINTMENTS}/{id}")).json()
    assert set(answer) == {"appointment", "traceId"}
    appointment = answer["appointment"]
    assert (appointment["deleted"], appointment["appointmentStatus"]) == (True, "confirmed")
    assert "slotType" in appointment["appointmentMeta"]


async def test_the_offset_shows_summer_time(clinic: Clinic) -> None:
    id = clinic.book(at(10, day=30))
    appointment = (await clinic.client.get(f"{APPOINTMENTS}/{id}")).json()["appointment"]
    assert appointment["startTime"] == "2026-03-30T11:00:00+02:00"


async def test_a_create_answers_flat_and_without_times(clinic: Clinic) -> None:
    answer = await clinic.client.post(APPOINTMENTS, json=clinic.appointment(at(9), title="Hi"))
    assert answer.status_code == 200
    reply = answer.json()
    assert reply["status"] == "booked"
    assert reply["appointmentStatus"] == reply["appoinmentStatus"] == "confirmed"
    assert {"startTime", "endTime"} & set(reply) == set()
    (stored,) = clinic.platform.appointments()
    assert (stored.id, stored.start, stored.end) == (reply["id"], at(9), at(9.5))
    assert stored.user == clinic.alice


async def test_four_equal_creates_without_the_check_make_four(clinic: Clinic) -> None:
    body = clinic.appointment(at(9), **QUIET)
    for _ in range(4):
        assert (await clinic.client.post(APPOINTMENTS, json=body)).is_success
    assert len(clinic.platform.appointments()) == 4


async def test_a_merging_update_changes_only_time_and_status(clinic: Clinic) -> None:
    clinic.platform.update_replaces = False
    id = clinic.book(at(9), title="Check-up")
    clinic.clock.advance(60)
    body = {"startTime": berlin(at(11)), "endTime": berlin(at(12)), "appointmentStatus": "showed"}
    answer = await clinic.client.put(f"{APPOINTMENTS}/{id}", json={**body, **QUIET})
    assert answer.status_code == 200
    assert {"startTime", "endTime"} & set(answer.json()) == set()
    (stored,) = clinic.platform.appointments()
    assert (stored.start, stored.end, stored.status) == (at(11), at(12), "showed")
    assert (stored.title, stored.contact) == ("Check-up", clinic.contact)
    assert stored.updated_at == clinic.clock.now()


async def test_a_replacing_update_resets_the_fields_that_it_omits(clinic: Clinic) -> None:
    id = clinic.book(at(9), title="Check-up", status="new", description="Bring the papers")
    body = {"startTime": berlin(at(11)), "endTime": berlin(at(12))}
    answer = await clinic.client.put(f"{APPOINTMENTS}/{id}", json={**body, **QUIET})
    assert (answer.json()["appointmentStatus"], answer.json()["title"]) == ("confirmed", "")
    shown = (await clinic.client.get(f"{APPOINTMENTS}/{id}")).json()["appointment"]
    assert (shown["appointmentStatus"], shown["title"], shown["description"]) == (
        "confirmed",
        "",
        "",
    )


async def test_an_update_keeps_the_texts_and_the_status_that_it_names(clinic: Clinic) -> None:
    id = clinic.book(at(9), title="Check-up", status="new", description="Bring the papers")
    named = {"title": "Check-up", "description": "Bring the papers", "appointmentStatus": "new"}
    await clinic.client.put(f"{APPOINTMENTS}/{id}", json={**named, **QUIET})
    shown = (await clinic.client.get(f"{APPOINTMENTS}/{id}")).json()["appointment"]
    assert {name: shown[name] for name in named} == named


@pytest.mark.parametrize("replaces", [True, False])
async def test_an_update_with_the_unknown_status_keeps_the_status(
    clinic: Clinic, *, replaces: bool
) -> None:
    # Seeds 30022 and 30091: a replacing update set it to "confirmed".
    clinic.platform.update_replaces = replaces
    id = clinic.book(at(9), status="new")
    body = {"startTime": berlin(at(11)), "appointmentStatus": UNKNOWN_STATUS}
    answer = await clinic.client.put(f"{APPOINTMENTS}/{id}", json={**body, **QUIET})
    assert (answer.status_code, answer.json()["appointmentStatus"]) == (200, "new")


@pytest.mark.parametrize("type", ["round_robin", "collective", "class_booking"])
async def test_an_update_on_a_teams_calendar_must_name_the_member(
    clinic: Clinic, type: str
) -> None:
    team = clinic.platform.add_calendar("Team", type, [clinic.alice, clinic.bob])
    id = clinic.platform.book(team, clinic.bob, at(9), at(10), clinic.contact)
    path = f"{APPOINTMENTS}/{id}"
    refused = await clinic.client.put(path, json={"appointmentStatus": "showed", **QUIET})
    assert refused.status_code == 422
    assert "A team member needs to be selected" in refused.json()["message"]
    named = {"appointmentStatus": "showed", "assignedUserId": clinic.bob, **QUIET}
    assert (await clinic.client.put(path, json=named)).status_code == 200


async def test_a_replacing_block_update_without_a_title_erases_it(clinic: Clinic) -> None:
    for replaces, title in ((True, ""), (False, "Lunch")):
        clinic.platform.block_update_replaces = replaces
        id = clinic.platform.block(clinic.alice, at(9), at(10), "Lunch")
        moved = clinic.busy(at(14))
        del moved["title"]
        answer = await clinic.client.put(f"{BLOCKS}/{id}", json=moved)
        assert answer.json()["title"] == title


@pytest.mark.parametrize(("flag", "count"), [({}, 1), ({"toNotify": True}, 1), (QUIET, 0)])
async def test_customers_are_notified_unless_the_write_forbids_it(
    clinic: Clinic, flag: dict[str, bool], count: int
) -> None:
    id = clinic.book(at(9))
    await clinic.client.put(f"{APPOINTMENTS}/{id}", json={"appointmentStatus": "cancelled", **flag})
    assert clinic.platform.notifications == [Notification(id, "updated")] * count


async def test_a_block_is_created_listed_moved_and_deleted(clinic: Clinic) -> None:
    created = await clinic.client.post(BLOCKS, json=clinic.busy(at(9), title="Busy [s:abc]"))
    assert created.status_code == 201
    echo = created.json()
    assert echo.pop("traceId")
    id = echo.pop("id")
    assert echo == clinic.busy(at(9), title="Busy [s:abc]")
    path = "/calendars/blocked-slots"
    (row,) = (await clinic.events(path, userId=clinic.alice)).json()["events"]
    assert row == {
        "id": id,
        "title": "Busy [s:abc]",
        "assignedUserId": clinic.alice,
        "startTime": "2026-03-02T09:00:00+01:00",
        "endTime": "2026-03-02T10:00:00+01:00",
        "address": "",
        "isFullDay": False,
        "deleted": False,
    }
    moved = await clinic.client.put(f"{BLOCKS}/{id}", json=clinic.busy(at(14)))
    assert moved.status_code == 201
    (block,) = clinic.platform.blocks()
    assert (block.start, block.end, block.user) == (at(14), at(15), clinic.alice)
    assert (await clinic.client.delete(f"/calendars/events/{id}")).json()["succeeded"] is True
    assert await clinic.ids(path, userId=clinic.alice) == []


async def test_blocks_and_appointments_are_two_reads(clinic: Clinic) -> None:
    appointment = clinic.book(at(9))
    block = clinic.platform.block(clinic.alice, at(11), at(12), "Lunch")
    assert await clinic.ids(userId=clinic.alice) == [appointment]
    assert await clinic.ids("/calendars/blocked-slots", userId=clinic.alice) == [block]
    assert await clinic.ids("/calendars/blocked-slots", calendarId=clinic.calendar) == []


async def test_a_calendars_block_is_listed_under_the_calendar(clinic: Clinic) -> None:
    id = clinic.platform.block("", at(9), at(10), "Closed", clinic.hall)
    (row,) = (await clinic.events("/calendars/blocked-slots", calendarId=clinic.hall)).json()[
        "events"
    ]
    assert (row["id"], row["calendarId"]) == (id, clinic.hall)
    assert "assignedUserId" not in row


async def offered(clinic: Clinic, calendar: str = "", **query: str) -> list[str]:
    """Return the free slots of the Monday."""
    span = {"startDate": ms(at(0)), "endDate": ms(at(0, 3)), **query}
    path = f"/calendars/{calendar or clinic.calendar}/free-slots"
    answer = (await clinic.client.get(path, params=span)).json()
    assert answer.pop("traceId")
    return [slot for day in answer.values() for slot in day["slots"]]


async def test_free_slots_are_within_the_opening_hours(clinic: Clinic) -> None:
    slots = await offered(clinic)
    assert len(slots) == 16
    assert (slots[0], slots[-1]) == ("2026-03-02T09:00:00+01:00", "2026-03-02T16:30:00+01:00")


async def test_days_without_slots_are_absent(clinic: Clinic) -> None:
    span = {"startDate": ms(at(0, 6)), "endDate": ms(at(0, 10))}
    answer = await clinic.client.get(f"/calendars/{clinic.calendar}/free-slots", params=span)
    assert set(answer.json()) == {"2026-03-06", "2026-03-09", "traceId"}


async def test_busy_appointments_and_blocks_close_slots_and_cancelled_ones_do_not(
    clinic: Clinic,
) -> None:
    clinic.book(at(9))
    clinic.platform.cancel(clinic.book(at(10)))
    clinic.platform.block(clinic.alice, at(11), at(12), "Lunch")
    slots = await offered(clinic)
    assert slots[:3] == [berlin(at(10)), berlin(at(10.5)), berlin(at(12))]


async def test_a_users_block_closes_all_calendars_of_the_user(clinic: Clinic) -> None:
    other = clinic.platform.add_calendar("Team", "round_robin", [clinic.alice, clinic.bob])
    clinic.platform.block(clinic.alice, at(9), at(17), "Away")
    assert await offered(clinic) == []
    assert len(await offered(clinic, other)) == 16
    assert await offered(clinic, other, userId=clinic.alice) == []


async def test_a_collective_calendar_needs_all_its_users(clinic: Clinic) -> None:
    both = clinic.platform.add_calendar("Both", "collective", [clinic.alice, clinic.bob])
    clinic.platform.block(clinic.bob, at(9), at(16.5), "Away")
    assert await offered(clinic, both) == [berlin(at(16.5))]


async def test_a_class_takes_guests_until_it_is_full(clinic: Clinic) -> None:
    yoga = clinic.platform.add_calendar(
        "Yoga", "class_booking", [clinic.alice], slot_minutes=60, per_slot=2
    )
    body = clinic.appointment(at(9), calendarId=yoga)
    statuses = [(await clinic.client.post(APPOINTMENTS, json=body)).status_code for _ in range(3)]
    assert statuses == [200, 200, 400]


async def test_slots_are_shown_in_the_requested_zone(clinic: Clinic) -> None:
    slots = await offered(clinic, timezone="Asia/Kolkata")
    assert slots[0] == "2026-03-02T13:30:00+05:30"


async def test_slots_that_have_begun_are_not_offered(clinic: Clinic) -> None:
    clinic.clock.advance(timedelta(hours=9).total_seconds())
    assert (await offered(clinic))[0] == berlin(at(16))


async def test_the_wall_clock_keeps_its_hours_over_the_change_of_the_clocks(
    clinic: Clinic,
) -> None:
    span = {"startDate": ms(at(0, 27)), "endDate": ms(at(23, 30))}
    path = f"/calendars/{clinic.calendar}/free-slots"
    answer = (await clinic.client.get(path, params=span)).json()
    firsts = {day: answer[day]["slots"][0] for day in ("2026-03-27", "2026-03-30")}
    assert firsts == {
        "2026-03-27": "2026-03-27T09:00:00+01:00",
        "2026-03-30": "2026-03-30T09:00:00+02:00",
    }


async def test_calendars_groups_users_and_contacts_are_listed(clinic: Clinic) -> None:
    get = clinic.client.get
    here = {"locationId": clinic.platform.location_id}
    calendars = (await get("/calendars/", params=here)).json()["calendars"]
    assert [c["calendarType"] for c in calendars] == ["personal", "personal", "event"]
    assert calendars[0]["teamMembers"][0]["userId"] == clinic.alice
    assert calendars[0]["appoinmentPerSlot"] == calendars[0]["appointmentPerSlot"] == 1
    grouped = (await get("/calendars/", params={**here, "groupId": clinic.group})).json()
    assert [c["name"] for c in grouped["calendars"]] == ["Alice", "Bob"]
    assert (await get(f"/calendars/{clinic.hall}")).json()["calendar"] == calendars[2]
    (group,) = (await get("/calendars/groups", params=here)).json()["groups"]
    assert (group["id"], group["slug"]) == (clinic.group, "practice")
    users = (await get("/users/", params=here)).json()["users"]
    assert [u["email"] for u in users] == ["alice@example.com", "bob@example.com"]
    location = (await get(f"/locations/{clinic.platform.location_id}")).json()["location"]
    assert location["timezone"] == "Europe/Berlin"
    contact = (await get(f"/contacts/{clinic.contact}")).json()["contact"]
    assert (contact["email"], contact["phone"]) == ("carla@example.com", "+4930123456")


async def test_a_person_can_move_a_meeting_to_another_user(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    assert clinic.platform.move(id, at(10), at(10) + HOUR, clinic.bob) == id
    (stored,) = clinic.platform.appointments()
    assert (stored.start, stored.user) == (at(10), clinic.bob)


@pytest.mark.parametrize(
    "act",
    [
        lambda p, _: p.cancel("nobody"),
        lambda p, _: p.remove_block("nobody"),
        lambda p, _: p.block("nobody", at(9), at(10), "x"),
        lambda p, c: p.book("nowhere", c.alice, at(9), at(10), c.contact),
    ],
)
async def test_an_action_on_an_unknown_id_raises_an_error(clinic: Clinic, act: object) -> None:
    assert callable(act)
    with pytest.raises(KeyError, match="no "):
        act(clinic.platform, clinic)
