"""The results of `syncd check` for a v2 location."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.systems.leadconnector import CalendarMapping, LeadConnector

from .conftest import Clinic

ONLY = (
    "only calendars are mapped, and no user: the platform lists busy time from Google and Outlook "
    "by user only, so syncd does not see that time"
)
Problem = tuple[str, str, str]


async def problems(system: LeadConnector) -> list[Problem]:
    """Return all results that are not ok; each has a remedy."""
    found = [f for f in await system.check() if f.level != "ok"]
    assert all(f.remedy for f in found)
    return [(f.level, f.subject, f.message) for f in found]


async def test_a_correct_location_has_only_ok_results_and_is_only_read(clinic: Clinic) -> None:
    found = await clinic.build(clinic.both | clinic.room).check()
    assert {f.level for f in found} == {"ok"}
    told = [f"{f.subject}: {f.message}" for f in found]
    assert told == [
        "clinic: the token is accepted; the location has 3 calendars",
        f"clinic: hall: {ONLY}",
        "clinic: group 'Practice': 2 mapped calendars are read by one call",
        "clinic: appointment list: the list is readable",
        "clinic: block list: the list is readable",
        "clinic: location: the time zone is Europe/Berlin",
        "clinic: alice: the user exists",
        "clinic: bob: the user exists",
    ]
    assert {r.method for r in clinic.proxy.requests} == {"GET"}


@pytest.mark.parametrize("options", [{"token": "stale"}, {"location_id": "elsewhere"}])
async def test_an_unusable_token_is_one_error(clinic: Clinic, options: dict[str, Any]) -> None:
    ((level, subject, _),) = await problems(clinic.build(**options))
    assert (level, subject) == ("error", "clinic")
    assert set(clinic.proxy.calls) == {"GET /calendars/"}  # a 401 is repeated


async def test_a_missing_calendar_is_an_error(clinic: Clinic) -> None:
    wrong = {"alice": CalendarMapping(clinic.alice, (clinic.calendar, "nowhere"))}
    assert await problems(clinic.build(wrong)) == [
        ("error", "clinic: alice", "calendar nowhere does not exist")
    ]
    assert [r.path for r in clinic.sent("GET /calendars/{id}")] == ["/calendars/nowhere"]


async def test_a_calendar_that_only_the_list_lacks_is_a_warning(clinic: Clinic) -> None:
    def without(answer: dict[str, Any]) -> dict[str, Any]:
        return {"calendars": [c for c in answer["calendars"] if c["id"] != clinic.calendar]}

    clinic.proxy.rewrite("GET /calendars/", without)
    ((level, _, message),) = await problems(clinic.build())
    assert level == "warning"
    assert message == f"calendar {clinic.calendar} (Alice) is not in the location's calendar list"


async def test_several_missing_calendars_are_reported_in_the_order_of_the_mapping(
    clinic: Clinic,
) -> None:
    names = tuple(f"nowhere{n}" for n in range(8))
    found = await problems(clinic.build({"alice": CalendarMapping(clinic.alice, names)}))
    assert [message for _, _, message in found] == [f"calendar {n} does not exist" for n in names]


async def test_a_calendar_that_cannot_be_read_is_a_warning(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ERROR, path="/calendars/nowhere")
    wrong = {"alice": CalendarMapping(clinic.alice, ("nowhere",))}
    assert [p[:2] for p in await problems(clinic.build(wrong))] == [("warning", "clinic: alice")]


async def test_an_unknown_user_is_an_error(clinic: Clinic) -> None:
    found = await problems(clinic.build({"carol": CalendarMapping("carol")}))
    assert found == [("error", "clinic: carol", "user carol does not exist in this location")]


async def test_a_user_who_is_not_on_the_team_is_a_warning(clinic: Clinic) -> None:
    found = await problems(clinic.build({"bob": CalendarMapping(clinic.bob, (clinic.calendar,))}))
    message = f"the user is not a team member of calendar {clinic.calendar}"
    assert found == [("warning", "clinic: bob", message)]


async def test_a_provider_that_cannot_be_blocked_is_an_error(clinic: Clinic) -> None:
    found = await problems(clinic.build({"desk": CalendarMapping(None, (clinic.calendar,))}))
    message = 'syncd can create no blocks: no user is mapped, and no calendar of type "event"'
    assert found == [("error", "clinic: desk", message), ("warning", "clinic: desk", ONLY)]


async def test_several_calendars_without_a_user_are_a_warning(clinic: Clinic) -> None:
    found = await problems(
        clinic.build({"hall": CalendarMapping(None, (clinic.hall, clinic.calendar))})
    )
    message = (
        'several calendars and no user are mapped: syncd blocks only the first one of type "event"'
    )
    assert found == [("warning", "clinic: hall", ONLY), ("warning", "clinic: hall", message)]


async def test_a_calendar_without_a_team_needs_no_user(clinic: Clinic) -> None:
    system = clinic.build({"hall": CalendarMapping(None, (clinic.hall,))})
    assert await problems(system) == []
    (told,) = [f for f in await system.check() if f.message == ONLY]
    assert (told.level, told.remedy) == ("ok", "")


@pytest.mark.parametrize(
    ("path", "level", "subject"),
    [
        ("/calendars/events", "error", "clinic: appointment list"),
        ("/calendars/blocked-slots", "error", "clinic: block list"),
        ("/locations/", "warning", "clinic: location"),
        ("/users/", "warning", "clinic: users"),
    ],
)
@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORISED, FaultKind.ERROR])
async def test_a_failed_call_is_a_check_result(
    clinic: Clinic, path: str, level: str, subject: str, kind: FaultKind
) -> None:
    clinic.platform.faults.add(Fault(kind, path))
    assert [p[:2] for p in await problems(clinic.build())] == [(level, subject)]


async def test_names_of_groups_that_cannot_be_read_are_left_out(clinic: Clinic) -> None:
    clinic.fault(FaultKind.UNAUTHORISED, path="/calendars/groups")
    found = await clinic.build(clinic.both).check()
    assert {f.level for f in found} == {"ok"}
    assert f"clinic: group '{clinic.group}'" in {f.subject for f in found}


async def test_a_location_whose_zone_is_unknown_is_a_warning(clinic: Clinic) -> None:
    clinic.proxy.rewrite(
        "GET /locations/{id}", lambda _: {"location": {"timezone": "Mars/Olympus"}}
    )
    found = await problems(clinic.build())
    assert found == [("warning", "clinic: location", "the time zone 'Mars/Olympus' is unknown")]


@pytest.mark.parametrize(("seconds", "side"), [(120, "ahead of"), (-120, "behind")])
async def test_a_clock_that_is_off_is_a_warning(clinic: Clinic, seconds: int, side: str) -> None:
    clinic.fault(FaultKind.CLOCK_SKEW, seconds=seconds)
    assert await problems(clinic.build()) == [
        ("warning", "clinic", f"the platform's clock is 120 s {side} this machine's")
    ]
