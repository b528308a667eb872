"""Recorded answers that were misread once, each with a planted bug that misreads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syncd.systems import epoch_times, free_slots
from syncd.systems.leadconnector import events as v2
from syncd.systems.leadconnector import resources, times
from syncd.systems.leadconnector.wire import Appointment
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.leadconnector_v1 import events as v1
from syncd.systems.leadconnector_v1.wire import Appointment as V1Appointment
from syncd.systems.leadsquared import events as leadsquared
from syncd.systems.leadsquared.wire import Task
from tests.systems.scripted import FakeClock

Patch = pytest.MonkeyPatch
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
HALF_PAST = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
MILLIS = int(START.timestamp() * 1000)
SLOTS = ["2026-03-02T10:00:00Z", "2026-03-02T10:30:00Z"]


def free_slots_in_an_envelope() -> None:
    """Days under _dates_, a day with a plain list, and an unknown key."""
    day = {"slots": SLOTS}
    assert free_slots.slot_starts({"_dates_": {"2026-03-02": day}, "traceId": "x"}) == SLOTS
    assert free_slots.slot_starts({"_dates_": {"2026-03-02": SLOTS}}) == SLOTS
    assert free_slots.slot_starts({"2026-03-02": SLOTS, "extra": {"more": [1]}}) == SLOTS


def resources_in_an_envelope() -> None:
    """An empty envelope is an empty list; `resources` and `_id` are accepted names."""
    assert resources.rows_of({"rooms": []}) == []
    room = {"_id": "r1", "name": "yoga"}
    for answer in ([room], {"rooms": [room]}, {"resources": [room]}):
        (row,) = resources.rows_of(answer)
        found = resources.resource_of("rooms", row)
        assert found is not None
        assert (found.id, found.key) == ("r1", "rooms/yoga")


def float_milliseconds_of_v2() -> None:
    """Times of v2 as numbers of milliseconds, with a fraction or as text."""
    reader = v2.Parser("clinic", FakeClock(), "Europe/Berlin")
    for spelt in (float(MILLIS), MILLIS + 0.5, str(MILLIS), f"{MILLIS}.0"):
        row = {"id": "e", "startTime": spelt, "endTime": MILLIS + 1_800_000.0}
        value = reader.event(msgspec.convert(row, Appointment), "alice").value
        assert (value.start.replace(microsecond=0), value.end) == (START, HALF_PAST)


def epoch_milliseconds_of_v1() -> None:
    """Times of v1 as milliseconds since 1970."""
    reader = v1.Parser(
        "legacy", FakeClock(), v1.CalendarOwners.of({"alice": CalendarMapping("c")}), "UTC"
    )
    row = {"id": "e", "contactId": "c", "startTime": MILLIS, "endTime": MILLIS + 1_800_000}
    value = reader.event(msgspec.convert(row, V1Appointment), "alice").value
    assert value.interval == (START, HALF_PAST)


def never_in_leadsquared() -> None:
    """`1/1/0001 12:00:00 AM` means no end: the length is assumed."""
    reader = leadsquared.Parser("crm", FakeClock(), {}, "Busy")
    row = {"UserTaskId": "e", "DueDate": "2026-03-02 10:00:00", "EndDate": "1/1/0001 12:00:00 AM"}
    event = reader.event(msgspec.convert(row, Task), "alice")
    assert not event.shows_end
    assert event.value.start == START


def only_days_are_looked_at(patch: Patch) -> None:
    """Days in a wrapper are not found."""
    patch.setattr(free_slots, "DAY_WRAPPERS", ())


def only_bare_lists_are_rows(patch: Patch) -> None:
    """An envelope is no list."""
    patch.setattr(resources, "LIST_KEYS", ("resources",))


def numbers_are_no_times(patch: Patch) -> None:
    """Numbers are not parsed as times."""
    for module in (epoch_times, times, v1):
        patch.setattr(module, "parse_epoch", lambda _value: None)


def whole_numbers_only_are_times(patch: Patch) -> None:
    """A number with a fraction is no time."""
    patch.setattr(epoch_times, "EPOCH_NUMBER", re.compile(r"-?[0-9]{1,18}"))


def never_is_a_time(patch: Patch) -> None:
    """The null date of .NET is taken for an unreadable end."""
    patch.setattr(leadsquared, "NULL_DATE", re.compile(r"(?!)"))


CASES: tuple[tuple[Callable[[], None], Callable[[Patch], None]], ...] = (
    (free_slots_in_an_envelope, only_days_are_looked_at),
    (resources_in_an_envelope, only_bare_lists_are_rows),
    (float_milliseconds_of_v2, numbers_are_no_times),
    (float_milliseconds_of_v2, whole_numbers_only_are_times),
    (epoch_milliseconds_of_v1, numbers_are_no_times),
    (never_in_leadsquared, never_is_a_time),
)


@pytest.mark.parametrize("case", dict.fromkeys(case for case, _ in CASES), ids=lambda c: c.__name__)
def test_a_recorded_answer_is_parsed(case: Callable[[], Any]) -> None:
    case()


@pytest.mark.parametrize(("case", "plant"), CASES, ids=[plant.__name__ for _, plant in CASES])
def test_planted_a_bug_that_misreads_it_is_seen(
    case: Callable[[], None], plant: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        case()
