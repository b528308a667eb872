"""Rooms, equipment and associations of the emulated v2 location, and the scopes that they need."""

from __future__ import annotations

import pytest

from tests.lab.sandbox.kit import Clinic

ROOMS = "/calendars/resources/rooms"


async def test_a_list_of_resources_is_a_bare_array_of_one_type_without_a_plain_id(
    clinic: Clinic,
) -> None:
    room = clinic.platform.resources.add(
        "rooms", "yoga room", calendars=(clinic.hall,), capacity=85
    )
    clinic.platform.resources.add("equipments", "laser", quantity=2)
    query = {"locationId": clinic.platform.location_id, "limit": "10", "skip": "0"}
    (row,) = (await clinic.client.get(ROOMS, params=query)).json()
    assert (row["name"], row["resourceType"], row["capacity"]) == ("yoga room", "rooms", 85)
    assert row["calendarIds"] == [clinic.hall]
    assert "id" not in row
    assert row["_id"] == room


async def test_lists_are_paged_by_limit_and_skip_which_must_be_given(clinic: Clinic) -> None:
    for number in range(5):
        clinic.platform.resources.add("rooms", f"room {number}")
    query = {"locationId": clinic.platform.location_id, "limit": "2", "skip": "4"}
    rows = (await clinic.client.get(ROOMS, params=query)).json()
    assert [row["name"] for row in rows] == ["room 4"]
    del query["skip"]
    refused = await clinic.client.get(ROOMS, params=query)
    assert (refused.status_code, refused.json()["message"]) == (
        422,
        ["skip must be a number string"],
    )


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        (ROOMS, "calendars/resources.readonly"),
        ("/associations/", "associations.readonly"),
        ("/calendars/groups", "calendars/groups.readonly"),
        ("/calendars/", "calendars.readonly"),
        ("/users/", "users.readonly"),
    ],
)
async def test_a_token_without_the_scope_is_refused_in_the_platforms_form(
    clinic: Clinic, path: str, scope: str
) -> None:
    query = {"locationId": clinic.platform.location_id, "limit": "10", "skip": "0"}
    clinic.platform.scopes = frozenset()
    refused = await clinic.client.get(path, params=query)
    assert refused.status_code == 401
    assert refused.json()["message"] == "The token is not authorized for this scope."
    clinic.platform.scopes = frozenset({scope})
    assert (await clinic.client.get(path, params=query)).status_code == 200
