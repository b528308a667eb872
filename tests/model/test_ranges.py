"""Times out of range, and the fixed end that replaces an open end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import (
    Status,
    Value,
    cut_end,
    from_millis,
    in_range,
    in_zone,
    read_update,
    read_value,
    resolve_wall_time,
    utc,
    zone,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NEVER = datetime(1, 1, 1, tzinfo=UTC)
EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
ZONES = ("Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati", "America/New_York", "Etc/GMT+12")


@pytest.mark.parametrize("start", [NEVER, NOW - 6 * YEAR, NOW + 6 * YEAR, EVER - HOUR])
def test_a_start_out_of_range_is_refused(start: datetime) -> None:
    with pytest.raises(ValueError, match="five years"):
        read_value(start, start + HOUR, Status.CONFIRMED, NOW)


@pytest.mark.parametrize("end", [NOW, NOW - HOUR, NEVER])
def test_an_end_that_is_not_after_its_start_is_refused(end: datetime) -> None:
    with pytest.raises(ValueError, match="its end is not after its start"):
        read_value(NOW, end, Status.CONFIRMED, NOW)


def test_an_open_end_becomes_the_first_of_a_month_in_a_year() -> None:
    assert cut_end(Value(NOW, EVER), NOW) == Value(NOW, datetime(2027, 3, 1, tzinfo=UTC))
    assert cut_end(Value(NOW, NOW + 4 * YEAR), NOW) == Value(NOW, NOW + 4 * YEAR)


def test_a_fixed_end_stays_until_half_a_year_before_it() -> None:
    first = cut_end(Value(NOW, EVER), NOW)
    assert cut_end(Value(NOW, EVER), NOW + timedelta(days=180), first) == first
    later = NOW + timedelta(days=186)
    assert cut_end(Value(NOW, EVER), later, first).end == datetime(2027, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize("days", [0, 29, 31, 360, 400, 4 * 365])
def test_a_fixed_end_is_after_a_late_start(days: int) -> None:
    start = NOW + timedelta(days=days)
    first = cut_end(Value(start, EVER), NOW)
    assert start < first.end
    moved = Value(first.end + HOUR, EVER)
    assert moved.start < cut_end(moved, NOW, first).end


def test_an_update_time_out_of_range_is_none() -> None:
    assert read_update(NEVER, NOW) is None
    assert read_update(EVER, NOW) is None
    assert read_update(NOW - YEAR, NOW) == NOW - YEAR


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "wall", ["0001-01-01", "0001-01-01T23:59", "9999-12-31", "9999-12-31T23:59:59.999999"]
)
def test_the_first_and_last_times_exist_in_every_zone(name: str, wall: str) -> None:
    local = datetime.fromisoformat(wall)
    for instant in (
        resolve_wall_time(local, name).instant,
        utc(local.replace(tzinfo=zone(name))),
        utc(in_zone(local.replace(tzinfo=UTC), zone(name))),
    ):
        assert abs(instant.replace(tzinfo=None) - local) <= timedelta(days=1)
        assert len(f"{in_zone(instant, zone(name)):%d %b %H:%M %z}") > len("31 Dec 23:59")


@pytest.mark.parametrize("millis", [10**15, -(10**15), 10**30, 253402300800000])
def test_milliseconds_out_of_range_are_refused(millis: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        from_millis(millis)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
def test_a_readable_value_never_overflows(start: datetime, end: datetime, name: str) -> None:
    try:
        value = cut_end(read_value(start, end, Status.CONFIRMED, NOW), NOW)
    except ValueError:
        return
    assert in_range(value, NOW)
    for instant in value.interval:
        assert (instant - 2 * YEAR).astimezone(zone(name)) < instant + 2 * YEAR
