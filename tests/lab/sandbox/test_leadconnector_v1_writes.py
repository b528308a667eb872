"""LeadConnector v1 books, blocks, moves and deletes (docs/platforms/leadconnector-v1.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.sandbox.kit import at, berlin
from tests.lab.sandbox.test_leadconnector_v1 import ZONE, Legacy, offered, serve_legacy


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location on a loopback socket."""
    async with serve_legacy() as served:
        yield served


# --- booking ------------------------------------------------------------------------------------


async def test_the_answer_to_a_booking_has_a_contact_id_of_no_contact(legacy: Legacy) -> None:
    answer = await legacy.post(legacy.booking(at(9)))
    assert answer.status_code == 200
    reply = answer.json()
    assert set(reply) == {"id", "contactId", "contact", "sessionId", "sessionFingerprint"}
    assert reply["contactId"] == reply["contact"]["fingerprint"] != legacy.contact
    assert "id" not in reply["contact"]
    assert (await legacy.get(reply["id"]))["contactId"] == legacy.contact
    (stored,) = legacy.platform.appointments()
    assert (stored.id, stored.start, stored.end) == (reply["id"], at(9), at(9.5))
    assert (stored.user, stored.title) == (legacy.alice, "Carla Client")


async def test_notes_of_a_booking_are_read_back_and_survive_a_move(legacy: Legacy) -> None:
    body = legacy.booking(at(9), calendarNotes="kept [s:abc]")
    id = (await legacy.post(body)).json()["id"]
    moved = legacy.booking(at(11), calendarNotes="other")
    await legacy.client.put(f"/appointments/{id}", json=moved)
    assert (await legacy.get(id))["notes"] == "kept [s:abc]"


async def test_a_hold_is_a_booking_with_an_end(legacy: Legacy) -> None:
    end = berlin(at(11.25))
    body = legacy.booking(at(9.5), endAt=end, title="Busy", userId=legacy.alice)
    answer = await legacy.post(body | {"email": "hold@example.com", "firstName": "Hold"})
    (stored,) = legacy.platform.appointments()
    assert (stored.id, stored.start, stored.end) == (answer.json()["id"], at(9.5), at(11.25))
    (row,) = await legacy.rows(includeAll="true")
    assert (row["title"], row["contact"]["email"]) == ("Busy", "hold@example.com")
    assert row["contactId"] != legacy.contact


async def test_a_booking_overwrites_the_matching_contact(legacy: Legacy) -> None:
    await legacy.post(legacy.booking(at(9), email="CARLA@example.com", name="Busy"))
    (contact,) = legacy.platform.contacts.values()
    assert (contact.id, contact.name, contact.phone) == (legacy.contact, "Busy", "+4930123456")


async def test_a_booking_can_be_sent_as_a_form(legacy: Legacy) -> None:
    answer = await legacy.client.post("/appointments/", data=legacy.booking(at(9)))
    assert answer.status_code == 200
    (stored,) = legacy.platform.appointments()
    assert (stored.start, stored.contact) == (at(9), legacy.contact)


@pytest.mark.parametrize(
    ("spelt", "zone", "shown"),
    [
        ("2026-03-02T13:30:00+05:30", "Asia/Calcutta", "2026-03-02T13:30:00+05:30"),
        ("2026-03-02T08:00:00Z", ZONE, "2026-03-02T09:00:00+01:00"),
        ("2026-03-02T03:00:00", "US/Eastern", "2026-03-02T03:00:00-05:00"),
    ],
    ids=["offset", "Z", "bare"],
)
async def test_a_slot_has_three_formats_and_is_shown_in_the_selected_zone(
    legacy: Legacy, spelt: str, zone: str, shown: str
) -> None:
    body = legacy.booking(at(9), selectedSlot=spelt, selectedTimezone=zone)
    id = (await legacy.post(body)).json()["id"]
    (stored,) = legacy.platform.appointments()
    assert stored.start == at(9)
    found = await legacy.get(id)
    assert (found["startTime"], found["selectedTimezone"]) == (shown, zone)


async def test_a_team_booking_goes_to_the_first_free_member(legacy: Legacy) -> None:
    both = legacy.platform.add_calendar("Both", "round_robin", [legacy.alice, legacy.bob])
    for _ in range(2):
        assert (await legacy.post(legacy.booking(at(9), calendarId=both))).is_success
    assert [a.user for a in legacy.platform.appointments()] == [legacy.alice, legacy.bob]


async def test_fields_of_v2_are_ignored(legacy: Legacy) -> None:
    body = legacy.booking(at(9), contactId="x", appointmentStatus="new", endTime=berlin(at(17)))
    assert (await legacy.post(body)).is_success
    (stored,) = legacy.platform.appointments()
    assert (stored.contact, stored.status, stored.end) == (legacy.contact, "confirmed", at(9.5))


# --- blocks -------------------------------------------------------------------------------------


