"""Meetings of several hosts: one record, an event per mapped host, and rows without a provider."""

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.model import Action, EventRef, Kind, Status, Topic
from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.lookup_results import Found, Gone
from syncd.systems.replies import Done
from tests.lab.sandbox.kit import HOUR, at

from .conftest import WINDOW, Clinic, each, events, hour, operation

EVENTS = "GET /calendars/events"


def further_hosts(meeting: str, user: str) -> str:
    return f"{meeting}@users/{user}"


def derived(clinic: Clinic, meeting: str) -> EventRef:
    return EventRef("clinic", "bob", further_hosts(meeting, clinic.bob), Kind.APPOINTMENT)


async def owners(system: LeadConnector) -> dict[str, str]:
    """Return the provider of each event of a read."""
    return {event.id: event.provider for event in await events(system)}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("named", [False, True])
async def test_a_meeting_is_an_event_of_each_mapped_host(
    clinic: Clinic, listed: bool, named: bool
) -> None:
    clinic.platform.hosts_listed, clinic.platform.users_name_owner = listed, named
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    system = clinic.build(clinic.both)
    assert await owners(system) == {meeting: "alice", further_hosts(meeting, clinic.bob): "bob"}
    for event in await events(system):
        assert (event.value, event.customer) == (hour(at(9)), clinic.contact)


@pytest.mark.parametrize(
    "users",
    [
        ["alice", "bob"],
        ["bob", "alice"],
        ["bob", "bob"],
        [{"id": "bob"}],
        ["nobody", "bob", None, 3, ""],
    ],
)
async def test_further_hosts_are_read_in_any_order_and_spelling(
    clinic: Clinic, users: list[Any]
) -> None:
    ids = {"alice": clinic.alice, "bob": clinic.bob}

    def id_of(user: Any) -> Any:
        if isinstance(user, dict):
            return {"id": ids[user["id"]]}
        return ids.get(user, user)

    meeting = clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(users=[id_of(user) for user in users]))
    found = await owners(clinic.build(clinic.both))
    assert found == {meeting: "alice", further_hosts(meeting, clinic.bob): "bob"}


async def test_the_order_of_further_hosts_decides_nothing(clinic: Clinic) -> None:
    clinic.book(at(9))
    found = []
    for users in ([clinic.alice, clinic.bob], [clinic.bob, clinic.alice]):
        clinic.proxy.rewrite(EVENTS, each(users=users, assignedUserId="stranger"))
        found.append(await owners(clinic.build(clinic.both)))
    assert found[0] == found[1]
    assert sorted(found[0].values()) == ["alice", "bob"]


@pytest.mark.parametrize("users", ["bob", {"id": "bob"}, 7, [["bob"]], [{}]])
async def test_an_unreadable_list_of_hosts_does_not_lose_the_meeting(
    clinic: Clinic, users: object
) -> None:
    meeting = clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(users=users))
    assert await owners(clinic.build(clinic.both)) == {meeting: "alice"}


async def test_a_host_who_joins_changes_the_fingerprint_and_the_rest_stays_known(
    clinic: Clinic,
) -> None:
    meeting = clinic.book(at(9))
    other = clinic.book(at(11))
    system = clinic.build(clinic.both)
    before = {row.id: row.fingerprint for row in (await system.read(WINDOW)).rows}
    clinic.platform.set_hosts(meeting, clinic.alice, [clinic.bob])
    read = await system.read(WINDOW, known=before)
    assert set(read.same) == {other}
    after = {row.id: row.fingerprint for row in read.rows}
    assert after.keys() == {meeting, further_hosts(meeting, clinic.bob)}
    assert after[meeting] != before[meeting]
    again = await system.read(WINDOW, known={**before, **after})
    assert {row.id: row.fingerprint for row in again.rows} == after


async def test_an_unrequested_host_is_read_with_the_requested_one(
    clinic: Clinic,
) -> None:
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    read = await clinic.build(clinic.both).read(WINDOW, ["alice"])
    assert {row.id: row.provider for row in read.rows} == {
        meeting: "alice",
        further_hosts(meeting, clinic.bob): "bob",
    }
    assert {c.provider for c in read.coverage} == {"alice"}


# --- by id --------------------------------------------------------------------------------------


async def test_a_further_host_s_event_is_read_from_the_record(clinic: Clinic) -> None:
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    seen = await clinic.build(clinic.both).read_one(derived(clinic, meeting))
    assert isinstance(seen, Found)
    assert (seen.event.id, seen.event.provider) == (further_hosts(meeting, clinic.bob), "bob")


async def test_the_event_of_a_removed_host_is_found_at_the_assigned_user(clinic: Clinic) -> None:
    meeting = clinic.book(at(9))
    seen = await clinic.build(clinic.both).read_one(derived(clinic, meeting))
    assert isinstance(seen, Found)
    assert (seen.event.id, seen.event.provider, seen.event.owner) == (
        further_hosts(meeting, clinic.bob),
        "",
        clinic.alice,
    )


