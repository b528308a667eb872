"""Old rows are deleted, and rows that are still needed stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncd.model import Changes, IntentState, Kind, TimeToBlock, UndoSuppression
from syncd.store import Store
from syncd.store.backup.ownership_proof import created_ids
from syncd.store.queries.availability import save_times_to_block, stored_times_to_block
from syncd.store.repository.journal import failed_operations, intents_of
from syncd.store.retention.compact import ROWS_PER_STEP, compact, compacting
from tests.store.kit import DAY, book, held, intent, link, note, rec, v

LATER = DAY + timedelta(days=200)
NEVER = DAY - timedelta(days=1)
YEAR = timedelta(days=365)


def test_the_last_reason_of_an_active_booking_stays(store: Store) -> None:
    lines = [
        note("seen", booking="m", rule="first"),
        note("agreed", booking="m", rule="last"),
        note("move-block", booking="m"),
        note("seen", booking="gone"),
        note("seen", booking="m", at=LATER, rule="new"),
        note("seen", booking="n", rule="only"),
    ]
    bookings = [book("m", v(9)), book("n", v(9)), book("gone", v(9))]
    store.apply(Changes(bookings=bookings, history=lines))
    store.apply(Changes(archived=["gone"]))
    assert compact(store, NEVER) == 0
    compact(store, DAY + timedelta(days=1))
    assert {(n.booking, n.rule) for n in store.history()} == {("m", "new"), ("n", "only")}


def test_the_reason_is_kept_while_nothing_newer_is_there(store: Store) -> None:
    lines = [
        note("seen", booking="m"),
        note("agreed", booking="m"),
        note("set-status", booking="m"),
    ]
    store.apply(Changes(bookings=[book("m", v(9))], history=lines))
    compact(store, LATER)
    assert [n.what for n in store.history()] == ["agreed"]


def test_old_bookings_are_deleted_with_links_and_events(store: Store) -> None:
    alive, over = book("alive", v(9)), book("over", v(9))
    store.apply(
        Changes(
            records=[rec("e", v(9)), rec("f", v(9)), rec("shared", v(9))],
            bookings=[alive, over],
            replicas=[link("alive", "e"), link("over", "f"), link("over", "shared")],
            undo_suppressions=[
                UndoSuppression("over", "a", 0, "r"),
                UndoSuppression("alive", "a", 0, "r"),
            ],
        )
    )
    store.apply(Changes(replicas=[link("alive", "shared")], archived=["over"]))
    compact(store, DAY)
    assert {b.id for b in store.find_bookings("")} == {"alive", "over"}
    compact(store, LATER)
    assert {b.id for b in store.find_bookings("")} == {"alive"}
    assert {r.id for r in store.records("a", ["e", "f", "shared"])} == {"e", "shared"}
    assert [w.booking for w in store.state("p").undo_suppressions] == ["alive"]


def test_open_rows_and_tags_of_future_blocks_stay(store: Store) -> None:
    made = intent("made", state=IntentState.DONE, key="far")
    far = replace(v(9), start=v(9).start + YEAR, end=v(9).end + YEAR)
    made = replace(made, operation=replace(made.operation, after=far))
    rows = [
        intent("old", state=IntentState.DONE),
        intent("failed", state=IntentState.FAILED),
        intent("open", state=IntentState.OPEN),
        intent("queued", state=IntentState.ACCEPTED),
        made,
    ]
    done = held("done")
    store.apply(Changes(intents=rows, opened=[held("c"), replace(done, closed_at=DAY)]))
    store.start_run("old", "resync", DAY)
    store.finish_run("old", DAY, {})
    compact(store, LATER)
    assert {i.id for i in store.pending_intents()} == {"open", "queued"}
    assert "far" in {i.operation.key for i in intents_of(store, "run")}
    assert failed_operations(store, "p") == []
    assert [h.id for h in store.find_conflicts("")] == ["c"]
    assert store.runs() == []


def test_the_proof_of_an_existing_block_stays(
    store: Store,
) -> None:
    """The block was moved to a later day again and again."""
    rows = [
        replace(i, operation=replace(i.operation, event=i.id))
        for i in (intent(name, state=IntentState.DONE) for name in ("stands", "gone", "theirs"))
    ]
    far = replace(v(9), start=v(9).start + YEAR, end=v(9).end + YEAR)
    records = [
        rec("stands", far, "b", kind=Kind.BLOCK, created_by_us=True),
        rec("gone", None, "b", kind=Kind.BLOCK, created_by_us=True, end_accepted=True),
        rec("theirs", far, "b"),
    ]
    store.apply(Changes(intents=rows, records=records))
    compact(store, LATER)
    store.created = None  # what the journal alone proves
    assert created_ids(store, "b", ["stands", "gone", "theirs"]) == {"stands"}


def test_old_measurements_are_deleted(store: Store) -> None:
    save_times_to_block(store, [TimeToBlock("m", 0, "p", DAY), TimeToBlock("n", 0, "p", LATER)])
    compact(store, LATER - timedelta(days=1))
    assert [c.booking for c in stored_times_to_block(store)] == ["n"]


def test_old_rows_are_deleted_in_short_steps(store: Store) -> None:
    many = [f"b{number:05}" for number in range(3 * ROWS_PER_STEP + 1)]
    store.apply(
        Changes(
            bookings=[book(name, v(9)) for name in (*many, "alive")],
            records=[rec(name, v(9)) for name in (*many, "e")],
            replicas=[link("alive", "e"), *(link(name, name) for name in many)],
            history=[note("seen", booking=name) for name in (*many, "alive")],
        )
    )
    store.apply(Changes(archived=many))
    steps = list(compacting(store, LATER))
    assert max(steps) <= 3 * ROWS_PER_STEP  # a booking, its link and its waivers go together
    assert sum(steps) == 4 * len(many)
    assert {b.id for b in store.find_bookings("")} == {"alive"}
    assert [n.booking for n in store.history()] == ["alive"]
    assert {r.id for r in store.records("a", [*many, "e"])} == {"e"}
    assert sum(compacting(store, LATER)) == 0