async def test_a_block_is_created_listed_moved_and_deleted(legacy: Legacy) -> None:
    created = await legacy.post(legacy.busy(at(9.1), title="Busy [s:abc]"))
    (block,) = legacy.platform.blocks()
    assert (created.status_code, created.json()) == (200, {"id": block.id})
    assert (block.user, block.start, block.end) == (legacy.alice, at(9.1), at(10.1))
    (row,) = await legacy.rows(userId=legacy.alice)
    assert row["title"] == "Busy [s:abc]"
    assert {"contactId", "contact", "calendarId"} & set(row) == set()
    assert await legacy.get(block.id) == row
    times = {"selectedSlot": berlin(at(14)), "selectedTimezone": ZONE}
    moved = await legacy.client.put(f"/appointments/{block.id}", json=times)
    assert moved.json() == {"id": block.id}
    (block,) = legacy.platform.blocks()
    assert (block.start, block.end, block.title) == (at(14), at(15), "Busy [s:abc]")
    assert (await legacy.client.delete(f"/appointments/{block.id}")).status_code == 200
    assert await legacy.ids(userId=legacy.alice) == []
    assert (await legacy.client.get(f"/appointments/{block.id}")).status_code == 404


async def test_a_block_can_belong_to_a_calendar(legacy: Legacy) -> None:
    body = legacy.busy(at(9), calendarId=legacy.bobs)
    del body["userId"]
    id = (await legacy.post(body)).json()["id"]
    assert await legacy.ids(calendarId=legacy.bobs) == [id]
    assert await legacy.ids(teamId=legacy.team) == [id]
    assert (await offered(legacy, calendarId=legacy.bobs))[0] == berlin(at(10))


async def test_lists_can_be_without_blocks(legacy: Legacy) -> None:
    legacy.platform.lists_blocks = False
    appointment = legacy.book(at(9))
    block = legacy.platform.block(legacy.alice, at(11), at(12), "Lunch")
    assert await legacy.ids(userId=legacy.alice) == [appointment]
    assert (await legacy.get(block))["title"] == "Lunch"


# --- changing -----------------------------------------------------------------------------------


async def test_a_move_answers_without_times_and_keeps_status_and_contact(legacy: Legacy) -> None:
    id = legacy.book(at(9), status="new", title="Check-up")
    legacy.clock.advance(60)
    times = {"selectedSlot": berlin(at(11)), "endAt": berlin(at(12)), "selectedTimezone": ZONE}
    answer = await legacy.client.put(f"/appointments/{id}", json=times)
    assert answer.status_code == 200
    reply = answer.json()
    assert (reply.pop("id"), reply.pop("contactId")) == (id, legacy.contact)
    assert set(reply) == {"contact"}
    (stored,) = legacy.platform.appointments()
    assert (stored.start, stored.end, stored.status) == (at(11), at(12), "new")
    assert (stored.title, stored.updated_at) == ("Check-up", legacy.clock.now())


async def test_a_move_without_an_end_takes_the_slot_length(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    await legacy.client.put(f"/appointments/{id}", json=legacy.booking(at(11)))
    (stored,) = legacy.platform.appointments()
    assert (stored.start, stored.end) == (at(11), at(11.5))


async def test_a_move_to_another_service_changes_the_user(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    body = legacy.booking(at(11), calendarId=legacy.bobs, title="Moved")
    await legacy.client.put(f"/appointments/{id}", json=body)
    (stored,) = legacy.platform.appointments()
    assert (stored.calendar, stored.user, stored.title) == (legacy.bobs, legacy.bob, "Moved")


async def test_a_move_within_a_service_keeps_the_user(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    legacy.platform.move(id, at(9), at(10), legacy.bob)
    times = {"selectedSlot": berlin(at(11)), "endAt": berlin(at(12)), "selectedTimezone": ZONE}
    await legacy.client.put(f"/appointments/{id}", json=times)
    (stored,) = legacy.platform.appointments()
    assert (stored.start, stored.user) == (at(11), legacy.bob)


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "showed", "noshow", "invalid"])
@pytest.mark.parametrize("kind", ["json", "data"])
async def test_a_status_is_set_with_an_empty_answer(legacy: Legacy, status: str, kind: str) -> None:
    id = legacy.book(at(9), status="new")
    body: dict[str, Any] = {kind: {"status": status}}
    answer = await legacy.client.put(f"/appointments/{id}/status", **body)
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"].startswith("text/plain")
    (stored,) = legacy.platform.appointments()
    assert stored.status == status


async def test_a_delete_answers_with_an_empty_json_string(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    answer = await legacy.client.delete(f"/appointments/{id}")
    assert (answer.status_code, answer.text) == (200, '""')
    assert answer.headers["content-type"] == "application/json"
    (stored,) = legacy.platform.appointments()
    assert (stored.id, stored.deleted) == (id, True)
