"""What is loaded around a piece of news: all that meets it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import (
    Changes,
    Conflict,
    ConflictKind,
    HeldConflict,
    Kind,
    Role,
    Status,
    UndoSuppression,
)
from syncd.store import Store
from syncd.store.partial_load import load_parts, pending_changes, related_state
from tests.store.kit import DAY, book, held, intent, link, rec, v


def fill(store: Store, **more: object) -> None:
    """Three meetings of p, each with its block in b, and one of q at the time of the first."""
    meetings = {"m1": v(9), "m2": v(12), "m3": v(15)}
    store.apply(
        Changes(
            records=[
                *(rec(f"a-{name}", value, base=value) for name, value in meetings.items()),
                *(
                    rec(f"b-{name}", value, "b", base=value, kind=Kind.BLOCK, created_by_us=True)
                    for name, value in meetings.items()
                ),
                rec("a-other", v(9), provider="q", base=v(9)),
            ],
            bookings=[
                *(book(name, value) for name, value in meetings.items()),
                book("other", v(9), "q"),
            ],
            replicas=[
                *(link(name, f"a-{name}") for name in meetings),
                *(link(name, f"b-{name}", "b", Role.BLOCK) for name in meetings),
                link("other", "a-other"),
            ],
            **more,  # type: ignore[arg-type]
        )
    )


def names(store: Store, *events: tuple[str, str]) -> tuple[list[str], list[str]]:
    """The bookings and events of p's part around these events."""
    part = load_parts(store, {"p": events})["p"]
    return [b.id for b in part.bookings], [r.id for r in part.records]


def test_a_part_holds_the_booking_and_its_other_events(store: Store) -> None:
    fill(store)
    assert names(store, ("a", "a-m1")) == (["m1"], ["a-m1", "b-m1"])
    assert names(store, ("b", "b-m2")) == (["m2"], ["a-m2", "b-m2"])


def test_whatever_takes_place_at_the_same_time_belongs_to_it_link_by_link(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("new", v(10.5, 12.5)), rec("early", v(9.9, 10.9))]))
    assert names(store, ("a", "new")) == (
        ["m1", "m2"],
        ["a-m1", "a-m2", "early", "new", "b-m1", "b-m2"],
    )


def test_the_other_appointments_of_whose_is_new_or_off_belong_to_it(store: Store) -> None:
    fill(store)
    off = v(9, status=Status.CANCELLED)
    store.apply(
        Changes(
            records=[
                rec("a-m1", off, base=v(9), person="ann"),
                rec("a-m3", v(15), base=v(15), person="ann"),
                rec("new", v(20), person="ann"),
                rec("hers", v(20), "b", person="ann"),
                rec("theirs", v(22), provider="q", person="ann"),
            ]
        )
    )
    for news in ("a-m1", "new"):
        _, events = names(store, ("a", news))
        assert {"a-m1", "b-m1", "a-m3", "b-m3", "new"} <= set(events)
        assert "theirs" not in events
    assert names(store, ("a", "a-m3")) == (["m3"], ["a-m3", "b-m3"])


def test_what_ends_when_another_begins_does_not_meet_it(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("new", v(10, 12))]))
    assert names(store, ("a", "new")) == ([], ["new"])


def test_both_the_old_and_the_new_time_of_a_moved_meeting_count(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("a-m1", v(15.5), base=v(9)), rec("there", v(9.5))]))
    assert names(store, ("a", "a-m1")) == (
        ["m1", "m3"],
        ["a-m1", "a-m3", "there", "b-m1", "b-m3"],
    )


def test_what_is_agreed_counts_where_nothing_shows_it(store: Store) -> None:
    fill(store)
    store.apply(Changes(bookings=[book("m1", v(12))]))
    assert names(store, ("a", "a-m1"))[0] == ["m1", "m2"]


def test_an_event_that_is_anothers_now_leads_to_the_booking_that_it_was(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("a-m1", v(9), provider="q", base=v(9))]))
    found = load_parts(store, {"p": [("a", "a-m1")], "q": [("a", "a-m1")]})
    assert [b.id for b in found["p"].bookings] == ["m1"]
    assert [r.id for r in found["p"].records] == ["b-m1"]
    assert [r.event for r in found["p"].replicas] == ["a-m1", "b-m1"]
    assert [r.id for r in found["q"].records] == ["a-m1", "a-other"]


def test_what_is_history_stays_out(store: Store) -> None:
    fill(store, archived=["m1"])
    assert names(store, ("a", "a-m1")) == ([], [])


def test_the_part_is_told_in_the_order_of_the_whole(store: Store) -> None:
    fill(store)
    ids = [(r.system, r.id) for r in store.state("p").records]
    assert load_parts(store, {"p": ids[::-1]})["p"] == store.state("p")


@pytest.mark.parametrize(
    "waiting",
    [
        {"opened": [held("c")]},
        {"intents": [intent("i")]},
        {"undo_suppressions": [UndoSuppression("m3", "b", 0, "run")]},
    ],
    ids=["a held conflict", "a write without an outcome", "what was taken back"],
)
def test_whoever_waits_for_anything_is_looked_at_whole(
    store: Store, waiting: dict[str, list[object]]
) -> None:
    fill(store, **waiting)
    assert load_parts(store, {"p": [("a", "a-m1")], "q": [("a", "a-other")]}).keys() == {"q"}


def test_a_double_booking_that_is_only_told_comes_with_its_meetings(store: Store) -> None:
    told = [
        HeldConflict(
            pair, Conflict(ConflictKind.DOUBLE_BOOKED, "p", pair, (), "", held=False), DAY, "run"
        )
        for pair in ("m1+gone", "m2+m3")
    ]
    fill(store, opened=told)
    assert [c.id for c in load_parts(store, {"p": [("a", "a-m1")]})["p"].conflicts] == ["m1+gone"]
    assert [c.id for c in load_parts(store, {"p": [("a", "a-m3")]})["p"].conflicts] == ["m2+m3"]


def test_many_spans_are_asked_for_in_pieces(store: Store) -> None:
    many = [rec(f"e{n:03}", v(n), base=v(n)) for n in range(150)]
    store.apply(Changes(records=many))
    seeds = [("a", record.id) for record in many]
    moved = [replace(rec(f"n{n:03}", v(n + 0.5, n + 0.6))) for n in range(150)]
    store.apply(Changes(records=moved))
    assert len(related_state(store, {"p": seeds})["p"].records) == 300


def test_news_is_counted_by_calendar(store: Store) -> None:
    fill(store)
    assert pending_changes(store, "p") == {}
    store.apply(
        Changes(
            records=[
                rec("a-m1", v(10), base=v(9)),
                rec("a-m2", None, base=v(12)),
                rec("b-m3", v(16), "b", base=v(15)),
                rec("new", v(20)),
            ]
        )
    )
    assert pending_changes(store, "p") == {"a": 2, "b": 1}


@pytest.mark.parametrize("meant", [{"base": v(12)}, {"base": v(18), "written": v(12)}])
def test_where_an_event_was_meant_to_be_counts_too(store: Store, meant: dict[str, object]) -> None:
    fill(store)
    store.apply(
        Changes(records=[rec("moved", v(18), "b", created_by_us=True, kind=Kind.BLOCK, **meant)])
    )
    assert names(store, ("b", "moved")) == (["m2"], ["a-m2", "b-m2", "moved"])
