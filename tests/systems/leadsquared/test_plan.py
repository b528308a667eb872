"""The planner of LeadSquared compared with every possible set of calls."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.model import Window
from syncd.systems.leadsquared import CalendarMapping
from syncd.systems.leadsquared.plan import covered_window, plan
from tests.systems.fewest import fewest
from tests.systems.scripted import NOW

DAY = timedelta(days=1)
USERS = ("ann@example.com", "ben@example.com", "cid@example.com")

Fact = tuple[str, date]
"""A user and a UTC day that are proven complete."""

windows = st.builds(
    lambda start, length: Window(start, start + length),
    st.timedeltas(timedelta(0), timedelta(days=2)).map(lambda later: NOW + later),
    st.timedeltas(timedelta(minutes=1), timedelta(days=300)),
)


def days_of(window: Window) -> list[date]:
    """Return the UTC days that a window touches."""
    last = (window.end - timedelta.resolution).date()
    return [window.start.date() + n * DAY for n in range((last - window.start.date()).days + 1)]


def proves(users: tuple[str, ...], first: date, last: date) -> frozenset[Fact]:
    """Return what one complete call proves, implemented independently of `plan`.

    All but its first two days, and the day that it ends with.
    """
    assert (last - first).days < 100, "100 days, both ends counted"
    known = [first + n * DAY for n in range(2, (last - first).days - 1)]
    return frozenset((user, day) for user in users for day in known)


def possible(window: Window, mapped: tuple[str, ...]) -> list[frozenset[Fact]]:
    """Return every possible call that is useful here."""
    wide = Window(window.start - 100 * DAY, window.end)
    sets = [who for n in range(1, len(mapped) + 1) for who in combinations(mapped, n)]
    return [proves(who, day, day + 99 * DAY) for who in sets for day in days_of(wide)]


some_users = st.lists(st.sampled_from(USERS), max_size=3, unique=True)


@settings(max_examples=10)
@given(windows, some_users)
@example(Window(NOW.replace(hour=0), NOW.replace(hour=0) + 96 * DAY), [USERS[0]])
@example(Window(NOW.replace(hour=0), NOW.replace(hour=0) + 97 * DAY), [USERS[0]])
def test_no_set_of_calls_that_proves_as_much_is_smaller(window: Window, users: list[str]) -> None:
    prove_fewest(window, users)


@pytest.mark.prove
@settings(max_examples=200)
@given(windows, some_users)
def test_no_smaller_set_of_calls_is_found_on_more_windows(window: Window, users: list[str]) -> None:
    prove_fewest(window, users)


def prove_fewest(window: Window, users: list[str]) -> None:
    """Every set of calls is tried."""
    mapped = {f"p{n}": CalendarMapping(user) for n, user in enumerate(users)}
    planned = plan(mapped, window)
    every = frozenset((user, day) for user in users for day in days_of(window))
    shown = [proves(c.ids, c.span.start.date(), c.span.end.date()) for c in planned]
    assert every <= frozenset[Fact]().union(*shown)
    assert len(planned) == fewest(every, possible(window, tuple(users)))
    assert all(call.providers == mapped.keys() for call in planned)


@given(windows)
def test_the_calls_prove_the_window_without_a_gap(window: Window) -> None:
    pieces = [
        covered_window(call.span) for call in plan({"ann": CalendarMapping(USERS[0])}, window)
    ]
    assert pieces[0].start <= window.start
    assert pieces[-1].end >= window.end
    assert all(a.end == b.start for a, b in pairwise(pieces))


@given(windows, st.integers(-12, 14))
def test_the_proven_window_was_requested_in_any_zone_of_the_dates(
    window: Window, offset: int
) -> None:
    """An appointment may have begun a day before the window."""
    for call in plan({"ann": CalendarMapping(USERS[0])}, window):
        begins, ends = (
            moment - timedelta(hours=offset) for moment in (call.span.start, call.span.end)
        )
        assert begins <= covered_window(call.span).start - DAY
        assert ends >= covered_window(call.span).end
