"""The lists that commands show: their selection and order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.model import Changes
from syncd.store import Store
from tests.store.kit import at, book, held, note, span, v


def test_history_is_newest_first_in_the_order_of_writing(store: Store) -> None:
    # The clock may stand still or go back; what was written later still comes first.
    store.apply(Changes(history=[note("one", at=at(5)), note("two", at=at(5))]))
    store.apply(Changes(history=[note("three", at=at(1))]))
    assert [line.what for line in store.history()] == ["three", "two", "one"]
    assert [line.what for line in store.history(limit=2)] == ["three", "two"]
    assert store.history(limit=0) == []


def test_history_is_chosen_by_booking_provider_and_run(store: Store) -> None:
    store.apply(
        Changes(
            history=[
                note("a", booking="m", provider="p", run="1"),
                note("b", booking="m", provider="p", run="2"),
                note("c", booking="n", provider="q", run="1"),
            ]
        )
    )
    assert [n.what for n in store.history(booking="m")] == ["b", "a"]
    assert [n.what for n in store.history(provider="q")] == ["c"]
    assert [n.what for n in store.history(run="1")] == ["c", "a"]
    assert [n.what for n in store.history(booking="m", run="1", limit=5)] == ["a"]


@pytest.mark.parametrize("begins", ["%", "_", "%%", "a%", "a_", "/", "\\"])
@pytest.mark.parametrize("what", ["booking", "conflict"])
def test_signs_that_mean_something_to_sql_are_only_themselves(
    store: Store, begins: str, what: str
) -> None:
    names = ["abc", "xyz", f"{begins}1"]
    store.apply(Changes(bookings=[book(n, v(9)) for n in names], opened=[held(n) for n in names]))
    find: Callable[[str], list[str]] = (
        (lambda start: [b.id for b in store.find_bookings(start)])
        if what == "booking"
        else (lambda start: [c.id for c in store.find_conflicts(start)])
    )
    assert find(begins) == [f"{begins}1"]
    assert find("ab") == ["abc"]
    assert find("bc") == []
    assert find("") == sorted(names)


def test_bookings_are_listed_by_provider_and_start_within_a_window(store: Store) -> None:
    store.apply(
        Changes(
            bookings=[
                book("late", v(15)),
                book("early", v(9)),
                book("q", v(8), "q"),
                book("before", v(7, 9)),
            ]
        )
    )
    assert [b.id for b in store.bookings()] == ["before", "early", "late", "q"]
    assert [b.id for b in store.bookings("p", span(9, 15))] == ["early"]
    assert [b.id for b in store.bookings("q")] == ["q"]


def test_open_conflicts_are_listed_oldest_first_and_by_provider(store: Store) -> None:
    store.apply(Changes(opened=[held("b"), held("a", opened_at=at(1)), held("c", provider="q")]))
    assert [h.id for h in store.open_conflicts()] == ["b", "c", "a"]
    assert [h.id for h in store.open_conflicts("q")] == ["c"]


def test_runs_are_listed_newest_first(store: Store) -> None:
    for name, hour in (("one", 1), ("three", 3), ("two", 2)):
        store.start_run(name, "resync", at(hour))
    assert [run.id for run in store.runs()] == ["three", "two", "one"]
    assert [run.id for run in store.runs(1)] == ["three"]
