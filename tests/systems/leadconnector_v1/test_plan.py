"""The v1 plan against every possible set of calls, for every kind of small location."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model import Kind, Window
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.leadconnector_v1.plan import covered_window, plan
from tests.systems.fewest import fewest
from tests.systems.scripted import NOW

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=60))
DAY = timedelta(days=1)
USERS, CALENDARS, TEAMS = ("u1", "u2", "u3"), ("c1", "c2", "c3", "c4"), ("t1", "t2", "t3")

Fact = tuple[str, str]

places = (
    st.tuples(
        st.none() | st.sampled_from(CALENDARS),
        st.none() | st.sampled_from(USERS),
        st.none() | st.sampled_from(TEAMS),
    )
    .filter(any)
    .map(lambda ids: CalendarMapping(*ids))
)
shown_teams = st.dictionaries(st.sampled_from(CALENDARS), st.sampled_from(TEAMS))
mappings = st.lists(places, max_size=5).map(
    lambda ofs: {f"p{n}": mapping for n, mapping in enumerate(ofs)}
)


def proves(
    selector: str, id: str, mapped: Mapping[str, CalendarMapping], shown: Mapping[str, str]
) -> frozenset[Fact]:
    """Return the coverage of one complete call (see `plan`; written independently here)."""
    found = {(selector, id)}
    if selector == "teamId":
        for calendar in CALENDARS:
            told = {mapping.team for mapping in mapped.values() if mapping.calendar == calendar} - {
                None
            }
            if told == {id} and shown.get(calendar) == id:
                found.add(("calendarId", calendar))
    return frozenset(found)


def wanted(mapping: CalendarMapping) -> Fact:
    """Return the fact needed about one provider."""
    if mapping.user:
        return ("userId", mapping.user)
    return ("calendarId", mapping.calendar) if mapping.calendar else ("teamId", mapping.team or "")


@settings(max_examples=400)
@given(mappings, shown_teams)
def test_no_smaller_set_of_calls_has_the_same_coverage(
    mapped: Mapping[str, CalendarMapping], teams: Mapping[str, str]
) -> None:
    needs = {p: wanted(mapping) for p, mapping in mapped.items()}
    all_of_it = frozenset(needs.values())
    ids = {"userId": USERS, "calendarId": CALENDARS, "teamId": TEAMS}
    possible = [(selector, id) for selector, known in ids.items() for id in known]
    planned = plan(mapped, teams, WINDOW)
    shown = [proves(call.selector, call.ids[0], mapped, teams) for call in planned]
    assert all_of_it <= frozenset[Fact]().union(*shown)
    assert len(planned) == fewest(all_of_it, (proves(*call, mapped, teams) for call in possible))
    for call, facts in zip(planned, shown, strict=True):
        assert call.providers == {p for p, needed in needs.items() if needed in facts}, call
        assert call.kinds == frozenset(Kind)


def test_a_calendar_of_a_team_that_is_read_anyway_needs_no_call_of_its_own() -> None:
    mapped = {"ann": CalendarMapping("c1", team="t1"), "all": CalendarMapping(team="t1")}
    (call,) = plan(mapped, {"c1": "t1"}, WINDOW)
    assert (call.selector, call.ids) == ("teamId", ("t1",))
    assert call.providers == {"ann", "all"}


@pytest.mark.parametrize("shown", [{}, {"c1": "t2"}])
def test_a_calendar_that_the_location_shows_in_another_team_is_read_alone(
    shown: dict[str, str],
) -> None:
    mapped = {"ann": CalendarMapping("c1", team="t1"), "all": CalendarMapping(team="t1")}
    planned = plan(mapped, shown, WINDOW)
    assert {(c.selector, c.ids) for c in planned} == {("calendarId", ("c1",)), ("teamId", ("t1",))}


def test_a_calendar_with_two_configured_teams_has_none() -> None:
    mapped = {
        "ann": CalendarMapping("c1", team="t1"),
        "ben": CalendarMapping("c1", "u1", team="t2"),
        "all": CalendarMapping(team="t1"),
    }
    assert ("calendarId", ("c1",)) in {
        (c.selector, c.ids) for c in plan(mapped, {"c1": "t1"}, WINDOW)
    }


@pytest.mark.parametrize("days", [1, 61, 363, 364, 726, 727])
def test_a_window_is_split_into_the_fewest_years_that_cover_it(days: int) -> None:
    """A call requests a year, and covers all but its first and last day."""
    window = Window(NOW, NOW + days * DAY)
    planned = plan({"ann": CalendarMapping("c1")}, {}, window)
    assert all(call.span.end - call.span.start <= 365 * DAY for call in planned)
    every = range(days)
    years = [frozenset(range(first + 1, first + 364)) for first in range(-365, days)]
    assert len(planned) == fewest(every, years)
    pieces = [covered_window(call.span) for call in planned]
    assert Window(pieces[0].start, pieces[-1].end) == window
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))
