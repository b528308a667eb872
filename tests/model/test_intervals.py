"""Arithmetic on intervals, and when a value shows what was meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.model import Status, Value, Window
from syncd.model.intervals import (
    join_windows,
    may_show,
    overlap,
    shows,
    sweep,
    takes_time,
    truncate,
)
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


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (v(9, 10), v(10, 11), False),
        (v(9, 11), v(10, 12), True),
        (v(9, 12), v(10, 11), True),
        (v(9), v(11), False),
    ],
)
def test_intervals_that_only_touch_do_not_overlap(
    first: Value, second: Value, *, expected: bool
) -> None:
    assert overlap(first.interval, second.interval) is expected
    assert overlap(second.interval, first.interval) is expected


def test_windows_that_touch_or_overlap_are_joined() -> None:
    windows = [span(12, 13), span(8, 10), span(10, 11), span(8.5, 9)]
    assert join_windows(windows) == [span(8, 11), span(12, 13)]


def test_a_sweep_joins_adjacent_pieces_with_equal_labels() -> None:
    labels = {8: "a", 9: "a", 10: None, 11: "a", 12: "b"}
    edges = [at(hour) for hour in (13, 8, 9, 10, 11, 12, 9)]
    spans = sweep(edges, lambda start: labels[start.hour])
    assert spans == [(at(8), at(10), "a"), (at(11), at(12), "a"), (at(12), at(13), "b")]


def span(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def test_an_event_takes_a_time_only_exactly_and_while_it_is_busy() -> None:
    assert takes_time(v(10), off(10))
    assert not any(takes_time(seen, v(10)) for seen in (None, off(10), ODD))
