"""The merge of all appointments of one booking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from syncd.core.merging.merge import merge
from syncd.core.merging.rules import Choice, Rules
from syncd.model import ConflictKind, Status, TrackedEvent, Value
from tests.core.kit import NOW, SYSTEMS, at, booking, calendars, off, rec, v

RULES = Rules(prefer=SYSTEMS)
HOLD = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD, moved_and_cancelled=Choice.HOLD)
MOVE = Rules(prefer=SYSTEMS, moved_and_cancelled=Choice.MOVE)
KEEP = Rules(prefer=SYSTEMS, twin_deleted=Choice.KEEP)
ASK = Rules(prefer=SYSTEMS, twin_deleted=Choice.HOLD)
EARLY, LATE = NOW - timedelta(minutes=9), NOW - timedelta(minutes=1)


def same(system: str) -> TrackedEvent:
    return rec(system, system, v(9), v(9))


def says(system: str, value: Value | None, when: object = None) -> TrackedEvent:
    return rec(system, system, value, v(9), updated_at=when)


SHOWED = v(9, status=Status.SHOWED)

TABLE = [
    ("nothing changed", RULES, [same("a"), same("b")], v(9), 0),
    ("one moved", RULES, [says("a", v(12)), same("b")], v(12), 1),
    ("both moved to the same time", RULES, [says("a", v(12)), says("b", v(12))], v(12), 2),
    ("moved apart, later wins", RULES, [says("a", v(12), EARLY), says("b", v(15), LATE)], v(15), 2),
    ("moved apart, untimed", RULES, [says("b", v(12)), says("a", v(15))], v(15), 2),
    ("one cancelled", RULES, [says("a", off(9)), same("b")], off(9), 1),
    ("one deleted", RULES, [says("a", None), same("b")], off(9), 1),
    ("cancelled here, moved there", RULES, [says("a", off(9)), says("b", v(12))], off(9), 2),
    ("deleted here, moved there", MOVE, [says("a", None), says("b", v(12))], v(12), 2),
    ("moved and shown elsewhere", RULES, [says("a", v(12)), says("b", SHOWED)],
     v(12, status=Status.SHOWED), 2),
    ("moved and then cancelled by one", RULES, [says("a", off(12)), same("b")], off(9), 1),
    ("three, two of them moved", RULES,
     [same("a"), says("b", v(12), LATE), says("c", v(15), EARLY)], v(12), 2),
    ("one deleted, kept", KEEP, [says("a", None), same("b")], v(9), 1),
    ("one deleted, held", ASK, [says("a", None), same("b")], v(9), 0),
    ("two of three deleted, kept", KEEP, [says("a", None), says("b", None), same("c")], v(9), 2),
    ("all deleted, kept", KEEP, [says("a", None), says("b", None)], off(9), 2),
    ("all deleted, held", ASK, [says("a", None), says("b", None)], off(9), 2),
    ("the only one deleted", ASK, [says("a", None)], off(9), 1),
    ("deleted here, cancelled there, kept", KEEP, [says("a", None), says("b", off(9))], off(9), 2),
    ("deleted here, cancelled in one of two", ASK,
     [says("a", None), says("b", off(9)), same("c")], off(9), 2),
    ("deleted here, moved there, kept", KEEP, [says("a", None), says("b", v(12))], v(12), 2),
    ("deleted here, moved there, held", ASK, [says("a", None), says("b", v(12))], v(9), 0),
    ("deleted here, cancelled there before", ASK,
     [says("a", None), rec("b", "b", off(9), off(9))], off(9), 1),
    ("moved apart, held", HOLD, [says("a", v(12)), says("b", v(15))], v(9), 0),
    ("cancelled and moved, held", HOLD, [says("a", off(9)), says("b", v(12))], v(9), 0),
]  # fmt: skip


@pytest.mark.parametrize(("case", "rules", "records", "agreed", "accepted"), TABLE)
def test_the_merge_has_one_outcome_in_any_order(
    case: str, rules: Rules, records: list[TrackedEvent], agreed: Value, accepted: int
) -> None:
    for order in permutations(records):
        merged = merge(booking("x", v(9)), order, calendars(), rules)
        assert merged.agreed == agreed, case
        assert len(merged.accepted) == accepted, case


@pytest.mark.parametrize("case", TABLE, ids=[row[0] for row in TABLE])
def test_merging_the_outcome_again_changes_nothing(case: tuple) -> None:  # type: ignore[type-arg]
    _, rules, records, _, _ = case
    merged = merge(booking("x", v(9)), records, calendars(), rules)
    taken = {r.id for r in merged.accepted}
    settled = [
        replace(r, base=r.observed or v(9).cancelled(), end_accepted=r.observed is None)
        if r.id in taken
        else r
        for r in records
    ]
    again = merge(booking("x", merged.agreed), settled, calendars(), rules)
    assert again.agreed == merged.agreed
    assert again.accepted == ()


def test_a_held_conflict_keeps_every_value() -> None:
    merged = merge(booking("x", v(9)), [says("a", v(12)), says("b", v(15))], calendars(), HOLD)
    assert merged.conflict is not None
    assert merged.conflict.kind is ConflictKind.MOVED_APART
    assert [c.value for c in merged.conflict.claims] == [v(12), v(15)]


def test_a_system_without_an_answer_counts_as_unchanged() -> None:
    records = [says("a", v(12)), same("b")]
    merged = merge(booking("x", v(9)), records, calendars(without="a"), RULES)
    assert merged.agreed == v(9)
    assert merged.accepted == ()


def test_the_clocks_of_two_platforms_are_compared_only_after_their_skew() -> None:
    fast = {**calendars(), "a": replace(calendars()["a"], skew=timedelta(minutes=20))}
    records = [says("a", v(12), LATE + timedelta(minutes=10)), says("b", v(15), LATE)]
    assert merge(booking("x", v(9)), records, calendars(), RULES).agreed == v(12)
    assert merge(booking("x", v(9)), records, fast, RULES).agreed == v(15)


def test_a_difference_inside_the_uncertainty_goes_to_the_preferred_system() -> None:
    records = [says("b", v(15), LATE + timedelta(seconds=4)), says("a", v(12), LATE)]
    assert merge(booking("x", v(9)), records, calendars(), RULES).agreed == v(12)


def test_the_change_that_revives_a_meeting_sets_its_time() -> None:
    record = rec("a", "a", v(12), off(9))
    assert merge(booking("x", off(9)), [record], calendars(), RULES).agreed == v(12)


def silent(agreed: Value, changed: Value, hour: float) -> list[TrackedEvent]:
    """System b changed the agreed value while a, which has another change, was not trusted."""
    return [
        rec("a", "a", changed, v(9), updated_at=at(hour)),
        rec("b", "b", agreed, agreed, updated_at=at(5)),
    ]


def test_an_older_change_of_a_silent_system_does_not_undo_the_agreed_value() -> None:
    merged = merge(booking("x", v(12), 1), silent(v(12), v(15), 3), calendars(), RULES)
    assert merged.agreed == v(12)
    assert [r.id for r in merged.accepted] == ["a"]


def test_a_newer_change_of_a_silent_system_counts() -> None:
    merged = merge(booking("x", v(12), 1), silent(v(12), v(15), 7), calendars(), RULES)
    assert merged.agreed == v(15)


def test_a_move_by_a_silent_system_does_not_revive_a_cancelled_meeting() -> None:
    merged = merge(booking("x", off(9), 1), silent(off(9), v(15), 7), calendars(), RULES)
    assert not merged.agreed.busy


def test_uninformed_changes_are_held_if_the_rule_is_hold() -> None:
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    merged = merge(booking("x", v(12), 1), silent(v(12), v(15), 7), calendars(), rules)
    assert merged.conflict is not None
    assert {c.value for c in merged.conflict.claims} == {v(12), v(15)}


def test_a_second_move_by_an_informed_system_is_no_conflict() -> None:
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    informed = rec("a", "a", v(15), v(12), written=v(12))
    merged = merge(
        booking("x", v(12), 1), [informed, rec("b", "b", v(12), v(12))], calendars(), rules
    )
    assert merged.conflict is None
    assert merged.agreed == v(15)
