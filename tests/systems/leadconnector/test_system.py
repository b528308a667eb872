"""Lookups of one event or contact, and the complete list of calls."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.records import PlatformBlock
from syncd.model import Action, Event, EventRef, Kind, Person, Status
from syncd.model.platform_facts import YES
from syncd.systems.errors import (
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.lookup_results import Found, Gone, Unknown
from tests.lab.sandbox.kit import HOUR, at, ms

from .conftest import BLOCKED, WINDOW, Clinic, each, events, hour, operation, rows

ONE = "GET /calendars/events/appointments/{id}"
CONTACT = "GET /contacts/{id}"
LOCATION = "GET /locations/{id}"


def ref(event: str, kind: Kind = Kind.APPOINTMENT, provider: str = "alice") -> EventRef:
    """Return the reference of an event of the clinic."""
    return EventRef("clinic", provider, event, kind)


# --- one meeting ------------------------------------------------------------------------------


async def test_a_moved_meeting_is_found_by_id(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    later = at(9) + timedelta(days=200)
    clinic.platform.move(known, later, later + HOUR)
    found = await clinic.build().read_one(ref(known), hour(at(9)))
    assert isinstance(found, Found)
    assert found.event.value == hour(later)
    assert [r.path for r in clinic.sent(ONE)] == [f"/calendars/events/appointments/{known}"]


async def test_both_forms_of_the_answer_about_a_meeting_are_read(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(ONE, lambda answer: {"event": answer["appointment"]})
    assert isinstance(await clinic.build().read_one(ref(known)), Found)


async def test_a_meeting_reassigned_to_a_mapped_user_is_found_there(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.platform.move(known, at(9), at(10), clinic.bob)
    found = await clinic.build(clinic.both).read_one(ref(known))
    assert isinstance(found, Found)
    assert found.event.provider == "bob"


async def test_a_meeting_reassigned_to_an_unmapped_user_is_found_with_the_new_owner(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9))
    clinic.platform.move(known, at(9), at(10), clinic.bob)
    found = await clinic.build().read_one(ref(known))
    assert isinstance(found, Found)
    assert (found.event.provider, found.event.owner) == ("", clinic.bob)


async def test_a_cancelled_meeting_is_found_and_a_deleted_or_unknown_one_is_gone(
    clinic: Clinic,
) -> None:
    known = clinic.book(at(9))
    system = clinic.build()
    clinic.platform.cancel(known)
    found = await system.read_one(ref(known))
    assert isinstance(found, Found)
    assert found.event.value.status is Status.CANCELLED
    clinic.platform.delete(known)
    assert await system.read_one(ref(known)) == Gone()
    assert await system.read_one(ref("nowhere")) == Gone()


@pytest.mark.parametrize("changes", [{"id": "another"}, {"endTime": ""}, {"startTime": None}])
async def test_an_unexpected_answer_about_a_meeting_proves_nothing(
    clinic: Clinic, changes: dict[str, Any]
) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(ONE, lambda answer: {"appointment": answer["appointment"] | changes})
    assert isinstance(await clinic.build().read_one(ref(known)), Unknown)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"appointment":null}', b'{"appointment":{"id"'])
async def test_an_answer_without_the_meeting_proves_nothing(clinic: Clinic, body: bytes) -> None:
    known = clinic.book(at(9))
    clinic.proxy.rewrite(ONE, lambda _: body)
    with pytest.raises(IncompleteReadError):
        await clinic.build().read_one(ref(known))


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (FaultKind.ERROR, RetryableError),
        (FaultKind.UNAUTHORISED, UnauthorizedError),
        (FaultKind.RATE_LIMITED, RateLimitedError),
        (FaultKind.LOSE_BEFORE, RetryableError),
    ],
)
@pytest.mark.parametrize("what", list(Kind))
async def test_a_failed_lookup_is_a_fault_and_no_proof(
    clinic: Clinic, kind: FaultKind, fault: type[PlatformError], what: Kind
) -> None:
    known = clinic.book(at(9)) if what is Kind.APPOINTMENT else clinic.block(at(9))
    clinic.fault(kind)
    with pytest.raises(fault):
        await clinic.build().read_one(ref(known, what), hour(at(9)))


@pytest.mark.parametrize("status", [404, 401])
async def test_a_path_that_the_platform_does_not_know_proves_nothing(
    clinic: Clinic, status: int
) -> None:
    words = {404: "Cannot GET /x", 401: "This route is not yet supported by the IAM Service."}
    clinic.proxy.rewrite(ONE, lambda _: {"message": words[status]}, status=status)
    result = await clinic.build().read_one(ref(clinic.book(at(9))))
    assert isinstance(result, Unknown)
    assert result.refused


async def test_a_meeting_s_time_without_offset_is_in_the_location_s_zone(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    bare = {"startTime": "2026-03-02 09:00:00", "endTime": "2026-03-02 10:00:00"}
    clinic.proxy.rewrite(ONE, lambda answer: {"appointment": answer["appointment"] | bare})
    found = await clinic.build().read_one(ref(known))
    assert isinstance(found, Found)
    assert found.event.value == hour(at(9))


async def test_an_event_of_an_unmapped_provider_is_not_read(clinic: Clinic) -> None:
    assert isinstance(await clinic.build().read_one(ref("x", provider="zoe")), Unknown)
    assert not clinic.proxy.requests


async def test_an_id_with_any_characters_is_one_path_segment(clinic: Clinic) -> None:
    odd, sent = "x?userId=y#z/..", "x%3FuserId%3Dy%23z%2F.."
    system = clinic.build()
    clinic.block(at(9))
    (block,) = clinic.platform.stored_blocks.values()
    clinic.platform.stored_blocks.put(odd, replace(block, id=odd))
    with suppress(RejectedError, UnauthorizedError):
        await system.read_one(ref(odd))
    for action in (Action.MOVE_BLOCK, Action.REMOVE_BLOCK, Action.MOVE_APPOINTMENT):
        with suppress(RejectedError, UnauthorizedError):
            await system.write([operation(action, odd, hour(at(9)))])
    with suppress(RejectedError, UnauthorizedError):
        await system.customer(meeting_with(odd))
    general = (f"/locations/{clinic.platform.location_id}", "/calendars/")
    lists = "/calendars/blocked-slots"
    asked = [r for r in clinic.proxy.requests if r.path not in {*general, lists}]
    assert [r.path for r in asked] == [
        f"/calendars/events/appointments/{sent}",
        f"/calendars/events/block-slots/{sent}",
        f"/calendars/events/{sent}",
        f"/calendars/events/appointments/{sent}",
        f"/contacts/{sent}",
    ]
    assert not any(r.query for r in asked)


# --- one block --------------------------------------------------------------------------------


async def test_a_moved_block_is_found_in_its_user_s_list(clinic: Clinic) -> None:
    known = clinic.block(at(12))
    later = at(12) + timedelta(days=300)
    clinic.platform.move_block(known, later, later + HOUR)
    found = await clinic.build().read_one(ref(known, Kind.BLOCK), hour(at(12)))
    assert isinstance(found, Found)
    assert found.event.value == hour(later)
    (request,) = clinic.sent(BLOCKED)
    assert request.query["userId"] == clinic.alice
    assert request.query["startTime"] == ms(at(12) - timedelta(days=91))


async def test_a_block_that_a_list_with_other_blocks_lacks_is_gone(clinic: Clinic) -> None:
    known, _ = clinic.block(at(12)), clinic.block(at(15))
    clinic.platform.remove_block(known)
    assert await clinic.build().read_one(ref(known, Kind.BLOCK), hour(at(12))) == Gone(
        own_list=True
    )
    assert "GET /calendars/{id}/free-slots" not in clinic.proxy.calls


async def test_a_block_that_is_flagged_as_deleted_is_gone(clinic: Clinic) -> None:
    known = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, each(deleted=True))
    assert await clinic.build().read_one(ref(known, Kind.BLOCK), hour(at(12))) == Gone(
        own_list=True
    )


async def test_an_empty_list_of_blocks_counts_only_if_the_time_is_offered(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    system.measured.note("block_closes_calendars", YES)
    known = clinic.block(at(12))
    clinic.fault(FaultKind.EMPTY, path="/calendars/blocked-slots")
    assert isinstance(await system.read_one(ref(known, Kind.BLOCK), hour(at(12))), Unknown)
    clinic.platform.remove_block(known)
    assert await system.read_one(ref(known, Kind.BLOCK), hour(at(12))) == Gone()


async def test_an_empty_list_of_blocks_of_unknown_or_closed_time_proves_nothing(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    assert isinstance(await system.read_one(ref("x", Kind.BLOCK)), Unknown)
    assert isinstance(await system.read_one(ref("x", Kind.BLOCK), hour(at(22))), Unknown)


async def test_the_free_time_of_a_hall_does_not_prove_that_a_user_is_free(clinic: Clinic) -> None:
    """A user's block blocks the user's calendars, but no event calendar."""
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (clinic.calendar, clinic.hall))})
    system.measured.note("block_closes_calendars", YES)
    known = clinic.block(at(12))
    clinic.fault(FaultKind.EMPTY, path="/calendars/blocked-slots")
    assert isinstance(await system.read_one(ref(known, Kind.BLOCK), hour(at(12))), Unknown)


async def test_the_free_time_of_a_user_does_not_prove_that_their_hall_is_free(
    clinic: Clinic,
) -> None:
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (clinic.calendar, clinic.hall))})
    system.measured.note("block_closes_calendars", YES)
    known = clinic.platform.block("", at(12), at(13), "Cleaning", clinic.hall)
    clinic.fault(FaultKind.EMPTY, path="/calendars/blocked-slots")
    assert isinstance(await system.read_one(ref(known, Kind.BLOCK), hour(at(12))), Unknown)
    clinic.platform.remove_block(known)
    assert await system.read_one(ref(known, Kind.BLOCK), hour(at(12))) == Gone()


async def test_the_free_time_of_a_hall_proves_that_the_hall_is_free(clinic: Clinic) -> None:
    system = clinic.build(clinic.room)
    known = clinic.platform.block("", at(12), at(13), "Cleaning", clinic.hall)
    clinic.fault(FaultKind.EMPTY, path="/calendars/blocked-slots")
    where = ref(known, Kind.BLOCK, "hall")
    assert isinstance(await system.read_one(where, hour(at(12))), Unknown)
    clinic.platform.remove_block(known)
    assert await system.read_one(where, hour(at(12))) == Gone()


async def test_an_empty_list_of_blocks_counts_if_another_provider_s_has_any(
    clinic: Clinic,
) -> None:
    system = clinic.build(clinic.both)
    assert isinstance(await system.read_one(ref("x", Kind.BLOCK), hour(at(22))), Unknown)
    clinic.platform.block(clinic.bob, at(12), at(13), "Lunch")
    assert await system.read_one(ref("x", Kind.BLOCK), hour(at(22))) == Gone()


async def test_a_block_reassigned_to_a_mapped_user_is_found_there(clinic: Clinic) -> None:
    known = clinic.block(at(22))
    owner = {"locationId": clinic.platform.location_id, "assignedUserId": clinic.bob}
    headers = {"Authorization": f"Bearer {clinic.platform.token}", "Version": "2021-04-15"}
    async with httpx.AsyncClient(base_url=clinic.url, headers=headers) as staff:
        answer = await staff.put(f"/calendars/events/block-slots/{known}", json=owner)
    assert answer.status_code == 201
    found = await clinic.build(clinic.both).read_one(ref(known, Kind.BLOCK), hour(at(22)))
    assert isinstance(found, Found)
    assert found.event.provider == "bob"


async def test_a_calendar_that_cannot_be_blocked_proves_nothing_about_blocks(
    clinic: Clinic,
) -> None:
    system = clinic.build({"desk": CalendarMapping(None, (clinic.calendar,))})
    found = await system.read_one(ref("x", Kind.BLOCK, "desk"), hour(at(12)))
    assert isinstance(found, Unknown)


async def test_a_list_of_blocks_with_a_row_without_id_proves_nothing(clinic: Clinic) -> None:
    clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, rows(lambda found: [*found, {}]))
    result = await clinic.build().read_one(ref("x", Kind.BLOCK), hour(at(12)))
    assert isinstance(result, Unknown)


async def test_a_block_that_is_listed_with_a_row_without_id_is_found(clinic: Clinic) -> None:
    block = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, rows(lambda found: [*found, {}]))
    result = await clinic.build().read_one(ref(block, Kind.BLOCK), hour(at(12)))
    assert isinstance(result, Found)


# --- customers --------------------------------------------------------------------------------


def meeting_with(contact: str | None) -> Event:
    """Return a meeting with a contact."""
    return Event("clinic", "alice", "x", Kind.APPOINTMENT, hour(at(9)), customer=contact)


async def test_a_contact_is_read_once_an_hour(clinic: Clinic) -> None:
    system = clinic.build()
    expected = Person(("carla@example.com",), ("+4930123456",))
    assert await system.customer(meeting_with(clinic.contact)) == expected
    assert await system.customer(meeting_with(clinic.contact)) == expected
    (request,) = clinic.sent(CONTACT)
    assert request.headers["version"] == "2021-07-28"
    clinic.clock.advance(3601)
    await system.customer(meeting_with(clinic.contact))
    assert len(clinic.sent(CONTACT)) == 2


async def test_the_location_s_country_is_read_once_for_all_contacts(clinic: Clinic) -> None:
    system = clinic.build()
    await system.customer(meeting_with(clinic.contact))
    await system.customer(meeting_with(clinic.platform.add_contact("Dan Dale", "dan@example.com")))
    assert len(clinic.sent(CONTACT)) == 2
    assert len(clinic.sent(LOCATION)) == 1


async def test_further_addresses_count_and_local_numbers_get_the_location_s_country(
    clinic: Clinic,
) -> None:
    clinic.proxy.rewrite(LOCATION, lambda a: {"location": {**a["location"], "country": "DE"}})
    more = {
        "phone": "030 123456",
        "additionalEmails": [{"email": "C@example.com"}, "d@example.com", None],
        "additionalPhones": [{"phone": "+4930654321"}, 7],
    }
    clinic.proxy.rewrite(CONTACT, lambda answer: {"contact": answer["contact"] | more})
    person = await clinic.build().customer(meeting_with(clinic.contact))
    assert person is not None
    assert set(person.emails) == {"carla@example.com", "c@example.com", "d@example.com"}
    assert set(person.phones) == {"+4930123456", "+4930654321"}


async def test_a_meeting_without_a_contact_or_with_a_deleted_one_has_no_person(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    assert await system.customer(meeting_with(None)) is None
    assert not clinic.proxy.requests
    assert await system.customer(meeting_with("nowhere")) is None


async def test_a_contact_whose_read_fails_is_read_again(clinic: Clinic) -> None:
    system = clinic.build()
    clinic.fault(FaultKind.ERROR, path="/contacts/")
    with pytest.raises(RetryableError):
        await system.customer(meeting_with(clinic.contact))
    clinic.platform.faults.clear()
    assert await system.customer(meeting_with(clinic.contact)) is not None


async def test_a_token_without_the_location_scope_can_read_contacts(
    clinic: Clinic,
) -> None:
    clinic.fault(FaultKind.UNAUTHORISED, path="/locations/")
    person = await clinic.build().customer(meeting_with(clinic.contact))
    assert person == Person(("carla@example.com",), ("+4930123456",))


# --- the whole --------------------------------------------------------------------------------

CALLS = {
    "GET /calendars/",
    "GET /calendars/groups",
    "GET /calendars/{id}",
    "GET /calendars/events",
    "GET /calendars/blocked-slots",
    "GET /calendars/events/appointments/{id}",
    "GET /calendars/{id}/free-slots",
    "GET /users/",
    "GET /locations/{id}",
    "GET /contacts/{id}",
    "PUT /calendars/events/appointments/{id}",
    "POST /calendars/events/block-slots",
    "PUT /calendars/events/block-slots/{id}",
    "DELETE /calendars/events/{id}",
}
"""The documented calls; the documentation says that there are no others."""


async def tour(clinic: Clinic, system: LeadConnector) -> None:
    """Use every method of an adapter."""
    meeting = clinic.book(at(9))
    await system.check()
    await system.read(WINDOW)
    found = await events(system)
    await system.customer(next(e for e in found if e.kind is Kind.APPOINTMENT))
    await system.read_one(ref(meeting))
    await system.free_slots("alice", WINDOW)
    for provider in ("alice", "hall"):
        made: Any = await system.write(
            [operation(Action.CREATE_BLOCK, None, hour(at(12)), provider=provider)]
        )
        block = made.events[0][0]
        await system.read_one(ref(block, Kind.BLOCK, provider), hour(at(12)))
        await system.write([operation(Action.MOVE_BLOCK, block, hour(at(13)), provider=provider)])
        await system.write([operation(Action.REMOVE_BLOCK, block, provider=provider)])
    await system.write([operation(Action.MOVE_APPOINTMENT, meeting, hour(at(15)))])
    await system.write([operation(Action.SET_STATUS, meeting, hour(at(15), status=Status.SHOWED))])


async def test_all_methods_together_make_exactly_the_documented_calls(clinic: Clinic) -> None:
    carol = clinic.platform.add_user("Carol Cole", "carol@example.com")
    mapped = (
        clinic.both | clinic.room | {"carol": CalendarMapping(carol, (clinic.calendar, "nowhere"))}
    )
    clinic.platform.blocks_by_id = True
    await tour(clinic, clinic.build(mapped))
    assert set(clinic.proxy.calls) == CALLS
    assert not clinic.platform.notifications
    assert all(r.headers["version"] for r in clinic.proxy.requests)
    refused = [c for c in clinic.platform.calls if c.status >= 300]
    assert {c.path for c in refused} == {"/calendars/nowhere"}


async def test_no_write_changes_events_of_others(clinic: Clinic) -> None:
    theirs = clinic.block(at(16))
    before: list[PlatformBlock] = clinic.platform.blocks()
    await tour(clinic, clinic.build(clinic.both | clinic.room))
    assert [b for b in clinic.platform.blocks() if b.id == theirs] == before


def test_an_empty_mapping_is_refused() -> None:
    with pytest.raises(ValueError, match="a user, calendars or a resource"):
        CalendarMapping()


async def test_the_capabilities_match_the_platform(clinic: Clinic) -> None:
    able = clinic.build().capabilities
    assert able.gone_proofs == {Kind.APPOINTMENT: 1, Kind.BLOCK: 2}
    assert able.statuses == {status: status for status in Status}
    assert able.lag == timedelta(seconds=10)
    assert not any((able.bulk, able.bulk_statuses, able.asynchronous, able.bulk_only))
    assert not able.notifies
    assert able.key_survives
