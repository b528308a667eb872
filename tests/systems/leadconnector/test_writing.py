"""Operations as calls, as the platform receives them, and the answers that confirm them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.model import Action, Kind, Value, Window
from syncd.systems.errors import (
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.replies import Done, TargetChanged
from tests.lab.sandbox.kit import HOUR, at

from .conftest import KEY, WINDOW, Clinic, events, hour, operation

CREATE = "POST /calendars/events/block-slots"
MOVE = "PUT /calendars/events/block-slots/{id}"
REMOVE = "DELETE /calendars/events/{id}"
CHANGE = "PUT /calendars/events/appointments/{id}"


async def create(system: LeadConnector, **more: Any) -> str:
    """Create a block at noon; return its id."""
    reply = await system.write(
        [operation(Action.CREATE_BLOCK, None, hour(at(12)), **{"key": KEY, **more})]
    )
    ((known, shown),) = reply.events if isinstance(reply, Done) else ()
    assert shown == hour(at(12))
    return known


def bodies(clinic: Clinic, call: str) -> list[Any]:
    """Return the bodies of one call."""
    return [request.body for request in clinic.sent(call)]


# --- blocks -----------------------------------------------------------------------------------


async def test_a_block_of_a_user_has_the_user_and_no_calendar(clinic: Clinic) -> None:
    await create(clinic.build())
    assert bodies(clinic, CREATE) == [
        {
            "locationId": clinic.platform.location_id,
            "assignedUserId": clinic.alice,
            "title": f"Busy [s:{KEY}]",
            "startTime": "2026-03-02T11:00:00+00:00",
            "endTime": "2026-03-02T12:00:00+00:00",
        }
    ]
    assert not clinic.platform.notifications


async def test_without_a_user_the_event_calendar_itself_is_blocked(clinic: Clinic) -> None:
    both = {"hall": CalendarMapping(None, (clinic.calendar, clinic.hall))}
    system = clinic.build(both)
    known = await create(system, provider="hall")
    (body,) = bodies(clinic, CREATE)
    assert body["calendarId"] == clinic.hall
    assert "assignedUserId" not in body
    assert [(e.id, e.provider) for e in await events(system)] == [(known, "hall")]


async def test_a_block_of_an_unblockable_calendar_is_rejected_unsent(
    clinic: Clinic,
) -> None:
    system = clinic.build({"desk": CalendarMapping(None, (clinic.calendar,))})
    with pytest.raises(RejectedError, match='type "event"') as raised:
        await create(system, provider="desk")
    assert raised.value.why is RejectionReason.UNFIT
    assert not bodies(clinic, CREATE)


async def test_a_block_is_read_back_with_its_key(clinic: Clinic) -> None:
    system = clinic.build()
    known = await create(system)
    (event,) = await events(system)
    assert (event.id, event.kind, event.key) == (known, Kind.BLOCK, KEY)
    assert event.value == hour(at(12))


async def test_the_configured_title_is_shown(clinic: Clinic) -> None:
    await create(clinic.build(title="Taken"))
    await create(clinic.build(title="Taken"), key=None)
    assert [b["title"] for b in bodies(clinic, CREATE)] == [f"Taken [s:{KEY}]", "Taken"]


async def test_a_moved_block_keeps_owner_id_and_key(clinic: Clinic) -> None:
    system = clinic.build()
    known = await create(system)
    moved = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)), key=KEY)
    assert await system.write([moved]) == Done([(known, hour(at(15)))])
    (body,) = bodies(clinic, MOVE)
    assert (body["assignedUserId"], body["title"]) == (clinic.alice, f"Busy [s:{KEY}]")
    assert "calendarId" not in body
    (event,) = await events(system)
    assert (event.id, event.value, event.key) == (known, hour(at(15)), KEY)


async def test_a_moved_block_keeps_the_title_that_a_person_gave_it(clinic: Clinic) -> None:
    known = clinic.block(at(12), "Somebody's words")
    move = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)), key=KEY)
    await clinic.build().write([move])
    (block,) = clinic.platform.blocks()
    assert (block.title, block.start) == ("Somebody's words", at(15))


async def test_a_moved_block_of_an_event_calendar_names_the_calendar(clinic: Clinic) -> None:
    system = clinic.build(clinic.room)
    known = await create(system, provider="hall")
    noon = hour(at(12))
    moved = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=noon, provider="hall", key=KEY)
    await system.write([moved])
    (body,) = bodies(clinic, MOVE)
    assert body["calendarId"] == clinic.hall
    assert "assignedUserId" not in body


async def test_a_removed_block_is_gone_and_a_second_delete_is_no_failure(clinic: Clinic) -> None:
    system = clinic.build()
    known = await create(system)
    removal = operation(Action.REMOVE_BLOCK, known, before=hour(at(12)))
    for _ in range(2):
        assert await system.write([removal]) == Done([(known, None)])
    assert [r.path for r in clinic.sent(REMOVE)] == [f"/calendars/events/{known}"] * 2
    assert [c.status for c in clinic.platform.calls if c.method == "DELETE"] == [200, 400]
    assert not await events(system)


async def test_removing_an_unknown_block_counts_as_done(clinic: Clinic) -> None:
    removal = operation(Action.REMOVE_BLOCK, "nowhere")
    assert await clinic.build().write([removal]) == Done([("nowhere", None)])


async def test_a_block_that_is_not_listed_any_more_is_not_moved(clinic: Clinic) -> None:
    system = clinic.build()
    known = await create(system)
    clinic.platform.remove_block(known)
    for event in (known, "nowhere"):
        move = operation(Action.MOVE_BLOCK, event, hour(at(15)), before=hour(at(12)))
        reply = await system.write([move])
        assert isinstance(reply, TargetChanged)
        assert isinstance(reply.current, Unknown)
    assert not bodies(clinic, MOVE)


# --- meetings ---------------------------------------------------------------------------------


async def test_automations_start_only_if_configured(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    move = operation(Action.MOVE_APPOINTMENT, known, hour(at(11)), before=hour(at(9)))
    await clinic.build(notify=True).write([move])
    assert bodies(clinic, CHANGE)[0]["toNotify"] is True
    assert [n.event for n in clinic.platform.notifications] == [known]


async def test_a_slot_that_the_platform_rejects_is_reported_as_taken(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.block(at(11))
    clinic.proxy.ignored_fields = {"ignoreFreeSlotValidation"}
    move = operation(Action.MOVE_APPOINTMENT, known, hour(at(11)), before=hour(at(9)))
    with pytest.raises(RejectedError) as raised:
        await clinic.build().write([move])
    assert raised.value.why is RejectionReason.SLOT_TAKEN
    assert raised.value.status == 400
    assert len(clinic.sent(CHANGE)) == 1
    (meeting,) = clinic.platform.appointments()
    assert meeting.start == at(9)


async def test_an_update_of_a_deleted_meeting_raises_gone(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.platform.delete(known)
    for event in (known, "nowhere"):
        with pytest.raises(RejectedError) as raised:
            await clinic.build().write([operation(Action.MOVE_APPOINTMENT, event, hour(at(11)))])
        assert raised.value.why is RejectionReason.GONE


async def test_every_write_carries_version_and_token(clinic: Clinic) -> None:
    system = clinic.build(version="2021-07-28")
    known = await create(system)
    move = operation(Action.MOVE_BLOCK, known, hour(at(15)), before=hour(at(12)))
    await system.write([move])
    await system.write([operation(Action.REMOVE_BLOCK, known)])
    meeting = clinic.book(at(9))
    await system.write([operation(Action.MOVE_APPOINTMENT, meeting, hour(at(11)))])
    writes = [r for r in clinic.proxy.requests if r.method != "GET"]
    assert len(writes) == 4
    assert {r.headers["version"] for r in writes} == {"2021-07-28"}
    assert {r.headers["authorization"] for r in writes} == {f"Bearer {clinic.platform.token}"}
    assert {r.headers["content-type"] for r in writes} == {"application/json"}
    assert system.traffic.writes == 4


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["before", "first or gap", "second"])
@pytest.mark.parametrize(
    "change",
    [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)],
    ids=["spring", "autumn"],
)
async def test_writes_around_a_clock_change_keep_their_instants(
    clinic: Clinic, change: datetime, hours: int
) -> None:
    start = change + hours * HOUR - HOUR / 2
    known = clinic.book(at(9))
    system = clinic.build()
    await system.write([operation(Action.MOVE_APPOINTMENT, known, hour(start))])
    await system.write([operation(Action.CREATE_BLOCK, None, hour(start), key=KEY)])
    day = timedelta(days=1)
    found = await events(system, Window(change - day, change + day))
    assert [e.value for e in found] == [hour(start)] * 2


# --- no trustworthy answer --------------------------------------------------------------------


def creation() -> Any:
    """Return the creation of a block at noon."""
    return operation(Action.CREATE_BLOCK, None, hour(at(12)), key=KEY)


@pytest.mark.parametrize("kind", [FaultKind.LOSE_AFTER, FaultKind.RESET_BODY])
async def test_a_create_with_a_lost_answer_is_found_by_its_tag(
    clinic: Clinic, kind: FaultKind
) -> None:
    clinic.fault(kind, method="POST", times=1)
    system = clinic.build()
    with pytest.raises(UnknownOutcomeError):
        await system.write([creation()])
    assert len(bodies(clinic, CREATE)) == 1
    around = Window(at(12) - HOUR, at(13) + HOUR)
    assert [(e.key, e.value) for e in await events(system, around)] == [(KEY, hour(at(12)))]


async def test_a_create_whose_tag_was_stripped_is_found_by_its_interval(clinic: Clinic) -> None:
    clinic.fault(FaultKind.LOSE_AFTER, method="POST", times=1)
    clinic.fault(FaultKind.STRIP_KEYS)
    system = clinic.build()
    with pytest.raises(UnknownOutcomeError):
        await system.write([creation()])
    (event,) = await events(system)
    assert (event.key, event.kind, event.value) == (None, Kind.BLOCK, hour(at(12)))


async def test_a_create_that_never_arrived_is_not_found(clinic: Clinic) -> None:
    clinic.fault(FaultKind.LOSE_BEFORE, method="POST", times=1)
    system = clinic.build()
    with pytest.raises(UnknownOutcomeError):
        await system.write([creation()])
    snapshot = await system.read(WINDOW)
    assert not snapshot.rows
    assert snapshot.coverage[0].kinds == frozenset(Kind)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_on_a_write_has_an_unknown_outcome_and_is_sent_once(
    clinic: Clinic, status: int
) -> None:
    clinic.fault(FaultKind.ERROR, method="POST", status=status)
    with pytest.raises(UnknownOutcomeError) as raised:
        await clinic.build().write([creation()])
    assert raised.value.status == status
    assert len(bodies(clinic, CREATE)) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"OK", b"[]", b"{}", b'{"traceId":"t"}', b'{"id":"x","success":false}']
)
@pytest.mark.parametrize(
    ("call", "action"), [(CREATE, Action.CREATE_BLOCK), (CHANGE, Action.MOVE_APPOINTMENT)]
)
async def test_an_unconfirmed_success_has_an_unknown_outcome(
    clinic: Clinic, call: str, action: Action, answer: bytes
) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(call, lambda _: answer)
    event = None if action is Action.CREATE_BLOCK else known
    with pytest.raises(UnknownOutcomeError):
        await clinic.build().write([operation(action, event, hour(at(12)))])


async def test_a_create_without_an_id_has_an_unknown_outcome(clinic: Clinic) -> None:
    clinic.proxy.rewrite(CREATE, lambda _: {"success": True})
    with pytest.raises(UnknownOutcomeError, match="has no id"):
        await clinic.build().write([creation()])


@pytest.mark.parametrize("flag", ["succeeded", "succeded", "success"])
async def test_each_spelling_of_success_proves_a_deletion(clinic: Clinic, flag: str) -> None:
    clinic.proxy.rewrite(REMOVE, lambda _: {flag: True})
    known = clinic.block(at(12))
    removal = operation(Action.REMOVE_BLOCK, known)
    assert await clinic.build().write([removal]) == Done([(known, None)])
    clinic.proxy.rewrite(REMOVE, lambda _: {flag: False})
    with pytest.raises(UnknownOutcomeError):
        await clinic.build().write([removal])


async def test_a_lost_answer_to_a_move_is_resolved_by_a_read(clinic: Clinic) -> None:
    system = clinic.build()
    known = clinic.book(at(9))
    move = operation(Action.MOVE_APPOINTMENT, known, hour(at(11)), before=hour(at(9)))
    clinic.fault(FaultKind.LOSE_AFTER, method="PUT", times=1)
    with pytest.raises(UnknownOutcomeError):
        await system.write([move])
    found = await system.read_one(move.ref, hour(at(11)))
    assert isinstance(found, Found)
    assert found.event.value == hour(at(11))


async def test_a_lost_answer_to_a_removal_is_resolved_by_a_read(clinic: Clinic) -> None:
    system = clinic.build()
    known, _ = clinic.block(at(12)), clinic.block(at(15))
    removal = operation(Action.REMOVE_BLOCK, known, before=hour(at(12)))
    clinic.fault(FaultKind.LOSE_AFTER, method="DELETE", times=1)
    with pytest.raises(UnknownOutcomeError):
        await system.write([removal])
    assert await system.read_one(removal.ref, hour(at(12))) == Gone(own_list=True)


async def test_a_write_above_the_rate_limit_has_no_effect_and_reports_the_wait(
    clinic: Clinic,
) -> None:
    clinic.fault(FaultKind.RATE_LIMITED, method="POST", times=1)
    system = clinic.build()
    with pytest.raises(RateLimitedError) as raised:
        await system.write([creation()])
    assert raised.value.wait == 10
    assert not clinic.platform.blocks()
    asked = clinic.clock.monotonic()
    await create(system)
    assert clinic.clock.monotonic() - asked >= 10


async def test_a_write_without_the_scope_is_unauthorized(clinic: Clinic) -> None:
    clinic.fault(FaultKind.UNAUTHORISED)
    with pytest.raises(UnauthorizedError):
        await clinic.build().write([creation()])


async def test_a_write_to_an_unreachable_platform_did_not_happen(clinic: Clinic) -> None:
    with pytest.raises(RetryableError):
        await clinic.build(base_url="http://127.0.0.1:1").write([creation()])


async def test_a_write_without_a_value_is_a_programming_error(clinic: Clinic) -> None:
    with pytest.raises(ValueError, match="needs a value"):
        await clinic.build().write([operation(Action.MOVE_BLOCK, "b", None)])
    assert not clinic.proxy.requests


async def test_a_rounded_time_is_what_a_read_shows(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ROUNDING, seconds=60)
    odd = Value(at(12) + timedelta(seconds=7), at(13))
    system = clinic.build()
    await system.write([operation(Action.CREATE_BLOCK, None, odd)])
    (event,) = await events(system)
    assert event.value == hour(at(12))
