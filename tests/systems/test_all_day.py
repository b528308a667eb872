"""All-day events: whole days in the location's zone, and the time that the all-day rule closes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from syncd.model import Event, Hours, OpeningHours, embed_tag
from syncd.model.all_day import BUSY, AllDay, AllDayRule
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector import events as v2
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.leadconnector_v1 import events as v1
from syncd.systems.leadconnector_v1.wire import Appointment as V1Appointment
from tests.systems.scripted import FakeClock

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
WEEK = frozenset(range(5))
OFFICE = Hours((OpeningHours(WEEK, 8 * 60, 12 * 60), OpeningHours(WEEK, 13 * 60, 18 * 60)))
IGNORE = AllDayRule(AllDay.IGNORE)
OPEN = AllDayRule(AllDay.HOURS, Hours(OFFICE.spans, ""))


def reader(zone: str = BERLIN, rule: AllDayRule = BUSY) -> v2.Parser:
    return v2.Parser("clinic", FakeClock(), zone, all_day={"alice": rule}, title="Busy")


def block(start: Any, end: Any = ..., **more: Any) -> Block:
    row = {"id": "b1", "startTime": start, "endTime": start if end is ... else end}
    return msgspec.convert({**row, "isFullDay": True, **more}, type=Block)


def hours(event: Event) -> float:
    return (event.value.end - event.value.start) / timedelta(hours=1)


def berlin(day: int, month: int = 3, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "end", "first", "after"),
    [
        ("2026-03-04T00:00:00+01:00", ..., 4, 5),
        ("2026-03-04T00:00:00+01:00", "2026-03-05T00:00:00+01:00", 4, 5),
        ("2026-03-04T00:00:00+01:00", "2026-03-04T23:59:59+01:00", 4, 5),
        ("2026-03-04T00:00:00+01:00", "2026-03-06T23:59:00+01:00", 4, 7),
        ("2026-03-04T00:00:00+01:00", "2026-03-07T00:00:00+01:00", 4, 7),
        ("2026-03-04T09:00:00+01:00", "2026-03-04T17:00:00+01:00", 4, 5),
        ("2026-03-04T00:00:00Z", ..., 4, 5),
        ("2026-03-03T23:00:00Z", "2026-03-04T23:00:00Z", 4, 5),
        ("2026-03-04T00:00:00-05:00", "2026-03-05T00:00:00-05:00", 4, 5),
        ("2026-03-04T03:00:00+01:00", "2026-03-05T03:00:00+01:00", 4, 5),
        ("2026-03-04", ..., 4, 5),
        ("2026-03-04", None, 4, 5),
        ("2026-03-04", "2026-03-06", 4, 6),
        ({"date": "2026-03-04"}, {"date": "2026-03-05"}, 4, 5),
        (1772578800000, 1772578800000, 4, 5),
        (1772582400000, ..., 4, 5),
        ("2026-03-29T00:00:00+01:00", ..., 29, 30),
    ],
)
def test_an_all_day_event_is_whole_days_of_the_location(
    start: Any, end: Any, first: int, after: int
) -> None:
    event = reader().event(block(start, end), "alice")
    assert event.value.interval == (berlin(first), berlin(after))
    assert not event.assumption


@pytest.mark.parametrize(
    ("day", "zone", "length"),
    [
        ("2026-03-29", BERLIN, 23),
        ("2026-10-25", BERLIN, 25),
        ("2026-03-08", NEW_YORK, 23),
        ("2026-11-01", NEW_YORK, 25),
        ("2026-03-29", "Africa/Cairo", 24),
        ("2026-04-24", "Africa/Cairo", 23),  # its midnight is skipped
        ("2026-06-01", "Pacific/Kiritimati", 24),
    ],
)
def test_a_day_is_as_long_as_it_is_there(day: str, zone: str, length: int) -> None:
    assert hours(reader(zone).event(block(day), "alice")) == length


def test_midnight_of_utc_means_that_day_west_of_greenwich_too() -> None:
    event = reader(NEW_YORK).event(block("2026-03-03T19:00:00-05:00"), "alice")
    assert event.value.start == datetime(2026, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("flag", ["isFullDay", "isAllDay", "allDay"])
@pytest.mark.parametrize("value", [True, "true", "True", 1, "1"])
def test_every_sign_of_an_all_day_event_is_seen_on_v2_and_v1(flag: str, value: Any) -> None:
    start = "2026-03-04T00:00:00+01:00"
    row = {"id": "a1", "startTime": start, "endTime": start, flag: value}
    events = [
        reader().event(msgspec.convert(row, type=Block), "alice"),
        reader().event(msgspec.convert(row, type=Appointment), "alice"),
        old().event(msgspec.convert(row, type=V1Appointment), "alice"),
    ]
    assert [event.value.interval for event in events] == [(berlin(4), berlin(5))] * 3


@pytest.mark.parametrize("value", [False, "false", None, "", 0, "no", [], {}])
def test_an_empty_interval_without_an_all_day_sign_is_unreadable(value: Any) -> None:
    with pytest.raises(UnreadableError, match="its end is not after its start"):
        reader().event(block("2026-03-04T00:00:00+01:00", isFullDay=value), "alice")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", ""),
        ("soon", "soon"),
        ("2026-03-05T00:00:00+01:00", "2026-03-04T00:00:00+01:00"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
    ],
)
def test_an_all_day_event_without_usable_days_is_unreadable(start: str, end: str) -> None:
    with pytest.raises(UnreadableError):
        reader().event(block(start, end), "alice")


# --- policy -----------------------------------------------------------------------------------


def test_a_provider_with_ignore_is_free_and_others_are_not() -> None:
    ignoring = reader(rule=IGNORE)
    assert ignoring.takes_no_time(block("2026-03-04"), "alice")
    assert not ignoring.takes_no_time(block("2026-03-04"), "bob")
    assert not ignoring.takes_no_time(
        block("2026-03-04T09:00:00Z", "2026-03-04T10:00:00Z", isFullDay=False), "alice"
    )


@pytest.mark.parametrize(
    ("start", "end", "from_", "until"),
    [
        ("2026-03-04", ..., (4, 8), (4, 18)),
        ("2026-03-04", "2026-03-06", (4, 8), (5, 18)),
        ("2026-03-07", "2026-03-11", (9, 8), (10, 18)),  # from a Saturday on
        ("2026-03-27", "2026-03-30", (27, 8), (27, 18)),  # over a weekend, and a change of clocks
    ],
)
def test_with_hours_it_closes_from_the_first_opening_to_the_last_closing(
    start: Any, end: Any, from_: tuple[int, int], until: tuple[int, int]
) -> None:
    event = reader(rule=OPEN).event(block(start, end), "alice")
    expected = berlin(from_[0], hour=from_[1]), berlin(until[0], hour=until[1])
    assert event.value.interval == expected


def test_with_hours_a_day_off_closes_nothing_and_none_configured_close_all() -> None:
    assert reader(rule=OPEN).takes_no_time(block("2026-03-07"), "alice")
    anytime = reader(rule=AllDayRule(AllDay.HOURS))
    assert hours(anytime.event(block("2026-03-07"), "alice")) == 24


@pytest.mark.parametrize("rule", [IGNORE, OPEN])
@pytest.mark.parametrize(
    "ours",
    [
        block("2026-03-04", title=embed_tag("Closed", "abcdefghij")),
        block("2026-03-04T00:00:00+01:00", "2026-03-05T00:00:00+01:00", title="Busy"),
    ],
)
def test_the_all_day_rule_does_not_apply_to_possible_blocks_of_syncd(
    rule: AllDayRule, ours: Block
) -> None:
    assert hours(reader(rule=rule).event(ours, "alice")) == 24


@pytest.mark.parametrize("rule", [IGNORE, OPEN])
def test_a_customer_who_books_a_day_has_the_whole_day(rule: AllDayRule) -> None:
    row = {"id": "a1", "contactId": "c1", "startTime": "2026-03-04", "endTime": "2026-03-04"}
    event = reader(rule=rule).event(msgspec.convert(row, type=Appointment), "alice")
    assert hours(event) == 24


def test_a_changed_all_day_rule_changes_the_fingerprint() -> None:
    day = block("2026-03-04")
    spelt = {
        reader(zone, rule).fingerprint(day, "alice")
        for zone, rule in ((BERLIN, BUSY), (NEW_YORK, BUSY), (BERLIN, IGNORE), (BERLIN, OPEN))
    }
    assert len(spelt) == 4
    plain = block("2026-03-04T09:00:00Z", "2026-03-04T10:00:00Z", isFullDay=False)
    assert reader().fingerprint(plain, "alice") == reader(rule=OPEN).fingerprint(plain, "alice")


def old(rule: AllDayRule = BUSY) -> v1.Parser:
    owners = v1.CalendarOwners.of({"alice": CalendarMapping(user="u1")})
    return v1.Parser("legacy", FakeClock(), owners, BERLIN, all_day={"alice": rule}, title="Busy")


def test_the_policy_holds_on_v1_too() -> None:
    row = {"id": "b1", "userId": "u1", "startTime": "2026-03-04", "endTime": "2026-03-04"}
    day = msgspec.convert({**row, "allDay": True}, type=V1Appointment)
    assert old(IGNORE).is_free_block(day, "alice")
    assert old(OPEN).event(day, "alice").value.start == berlin(4, hour=8)
    booked = msgspec.convert({**row, "allDay": True, "contactId": "c1"}, type=V1Appointment)
    assert not old(IGNORE).is_free_block(booked, "alice")
    assert hours(old(OPEN).event(booked, "alice")) == 24