async def test_the_first_host_has_the_record_itself_and_no_event_beside_it(clinic: Clinic) -> None:
    meeting = clinic.book(at(9))
    clinic.platform.set_hosts(meeting, clinic.bob, [clinic.alice])
    system = clinic.build(clinic.both)
    assert await system.read_one(derived(clinic, meeting)) == Gone()
    assert await owners(system) == {meeting: "bob", further_hosts(meeting, clinic.alice): "alice"}


async def test_a_deleted_record_has_no_event_of_any_host(clinic: Clinic) -> None:
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    clinic.platform.delete(meeting)
    assert await clinic.build(clinic.both).read_one(derived(clinic, meeting)) == Gone()


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.MOVE_APPOINTMENT, Action.SET_STATUS])
async def test_an_event_of_a_further_host_is_never_written_to(
    clinic: Clinic, action: Action
) -> None:
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    wanted = hour(at(10), status=Status.CANCELLED)
    write = operation(action, further_hosts(meeting, clinic.bob), wanted, provider="bob")
    with pytest.raises(RejectedError) as refused:
        await clinic.build(clinic.both).write([write])
    assert refused.value.why is RejectionReason.UNFIT
    assert clinic.proxy.calls == []


@pytest.mark.parametrize("drops", [False, True])
async def test_an_update_names_no_further_hosts_and_says_when_they_are_lost(
    clinic: Clinic, drops: bool
) -> None:
    clinic.platform.update_drops_hosts = drops
    meeting = clinic.book(at(9), hosts=[clinic.bob])
    move = operation(Action.MOVE_APPOINTMENT, meeting, hour(at(10)), before=hour(at(9)))
    reply = await clinic.build(clinic.both).write([move])
    (sent,) = clinic.sent("PUT /calendars/events/appointments/{id}")
    assert "users" not in sent.body
    assert sent.body["assignedUserId"] == clinic.alice
    assert isinstance(reply, Done)
    assert reply.unrestored == (("users",) if drops else ())


# --- rows of nobody's ---------------------------------------------------------------------------


async def reported(system: LeadConnector) -> dict[str, tuple[Topic, str]]:
    read = await system.read(WINDOW)
    return {odd.event: (odd.topic, odd.provider) for odd in read.malformed}


async def test_an_unassigned_meeting_is_reported_and_blocks_nothing(
    clinic: Clinic,
) -> None:
    team = clinic.platform.add_calendar("Team", "round_robin", [clinic.alice, clinic.bob])
    meeting = clinic.platform.book(team, "", at(9), at(9) + HOUR, clinic.contact)
    one = clinic.build({"alice": CalendarMapping(clinic.alice)})
    assert await owners(one) == {}
    assert await reported(one) == {meeting: (Topic.UNASSIGNED, "alice")}
    both = clinic.build(
        {"alice": CalendarMapping(clinic.alice), "bob": CalendarMapping(clinic.bob)}
    )
    assert await reported(both) == {meeting: (Topic.UNASSIGNED, "")}
    clinic.platform.set_hosts(meeting, clinic.bob)
    assert await reported(both) == {}
    assert await owners(both) == {meeting: "bob"}


Mapped = Mapping[str, CalendarMapping]


async def test_only_meetings_on_mapped_calendars_are_reported_without_a_mapped_host(
    clinic: Clinic,
) -> None:
    dora = clinic.platform.add_user("Dora", "dora@example.com")
    team = clinic.platform.add_calendar("Team", "round_robin", [clinic.alice, dora])
    there = clinic.platform.book(team, dora, at(9), at(9) + HOUR, clinic.contact)
    here = clinic.platform.book(clinic.calendar, dora, at(11), at(11) + HOUR, clinic.contact)
    by_user: Mapped = {"alice": CalendarMapping(clinic.alice)}
    assert await reported(clinic.build(by_user)) == {here: (Topic.UNMAPPED_OWNER, "alice")}
    by_calendar: Mapped = {"alice": CalendarMapping(clinic.alice, (clinic.calendar, team))}
    assert await reported(clinic.build(by_calendar)) == {
        here: (Topic.UNMAPPED_OWNER, "alice"),
        there: (Topic.UNMAPPED_OWNER, "alice"),
    }


@pytest.mark.parametrize("status", ["cancelled", "noshow", "invalid"])
async def test_a_cancelled_meeting_without_a_provider_is_not_reported(
    clinic: Clinic, status: str
) -> None:
    meeting = clinic.book(at(9))
    clinic.platform.set_hosts(meeting, clinic.platform.add_user("Dora", "dora@example.com"))
    clinic.platform.set_status(meeting, status)
    assert await reported(clinic.build()) == {}
