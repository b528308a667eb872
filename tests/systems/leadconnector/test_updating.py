"""Updates replace the record: syncd sends back all of it with only the wanted change."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.model import Action, Status, Statuses, Value
from syncd.systems.errors import DelayedError, RejectedError, RejectionReason, UnknownOutcomeError
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.leadconnector.wire import WholeAppointment, WriteResponse
from syncd.systems.lookup_results import Found
from syncd.systems.replies import Done, TargetChanged
from tests.lab.sandbox.kit import at

from .conftest import KEY, WINDOW, Clinic, hour, operation

GET = "GET /calendars/events/appointments/{id}"
PUT = "PUT /calendars/events/appointments/{id}"
PUT_BLOCK = "PUT /calendars/events/block-slots/{id}"
TEXTS = {"title": "Knee pain of Kim", "description": "Bring Dr. Stone's letter"}


def move(event: str, *, status: Status = Status.CONFIRMED, **more: Any) -> Any:
    """Return a move from nine to eleven."""
    return operation(
        Action.MOVE_APPOINTMENT,
        event,
        hour(at(11), status=status),
        before=hour(at(9), status=status),
        **more,
    )


def stored(clinic: Clinic, event: str) -> Any:
    """Return the record of the platform."""
    return clinic.platform.meetings.get(event)


def once(act: Callable[[], object], after: int = 0) -> Callable[[Any], Any]:
    """Return a rewrite that lets a person act just before the answer numbered ``after`` is sent."""
    answers: list[Any] = []

    def pass_on(answer: Any) -> Any:
        answers.append(answer)
        if len(answers) == after + 1:
            act()
        return answer

    return pass_on


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("status", [Status.NEW, Status.SHOWED, Status.CONFIRMED])
async def test_a_moved_meeting_keeps_status_texts_and_owner(
    clinic: Clinic, status: Status, replaces: bool
) -> None:
    clinic.platform.update_replaces = replaces
    known = clinic.book(at(9), status=status.value, **TEXTS)
    before = stored(clinic, known)
    reply = await clinic.build().write([move(known, status=status)])
    assert reply == Done([(known, hour(at(11), status=status))])
    after = stored(clinic, known)
    assert after == replace(before, start=at(11), end=at(12), updated_at=after.updated_at)
    assert len(clinic.sent(PUT)) == 1


async def test_an_update_sends_exactly_what_was_read_with_the_one_change(clinic: Clinic) -> None:
    known = clinic.book(at(9), status="new", **TEXTS)
    await clinic.build().write([move(known, status=Status.NEW)])
    assert [request.body for request in clinic.sent(PUT)] == [
        {
            "startTime": "2026-03-02T10:00:00+00:00",
            "endTime": "2026-03-02T11:00:00+00:00",
            **TEXTS,
            "appointmentStatus": "new",
            "assignedUserId": clinic.alice,
            "calendarId": clinic.calendar,
            "toNotify": False,
            "ignoreFreeSlotValidation": True,
            "ignoreDateRange": True,
        }
    ]
    assert [r.call for r in clinic.proxy.requests if r.call in {GET, PUT}] == [GET, PUT, GET]
    assert not clinic.platform.notifications


@pytest.mark.parametrize("status", list(Status))
async def test_setting_a_status_sends_the_time_back_as_read(clinic: Clinic, status: Status) -> None:
    known = clinic.book(at(9), **TEXTS)
    odd = Value(at(10), at(12), status)  # what the platform rounded once, say
    wanted = operation(Action.SET_STATUS, known, odd, before=hour(at(9)))
    reply = await clinic.build().write([wanted])
    assert reply == Done([(known, hour(at(9), status=status))])
    after = stored(clinic, known)
    assert (after.start, after.end, after.status) == (at(9), at(10), status.value)
    assert (after.title, after.description) == tuple(TEXTS.values())


@pytest.mark.parametrize(
    ("word", "sent"),
    [("active", "confirmed"), ("completed", "showed"), ("Pencilled", "Pencilled"), (None, None)],
)
async def test_a_status_that_only_answers_use_is_sent_as_its_writable_word(
    clinic: Clinic, word: str | None, sent: str | None
) -> None:
    known = clinic.book(at(9))

    def respell(answer: Any) -> Any:
        spelt = {"appointmentStatus": word, "appoinmentStatus": word}
        return {"appointment": {**answer["appointment"], **spelt}}

    clinic.proxy.rewrite(GET, respell)
    showed = Status.SHOWED if word == "completed" else Status.CONFIRMED
    try:
        await clinic.build().write([move(known, status=showed)])
    except RejectedError:
        assert word == "Pencilled"
    assert clinic.sent(PUT)[0].body.get("appointmentStatus") == sent


@pytest.mark.parametrize("type", ["round_robin", "collective", "class_booking"])
async def test_a_moved_meeting_of_a_team_keeps_its_member(clinic: Clinic, type: str) -> None:
    team = clinic.platform.add_calendar("Team", type, [clinic.alice, clinic.bob])
    known = clinic.platform.book(
        team, clinic.bob, at(9), at(10), clinic.contact, status="new", title="First visit"
    )
    system = clinic.build({"bob": CalendarMapping(clinic.bob, (team,))})
    await system.write([move(known, status=Status.NEW, provider="bob")])
    after = stored(clinic, known)
    assert (after.user, after.status, after.start) == (clinic.bob, "new", at(11))


@pytest.mark.parametrize("shown_later", [True, False])
async def test_a_meeting_of_a_team_gets_a_member_when_the_platform_asks(
    clinic: Clinic, shown_later: bool
) -> None:
    team = clinic.platform.add_calendar("Team", "collective", [clinic.alice])
    known = clinic.platform.book(team, clinic.alice, at(9), at(10), clinic.contact)
    answers: list[Any] = []

    def hide(answer: Any) -> Any:
        answers.append(answer)
        if len(answers) > 1 and shown_later:
            return answer
        row = {k: v for k, v in answer["appointment"].items() if k != "assignedUserId"}
        return {"appointment": row}

    clinic.proxy.rewrite(GET, hide)
    mapped = CalendarMapping(None if shown_later else clinic.alice, (team,))
    reply = await clinic.build({"alice": mapped}).write([move(known)])
    assert isinstance(reply, Done)
    sent = [request.body.get("assignedUserId") for request in clinic.sent(PUT)]
    assert sent == [None, clinic.alice]
    assert stored(clinic, known).user == clinic.alice


async def test_a_team_that_asks_for_a_member_twice_rejects_the_update(clinic: Clinic) -> None:
    team = clinic.platform.add_calendar("Team", "round_robin", [clinic.alice])
    known = clinic.platform.book(team, clinic.alice, at(9), at(10), clinic.contact)
    clinic.proxy.ignored_fields = {"assignedUserId"}
    with pytest.raises(RejectedError) as raised:
        await clinic.build().write([move(known)])
    assert raised.value.why is RejectionReason.OWNER_MISSING
    assert len(clinic.sent(PUT)) == 2


# --- others change it -------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["moved", "status", "given away"])
async def test_a_meeting_that_was_changed_since_is_not_written_to(
    clinic: Clinic, change: str
) -> None:
    known = clinic.book(at(9), **TEXTS)
    match change:
        case "moved":
            clinic.platform.move(known, at(15), at(16))
        case "status":
            clinic.platform.set_status(known, "showed")
        case _:
            clinic.platform.move(known, at(9), at(10), user=clinic.bob)
    before = stored(clinic, known)
    reply = await clinic.build(clinic.both).write([move(known)])
    assert isinstance(reply, TargetChanged)
    assert isinstance(reply.current, Found)
    assert reply.current.event.value.start == before.start
    assert not clinic.sent(PUT)
    assert stored(clinic, known) == before


async def test_a_block_that_was_moved_since_is_not_written_to(clinic: Clinic) -> None:
    known = clinic.block(at(12))
    clinic.platform.move_block(known, at(12), at(14))
    wanted = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)), key=KEY)
    reply = await clinic.build().write([wanted])
    assert isinstance(reply, TargetChanged)
    assert isinstance(reply.current, Found)
    assert not clinic.sent(PUT_BLOCK)


@pytest.mark.parametrize("change", ["moved", "status"])
async def test_a_person_s_change_right_after_the_update_is_left_to_the_next_read(
    clinic: Clinic, change: str
) -> None:
    known = clinic.book(at(9), status="new")

    def act() -> None:
        if change == "moved":
            clinic.platform.move(known, at(16), at(17))
        else:
            clinic.platform.set_status(known, "showed")

    clinic.proxy.rewrite(PUT, once(act))
    reply = await clinic.build().write([move(known, status=Status.NEW)])
    assert reply == Done([(known, None)])
    assert len(clinic.sent(PUT)) == 1
    after = stored(clinic, known)
    assert (after.start, after.status) == (
        (at(16), "new") if change == "moved" else (at(11), "showed")
    )


async def test_a_confirmation_right_after_the_update_is_not_a_reset(clinic: Clinic) -> None:
    known = clinic.book(at(9), status="new")
    clinic.proxy.rewrite(PUT, once(lambda: clinic.platform.set_status(known, "confirmed")))
    reply = await clinic.build().write([move(known, status=Status.NEW)])
    assert reply == Done([(known, None)])
    assert stored(clinic, known).status == "confirmed"


# --- the platform resets what it was sent -----------------------------------------------------


@pytest.mark.parametrize("silent", [False, True], ids=["answer shows it", "answer shows nothing"])
async def test_a_field_that_an_update_reset_is_restored_once(clinic: Clinic, silent: bool) -> None:
    known = clinic.book(at(9), status="new", **TEXTS)
    clinic.fault(FaultKind.RESET_FIELDS, times=1)
    if silent:
        clinic.proxy.rewrite(PUT, lambda answer: {"id": answer["id"]})
    reply = await clinic.build().write([move(known, status=Status.NEW)])
    assert isinstance(reply, Done)
    assert list(reply.events) == [(known, hour(at(11), status=Status.NEW))]
    assert set(reply.restored) == {"appointmentStatus", "title", "description"}
    assert not reply.unrestored
    after = stored(clinic, known)
    assert (after.status, after.title, after.description) == ("new", *TEXTS.values())
    assert len(clinic.sent(PUT)) == 2


async def test_a_field_that_cannot_be_restored_is_reported_with_the_shown_value(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9), status="showed", **TEXTS)
    clinic.fault(FaultKind.RESET_FIELDS)
    reply = await clinic.build().write([move(known, status=Status.SHOWED)])
    assert isinstance(reply, Done)
    assert list(reply.events) == [(known, hour(at(11)))]
    assert set(reply.unrestored) == {"appointmentStatus", "title", "description"}
    assert len(clinic.sent(PUT)) == 2


async def test_another_owner_in_the_answer_is_repaired(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    give = once(lambda: clinic.platform.move(known, at(11), at(12), user=clinic.bob))

    def chosen_by_the_platform(answer: Any) -> Any:
        give(answer)
        return {**answer, "assignedUserId": stored(clinic, known).user}

    clinic.proxy.rewrite(PUT, chosen_by_the_platform)
    reply = await clinic.build(clinic.both).write([move(known)])
    assert isinstance(reply, Done)
    assert reply.restored == ("assignedUserId",)
    assert stored(clinic, known).user == clinic.alice


async def test_a_reset_status_is_reported_if_the_meeting_cannot_be_reread(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9), status="new")
    clinic.fault(FaultKind.RESET_FIELDS, times=1)
    clinic.proxy.rewrite(PUT, once(lambda: clinic.fault(FaultKind.ERROR, method="GET")))
    reply = await clinic.build().write([move(known, status=Status.NEW)])
    assert reply == Done([(known, hour(at(11)))], (), ("title", "appointmentStatus"))
    assert len(clinic.sent(PUT)) == 1


async def test_a_move_counts_as_done_if_the_meeting_cannot_be_reread(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(PUT, once(lambda: clinic.fault(FaultKind.ERROR, method="GET")))
    assert await clinic.build().write([move(known)]) == Done([(known, None)])


async def test_an_erased_block_title_is_restored(clinic: Clinic) -> None:
    known = clinic.block(at(12), f"Busy [s:{KEY}]")
    clinic.fault(FaultKind.RESET_FIELDS, times=1)
    wanted = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)), key=KEY)
    reply = await clinic.build().write([wanted])
    assert reply == Done([(known, hour(at(15)))], ("title",))
    (block,) = clinic.platform.blocks()
    assert (block.title, block.start) == (f"Busy [s:{KEY}]", at(15))


async def test_a_block_whose_title_was_lost_gets_its_tag_again(clinic: Clinic) -> None:
    known = clinic.block(at(12), "")
    wanted = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)), key=KEY)
    await clinic.build().write([wanted])
    (block,) = clinic.platform.blocks()
    assert block.title == f"Busy [s:{KEY}]"


# --- time, budget, discretion -----------------------------------------------------------------


async def test_an_update_that_waits_for_the_rate_limit_rereads_before_it_is_sent(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9))
    system = clinic.build()
    clinic.proxy.rewrite(GET, once(lambda: system._transport._limiter.pause(5)))
    assert isinstance(await system.write([move(known)]), Done)
    assert [r.call for r in clinic.proxy.requests if r.call in {GET, PUT}] == [GET, GET, PUT, GET]


async def test_an_update_that_is_delayed_too_long_is_not_sent(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    system = clinic.build()

    def wait(answer: Any) -> Any:
        system._transport._limiter.pause(5)
        return answer

    clinic.proxy.rewrite(GET, wait)
    with pytest.raises(DelayedError):
        await system.write([move(known)])
    assert not clinic.sent(PUT)


async def test_a_lost_answer_to_an_update_has_an_unknown_outcome_and_is_not_resent(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9), status="new")
    clinic.fault(FaultKind.LOSE_AFTER, method="PUT", times=1)
    with pytest.raises(UnknownOutcomeError):
        await clinic.build().write([move(known, status=Status.NEW)])
    assert [r.call for r in clinic.proxy.requests if r.call in {GET, PUT}] == [GET, PUT]
    assert stored(clinic, known).status == "new"


@pytest.mark.parametrize("status", [422, 500])
async def test_no_error_contains_the_texts_that_were_sent(clinic: Clinic, status: int) -> None:
    known = clinic.book(at(9), title="knee pain of kim", description="bring the red folder")
    echo = {"message": "the appointment knee pain of kim (bring the red fol) is not valid"}
    clinic.proxy.rewrite(PUT, lambda _: echo, status=status)
    system = clinic.build()
    with pytest.raises((RejectedError, UnknownOutcomeError)) as raised:
        await system.write([move(known)])
    told = f"{raised.value} {raised.value!r} {raised.value.detail} {system.traffic.last_fault}"
    for word in ("knee", "pain", "kim", "bring", "fol"):
        assert word not in told.lower()
    assert "the appointment" in raised.value.detail


def test_the_repr_of_a_record_contains_no_texts() -> None:
    for shape in (WholeAppointment, WriteResponse):
        assert "Knee" not in repr(shape(id="a", title="Knee pain", description="Knee"))


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("pending", "new"),
        ("Completed", "showed"),
        ("unheard of", "unheard of"),
        ("mine", "mine"),
    ],
)
async def test_a_move_sends_the_status_back_as_a_writable_word(
    clinic: Clinic, shown: str, sent: str
) -> None:
    """An unknown or configured word is sent back as read."""
    known = clinic.book(at(9))
    odd = {"appointmentStatus": shown, "appoinmentStatus": shown}
    clinic.proxy.rewrite(GET, lambda answer: {"appointment": {**answer["appointment"], **odd}})
    system = clinic.build(statuses={"mine": Status.NEW})
    (row,) = (await system.read(WINDOW)).rows
    before = replace(hour(at(9)), status=Statuses.of({"mine": Status.NEW}).status_of(shown))
    wanted = replace(before, start=at(11), end=at(12))
    move = operation(Action.MOVE_APPOINTMENT, row.id, wanted, before=before)
    with suppress(RejectedError):
        await system.write([move])
    assert [put.body["appointmentStatus"] for put in clinic.sent(PUT)][:1] == [sent]
    assert known == row.id


def test_a_status_whose_word_is_mapped_to_another_is_never_written(clinic: Clinic) -> None:
    able = clinic.build(statuses={"no-show": Status.CONFIRMED}).capabilities.statuses
    assert set(able) == set(Status) - {Status.NOSHOW}
