"""The guard's limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from syncd.core.inputs import GuardLimits
from syncd.core.mass_change.guard import (
    GuardHistory,
    Tally,
    check_changes,
    check_system,
    observation_of,
    tally,
)
from syncd.model import Conflict, Kind, TrackedEvent, Value, Window
from tests.core.kit import NOW, at, off, rec, v

WHOLE = [Window(at(-100), at(100))]
NARROW = [Window(at(0), at(1))]


def fleet(gone: int, of: int) -> list[TrackedEvent]:
    return [rec("a", str(i), None if i < gone else v(9 + i), v(9 + i)) for i in range(of)]


def shifted(by: float, moved: int, of: int) -> list[TrackedEvent]:
    return [rec("a", str(i), v(9 + i + (by if i < moved else 0)), v(9 + i)) for i in range(of)]


def stop(
    records: list[TrackedEvent],
    read: list[Window] | None = None,
    *,
    accepted: frozenset[tuple[str, datetime]] = frozenset(),
    tripped: frozenset[str] = frozenset(),
    covered: list[Window] | None = None,
    carried: list[TrackedEvent] | None = None,
) -> Conflict | None:
    lately = GuardHistory(NOW, read or WHOLE, covered or (), carried or ())
    counted = tally("a", records, lately, accepted=accepted, stopped=tripped)
    return check_changes("p", "a", [counted], GuardLimits(), tripped)


def test_ten_of_many_deletions_are_allowed() -> None:
    assert stop(fleet(10, 40)) is None


def test_eleven_of_few_deletions_are_stopped() -> None:
    assert stop(fleet(11, 40)) is not None


def test_eleven_of_very_many_deletions_are_allowed() -> None:
    assert stop(fleet(11, 90)) is None


def test_the_share_counts_only_meetings_in_the_read_window() -> None:
    assert stop(fleet(11, 90), NARROW) is not None


def test_five_meetings_all_moved_by_one_amount_are_stopped() -> None:
    conflict = stop(shifted(1, 5, 5))
    assert conflict is not None
    assert "+1:00 h" in conflict.note


def test_four_meetings_moved_by_one_amount_are_allowed() -> None:
    assert stop(shifted(1, 4, 4)) is None


def test_five_of_six_meetings_moved_by_one_amount_are_allowed() -> None:
    assert stop(shifted(1, 5, 6)) is None


def test_a_single_earlier_move_does_not_hide_a_common_move() -> None:
    """Simulator, seed 21: one of ten was moved by hand before, so by +2 h and not by +1 h."""
    other = rec("a", "moved", v(72), v(70))
    conflict = stop([*shifted(1, 9, 9), other])
    assert conflict is not None
    assert "9 of 10 meetings moved by +1:00 h" in conflict.note
    assert len(conflict.claims) == len([*shifted(1, 9, 9), other])


def test_a_recently_propagated_move_does_not_hide_a_common_move() -> None:
    moved = rec("a", "moved", v(72), v(71))
    cancelled = rec("a", "off", off(75), off(75))
    carried = [rec("a", "moved", v(71), v(70)), replace(cancelled, base=v(75))]
    assert stop([*shifted(1, 5, 5), moved, cancelled], carried=carried) is not None


def test_as_many_other_changes_make_no_common_move() -> None:
    others = [rec("a", f"o{i}", v(70 + i * i), v(60 + i)) for i in range(5)]
    assert stop([*shifted(1, 5, 5), *others]) is None


def test_a_lunch_break_that_stays_does_not_hide_that_all_meetings_moved() -> None:
    lunch = rec("a", "lunch", v(40), v(40), kind=Kind.BLOCK)
    assert stop([*shifted(1, 5, 5), lunch]) is not None


def test_a_lunch_break_that_stays_does_not_hide_that_all_meetings_vanished() -> None:
    lunch = rec("a", "lunch", v(40), v(40), kind=Kind.BLOCK)
    assert stop([*fleet(3, 3), lunch]) is not None


def test_a_long_block_that_the_read_cannot_list_does_not_count_as_unmoved() -> None:
    near = [Window(at(0), at(48))]
    leave = rec("a", "leave", v(-100, 100), v(-100, 100))
    assert stop([*shifted(1, 5, 5), leave], near) is not None
    assert stop([*shifted(1, 5, 5), leave], [Window(at(-200), at(48))]) is None


def test_moves_by_different_amounts_are_allowed() -> None:
    records = [rec("a", str(i), v(20 + i * i), v(9 + i)) for i in range(6)]
    assert stop(records) is None


def test_new_events_do_not_count_for_the_guard() -> None:
    assert stop([rec("a", str(i), v(9 + i), None) for i in range(30)]) is None


TRIPPED = frozenset(r.id for r in fleet(11, 40) if r.observed is None)


def test_a_stop_lasts_when_more_is_read() -> None:
    assert stop(fleet(11, 90), NARROW) is not None
    assert stop(fleet(11, 90)) is None
    assert stop(fleet(11, 90), tripped=TRIPPED) is not None


def test_a_stop_lasts_until_all_of_its_events_are_back() -> None:
    assert stop(fleet(2, 40), tripped=TRIPPED) is not None
    assert stop(fleet(0, 40), tripped=TRIPPED) is None


def test_a_stop_lasts_after_some_of_its_meetings_ended() -> None:
    assert stop(fleet(11, 40)[8:], tripped=TRIPPED) is not None


def test_a_stopped_meeting_stays_stopped_though_its_time_has_passed() -> None:
    over = rec("a", "0", v(-3), v(-5))
    other = rec("a", "1", v(-3), v(-5))
    conflict = stop([over, other], tripped=frozenset({"0"}))
    assert conflict is not None
    assert [claim.event for claim in conflict.claims] == ["0"]
    assert stop([over, other]) is None


def test_stopped_meetings_whose_time_has_passed_do_not_count() -> None:
    over = [rec("a", f"over{i}", v(-3 - i), v(-9 - i)) for i in range(4)]
    conflict = stop([*over, *shifted(1, 4, 8)], tripped=frozenset(r.id for r in over))
    assert conflict is not None
    assert "earlier stop" in conflict.note


def test_a_stop_lasts_when_its_events_change_again() -> None:
    first = stop(shifted(1, 5, 5))
    assert first is not None
    later = [rec("a", str(i), v(9 + i + 1 + i * i), v(9 + i)) for i in range(5)]
    assert stop(later) is None
    assert stop(later, tripped=frozenset(str(i) for i in range(5))) is not None


def test_accepted_changes_pass_and_later_ones_are_stopped() -> None:
    marks = frozenset(observation_of(r) for r in fleet(11, 40) if r.observed is None)
    assert stop(fleet(11, 40), accepted=marks) is None
    assert stop(fleet(25, 40), accepted=marks) is not None


def test_our_own_accepted_deletions_do_not_count() -> None:
    records = [rec("a", str(i), None, Value(at(9), at(10)), end_accepted=True) for i in range(30)]
    assert stop(records) is None


def test_changes_of_our_blocks_in_a_stopped_calendar_are_stopped() -> None:
    """Simulator, seed 42: ``block_edited = "reschedule"``, and the whole calendar was shifted."""
    own = [rec("a", f"own{i}", v(30 + i), v(29 + i), created_by_us=True) for i in range(3)]
    records = [*shifted(1, 6, 6), *own]
    tallies = [tally("a", records, GuardHistory(NOW, WHOLE), ours=ours) for ours in (False, True)]
    conflict = check_changes("p", "a", tallies, GuardLimits())
    assert conflict is not None
    assert {claim.event for claim in conflict.claims} == {r.id for r in records}
    assert check_changes("p", "a", tallies[1:], GuardLimits()) is None


def test_a_stop_of_a_system_also_stops_changes_of_our_blocks() -> None:
    own = [rec("a", f"own{i}", v(30 + i), v(29 + i), created_by_us=True) for i in range(3)]
    counted = {"p": tally("a", fleet(12, 12), GuardHistory(NOW, WHOLE)), "q": Tally()}
    conflict = check_system("a", counted, frozenset(), GuardLimits(), {}, {"q": own})
    assert {claim.event for claim in conflict["q"].claims} == {r.id for r in own}
