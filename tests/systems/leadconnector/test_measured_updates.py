"""Updates of meetings if it was measured that updates keep the other fields."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import Action, Status
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.measured import Side
from syncd.systems.replies import Done
from tests.lab.sandbox.kit import at

from .conftest import WINDOW, Clinic, hour, operation

GET = "GET /calendars/events/appointments/{id}"
PUT = "PUT /calendars/events/appointments/{id}"


def move(event: str, status: Status = Status.NEW) -> Any:
    return operation(
        Action.MOVE_APPOINTMENT,
        event,
        hour(at(11), status=status),
        before=hour(at(9), status=status),
    )


def status_of(clinic: Clinic, event: str) -> str:
    meeting = clinic.platform.meetings.get(event)
    assert meeting is not None
    return meeting.status


def calls(clinic: Clinic) -> list[str]:
    return [r.call for r in clinic.proxy.requests if r.call in {GET, PUT}]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({}, [GET, PUT, GET]),
        ({"update_replaces": "yes"}, [GET, PUT, GET]),
        ({"update_replaces": "no"}, [GET, PUT]),
    ],
)
async def test_the_answer_suffices_if_updates_are_measured_to_keep_fields(
    clinic: Clinic, measured: dict[str, str], expected: list[str]
) -> None:
    clinic.platform.update_replaces = False
    known, system = clinic.book(at(9), status="new"), clinic.build()
    for fact, value in measured.items():
        system.measured.note(fact, value)
    assert isinstance(await system.write([move(known)]), Done)
    assert calls(clinic) == expected
    assert status_of(clinic, known) == "new"


async def test_an_update_that_resets_a_field_is_repaired_and_contradicts_the_fact(
    clinic: Clinic,
) -> None:
    known, system = clinic.book(at(9), status="new", title="Knee"), clinic.build()
    system.measured.note("update_replaces", "no")

    def reset(answer: Any) -> Any:
        if len(clinic.sent(PUT)) > 1:
            return answer
        clinic.platform.set_status(known, "confirmed")
        return {**answer, "appointmentStatus": "confirmed"}

    clinic.proxy.rewrite(PUT, reset)
    reply = await system.write([move(known)])
    assert isinstance(reply, Done)
    assert reply.restored == ("appointmentStatus",)
    assert status_of(clinic, known) == "new"
    assert system.measured.side("update_replaces") is Side.CONTRADICTED
    assert calls(clinic) == [GET, PUT, GET, PUT, GET]


@pytest.mark.parametrize("drops", [False, True])
async def test_an_update_that_loses_a_host_contradicts_the_fact(
    clinic: Clinic, drops: bool
) -> None:
    clinic.platform.update_drops_hosts = drops
    known, system = clinic.book(at(9), hosts=[clinic.bob]), clinic.build()
    system.measured.note("update_keeps_hosts", "yes")
    await system.write([move(known, Status.CONFIRMED)])
    expected = Side.CONTRADICTED if drops else Side.MEASURED
    assert system.measured.side("update_keeps_hosts") is expected


@pytest.mark.parametrize("kept", [False, True])
async def test_a_meeting_with_hosts_is_reread_unless_updates_keep_hosts(
    clinic: Clinic, kept: bool
) -> None:
    clinic.platform.update_replaces = False
    known, system = clinic.book(at(9), hosts=[clinic.bob]), clinic.build()
    system.measured.note("update_replaces", "no")
    if kept:
        system.measured.note("update_keeps_hosts", "yes")
    await system.write([move(known, Status.CONFIRMED)])
    assert calls(clinic) == ([GET, PUT] if kept else [GET, PUT, GET])


async def test_a_group_whose_list_lacks_calendars_is_not_read_by_group(clinic: Clinic) -> None:
    second = clinic.platform.add_calendar("Hall", "event", group=clinic.group)
    clinic.platform.regroup(clinic.hall, clinic.group)
    system = clinic.build({"hall": CalendarMapping(None, (clinic.hall, second))})
    await system.read(WINDOW)
    by_group = {call.selector for call in system.plan(WINDOW)}
    system.measured.note("group_lists_all", "yes")
    assert {call.selector for call in system.plan(WINDOW)} == by_group
    assert "groupId" in by_group
    system.measured.note("group_lists_all", "no")
    assert "groupId" not in {call.selector for call in system.plan(WINDOW)}
