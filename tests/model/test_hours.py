"""Working hours over days, zones and midnights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.model import Hours, OpeningHours

WEEK = frozenset(range(5))
DAY = Hours((OpeningHours(WEEK, 8 * 60, 18 * 60),), "Europe/Berlin")
NIGHT = Hours(
    (
        OpeningHours(frozenset(range(7)), 0, 2 * 60),
        OpeningHours(frozenset(range(7)), 22 * 60, 24 * 60),
    )
)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "start", "minutes", "inside"),
    [
        (DAY, 7, 60, True),  # 08:00 in Berlin
        (DAY, 6.5, 60, False),
        (DAY, 16.5, 60, False),
        (DAY, 16, 60, True),
        (DAY, 5 * 24 + 10, 60, False),  # a Saturday
        (NIGHT, 23, 120, True),  # over midnight
        (NIGHT, 23, 60, True),
        (NIGHT, 1, 120, False),
        (Hours(), 3, 60, True),
    ],
)
def test_contains_checks_the_whole_interval(
    hours: Hours, start: float, minutes: int, inside: bool
) -> None:
    first = MONDAY + timedelta(hours=start)
    assert hours.contains(first, first + timedelta(minutes=minutes)) is inside
