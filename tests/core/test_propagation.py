"""What is written to appointments, and when a replica is settled."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.propagation.appointments import propagate
from syncd.model import Action, Booking, Status, TrackedEvent
from tests.core.kit import booking, calendars, origin, rec, v

MEETING = replace(booking("x", v(12)), revision=1)


def settled(record: TrackedEvent) -> bool:
    """Return true if the appointment counts as brought to the agreed time, 12 to 13."""
    writes_to = propagate(MEETING, [(origin("x", "a", "e"), record)], calendars())
    assert not writes_to.operations
    return [replica.synced_revision for replica in writes_to.settled] == [1]


def test_a_queued_write_does_not_settle_the_replica() -> None:
    queued = replace(rec("a", "e", v(9), v(9)), written=v(12))
    assert not settled(queued)
    assert settled(replace(queued, observed=v(12), base=v(12)))


def test_a_rounded_time_settles_the_replica() -> None:
    odd = v(12 + 7 / 60, 13 + 7 / 60)
    meeting = replace(MEETING, agreed=odd)
    shown = replace(
        rec("a", "e", v(12 + 5 / 60, 13 + 5 / 60), v(12 + 5 / 60, 13 + 5 / 60)), written=odd
    )
    writes_to = propagate(meeting, [(origin("x", "a", "e"), shown)], calendars())
    assert [replica.synced_revision for replica in writes_to.settled] == [1]


def writes_to(
    record: TrackedEvent, meeting: Booking = MEETING, since: int = 0
) -> list[tuple[Action, Status]]:
    """Return the writes to that appointment, whose replica is at revision ``since``."""
    operations = propagate(
        meeting, [(origin("x", "a", "e", since), record)], calendars()
    ).operations
    return [(o.action, o.after.status) for o in operations if o.after is not None]


def test_a_move_leaves_the_status_of_each_appointment_as_it_is() -> None:
    new = v(9, status=Status.NEW)
    assert writes_to(rec("a", "e", new, new)) == [(Action.MOVE_APPOINTMENT, Status.NEW)]
    moved = v(12, status=Status.NEW)
    assert writes_to(rec("a", "e", moved, moved)) == []


def test_a_status_that_changed_is_propagated() -> None:
    meeting = replace(MEETING, status_revision=1)
    new = v(12, status=Status.NEW)
    assert writes_to(rec("a", "e", new, new), meeting) == [(Action.SET_STATUS, Status.CONFIRMED)]
    assert writes_to(rec("a", "e", new, new), meeting, since=1) == []


def test_a_status_reset_by_our_move_is_restored_after_everything_is_settled() -> None:
    reset = replace(rec("a", "e", v(12), v(12)), written=v(12, status=Status.NEW))
    for since in (0, 1):
        assert writes_to(reset, since=since) == [(Action.SET_STATUS, Status.NEW)]
    confirmed_by_hand = replace(reset, base=v(12, status=Status.NEW))
    assert writes_to(confirmed_by_hand) == []
    showed = replace(reset, observed=v(12, status=Status.SHOWED), base=v(12, status=Status.SHOWED))
    assert writes_to(showed, since=1) == []
