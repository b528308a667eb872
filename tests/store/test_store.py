"""The repository returns what was stored, and stores each step as a whole."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from syncd.model import Changes, Coverage, IntentState, Kind, Role, Topic, Value, Window
from syncd.store import Store
from syncd.store.queries.reported import open_items
from syncd.store.repository.journal import failed_operations
from tests.store.kit import DAY, alive, at, book, held, intent, item, link, note, rec, span, v

# --- apply ----------------------------------------------------------------------------------------


def test_a_step_that_fails_halfway_is_not_stored_at_all(store: Store) -> None:
    store.apply(
        Changes(
            records=[rec("old", v(8))],
            bookings=[book("kept", v(8))],
            replicas=[link("kept", "old")],
        )
    )
    before = store.state("p")
    # Records and bookings go in before the link that cannot be, everything else would come after.
    broken = Changes(
        records=[rec("e", v(9)), rec("old", v(12))],
        bookings=[book("m", v(9)), book("kept", v(12))],
        unlinked=[link("kept", "old")],
        replicas=[link("m", "e"), link("unknown booking", "e")],
        opened=[held("c")],
        intents=[intent("i")],
        coverage=[Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)],
        history=[note("seen")],
    )
    with pytest.raises(sqlite3.IntegrityError):
        store.apply(broken)
    assert store.state("p") == before
    assert store.history() == []
    assert store.last_coverage() == []
    broken.replicas.pop()
    store.apply(broken)
    assert alive(store) == ({"kept", "m"}, {"old", "e"})


def test_a_failure_in_the_very_last_statement_undoes_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply(Changes(bookings=[book("m", v(9))]))
    monkeypatch.setattr("syncd.store.store.archive_events", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.apply(Changes(records=[rec("e", v(9))], history=[note("seen")], archived=["m"]))
    assert alive(store) == ({"m"}, set())
    assert store.history() == []


def test_an_empty_step_changes_nothing(store: Store) -> None:
    store.apply(Changes())
    assert set(store.counts().values()) == {0}


def test_the_last_of_two_rows_of_one_id_wins(store: Store) -> None:
    store.apply(Changes(records=[rec("e", v(9)), rec("e", v(11))]))
    assert store.records("a", ["e"]) == [rec("e", v(11))]


def test_one_id_in_two_systems_is_two_events(store: Store) -> None:
    store.apply(Changes(records=[rec("e", v(9)), rec("e", v(11), "b")]))
    assert store.records("a", ["e"]) == [rec("e", v(9))]
    assert store.records("b", ["e"]) == [rec("e", v(11), "b")]


def test_deleting_a_link_keeps_other_links(store: Store) -> None:
    links = [link("m", "e"), link("m", "f"), link("m", "e", "b"), link("n", "e")]
    store.apply(Changes(bookings=[book("m", v(9)), book("n", v(9))], replicas=links))
    store.apply(Changes(unlinked=links[:1]))
    assert {(r.booking, r.system, r.event) for r, _ in store.replicas(["m", "n"])} == {
        ("m", "a", "f"),
        ("m", "b", "e"),
        ("n", "a", "e"),
    }


def test_a_link_deleted_and_stored_in_one_step_stays(store: Store) -> None:
    store.apply(Changes(bookings=[book("m", v(9))], replicas=[link("m", "e")]))
    twin = link("m", "e", role=Role.TWIN)
    store.apply(Changes(unlinked=[link("m", "e")], replicas=[twin]))
    assert store.links("a", "e") == [twin]


def test_deleting_an_event_deletes_only_its_links(store: Store) -> None:
    gone, stays = rec("e", v(9)), rec("e", v(9), "b")
    store.apply(
        Changes(
            records=[gone, stays],
            bookings=[book("m", v(9))],
            replicas=[link("m", "e"), link("m", "e", "b")],
        )
    )
    store.apply(Changes(deleted=[gone.ref]))
    assert store.records("a", ["e"]) == []
    assert store.links("a", "e") == []
    assert store.replicas(["m"]) == [(link("m", "e", "b"), stays)]


def test_a_conflict_that_is_opened_and_closed_in_one_step_is_closed(store: Store) -> None:
    opened = held("c")
    store.apply(Changes(opened=[opened], closed=[replace(opened, closed_at=at(1), outcome="over")]))
    assert store.open_conflicts() == []
    assert store.counts()["conflicts"] == 0
    assert store.find_conflicts("c")[0].outcome == "over"


# --- what is alive --------------------------------------------------------------------------------


def shared(store: Store) -> None:
    """Store bookings m and n, each with an appointment; they share block k in b."""
    store.apply(
        Changes(
            records=[rec("em", v(9)), rec("en", v(9)), rec("k", v(9), "b", kind=Kind.BLOCK)],
            bookings=[book("m", v(9)), book("n", v(9))],
            replicas=[
                link("m", "em"),
                link("n", "en"),
                link("m", "k", "b", Role.BLOCK),
                link("n", "k", "b", Role.BLOCK),
            ],
        )
    )


def test_an_event_of_two_bookings_is_retired_only_with_the_last(store: Store) -> None:
    shared(store)
    store.apply(Changes(archived=["m"]))
    assert alive(store) == ({"n"}, {"en", "k"})
    assert {r.booking for r in store.state("p").replicas} == {"n"}
    store.apply(Changes(archived=["n"]))
    assert alive(store) == (set(), set())


def test_an_event_whose_bookings_are_retired_together_is_retired(store: Store) -> None:
    shared(store)
    store.apply(Changes(archived=["m", "n"]))
    assert alive(store) == (set(), set())
    assert [r.archived for r in store.records("b", ["k"])] == [True]


def test_archived_rows_can_still_be_read(store: Store) -> None:
    shared(store)
    store.apply(Changes(archived=["m", "n"]))
    assert store.bookings() == []
    assert [b.id for b in store.find_bookings("m")] == ["m"]
    assert [(r.event, e.archived) for r, e in store.replicas(["m"]) if e] == [
        ("em", True),
        ("k", True),
    ]
    assert len(store.links("b", "k")) == 2


def test_storing_a_retired_booking_makes_it_active(store: Store) -> None:
    shared(store)
    store.apply(Changes(archived=["m", "n"]))
    store.apply(Changes(records=[rec("em", v(20))], bookings=[book("m", v(20))]))
    assert alive(store) == ({"m"}, {"em"})
    assert [b.agreed for b in store.bookings()] == [v(20)]


def test_a_booking_put_and_retired_in_one_step_is_retired(store: Store) -> None:
    new = Changes(records=[rec("e", v(9))], bookings=[book("m", v(9))], replicas=[link("m", "e")])
    new.archived.append("m")
    store.apply(new)
    assert alive(store) == (set(), set())


@pytest.mark.parametrize(
    ("ended", "observed", "lives"),
    [(True, None, False), (True, v(9), True), (False, None, True), (False, v(9), True)],
)
def test_an_event_is_history_once_it_is_gone_and_its_end_is_accepted(
    store: Store, *, ended: bool, observed: Value | None, lives: bool
) -> None:
    store.apply(Changes(records=[replace(rec("e", v(9)), end_accepted=ended, observed=observed)]))
    assert [not r.archived for r in store.records("a", ["e"])] == [lives]
    assert (alive(store)[1] == {"e"}) is lives


def test_more_bookings_than_one_statement_takes_can_be_retired(store: Store) -> None:
    names = [f"m{n:04}" for n in range(1001)]
    store.apply(
        Changes(
            records=[rec(name, v(9)) for name in names],
            bookings=[book(name, v(9)) for name in names],
            replicas=[link(name, name) for name in names],
        )
    )
    assert len(store.replicas(names)) == 1001
    store.apply(Changes(archived=names[:-1]))
    assert alive(store) == ({names[-1]}, {names[-1]})


def test_the_state_of_a_provider_holds_nothing_of_another(store: Store) -> None:
    for p, e in (("p", "1"), ("q", "2")):
        store.apply(
            Changes(
                records=[rec(f"e{e}", v(9), provider=p)],
                bookings=[book(f"m{e}", v(9), p)],
                replicas=[link(f"m{e}", f"e{e}")],
                opened=[held(f"c{e}", provider=p)],
                intents=[intent(f"i{e}", provider=p)],
            )
        )
    state = store.state("q")
    assert [r.id for r in state.records] == ["e2"]
    assert [b.id for b in state.bookings] == ["m2"]
    assert [r.event for r in state.replicas] == ["e2"]
    assert [h.id for h in state.conflicts] == ["c2"]
    assert [i.id for i in state.intents] == ["i2"]
    nothing = store.state("nobody")
    assert (nothing.records, nothing.bookings, nothing.replicas) == ((), (), ())


def test_a_decision_sees_only_what_is_open(store: Store) -> None:
    store.apply(
        Changes(
            opened=[held("c1"), held("c2", closed_at=at(1))],
            intents=[intent(str(state), state=state) for state in IntentState],
        )
    )
    state = store.state("p")
    assert [h.id for h in state.conflicts] == ["c1"]
    assert {i.id for i in state.intents} == {"open", "accepted"}
    assert {i.id for i in store.pending_intents()} == {"open", "accepted"}
    assert store.counts() == {"bookings": 0, "events": 0, "conflicts": 1, "intents": 2}


# --- observe --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "listed"),
    [
        pytest.param(7, 9, False, id="ends when the window begins"),
        pytest.param(7, 9.001, True, id="reaches into it"),
        pytest.param(9, 10, True, id="begins with it"),
        pytest.param(10, 11, True, id="inside"),
        pytest.param(11, 12, True, id="ends with it"),
        pytest.param(11.999, 13, True, id="reaches out of it"),
        pytest.param(12, 13, False, id="begins when it ends"),
        pytest.param(7, 13, True, id="around it"),
    ],
)
def test_fingerprints_are_of_events_that_touch_the_window(
    store: Store, start: float, end: float, *, listed: bool
) -> None:
    store.apply(Changes(records=[rec("e", v(start, end))]))
    window = span(9, 12)
    assert window.overlaps(v(start, end)) is listed
    expected = {"e": "print of e"} if listed else {}
    assert store.fingerprints("a", window) == expected


def test_fingerprints_leave_out_what_is_gone_or_retired_or_elsewhere(store: Store) -> None:
    store.apply(
        Changes(
            records=[
                rec("here", v(9)),
                rec("of another provider", v(9), provider="q"),
                rec("elsewhere", v(9), "b"),
                rec("gone", None, base=v(9)),
                rec("retired", v(9), archived=True),
            ]
        )
    )
    assert store.fingerprints("a", span(0, 24)).keys() == {"here", "of another provider"}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 9])
def test_fingerprints_of_any_number_of_providers_are_theirs_alone(store: Store, count: int) -> None:
    names = [f"p{number}" for number in range(10)]
    store.apply(Changes(records=[rec(f"of {name}", v(9), provider=name) for name in names]))
    found = store.fingerprints("a", span(0, 24), names[:count])
    assert found.keys() == {f"of {name}" for name in names[:count]}


def test_the_microsecond_before_the_window_ends_is_inside(store: Store) -> None:
    end = at(12)
    start = end.replace(hour=11, minute=59, second=59, microsecond=999999)
    value = replace(v(11), start=start, end=end)
    store.apply(Changes(records=[rec("e", value)]))
    assert len(store.fingerprints("a", span(9, 12))) == 1
    assert store.fingerprints("a", Window(at(9), start)) == {}


def test_records_are_found_by_more_ids_than_one_statement_takes(store: Store) -> None:
    names = [f"e{n}" for n in range(1201)]
    store.apply(Changes(records=[rec(name, v(9)) for name in names]))
    found = store.records("a", iter([*names, "unknown"]))
    assert sorted(r.id for r in found) == sorted(names)
    assert store.records("a", []) == []


def test_a_reported_item_is_open_until_its_end_is_stored(store: Store) -> None:
    first, second = item("e"), item("f", topic=Topic.LIST, calendars=("p", "q"))
    store.apply(Changes(reported=[first, second]))
    assert open_items(store) == open_items(store, "a") == [second, first]
    assert open_items(store, "b") == []
    store.apply(Changes(reported=[replace(first, ended_at=at(1))]))
    assert open_items(store) == [second]


def test_a_record_that_is_reported_again_has_its_new_beginning(store: Store) -> None:
    store.apply(Changes(reported=[replace(item("e"), ended_at=at(1))]))
    again = replace(item("e"), since=at(2), seen_at=at(2))
    store.apply(Changes(reported=[again]))
    assert open_items(store) == [again]


def test_the_last_coverage_replaces_the_one_before_it(store: Store) -> None:
    first = Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)
    blocks = replace(first, kinds=frozenset({Kind.BLOCK}))
    later = replace(first, window=span(1, 25), read_at=at(1))
    store.apply(Changes(coverage=[first, blocks]))
    store.apply(Changes(coverage=[later]))
    assert sorted(store.last_coverage(), key=lambda c: len(c.kinds)) == [blocks, later]


# --- journal --------------------------------------------------------------------------------------


def test_failed_operations_are_the_refusals_of_one_provider(store: Store) -> None:
    failed = [intent(f"f{n}", state=IntentState.FAILED) for n in range(3)]
    others = [intent(str(state), state=state) for state in IntentState if state != "failed"]
    elsewhere = intent("q", state=IntentState.FAILED, provider="q")
    store.apply(Changes(intents=[*failed, *others, elsewhere]))
    assert failed_operations(store, "p") == [i.operation for i in failed]
    assert failed_operations(store, "nobody") == []


def test_pending_intents_come_oldest_first(store: Store) -> None:
    put = [intent("b", opened_at=at(1)), intent("c", opened_at=at(0)), intent("a", opened_at=at(1))]
    store.apply(Changes(intents=put))
    assert [i.id for i in store.pending_intents()] == ["c", "a", "b"]
