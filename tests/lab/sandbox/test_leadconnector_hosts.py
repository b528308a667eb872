"""Meetings with several hosts on the emulated v2 location: lists, updates and slots."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.lab.sandbox.kit import Clinic, at, serve_clinic


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """Serve a clinic."""
    async with serve_clinic() as found:
        yield found


@pytest.mark.parametrize("named", [False, True])
async def test_users_contain_the_further_hosts_and_by_a_knob_the_assigned_one(
    clinic: Clinic, named: bool
) -> None:
    clinic.platform.users_name_owner = named
    clinic.book(at(9), hosts=[clinic.bob])
    clinic.book(at(11))
    several, alone = (await clinic.events()).json()["events"]
    assert several["assignedUserId"] == alone["assignedUserId"] == clinic.alice
    assert several["users"] == ([clinic.alice, clinic.bob] if named else [clinic.bob])
    assert alone["users"] == []


@pytest.mark.parametrize("listed", [False, True])
async def test_the_list_of_a_further_host_includes_the_meeting_by_a_knob(
    clinic: Clinic, listed: bool
) -> None:
    clinic.platform.hosts_listed = listed
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    assert await clinic.ids(userId=clinic.bob) == ([meeting] if listed else [])
    assert await clinic.ids(userId=clinic.alice) == [meeting]
    assert await clinic.ids(calendarId=clinic.bobs) == []


@pytest.mark.parametrize("drops", [False, True])
async def test_an_update_accepts_no_hosts_and_by_a_knob_removes_them(
    clinic: Clinic, drops: bool
) -> None:
    clinic.platform.update_drops_hosts = drops
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    path = f"/calendars/events/appointments/{meeting}"
    body = {"title": "Visit", "ignoreFreeSlotValidation": True, "toNotify": False}
    refused = await clinic.client.put(path, json={**body, "users": [clinic.alice]})
    assert refused.status_code == 422
    assert (await clinic.client.put(path, json=body)).status_code == 200
    shown = (await clinic.client.get(path)).json()["appointment"]
    assert (clinic.bob in shown["users"]) is not drops
    assert clinic.platform.damaged == ({meeting} if drops else set())


async def test_a_further_host_is_busy_also_under_a_new_user_id(
    clinic: Clinic,
) -> None:
    meeting = clinic.book(at(9), hosts=[clinic.bob])

    async def offered() -> str:
        span = {"startDate": str(int(at(8).timestamp() * 1000))}
        span["endDate"] = str(int(at(17).timestamp() * 1000))
        answer = await clinic.client.get(f"/calendars/{clinic.bobs}/free-slots", params=span)
        return answer.text

    assert "T09:00:00" not in await offered()
    clinic.platform.rename_user(clinic.bob, "anew")
    (row,) = (await clinic.events()).json()["events"]
    assert (row["id"], row["users"]) == (meeting, [clinic.alice, "anew"])
    clinic.platform.set_hosts(meeting, clinic.alice)
    assert "T09:00:00" in await offered()
    clinic.platform.set_hosts(meeting, "", ["anew"])
    clinic.platform.rename_user("anew", clinic.bob)
    (row,) = (await clinic.events()).json()["events"]
    assert (row["assignedUserId"], row["users"]) == ("", [clinic.bob])
