"""Rooms, equipment, associations and objects of the emulated v2 location: answers and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.sandbox.kit import Clinic, serve_clinic

ROOMS = "/calendars/resources/rooms"
EQUIPMENT = "/calendars/resources/equipments"
CUSTOM = "custom_objects.booking"


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """Serve a clinic."""
    async with serve_clinic() as found:
        yield found


def resource(clinic: Clinic, **more: Any) -> dict[str, Any]:
    """Return the body of a resource, with all required fields."""
    body = {
        "locationId": clinic.platform.location_id,
        "name": "yoga room",
        "description": "",
        "quantity": 1,
        "outOfService": 0,
        "capacity": 10,
        "calendarIds": [clinic.calendar],
    }
    return {**body, **more}


def association(clinic: Clinic, **more: Any) -> dict[str, Any]:
    """Return the body of an association between a record and a contact."""
    body = {
        "locationId": clinic.platform.location_id,
        "key": "bookings",
        "firstObjectLabel": "Booking",
        "firstObjectKey": CUSTOM,
        "secondObjectLabel": "Guest",
        "secondObjectKey": "contact",
    }
    return {**body, **more}


async def listed(clinic: Clinic, path: str, **query: str) -> Any:
    """Return a list of the location."""
    params = {"locationId": clinic.platform.location_id, "limit": "10", "skip": "0", **query}
    return (await clinic.client.get(path, params=params)).json()


async def made_object(clinic: Clinic) -> None:
    """Make the custom object."""
    body = {
        "locationId": clinic.platform.location_id,
        "key": CUSTOM,
        "labels": {"singular": "Booking", "plural": "Bookings"},
        "primaryDisplayPropertyDetails": {"key": "id", "name": "id", "dataType": "TEXT"},
    }
    assert (await clinic.client.post("/objects/", json=body)).status_code == 201


async def test_a_room_is_created_listed_changed_and_deleted(clinic: Clinic) -> None:
    made = await clinic.client.post(ROOMS, json=resource(clinic))
    assert made.status_code == 201
    assert not {"id", "_id"} & made.json().keys()
    (shown,) = await listed(clinic, ROOMS)
    assert (shown["name"], shown["resourceType"], shown["isActive"]) == ("yoga room", "rooms", True)
    path = f"{ROOMS}/{shown['_id']}"
    changed = await clinic.client.put(path, json={"capacity": 5})
    assert changed.status_code == 200
    assert "calendarIds" not in changed.json()
    assert (await clinic.client.get(path)).json()["capacity"] == 5
    assert (await clinic.client.delete(path)).json()["success"] is True
    assert await listed(clinic, ROOMS) == []
    assert (await clinic.client.delete(path)).status_code == 404


async def test_resources_are_listed_by_page_and_type(clinic: Clinic) -> None:
    for number in range(3):
        clinic.platform.resources.add("rooms", f"room {number}")
    clinic.platform.resources.add("equipments", "laser")
    page = await listed(clinic, ROOMS, limit="2", skip="2")
    assert [row["name"] for row in page] == ["room 2"]
    assert [row["name"] for row in await listed(clinic, EQUIPMENT)] == ["laser"]


@pytest.mark.parametrize(
    ("path", "more", "status", "expected"),
    [
        (ROOMS, {"capacity": "ten"}, 422, "capacity must be a number"),
        (ROOMS, {"size": 3}, 422, "property size should not exist"),
        (ROOMS, {"calendarIds": ["nowhere"]}, 400, "Calendar not found"),
        (ROOMS, {"calendarIds": ["C"] * 101}, 422, "no more than 100"),
        (ROOMS, {"name": ""}, 422, "name should not be empty"),
        (ROOMS, {"locationId": "elsewhere"}, 403, "does not have access"),
        ("/calendars/resources/halls", {}, 422, "resourceType must be one of"),
    ],
)
async def test_an_invalid_resource_is_refused(
    clinic: Clinic, path: str, more: dict[str, Any], status: int, expected: str
) -> None:
    answer = await clinic.client.post(path, json=resource(clinic, **more))
    assert answer.status_code == status
    assert expected in str(answer.json()["message"])
    assert clinic.platform.resources.all == {}


@pytest.mark.parametrize(
    "missing", ["description", "quantity", "outOfService", "capacity", "calendarIds"]
)
async def test_every_field_is_required_for_rooms_and_equipment(
    clinic: Clinic, missing: str
) -> None:
    for path in (ROOMS, EQUIPMENT):
        body = resource(clinic)
        del body[missing]
        answer = await clinic.client.post(path, json=body)
        assert answer.status_code == 422
        assert answer.json()["message"] == [f"{missing} should not be empty"]


async def test_equipment_has_at_most_one_calendar_and_a_room_several(clinic: Clinic) -> None:
    body = resource(clinic, calendarIds=[clinic.calendar, clinic.bobs])
    refused = await clinic.client.post(EQUIPMENT, json=body)
    assert refused.status_code == 400
    assert "only be mapped with one" in refused.json()["message"]
    assert (await clinic.client.post(ROOMS, json=body)).status_code == 201


async def test_an_association_is_found_by_key_and_only_its_labels_change(clinic: Clinic) -> None:
    await made_object(clinic)
    made = await clinic.client.post("/associations/", json=association(clinic))
    assert made.status_code == 201
    here = {"locationId": clinic.platform.location_id}
    found = await clinic.client.get("/associations/key/bookings", params=here)
    assert found.json()["id"] == made.json()["id"]
    path = f"/associations/{made.json()['id']}"
    labels = {"firstObjectLabel": "Visit", "secondObjectLabel": "Client"}
    assert (await clinic.client.put(path, json=labels)).json()["firstObjectLabel"] == "Visit"
    refused = await clinic.client.put(path, json={**labels, "firstObjectKey": "contact"})
    assert refused.status_code == 422
    again = await clinic.client.post("/associations/", json=association(clinic))
    assert (again.status_code, "already exists" in again.json()["message"]) == (400, True)
    assert (await listed(clinic, "/associations/"))["total"] == 1
    by_object = await clinic.client.get(f"/associations/objectKey/{CUSTOM}", params=here)
    assert len(by_object.json()["associations"]) == 1
    assert (await clinic.client.get(path)).status_code == 200
    missing = await clinic.client.get("/associations/key/none", params=here)
    assert missing.status_code == 404
    assert (await clinic.client.delete(path)).json()["deleted"] is True


async def test_a_relation_keeps_the_order_of_its_ends_and_is_created_once(clinic: Clinic) -> None:
    await made_object(clinic)
    made = (await clinic.client.post("/associations/", json=association(clinic))).json()
    here = {"locationId": clinic.platform.location_id}
    records = f"/objects/{CUSTOM}/records"
    record = await clinic.client.post(records, json={**here, "properties": {"id": "x"}})
    one = record.json()["record"]["id"]
    body = {**here, "associationId": made["id"]}
    ends = {"firstRecordId": one, "secondRecordId": clinic.contact}
    swapped = {"firstRecordId": clinic.contact, "secondRecordId": one}
    path = "/associations/relations"
    assert (await clinic.client.post(path, json={**body, **swapped})).status_code == 400
    related = await clinic.client.post(path, json={**body, **ends})
    assert related.status_code == 201
    again = await clinic.client.post(path, json={**body, **ends})
    assert again.status_code == 400
    assert "duplicate relation" in again.json()["message"]
    (shown,) = (await listed(clinic, f"{path}/{one}"))["relations"]
    assert shown["id"] == related.json()["id"]
    gone = await clinic.client.delete(f"{path}/{shown['id']}", params=here)
    assert gone.status_code == 200
    assert (await clinic.client.get(f"{records}/{one}", params=here)).status_code == 200
    asked = {**here, "page": 1, "pageLimit": 10, "query": "id:x", "searchAfter": []}
    found = await clinic.client.post(f"{records}/search", json=asked)
    assert [row["id"] for row in found.json()["records"]] == [one]
    assert (await clinic.client.delete(f"{records}/{one}")).status_code == 200
    assert (await clinic.client.delete(f"{records}/{one}")).status_code == 404


async def test_deleting_an_association_deletes_its_relations(clinic: Clinic) -> None:
    body = association(clinic, firstObjectKey="contact")
    made = (await clinic.client.post("/associations/", json=body)).json()
    other = clinic.platform.add_contact("Kim Example", "kim@example.com")
    relation = {
        "locationId": clinic.platform.location_id,
        "associationId": made["id"],
        "firstRecordId": clinic.contact,
        "secondRecordId": other,
    }
    assert (await clinic.client.post("/associations/relations", json=relation)).status_code == 201
    await clinic.client.delete(f"/associations/{made['id']}")
    assert clinic.platform.associations.relations == {}


async def test_an_association_with_an_unknown_object_is_refused(clinic: Clinic) -> None:
    answer = await clinic.client.post("/associations/", json=association(clinic))
    assert (answer.status_code, CUSTOM in answer.json()["message"]) == (400, True)


async def test_a_contact_is_found_by_email_or_phone(clinic: Clinic) -> None:
    path = "/contacts/search/duplicate"
    here = {"locationId": clinic.platform.location_id}
    for asked in ({"email": "Carla@example.com"}, {"number": "+4930123456"}):
        found = (await clinic.client.get(path, params={**here, **asked})).json()
        assert found["contact"]["id"] == clinic.contact
    none = await clinic.client.get(path, params={**here, "email": "no@example.com"})
    assert none.json()["contact"] is None
    assert (await clinic.client.get(path, params=here)).status_code == 422
