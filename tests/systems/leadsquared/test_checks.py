"""The results of `syncd check` for a LeadSquared account."""

from typing import Any

import httpx
import pytest

from tests.systems.scripted import Script

from .conftest import Build

CALLER = "GET Authentication.svc/UserByAccessKey.Get"
USERS = "GET UserManagement.svc/Users.Get"
TYPES = "GET Task.svc/RetrieveTaskType"
BUSY = {"Id": "type-1", "Name": "Busy", "Category": 0, "ColumnConfiguration": []}


def healthy(script: Script) -> None:
    script.reply(CALLER, {"Id": "u1", "LSQCommonServiceURLs": {"api": "api.example.com"}})
    users = [
        {"ID": "u1", "EmailAddress": "alice@example.com", "StatusCode": 0},
        {"ID": "u2", "EmailAddress": "BOB@example.com", "StatusCode": "0"},
    ]
    script.reply(USERS, users)
    script.reply(TYPES, [{"Name": "Meeting", "Category": 0}, BUSY])


async def test_a_sound_account_has_only_good_findings(build: Build, script: Script) -> None:
    healthy(script)
    found = await build().check()
    assert {f.level for f in found} == {"ok"}
    assert len(found) == 4
    assert {r.method for r in script.requests} == {"GET"}


async def problems(build: Build, **options: Any) -> list[tuple[str, str]]:
    return [(f.level, f.message) for f in await build(**options).check() if f.level != "ok"]


async def test_lost_keys_are_one_error_with_advice(build: Build, script: Script) -> None:
    script.reply(CALLER, httpx.Response(401))
    (finding,) = await build().check()
    assert finding.level == "error"
    assert "Renew" in finding.remedy


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([{"EmailAddress": "bob@example.com"}], "no user has this e-mail address"),
        (
            [
                {"EmailAddress": "bob@example.com"},
                {"EmailAddress": "alice@example.com", "StatusCode": "1"},
            ],
            "the user is inactive",
        ),
    ],
)
async def test_a_mapped_user_must_exist_and_be_active(
    build: Build, script: Script, users: list[Any], message: str
) -> None:
    healthy(script)
    script.reply(USERS, users)
    assert await problems(build) == [("error", message)]


@pytest.mark.parametrize(
    ("changes", "level", "part"),
    [
        ({"Name": "Other"}, "error", "the type does not exist"),
        ({"Category": "1"}, "error", "to-do"),
        (
            {
                "ColumnConfiguration": [
                    {"SchemaName": "mx_Custom_1", "Mandatory": True},
                    {"SchemaName": "mx_Custom_2", "Mandatory": False},
                    {"SchemaName": "Name", "Mandatory": True},
                ]
            },
            "error",
            "mandatory custom fields: mx_Custom_1",
        ),
        ({"AllowConflicts": True}, "warning", "allows conflicts"),
    ],
)
async def test_the_busy_type_must_be_fit_for_blocks(
    build: Build, script: Script, changes: dict[str, Any], level: str, part: str
) -> None:
    healthy(script)
    script.reply(TYPES, [BUSY | changes])
    ((found, message),) = await problems(build)
    assert found == level
    assert part in message


async def test_a_clock_that_is_off_is_a_warning(build: Build, script: Script) -> None:
    healthy(script)
    date = {"Date": "Mon, 02 Mar 2026 08:02:00 GMT"}
    script.reply(TYPES, httpx.Response(200, json=[BUSY], headers=date))
    assert await problems(build) == [
        ("warning", "the platform's clock is 120 s ahead of this machine's")
    ]
