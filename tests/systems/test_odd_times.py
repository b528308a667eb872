"""A row with any value in place of a time is read or reported; nothing else is raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syncd.model import Event, Window
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector import events as v2
from syncd.systems.leadconnector import slots as v2_slots
from syncd.systems.leadconnector.wire import Appointment
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.leadconnector_v1 import events as v1
from syncd.systems.leadconnector_v1.wire import Appointment as V1Appointment
from syncd.systems.leadsquared import events as leadsquared
from syncd.systems.leadsquared import slots as leadsquared_slots
from syncd.systems.leadsquared.wire import Days, Task
from tests.systems.scripted import NOW, FakeClock

ZONES = ("Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati", "America/New_York", "UTC", "")
GOOD = ("2026-03-02T10:00:00", "2026-03-02T11:00:00")
ODD: tuple[Any, ...] = (
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01 00:00:00.000",
    "0001-01-01T00:00:00+14:00",
    "1/1/0001 12:00:00 AM",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59.999999",
    "9999-12-31",
    "10000-01-01T00:00:00Z",
    "+275760-09-13T00:00:00Z",
    "0000-00-00 00:00:00",
    "2026-03-02T24:00:00Z",
    "2026-03-02T24:30:00Z",
    "2026-03-02T23:59:60Z",
    "2026-03-02T10:00:00+99:99",
    "2026-03-02T10:00:00-23:59",
    "2026-13-45T10:00:00Z",
    "2026-03-02T10:00:00[Europe/Berlin]",
    "/Date(-62135596800000+0000)/",
    "/Date(253402300799999)/",
    "/Date(99999999999999999999999)/",
    "-62135596800000",
    "253402300800000",
    "9" * 400,
    "9" * 5000,
    "nan",
    "",
    " ",
    "\ufffd\0",
    0,
    -1,
    -62135596800000,
    253402300800000,
    10**30,
    1.5e308,
    True,
    None,
    [],
    {},
)

Read = Callable[[Any, Any, Any, str], Event]


def _wire(shape: Any, row: Mapping[str, Any]) -> Any:
    return msgspec.convert(row, type=shape)


def _v2(start: Any, end: Any, updated: Any, zone: str) -> Event:
    row = {"id": "e1", "startTime": start, "endTime": end, "dateUpdated": updated}
    return v2.Parser("clinic", FakeClock(), zone).event(_wire(Appointment, row), "alice")


def _v1(start: Any, end: Any, updated: Any, zone: str) -> Event:
    row = {"id": "e1", "contactId": "c", "startTime": start, "endTime": end, "updatedAt": updated}
    owners = v1.CalendarOwners.of({"alice": CalendarMapping("cal")})
    reader = v1.Parser("legacy", FakeClock(), owners, zone)
    item = _wire(V1Appointment, row | {"selectedTimezone": zone})
    v1.needs_zone(item)
    return reader.event(item, "alice")


def _leadsquared(start: Any, end: Any, updated: Any, _zone: str) -> Event:
    row = {"UserTaskId": "e1", "DueDate": start, "EndDate": end, "ModifiedOn": updated}
    reader = leadsquared.Parser("crm", FakeClock(), {}, "Busy")
    return reader.event(_wire(Task, row), "alice")


READERS: tuple[Read, ...] = (_v2, _v1, _leadsquared)


def _near(event: Event) -> bool:
    return abs(event.value.start - NOW).days < 1830 and event.value.end > event.value.start


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
@pytest.mark.parametrize("read", READERS)
def test_a_row_with_an_odd_time_is_read_or_reported(read: Read, odd: Any) -> None:
    for zone in ZONES:
        for start, end in ((odd, GOOD[1]), (GOOD[0], odd), (odd, odd)):
            with suppress(UnreadableError):
                assert _near(read(start, end, GOOD[0], zone)), (start, end, zone)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
@pytest.mark.parametrize("read", READERS)
def test_an_odd_time_of_the_last_update_counts_as_none(read: Read, odd: Any) -> None:
    for zone in ZONES[:-1]:
        updated = read(*GOOD, odd, zone).updated_at
        assert updated is None or abs(updated - NOW).days < 1830


@pytest.mark.parametrize("zone", ZONES[:-1])
@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59"])
def test_an_end_in_the_year_9999_is_read_in_every_zone(read: Read, zone: str, end: str) -> None:
    assert read(GOOD[0], end, None, zone).value.end > datetime(9999, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
@pytest.mark.parametrize("zone", ZONES[:-1])
def test_a_free_slot_with_an_odd_time_is_left_out_or_read(odd: Any, zone: str) -> None:
    list(v2_slots.slot_windows([odd, GOOD[0]], None, zone))
    slots = [{"StartTime": odd, "EndTime": odd}, {"StartTime": "10:00", "EndTime": odd}]
    user = {"EmailAddress": "a", "UserTimeZone": zone, "AvailableSlots": slots}
    days = _wire(Days, {"List": [{"Date": odd, "UserSlots": [user]}]})
    window = Window(NOW, NOW.replace(day=9))
    # Where not one slot can be read, nobody knows what is offered.
    with suppress(leadsquared_slots.UnknownSlotFormatError):
        assert all(o.start < o.end for o in leadsquared_slots.offered_slots([days], "a", window))
