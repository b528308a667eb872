"""Teams, services and slugs of the emulated v1 location.

See docs/platforms/leadconnector-v1.md#teams.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.sandbox.test_leadconnector_v1 import Legacy, serve_legacy

TEAMS = "calendars/teams/"
SERVICES = "calendars/services/"


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location."""
    async with serve_legacy() as found:
        yield found


def team(legacy: Legacy, **config: Any) -> dict[str, Any]:
    """Return the body of a team."""
    shown = {"calendarName": "Sales", "description": "", "slug": "sales", **config}
    return {"name": "Sales Team", "userIds": [legacy.alice], "calendarConfig": shown}


def service(legacy: Legacy, **more: Any) -> dict[str, Any]:
    """Return the body of a service, with all required fields."""
    body = {
        "teamId": legacy.team,
        "name": "Talk",
        "description": "",
        "slug": "talk",
        "appointmentTitle": "{{contact.name}}",
        "eventType": "RoundRobin_OptimizeForAvailability",
        "eventColor": "Peacock",
        "teamMembers": [{"userId": legacy.alice, "priority": "High", "selected": True}],
        "availability": {
            "eventTiming": {"slotDuration": 30, "slotInterval": 30},
            "officeHours": {
                "monday": [{"openHour": 9, "openMinute": 0, "closeHour": 12, "closeMinute": 0}]
            },
            "schedule": {"allowBookingAfter": 2, "allowBookingAfterUnit": "hours"},
        },
        "confirmation": {
            "notificationAndOther": {
                "autoConfirm": True,
                "shouldSendAlertEmailsToAssignedMember": False,
                "googleInvitationEmails": False,
                "allowReschedule": True,
                "allowCancellation": True,
            },
            "formSubmission": {"type": "ThankYouMessage", "content": ""},
        },
    }
    return {**body, **more}


async def free(legacy: Legacy, slug: str) -> Any:
    """Return true if a slug is free."""
    answer = await legacy.client.get(f"calendars/check-slug-availability/{slug}")
    return answer.json()["isSlugAvailable"]


async def test_a_team_reserves_its_slug_until_it_is_deleted(legacy: Legacy) -> None:
    assert await free(legacy, "sales") is True
    made = await legacy.client.post(TEAMS, json=team(legacy))
    assert (made.status_code, made.json()["members"][0]["id"]) == (200, legacy.alice)
    assert await free(legacy, "sales") is False
    taken = await legacy.client.post(TEAMS, json=team(legacy))
    assert taken.status_code == 422
    assert "calendarConfig.slug" in taken.json()
    gone = await legacy.client.delete(f"{TEAMS}{made.json()['id']}")
    assert (gone.status_code, gone.text) == (200, "")
    assert await free(legacy, "sales") is True


async def test_a_put_resets_the_fields_that_it_omits(legacy: Legacy) -> None:
    body = team(legacy, shouldAssignContactToTeamMember=True)
    made = (await legacy.client.post(TEAMS, json=body)).json()
    assert made["calendarConfig"]["shouldAssignContactToTeamMember"] is True
    put = await legacy.client.put(f"{TEAMS}{made['id']}", json=team(legacy))
    assert put.json()["calendarConfig"]["shouldAssignContactToTeamMember"] is False


@pytest.mark.parametrize(
    ("config", "field"),
    [({"slug": None}, "calendarConfig.slug"), ({"description": 3}, "calendar")],
)
async def test_a_missing_team_field_is_reported_by_its_dotted_name(
    legacy: Legacy, config: dict[str, Any], field: str
) -> None:
    answer = await legacy.client.post(TEAMS, json=team(legacy, **config))
    assert answer.status_code == 422
    assert any(key.startswith(field) for key in answer.json())


async def test_a_service_is_not_returned_as_it_was_sent(legacy: Legacy) -> None:
    made = await legacy.client.post(SERVICES, json=service(legacy))
    assert made.status_code == 200
    shown = made.json()
    assert not {"slug", "eventType", "isActive"} & shown.keys()
    assert shown["eventColor"].startswith("#")
    assert shown["teamMembers"][0]["priority"] == 1
    assert shown["availability"]["schedule"]["allowBookingAfterUnit"] == "Hours"
    assert shown["confirmation"]["notificationAndOther"]["hasAutoConfirm"] is True
    listed = (await legacy.client.get(SERVICES, params={"teamId": legacy.team})).json()
    assert shown in listed["services"]
    put = await legacy.client.put(f"{SERVICES}{shown['id']}", json=service(legacy, name="Chat"))
    assert put.json()["name"] == "Chat"
    # The returned body is not accepted as a request.
    assert (await legacy.client.put(f"{SERVICES}{shown['id']}", json=shown)).status_code == 422
    assert (await legacy.client.delete(f"{SERVICES}{shown['id']}")).status_code == 200
    gone = await legacy.client.delete(f"{SERVICES}{shown['id']}")
    assert (gone.status_code, gone.json()["id"]["rule"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"eventColor": "Red"}, "eventColor"),
        ({"eventType": "Any"}, "eventType"),
        ({"teamId": "nowhere"}, "teamId"),
        ({"appointmentTitle": ""}, "appointmentTitle"),
        ({"teamMembers": [{"userId": "x", "priority": "Top", "selected": True}]}, "teamMembers."),
        ({"teamMembers": None}, "teamMembers"),
        ({"availability": {"eventTiming": {"slotDuration": 25}}}, "availability.eventTiming"),
        ({"confirmation": {}}, "confirmation.notificationAndOther"),
    ],
)
async def test_an_invalid_service_is_refused(
    legacy: Legacy, more: dict[str, Any], field: str
) -> None:
    answer = await legacy.client.post(SERVICES, json=service(legacy, **more))
    assert answer.status_code == 422
    assert any(key.startswith(field) for key in answer.json())
    assert legacy.platform.teams.services == {}
