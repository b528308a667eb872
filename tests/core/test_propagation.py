"""What appointments are told, and when that counts as done."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.propagation import propagate
from syncd.model import Action, Booking, Status, TrackedEvent
from tests.core.kit import booking, calendars, origin, rec, v

MEETING = replace(booking("x", v(12)), revision=1)


def settled(record: TrackedEvent) -> bool:
    """Whether that appointment counts as brought to the agreed time, 12 to 13."""
    told = propagate(MEETING, [(origin("x", "a", "e"), record)], calendars())
    assert not told.operations
    return [replica.synced_revision for replica in told.settled] == [1]


def test_a_write_that_is_only_queued_is_not_done() -> None:
    queued = replace(rec("a", "e", v(9), v(9)), written=v(12))
    assert not settled(queued)
    assert settled(replace(queued, observed=v(12), base=v(12)))


def test_a_time_that_the_platform_rounds_is_as_good_as_told() -> None:
    odd = v(12 + 7 / 60, 13 + 7 / 60)
    meeting = replace(MEETING, agreed=odd)
    shown = replace(
        rec("a", "e", v(12 + 5 / 60, 13 + 5 / 60), v(12 + 5 / 60, 13 + 5 / 60)), written=odd
    )
    told = propagate(meeting, [(origin("x", "a", "e"), shown)], calendars())
    assert [replica.synced_revision for replica in told.settled] == [1]


def told(
    record: TrackedEvent, meeting: Booking = MEETING, since: int = 0
) -> list[tuple[Action, Status]]:
    """The writes to that appointment, settled at revision ``since``."""
    operations = propagate(
        meeting, [(origin("x", "a", "e", since), record)], calendars()
    ).operations
    return [(o.action, o.after.status) for o in operations if o.after is not None]


def test_a_move_leaves_the_status_of_each_appointment_as_it_is() -> None:
    new = v(9, status=Status.NEW)
    assert told(rec("a", "e", new, new)) == [(Action.MOVE_APPOINTMENT, Status.NEW)]
    moved = v(12, status=Status.NEW)
    assert told(rec("a", "e", moved, moved)) == []


def test_a_status_that_changed_since_is_told() -> None:
    meeting = replace(MEETING, status_revision=1)
    new = v(12, status=Status.NEW)
    assert told(rec("a", "e", new, new), meeting) == [(Action.SET_STATUS, Status.CONFIRMED)]
    assert told(rec("a", "e", new, new), meeting, since=1) == []


def test_a_status_that_our_own_move_reset_is_put_back_also_when_all_is_told() -> None:
    reset = replace(rec("a", "e", v(12), v(12)), written=v(12, status=Status.NEW))
    for since in (0, 1):
        assert told(reset, since=since) == [(Action.SET_STATUS, Status.NEW)]
    confirmed_by_hand = replace(reset, base=v(12, status=Status.NEW))
    assert told(confirmed_by_hand) == []
    showed = replace(reset, observed=v(12, status=Status.SHOWED), base=v(12, status=Status.SHOWED))
    assert told(showed, since=1) == []
