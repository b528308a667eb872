"""Test how an interval is printed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from syncd.cli import render
from syncd.model import Status, Value

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        pytest.param((2, 9), (2, 10), "Mon 02 Mar 10:00-11:00", id="one day"),
        pytest.param((2, 22), (3, 1), "Mon 02 Mar 23:00-Tue 03 Mar 02:00", id="over midnight"),
        pytest.param((29, 0), (29, 2), "Sun 29 Mar 01:00 +0100 - 04:00 +0200", id="clock change"),
        pytest.param(
            (28, 22),
            (29, 2),
            "Sat 28 Mar 23:00 +0100 - Sun 29 Mar 04:00 +0200",
            id="over midnight and a clock change",
        ),
    ],
)
def test_the_end_has_a_date_if_it_is_on_another_day(
    start: tuple[int, int], end: tuple[int, int], shown: str
) -> None:
    first, last = (datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in (start, end))
    assert render.interval(Value(first, last, Status.CONFIRMED), BERLIN) == shown
