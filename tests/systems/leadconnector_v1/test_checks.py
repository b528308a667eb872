"""The results of `syncd check` for a v1 location."""

from __future__ import annotations

import pytest

from syncd.systems.leadconnector_v1 import CalendarMapping
from tests.systems.scripted import Script

from .conftest import Build

SERVICES = {
    "services": [
        {"id": "cal-a", "teamId": "t1"},
        {"id": "cal-b", "teamId": "t1"},
        {"id": "cal-c", "teamId": "t2"},
    ]
}


@pytest.mark.parametrize("team", [None, "t1"])
async def test_check_reports_calendars_that_one_call_could_read(
    build: Build, script: Script, team: str | None
) -> None:
    script.reply("GET locations/", {"locations": [{"id": "C2Qu", "timezone": "Europe/Berlin"}]})
    script.reply("GET calendars/services", SERVICES)
    script.reply("GET calendars/teams", {"teams": [{"id": "t1", "name": "Staff"}]})
    mapped = {
        "ann": CalendarMapping("cal-a", team=team),
        "ben": CalendarMapping("cal-b", team=team),
        "cid": CalendarMapping("cal-c"),
    }
    system = build(mapped)
    found = [f for f in await system.check() if f.subject == "legacy: team t1"]
    assert [(f.level, 'team = "t1"' in f.remedy) for f in found] == ([] if team else [("ok", True)])
    paths = [request.url.path for request in script.requests]
    assert len(paths) == len(set(paths))


async def test_check_says_once_that_v1_is_out_of_support_and_is_no_warning(
    build: Build, script: Script
) -> None:
    script.reply("GET locations/", {"locations": [{"id": "C2Qu", "timezone": "Europe/Berlin"}]})
    script.reply("GET calendars/services", SERVICES)
    system = build({name: CalendarMapping(f"cal-{name}") for name in "abc"})
    (found,) = [f for f in await system.check() if "out of support" in f.message]
    assert (found.level, found.subject) == ("note", "legacy")
    assert "31 December 2025" in found.message
    assert "90 days" in found.message
    assert "docs/moving-to-v2.md" in found.remedy
