"""The part of a state that a changed event can affect: all related rows, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import (
    Changes,
    Conflict,
    ConflictKind,
    Kind,
    Role,
    Status,
    StoredConflict,
    UndoSuppression,
)
from syncd.store import Store
from syncd.store.repository.partial_load import load_parts, pending_changes, related_state
from tests.store.kit import DAY, book, held, intent, link, rec, v


def fill(store: Store, **more: object) -> None:
    """Store three bookings of p, each with a block in b, and one of q at the time of the first."""
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
    """Return the bookings and events of the part of p for these changed events."""
    part = load_parts(store, {"p": events})["p"]
    return [b.id for b in part.bookings], [r.id for r in part.records]


def test_a_part_holds_the_booking_and_its_other_events(store: Store) -> None:
    fill(store)
    assert names(store, ("a", "a-m1")) == (["m1"], ["a-m1", "b-m1"])
    assert names(store, ("b", "b-m2")) == (["m2"], ["a-m2", "b-m2"])


def test_a_part_holds_all_overlapping_events_transitively(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("new", v(10.5, 12.5)), rec("early", v(9.9, 10.9))]))
    assert names(store, ("a", "new")) == (
        ["m1", "m2"],
        ["a-m1", "a-m2", "early", "new", "b-m1", "b-m2"],
    )


def test_a_part_holds_other_appointments_of_the_same_person(store: Store) -> None:
    fill(store)
    off = v(9, status=Status.CANCELLED)
    store.apply(
        Changes(
            records=[
                rec("a-m1", off, base=v(9), customer="ann"),
                rec("a-m3", v(15), base=v(15), customer="ann"),
                rec("new", v(20), customer="ann"),
                rec("hers", v(20), "b", customer="ann"),
                rec("theirs", v(22), provider="q", customer="ann"),
            ]
        )
    )
    for news in ("a-m1", "new"):
        _, events = names(store, ("a", news))
        assert {"a-m1", "b-m1", "a-m3", "b-m3", "new"} <= set(events)
        assert "theirs" not in events
    assert names(store, ("a", "a-m3")) == (["m3"], ["a-m3", "b-m3"])


def test_events_that_only_touch_do_not_belong_to_the_part(store: Store) -> None:
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


def test_the_agreed_time_of_a_booking_counts(store: Store) -> None:
    fill(store)
    store.apply(Changes(bookings=[book("m1", v(12))]))
    assert names(store, ("a", "a-m1"))[0] == ["m1", "m2"]


def test_an_event_with_a_new_owner_leads_to_its_booking(store: Store) -> None:
    fill(store)
    store.apply(Changes(records=[rec("a-m1", v(9), provider="q", base=v(9))]))
    found = load_parts(store, {"p": [("a", "a-m1")], "q": [("a", "a-m1")]})
    assert [b.id for b in found["p"].bookings] == ["m1"]
    assert [r.id for r in found["p"].records] == ["b-m1"]
    assert [r.event for r in found["p"].replicas] == ["a-m1", "b-m1"]
    assert [r.id for r in found["q"].records] == ["a-m1", "a-other"]


def test_archived_events_do_not_belong_to_the_part(store: Store) -> None:
    fill(store, archived=["m1"])
    assert names(store, ("a", "a-m1")) == ([], [])


def test_a_part_has_the_order_of_the_whole_state(store: Store) -> None:
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
def test_a_provider_with_waiting_work_has_no_part(
    store: Store, waiting: dict[str, list[object]]
) -> None:
    fill(store, **waiting)
    assert load_parts(store, {"p": [("a", "a-m1")], "q": [("a", "a-other")]}).keys() == {"q"}


def test_a_reported_double_booking_comes_with_its_bookings(store: Store) -> None:
    conflicts = [
        StoredConflict(
            pair, Conflict(ConflictKind.DOUBLE_BOOKED, "p", pair, (), "", held=False), DAY, "run"
        )
        for pair in ("m1+gone", "m2+m3")
    ]
    fill(store, opened=conflicts)
    assert [c.id for c in load_parts(store, {"p": [("a", "a-m1")]})["p"].conflicts] == ["m1+gone"]
    assert [c.id for c in load_parts(store, {"p": [("a", "a-m3")]})["p"].conflicts] == ["m2+m3"]


def test_many_intervals_are_queried(store: Store) -> None:
    many = [rec(f"e{n:03}", v(n), base=v(n)) for n in range(150)]
    store.apply(Changes(records=many))
    seeds = [("a", record.id) for record in many]
    moved = [replace(rec(f"n{n:03}", v(n + 0.5, n + 0.6))) for n in range(150)]
    store.apply(Changes(records=moved))
    assert len(related_state(store, {"p": seeds})["p"].records) == 300


def test_pending_changes_are_counted_by_system(store: Store) -> None:
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


@pytest.mark.parametrize("values", [{"base": v(12)}, {"base": v(18), "written": v(12)}])
def test_the_base_and_written_times_of_an_event_count(
    store: Store, values: dict[str, object]
) -> None:
    fill(store)
    store.apply(
        Changes(records=[rec("moved", v(18), "b", created_by_us=True, kind=Kind.BLOCK, **values)])
    )
    assert names(store, ("b", "moved")) == (["m2"], ["a-m2", "b-m2", "moved"])
