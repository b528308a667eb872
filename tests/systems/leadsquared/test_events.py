"""Tasks are converted to events."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syncd.model import Event, Kind, Status
from syncd.systems.errors import UnreadableError
from syncd.systems.leadsquared.events import Parser, parse_time
from syncd.systems.leadsquared.wire import Task, format_time
from tests.systems.scripted import FakeClock

from .conftest import task

READER = Parser(
    "crm",
    FakeClock(),
    {"alice@example.com": "alice", "bob@example.com": "bob"},
    "Busy",
    "mx_Custom_1",
)


def wire(**changes: Any) -> Task:
    return msgspec.json.decode(msgspec.json.encode(task(**changes)), type=Task)


def event(**changes: Any) -> Event:
    return READER.event(wire(**changes), "alice")


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02 10:30:00.000",
        "2026-03-02 10:30:00",
        "2026-03-02T10:30:00Z",
        "2026-03-02 16:00:00+05:30",
        "/Date(1772447400000+0000)/",
        "/Date(1772447400000)/",
    ],
)
def test_every_spelling_of_a_time_is_the_same_instant(written: str) -> None:
    assert parse_time(written) == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "",
        None,
        "2026-03-02",
        "soon",
        20260302,
        "0001-01-01 00:00:00.000",
        "/Date(-62135596800000)/",
    ],
)
def test_an_invalid_time_is_refused(written: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse_time(written)


def test_a_time_is_written_in_utc_without_a_mark() -> None:
    moment = datetime.fromisoformat("2026-03-02T16:00:00.5+05:30")
    assert format_time(moment) == "2026-03-02 10:30:00"


def test_a_task_becomes_an_appointment_with_all_that_matters() -> None:
    found = event()
    assert found.kind is Kind.APPOINTMENT
    assert found.value.start == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert found.value.end == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert (found.customer, found.service, found.key) == ("lead-1", "Meeting", None)
    assert found.updated_at == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert found.created_at == datetime(2026, 2, 28, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, Status.CONFIRMED),
        ("0", Status.CONFIRMED),
        (..., Status.CONFIRMED),
        (1, Status.SHOWED),
        ("1", Status.SHOWED),
        (1.0, Status.SHOWED),
        (2, Status.CANCELLED),
        ("Pending", Status.CONFIRMED),
        ("Overdue", Status.CONFIRMED),
        ("Completed", Status.SHOWED),
        ("Cancelled", Status.CANCELLED),
        (-1, Status.CONFIRMED),
        ("9", Status.CONFIRMED),
    ],
)
def test_a_status_code_may_be_number_or_text(code: object, status: Status) -> None:
    assert event(StatusCode=code).value.status is status


def test_an_overdue_task_is_no_change() -> None:
    assert event(StatusCode="Overdue").value == event(StatusCode=0).value


@pytest.mark.parametrize("code", [-1, 3, "Deferred", ...])
def test_an_unknown_status_is_marked_as_assumed(code: object) -> None:
    assert not event(StatusCode=code).shows_status


NOBODY = {"RelatedEntity": 0, "RelatedEntityId": ""}


def test_the_busy_type_makes_a_block_whatever_its_case() -> None:
    assert event(TaskType={"Name": " busy "}, **NOBODY).kind is Kind.BLOCK


@pytest.mark.parametrize(
    ("related", "kind"),
    [
        ({"RelatedEntity": 0, "RelatedEntityId": None}, Kind.BLOCK),
        ({"RelatedEntity": ..., "RelatedEntityId": ...}, Kind.BLOCK),
        (
            {"RelatedEntity": 0, "RelatedEntityId": "00000000-0000-0000-0000-000000000000"},
            Kind.BLOCK,
        ),
        ({"RelatedEntity": 1, "RelatedEntityId": "lead-1"}, Kind.APPOINTMENT),
        ({"RelatedEntity": ..., "RelatedEntityId": "lead-1"}, Kind.APPOINTMENT),
        ({"RelatedEntity": 5, "RelatedEntityId": "opportunity-1"}, Kind.APPOINTMENT),
    ],
)
def test_a_task_of_the_busy_type_with_a_customer_is_an_appointment(
    related: dict[str, Any], kind: Kind
) -> None:
    assert event(TaskType={"Name": "Busy"}, **related).kind is kind


def test_a_completed_block_is_as_busy_as_an_open_one() -> None:
    found = event(TaskType={"Name": "Busy"}, StatusCode=1, **NOBODY)
    assert found.value.status is Status.CONFIRMED


def test_the_fingerprint_changes_when_a_block_gets_a_customer_or_another_type() -> None:
    block = READER.fingerprint(wire(TaskType={"Name": "Busy"}, **NOBODY), "alice")
    for change in ({"RelatedEntity": 1, "RelatedEntityId": "lead-1"}, {"TaskType": {"Name": "x"}}):
        row = {"TaskType": {"Name": "Busy"}, **NOBODY, **change}
        changed = READER.fingerprint(wire(**row), "alice")
        assert changed != block
        assert "lead-1" not in changed


@pytest.mark.parametrize(
    "where",
    [
        {"Description": "Busy [s:abcdefghij]"},
        {"CustomFields": {"mx_Custom_1": "[s:abcdefghij]"}},
        {"Name": "Busy [s:abcdefghij]"},
    ],
)
def test_the_key_is_found_wherever_it_travels(where: dict[str, Any]) -> None:
    assert event(**where).key == "abcdefghij"


@pytest.mark.parametrize("entity", [0, "0", 5, "5"])
def test_only_a_lead_is_a_person(entity: object) -> None:
    assert event(RelatedEntity=entity).customer is None


def test_a_missing_entity_type_still_means_a_lead() -> None:
    assert event(RelatedEntity=...).customer == "lead-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"DueDate": None},
        {"EndDate": "soon"},
        {"EndDate": "2026-03-02 10:30:00"},
        {"EndDate": "2026-03-02 09:00:00"},
        {"DueDate": "/Date(99999999999999999999)/"},
    ],
)
def test_an_unreadable_or_empty_interval_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        event(**changes)


@pytest.mark.parametrize(
    "odd",
    ["yesterday", "", None, {"a": 1}, "/Date(99999999999999999999)/", "0001-01-01 00:00:00.000"],
)
def test_an_unreadable_time_of_making_or_change_is_only_unknown(odd: object) -> None:
    found = event(CreatedOn=odd, ModifiedOn=odd)
    assert (found.created_at, found.updated_at) == (None, None)


def test_the_owner_is_found_without_regard_to_case() -> None:
    assert READER.owner(wire(OwnerEmailAddress="ALICE@Example.com")) == "alice"
    assert READER.owner(wire(OwnerEmailAddress="carol@example.com")) is None


def test_a_task_without_owner_is_of_the_only_user_asked_for() -> None:
    assert READER.owner(wire(OwnerEmailAddress=None), ["bob"]) == "bob"
    with pytest.raises(ValueError, match="no owner"):
        READER.owner(wire(OwnerEmailAddress=None), ["alice", "bob"])


def test_the_fingerprint_changes_with_times_status_and_owner_only() -> None:
    plain = READER.fingerprint(wire(), "alice")
    assert READER.fingerprint(wire(Name="other", ModifiedOn="x", task_id="t1"), "alice") == plain
    assert READER.fingerprint(wire(), "bob") != plain
    for field in ("DueDate", "EndDate", "StatusCode"):
        assert READER.fingerprint(wire(**{field: "7"}), "alice") != plain
