"""Meetings on mapped calendars without a provider: reported, without loss of coverage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.model import Topic, Window
from syncd.systems.leadconnector_v1 import CalendarMapping
from tests.systems.scripted import NOW, Script

from .conftest import LIST, Build, appointment, block, listed

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))
ALICE = {"alice": CalendarMapping(calendar="cal-a", user="user-a")}
TEAM = {
    "alice": CalendarMapping(calendar="cal-t", user="user-a"),
    "bob": CalendarMapping(calendar="cal-t", user="user-b"),
}
WHEN = {"startTime": NOW.isoformat(), "endTime": (NOW + timedelta(hours=1)).isoformat()}


@pytest.mark.parametrize(
    ("mapped", "row", "told"),
    [
        (ALICE, {"userId": "dora"}, (Topic.UNMAPPED_OWNER, "alice")),
        (ALICE, {"userId": "dora", "appoinmentStatus": "cancelled"}, None),
        (ALICE, {"userId": "dora", "calendarId": "elsewhere"}, None),
        (ALICE, {}, None),
        (TEAM, {"userId": "dora", "calendarId": "cal-t"}, (Topic.UNMAPPED_OWNER, "")),
        (TEAM, {"userId": ..., "calendarId": "cal-t"}, (Topic.UNASSIGNED, "")),
        (TEAM, {"userId": "user-b", "calendarId": "cal-t"}, None),
    ],
)
async def test_a_meeting_without_a_mapped_host_is_reported(
    build: Build,
    script: Script,
    mapped: dict[str, CalendarMapping],
    row: dict[str, Any],
    told: tuple[Topic, str] | None,
) -> None:
    script.reply(LIST, listed(appointment(**(WHEN | row)), block(**(WHEN | row))))
    snapshot = await build(mapped).read(WINDOW)
    found = {(odd.event, odd.topic, odd.provider) for odd in snapshot.malformed}
    assert found == ({("a1", *told)} if told else set())
    assert {c.provider for c in snapshot.coverage} == mapped.keys()
