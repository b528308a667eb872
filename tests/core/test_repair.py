"""Times out of range in a state: other known values replace them, or the event is deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from syncd.core.event_state.repair import repair
from syncd.model import (
    Action,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    Intent,
    IntentState,
    Kind,
    Operation,
    ProviderState,
    StoredConflict,
    Value,
)
from tests.core.kit import NOW, block, booking, origin, rec, serves, v

NEVER = Value(datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, 0, 30, tzinfo=UTC))
EVER = Value(v(9).start, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
CUT = Value(v(9).start, datetime(2027, 6, 1, tzinfo=UTC))


def repaired(**state: tuple[object, ...]) -> Changes:
    """Return the changes to a state of p."""
    return repair(ProviderState("p", **state), NOW, "run")  # type: ignore[arg-type]


def test_a_state_in_range_is_left_as_it_is() -> None:
    state = {
        "records": (rec("a", "e", v(9), v(9)), block("b", "k", v(9))),
        "bookings": (booking("m", v(9)),),
        "replicas": (origin("m", "a", "e"), serves("m", "b", "k")),
    }
    assert repaired(**state) == Changes()


def test_an_event_stays_at_its_last_readable_time() -> None:
    (record,) = repaired(records=(rec("a", "e", NEVER, v(9)),)).records
    assert (record.observed, record.base, record.fingerprint) == (v(9), v(9), "")


def test_a_booking_stays_where_its_block_is() -> None:
    changes = repaired(
        records=(rec("a", "e", NEVER, NEVER), block("b", "k", v(9))),
        bookings=(booking("m", NEVER),),
        replicas=(origin("m", "a", "e"), serves("m", "b", "k")),
    )
    assert [b.agreed for b in changes.bookings] == [v(9)]
    assert [(r.observed, r.base) for r in changes.records] == [(v(9), v(9))]
    assert [n.rule for n in changes.history] == ["a time out of range"]


def test_events_without_a_readable_time_are_deleted_except_our_blocks() -> None:
    changes = repaired(
        records=(rec("a", "e", NEVER, NEVER), block("b", "k", NEVER)),
        bookings=(booking("m", NEVER),),
        replicas=(origin("m", "a", "e"), serves("m", "b", "k")),
    )
    assert [r.id for r in changes.deleted] == ["e"]
    assert changes.archived == ["m"]
    (kept,) = changes.records
    assert (kept.created_by_us, kept.observed, kept.archived) == (True, None, True)


def test_an_open_end_is_cut_to_the_same_instant_everywhere() -> None:
    changes = repaired(
        records=(rec("a", "e", EVER, EVER), block("b", "k", EVER)),
        bookings=(booking("m", EVER),),
        replicas=(origin("m", "a", "e"), serves("m", "b", "k")),
    )
    assert {r.observed for r in changes.records} == {r.base for r in changes.records} == {CUT}
    assert [b.agreed for b in changes.bookings] == [CUT]


def test_an_update_time_out_of_range_is_dropped() -> None:
    records = (rec("a", "e", v(9), v(9), updated_at=NEVER.start),)
    assert [r.updated_at for r in repaired(records=records).records] == [None]


def test_a_pending_write_out_of_range_is_dropped_with_a_note() -> None:
    def intent(name: str, after: Value) -> Intent:
        operation = Operation(
            Action.MOVE_BLOCK, "b", "p", Kind.BLOCK, name, v(9), after, ("m",), "key"
        )
        return Intent(name, "run", operation, IntentState.OPEN, NOW - timedelta(hours=1))

    changes = repaired(intents=(intent("i", NEVER), intent("k", v(12))))
    assert [(i.id, i.state) for i in changes.intents] == [("i", IntentState.DROPPED)]
    assert [(n.booking, n.detail) for n in changes.history] == [
        ("m", "a time out of range: not sent")
    ]


def test_a_held_conflict_keeps_its_readable_claims() -> None:
    claims = (Claim("a", "e", NEVER), Claim("b", "f", v(9)))
    conflict = Conflict(ConflictKind.MOVED_APART, "p", "m", claims, "inputs")
    changes = repaired(conflicts=(StoredConflict("c", conflict, NOW, "run"),))
    assert [c.value for c in changes.opened[0].conflict.claims] == [None, v(9)]
