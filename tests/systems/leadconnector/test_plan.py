"""The v2 plan against every possible set of calls, for every kind of small location."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.model import Kind, Window
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.leadconnector.directory import Calendar
from syncd.systems.leadconnector.plan import LIST_LOOK_BACK, LISTS, plan
from syncd.systems.leadconnector.resources import Resource
from syncd.systems.port import ListCall
from tests.lab.sandbox.kit import at
from tests.systems.fewest import fewest

WINDOW = Window(at(0), at(0, 9))
USERS, CALENDARS, GROUPS = ("u1", "u2", "u3"), ("c1", "c2", "c3", "c4"), ("", "g1", "g2", "g3")

Fact = tuple[str, str, str]
"""Coverage of a calendar or user in one of the lists: ("events", "of", "c1")."""
MEETINGS, BLOCKS = "GET /calendars/events", "GET /calendars/blocked-slots"

directories = st.dictionaries(
    st.sampled_from(CALENDARS),
    st.tuples(
        st.sampled_from(GROUPS),
        st.sampled_from(("event", "personal")),
        st.frozensets(st.sampled_from(USERS), max_size=2),
    ),
).map(lambda found: {id: Calendar(id, "", *of) for id, of in found.items()})
places = st.builds(
    CalendarMapping,
    st.none() | st.sampled_from(USERS),
    st.lists(st.sampled_from(CALENDARS), max_size=4, unique=True).map(tuple),
    st.just("rooms/one"),
).map(
    lambda of: CalendarMapping(
        of.user, of.calendars, None if of.user or of.calendars else "rooms/x"
    )
)
mappings = st.lists(places, max_size=4).map(lambda ofs: {f"p{n}": of for n, of in enumerate(ofs)})
rooms = st.lists(st.sampled_from(CALENDARS), max_size=3, unique=True).map(tuple)


def proves(call: str, selector: str, id: str, directory: Mapping[str, Calendar]) -> frozenset[Fact]:
    """Return the coverage of one complete call (see `plan`; written independently here)."""
    if selector == "groupId":
        members = [c.id for c in directory.values() if c.group == id]
        return frozenset((call, "calendar", member) for member in members)
    return frozenset({(call, selector.removesuffix("Id"), id)})


def wanted(
    provider: str,
    of: CalendarMapping,
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource],
) -> set[Fact]:
    """Return the facts needed about one provider."""
    found: set[Fact] = set()
    booked = of.calendars or [c.id for c in directory.values() if of.user in c.team]
    for id in booked:
        found.add((MEETINGS, "calendar", id))
        if not of.user or (id in directory and directory[id].type == "event"):
            found.add((BLOCKS, "calendar", id))
    if of.user:
        found.add((BLOCKS, "user", of.user))
    if of.user and not booked:
        found.add((MEETINGS, "user", of.user))
    if provider in resources:
        found |= {(MEETINGS, "calendar", id) for id in resources[provider].calendars}
    return found


def possible() -> Iterable[tuple[str, str, str]]:
    """Yield every call that the platform accepts."""
    ids = {"userId": USERS, "calendarId": CALENDARS, "groupId": GROUPS[1:]}
    for call in (MEETINGS, BLOCKS):
        for selector, all_of_it in ids.items():
            for id in all_of_it:
                yield call, selector, id


def facts(call: ListCall, directory: Mapping[str, Calendar]) -> frozenset[Fact]:
    """Return the coverage of a planned call."""
    return proves(call.call, call.selector, call.ids[0], directory)


@pytest.mark.prove
@settings(max_examples=400)
@given(mappings, directories, rooms)
@example({"p0": CalendarMapping("u1"), "p1": CalendarMapping("u1", ("c1",))}, {}, ())
def test_no_smaller_set_of_calls_has_the_same_coverage(
    mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar], room: tuple[str, ...]
) -> None:
    resources = {p: Resource("rooms/x", "x", room, 1) for p, of in mapped.items() if of.resource}
    needs = {p: wanted(p, of, directory, resources) for p, of in mapped.items()}
    all_of_it = frozenset(fact for needed in needs.values() for fact in needed)
    planned = plan(mapped, directory, resources, WINDOW)
    assert all_of_it <= frozenset[Fact]().union(*(facts(call, directory) for call in planned))
    assert len(planned) == fewest(all_of_it, (proves(*call, directory) for call in possible()))
    for call in planned:
        served = {p for p, needed in needs.items() if needed & facts(call, directory)}
        assert call.providers == served, call


@given(mappings, directories)
def test_each_call_has_one_list_one_id_and_a_margin_of_a_day(
    mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
) -> None:
    planned = plan(mapped, directory, {}, WINDOW)
    for call in planned:
        assert {LISTS[kind] for kind in call.kinds} == {call.call.removeprefix("GET ")}
        assert len(call.ids) == 1
        assert call.span == Window(WINDOW.start - LIST_LOOK_BACK, WINDOW.end)
    assert len({(call.call, call.selector, call.ids) for call in planned}) == len(planned)


def test_a_single_wanted_calendar_of_a_group_is_read_alone() -> None:
    directory = {id: Calendar(id, "", "g1") for id in CALENDARS}
    (alone, _) = plan({"ann": CalendarMapping("u1", ("c1",))}, directory, {}, WINDOW)
    assert (alone.selector, alone.ids) == ("calendarId", ("c1",))
    (both, _) = plan({"ann": CalendarMapping("u1", ("c1", "c2"))}, directory, {}, WINDOW)
    assert (both.selector, both.ids) == ("groupId", ("g1",))
    assert both.kinds == {Kind.APPOINTMENT}
