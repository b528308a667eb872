"""Wall-clock times become instants by one rule, also at clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil import tz
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from syncd.machine import RealClock
from syncd.model import floor_to, is_recent, resolve_wall_time, utc, zone

BERLIN = "Europe/Berlin"
# In 2027 the clocks of Berlin skip 02:00-03:00 on 28 March and repeat 02:00-03:00 on 31 October.
CASES = (
    ("before the gap", "2027-03-28T01:59", "2027-03-28T00:59", ""),
    ("the first skipped minute", "2027-03-28T02:00", "2027-03-28T01:00", "gap"),
    ("inside the gap", "2027-03-28T02:30", "2027-03-28T01:30", "gap"),
    ("after the gap", "2027-03-28T03:00", "2027-03-28T01:00", ""),
    ("before the fold", "2027-10-31T01:59", "2027-10-30T23:59", ""),
    ("the first of two", "2027-10-31T02:00", "2027-10-31T00:00", "fold"),
    ("inside the fold", "2027-10-31T02:30", "2027-10-31T00:30", "fold"),
    ("after the fold", "2027-10-31T03:00", "2027-10-31T02:00", ""),
)
FROZEN = ("2027-03-27 12:00", "2027-03-29 12:00", "2027-10-30 12:00", "2027-11-01 12:00")


@pytest.mark.parametrize("today", FROZEN)
@pytest.mark.parametrize(("_name", "wall", "expected", "note"), CASES, ids=[c[0] for c in CASES])
def test_a_wall_time_means_the_same_instant_whenever_it_is_read(
    _name: str, wall: str, expected: str, note: str, today: str
) -> None:
    with freeze_time(today):
        found = resolve_wall_time(datetime.fromisoformat(wall), BERLIN)
    assert found.instant == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.note == note


@pytest.mark.parametrize("today", FROZEN)
def test_the_real_clock_returns_utc_around_a_clock_change(today: str) -> None:
    with freeze_time(today):
        now = RealClock().now()
    assert now == datetime.fromisoformat(today).replace(tzinfo=UTC)


def test_a_southern_zone_and_a_half_hour_change_follow_the_same_rule() -> None:
    gap = resolve_wall_time(datetime(2027, 10, 3, 2, 15), "Australia/Lord_Howe")  # noqa: DTZ001
    assert gap.note == "gap"
    assert gap.instant == datetime(2027, 10, 2, 15, 45, tzinfo=UTC)


ZONES = ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
CHANGES = ("2027-03-14", "2027-03-28", "2027-04-04", "2027-10-03", "2027-10-31", "2011-12-30")


@given(
    zone_name=st.sampled_from([*ZONES, "Pacific/Apia", "Europe/Dublin"]),
    day=st.sampled_from(CHANGES).map(datetime.fromisoformat),
    minutes=st.integers(-24 * 60, 48 * 60),
)
def test_wall_times_resolve_as_in_dateutil(zone_name: str, day: datetime, minutes: int) -> None:
    wall = day + timedelta(minutes=minutes)
    local = wall.replace(tzinfo=zone(zone_name))
    note = "fold" if tz.datetime_ambiguous(local) else ""
    if not tz.datetime_exists(local):
        local, note = tz.resolve_imaginary(local), "gap"
    found = resolve_wall_time(wall, zone_name)
    assert (found.instant, found.note) == (local.astimezone(UTC), note)


def test_an_old_zone_name_is_accepted() -> None:
    kolkata = resolve_wall_time(datetime(2027, 1, 1, 12, 0), "Asia/Calcutta")  # noqa: DTZ001
    assert kolkata.instant == datetime(2027, 1, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "CEST?"])
def test_an_unknown_zone_raises_an_error_with_its_name(name: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        zone(name)


def test_a_naive_time_is_rejected() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        utc(datetime(2027, 1, 1, 12, 0))  # noqa: DTZ001


def test_rounding_down_does_not_depend_on_the_zone() -> None:
    at = datetime(2027, 1, 1, 12, 7, 31, tzinfo=UTC)
    assert floor_to(at, timedelta(minutes=5)) == datetime(2027, 1, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "recent"),
    [(0, True), (59, True), (60, False), (-1, False), (-3600, False), (None, False)],
)
def test_an_instant_is_recent_unless_it_is_old_unknown_or_of_a_clock_that_was_ahead(
    ago: int | None, *, recent: bool
) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    at = None if ago is None else now - timedelta(seconds=ago)
    assert is_recent(at, now, timedelta(minutes=1)) is recent
