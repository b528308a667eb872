"""Arithmetic on intervals, and when a value shows what was meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.model import Status, Value
from syncd.model.intervals import may_show, shows, truncate
from tests.core.kit import at, off, v

ODD = Value(at(10) + timedelta(minutes=3), at(11))


@pytest.mark.parametrize(
    ("meant", "seen", "expected"),
    [
        (v(10), v(10), True),
        (v(10), Value(at(10), at(11) + timedelta(minutes=5)), False),
        (ODD, v(10), True),
        (ODD, Value(at(10), at(12)), False),
        (ODD, v(9, 11), False),
        (v(10), off(10), False),
        (off(10), off(11), False),
        (v(10), None, False),
        (None, None, True),
    ],
)
def test_a_platform_shows_a_value_unchanged_or_rounded_to_one_grid(
    meant: Value | None, seen: Value | None, *, expected: bool
) -> None:
    assert may_show(meant, seen) is expected


@pytest.mark.parametrize(
    ("seen", "meant", "exactly", "rounded", "any_status"),
    [
        pytest.param(v(10), v(10), True, True, True, id="the same"),
        pytest.param(v(10), ODD, False, True, True, id="rounded"),
        pytest.param(v(11), v(10), False, False, False, id="moved"),
        pytest.param(off(11), off(10), True, True, True, id="both cancelled"),
        pytest.param(off(10), v(10), False, False, False, id="cancelled"),
        pytest.param(
            Value(at(10), at(11), Status.SHOWED), v(10), False, False, True, id="other status"
        ),
    ],
)
def test_a_meeting_is_shown_as_meant(
    seen: Value, meant: Value, *, exactly: bool, rounded: bool, any_status: bool
) -> None:
    assert shows(seen, meant, rounded=False) is exactly
    assert shows(seen, meant) is rounded
    assert shows(seen, meant, any_status=True) is any_status


def test_values_are_truncated_to_the_platforms_granularity() -> None:
    odd = Value(at(10) + timedelta(seconds=1, microseconds=5), at(11), Status.NEW)
    assert truncate(odd, timedelta(seconds=1)).start == at(10) + timedelta(seconds=1)
