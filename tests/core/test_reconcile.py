"""Decisions on one provider: each row of the table is a whole small world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.ownership.blocks import Ownership
from syncd.core.propagation import write_order
from syncd.core.propagation.rejected_writes import slot_taken
from syncd.model import (
    Action,
    Booking,
    ConflictKind,
    Intent,
    IntentState,
    Kind,
    Operation,
    ProviderState,
    Replica,
    Role,
    Status,
    StoredConflict,
    TrackedEvent,
)
from tests.core.kit import (
    NOW,
    SYSTEMS,
    block,
    booking,
    calendars,
    decided,
    off,
    origin,
    rec,
    serves,
    summary,
    twin,
    v,
)


def state(
    records: list[TrackedEvent],
    bookings: Sequence[Booking] = (),
    replicas: Sequence[Replica] = (),
    **more: object,
) -> ProviderState:
    return ProviderState("p", tuple(records), tuple(bookings), tuple(replicas), **more)  # type: ignore[arg-type]


def settled(hour: float = 9, moved: float | None = None) -> ProviderState:
    """Return a meeting of system a with its blocks in b and c; ``moved``: a's new time."""
    return state(
        [
            rec("a", "m", v(hour if moved is None else moved), v(hour)),
            block("b", "bb", v(hour)),
            block("c", "cc", v(hour)),
        ],
        [booking("x", v(hour))],
        [origin("x", "a", "m"), serves("x", "b", "bb"), serves("x", "c", "cc")],
    )


def with_record(base: ProviderState, record: TrackedEvent) -> ProviderState:
    rest = tuple(r for r in base.records if (r.system, r.id) != (record.system, record.id))
    return replace(base, records=(*rest, record))


NEW = state([rec("a", "m", v(9))])
BLOCK_MOVED = with_record(settled(), block("b", "bb", v(12), base=v(9)))
BLOCK_GONE = with_record(settled(), block("b", "bb", None, base=v(9)))
CANCELLED = with_record(settled(), rec("a", "m", off(9), v(9)))
DELETED = with_record(settled(), rec("a", "m", None, v(9)))
TWINS = state(
    [rec("a", "m", v(9), v(9)), rec("b", "t", v(12), v(9)), block("c", "cc", v(9))],
    [booking("x", v(9))],
    [origin("x", "a", "m"), twin("x", "b", "t"), serves("x", "c", "cc")],
)
HUMAN = state([rec("a", "h", v(9), kind=Kind.BLOCK)])
ALREADY = state([rec("a", "m", v(9)), rec("b", "h", v(9), v(9), kind=Kind.BLOCK)],
                [booking("y", v(9), kind=Kind.BLOCK)], [origin("y", "b", "h")])  # fmt: skip
GUESTS = state([rec("a", str(i), v(9), customer=str(i)) for i in range(10)])
ONE_GUEST_LEFT = state(
    [rec("a", "1", off(9), v(9)), rec("a", "2", v(9), v(9)),
     block("b", "bb", v(9)), block("c", "cc", v(9))],
    [booking("x", v(9)), booking("y", v(9))],
    [origin("x", "a", "1"), origin("y", "a", "2"), serves("x", "b", "bb"), serves("y", "b", "bb"),
     serves("x", "c", "cc"), serves("y", "c", "cc")],
)  # fmt: skip
ONE_GUEST_MOVED = with_record(ONE_GUEST_LEFT, rec("a", "1", v(12), v(9)))
DOUBLED = with_record(settled(), block("b", "twice", v(9)))
STRAY = with_record(settled(), block("b", "stray", v(15)))
ENDED_STRAY = with_record(settled(), block("b", "stray", v(2)))
PAST = state([rec("a", "m", v(3))])

C, M, R = "create-block", "move-block", "remove-block"
TABLE = [
    ("a new meeting blocks the others", NEW, [(C, "b", ">09-10"), (C, "c", ">09-10")]),
    ("nothing changed, nothing written", settled(), []),
    ("a moved meeting moves its blocks", settled(9, 12),
     [(M, "b", "09-10>12-13"), (M, "c", "09-10>12-13")]),
    ("a cancelled meeting frees the others", CANCELLED, [(R, "b", "09-10>"), (R, "c", "09-10>")]),
    ("a deleted meeting frees the others", DELETED, [(R, "b", "09-10>"), (R, "c", "09-10>")]),
    ("a moved block is moved back", BLOCK_MOVED, [(M, "b", "12-13>09-10")]),
    ("a block that is already at its meeting's new time stays",
     with_record(settled(9, 12), block("b", "bb", v(12), base=v(9))), [(M, "c", "09-10>12-13")]),
    ("a removed block is created again", BLOCK_GONE, [(C, "b", ">09-10")]),
    ("a moved twin moves the other twin and the block", TWINS,
     [("move-appointment", "a", "09-10>12-13"), (M, "c", "09-10>12-13")]),
    ("a person's block blocks the others", HUMAN, [(C, "b", ">09-10"), (C, "c", ">09-10")]),
    ("a calendar with a block of exactly that time needs none", ALREADY,
     [(C, "a", ">09-10"), (C, "c", ">09-10")]),
    ("ten guests share one block", GUESTS, [(C, "b", ">09-10"), (C, "c", ">09-10")]),
    ("the block stays while one guest stays", ONE_GUEST_LEFT, []),
    ("a guest who moves removes no block", ONE_GUEST_MOVED,
     [(C, "b", ">12-13"), (C, "c", ">12-13")]),
    ("a duplicate block is removed", DOUBLED, [(R, "b", "09-10>")]),
    ("a block without a booking is removed", STRAY, [(R, "b", "15-16>")]),
    ("a block of the past is not removed", ENDED_STRAY, []),
    ("no block is made for a past meeting", PAST, []),
]  # fmt: skip


@pytest.mark.parametrize(("case", "world", "writes"), TABLE, ids=[row[0] for row in TABLE])
def test_a_decision_writes_exactly(
    case: str, world: ProviderState, writes: list[tuple[str, str, str]]
) -> None:
    assert summary(decided(world)) == sorted(writes), case


@pytest.mark.parametrize(("case", "world", "writes"), TABLE, ids=[row[0] for row in TABLE])
def test_equal_inputs_give_equal_decisions(case: str, world: ProviderState, writes: object) -> None:
    shuffled = replace(
        world,
        records=tuple(reversed(world.records)),
        bookings=tuple(reversed(world.bookings)),
        replicas=tuple(reversed(world.replicas)),
    )
    first, second = decided(world), decided(shuffled)
    assert Counter(first.operations) == Counter(second.operations), (case, writes)
    assert first.conflicts == second.conflicts


def test_an_ambiguous_successor_frees_nothing_and_blocks_every_claim() -> None:
    ann: dict[str, Any] = {"customer": "ann", "service": "s"}
    world = settled()
    world = with_record(world, rec("a", "m", None, v(9), **ann))
    for event, hour in (("n1", 12), ("n2", 14)):
        world = with_record(world, rec("a", event, v(hour), **ann))
    decision = decided(world)
    assert [c.kind for c in decision.conflicts] == [ConflictKind.AMBIGUOUS]
    assert summary(decision) == sorted(
        (C, system, span) for system in ("b", "c") for span in (">12-13", ">14-15")
    )


def test_an_ambiguous_twin_blocks_the_third_system() -> None:
    world = state(
        [rec("a", "1", v(9), customer="ann"), rec("a", "2", v(9), customer="ann"),
         rec("b", "3", v(9), customer="x")]
    )  # fmt: skip
    who = {("a", "ann"): frozenset({"h"}), ("b", "x"): frozenset({"h"})}
    decision = decided(world, customers=who)
    assert [c.kind for c in decision.conflicts] == [ConflictKind.AMBIGUOUS]
    assert summary(decision) == [(C, "c", ">09-10")]


def test_an_appointment_of_a_silent_system_still_gets_its_twin() -> None:
    """Simulator, seeds 2 and 87: the twin opened a booking, and a block covered the other one."""
    world = with_record(settled(), rec("a", "m", v(9), v(9), customer="ann"))
    world = state(
        [*world.records, rec("c", "new", v(9), customer="x")],
        world.bookings,
        [r for r in world.replicas if r.system != "c"],
    )
    world = replace(world, records=tuple(r for r in world.records if r.id != "cc"))
    who = {("a", "ann"): frozenset({"h"}), ("c", "x"): frozenset({"h"})}
    decision = decided(world, customers=who, calendars=calendars(without="a"))
    assert [r.role for r in decision.changes.replicas] == [Role.TWIN]
    assert decision.operations == ()


def test_a_cancelled_twin_cancels_the_other_and_frees_the_third() -> None:
    world = with_record(TWINS, rec("b", "t", off(9), v(9)))
    assert summary(decided(world)) == [
        ("remove-block", "c", "09-10>"),
        ("set-status", "a", "09-10>09-10"),
    ]


def test_a_system_that_cannot_cancel_becomes_a_conflict_and_the_rest_goes_on() -> None:
    world = with_record(TWINS, rec("b", "t", off(9), v(9)))
    weak = {**calendars(), "a": CalendarState("a", statuses={Status.SHOWED: Status.SHOWED})}
    decision = decided(world, calendars=weak)
    assert summary(decision) == [("remove-block", "c", "09-10>")]
    assert [c.kind for c in decision.conflicts] == [ConflictKind.CANNOT_CANCEL]


def test_a_system_that_shows_cancelled_as_complete_is_written_to_once() -> None:
    world = with_record(TWINS, rec("b", "t", off(9), v(9)))
    mapped = {Status.SHOWED: Status.SHOWED, Status.CANCELLED: Status.SHOWED}
    weak = {**calendars(), "a": CalendarState("a", statuses=mapped)}
    told = next(o for o in decided(world, calendars=weak).operations if o.system == "a")
    assert told.after == v(9, status=Status.SHOWED)
    shown = rec("a", "m", told.after, told.after, written=told.after)
    after = with_record(world, shown)
    after = with_record(after, rec("b", "t", off(9), off(9)))
    after = replace(
        after,
        bookings=(booking("x", off(9), 1),),
        replicas=(origin("x", "a", "m"), twin("x", "b", "t", 1), serves("x", "c", "cc")),
    )
    assert [o.system for o in decided(after, calendars=weak).operations] == ["c"]


def test_a_system_that_is_down_is_not_written_to_and_changes_nothing() -> None:
    assert summary(decided(settled(9, 12), calendars=calendars(without="c"))) == [
        ("move-block", "b", "09-10>12-13")
    ]
    down = decided(CANCELLED, calendars=calendars(without="a"))
    assert summary(down) == []


def test_an_interval_that_cannot_be_blocked_now_is_an_exposure() -> None:
    assert decided(NEW, calendars=calendars(without="c")).exposures == 2
    assert decided(settled()).exposures == 0


def test_changes_that_the_guard_stopped_cause_no_write() -> None:
    stopped = {**calendars(), "a": CalendarState("a", stopped=frozenset({"m"}))}
    assert summary(decided(CANCELLED, calendars=stopped)) == []


def test_a_held_conflict_blocks_every_claim_and_moves_nothing() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    decision = decided(world, rules=Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD))
    assert summary(decision) == [
        ("create-block", "a", ">12-13"),
        ("create-block", "b", ">15-16"),
        ("create-block", "c", ">12-13"),
        ("create-block", "c", ">15-16"),
    ]
    assert [h.conflict.kind for h in decision.changes.opened] == [ConflictKind.MOVED_APART]


def test_a_claim_needs_no_block_where_an_appointment_has_its_time() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    world = with_record(world, rec("c", "other", v(15)))
    decision = decided(world, rules=Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD))
    assert ("create-block", "c", ">15-16") not in summary(decision)
    assert ("create-block", "c", ">12-13") in summary(decision)


def test_a_former_value_is_not_claimed_while_the_other_system_is_silent() -> None:
    """Simulator, once seed 40034: the former time of an appointment got a block."""
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    held = decided(world, rules=rules).changes.opened[0]
    moved = replace(with_record(world, rec("a", "m", v(16), v(9))), conflicts=(held,))
    decision = decided(moved, rules=rules, calendars=calendars(without="b"))
    assert (decision.changes.closed, decision.changes.opened) == ([], [])
    assert [(s, w) for a, s, w in summary(decision) if a == "create-block"] == [
        ("a", ">12-13"),
        ("c", ">12-13"),
        ("c", ">16-17"),
    ]


def test_a_conflict_with_unchanged_inputs_is_one_entry() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    held = decided(world, rules=rules).changes.opened[0]
    again = decided(replace(world, conflicts=(held,)), rules=rules)
    assert again.changes.opened == []
    assert again.changes.closed == []
    moved = with_record(world, rec("a", "m", v(16), v(9)))
    anew = decided(replace(moved, conflicts=(held,)), rules=rules)
    assert [h.outcome for h in anew.changes.closed] == ["the events of this conflict changed"]
    assert len(anew.changes.opened) == 1


def test_a_conflict_solved_in_the_systems_closes_itself() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    held = decided(world, rules=rules).changes.opened[0]
    solved = with_record(world, rec("b", "t", v(15), v(9)))
    closed = decided(replace(solved, conflicts=(held,)), rules=rules).changes.closed
    assert [h.id for h in closed] == [held.id]


def test_a_conflict_stays_while_its_system_is_down() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    held = decided(world, rules=rules).changes.opened[0]
    down = decided(replace(world, conflicts=(held,)), rules=rules, calendars=calendars(without="a"))
    assert down.changes.closed == []
    assert down.changes.bookings == []
    assert summary(down) == [
        ("create-block", "b", ">15-16"),
        ("create-block", "c", ">12-13"),
        ("create-block", "c", ">15-16"),
    ]


def test_a_new_time_of_a_held_meeting_is_blocked_while_another_system_is_down() -> None:
    world = with_record(TWINS, rec("a", "m", v(15), v(9)))
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    held = decided(world, rules=rules).changes.opened[0]
    moved = with_record(world, rec("b", "t", v(18), v(9)))
    down = decided(replace(moved, conflicts=(held,)), rules=rules, calendars=calendars(without="a"))
    assert ("create-block", "c", ">18-19") in summary(down)


def test_no_block_covers_an_event_of_a_calendar_without_an_answer() -> None:
    news = settled(9)
    there = with_record(news, rec("a", "n", v(12), None))
    moved = with_record(there, rec("b", "other", v(12), None))
    assert ("create-block", "a", ">12-13") in summary(
        decided(with_record(news, rec("b", "o", v(12))))
    )
    silent = decided(moved, calendars=calendars(without="a"))
    assert ("create-block", "a", ">12-13") not in summary(silent)
    assert ("create-block", "c", ">12-13") in summary(silent)


def test_the_time_of_a_meeting_in_a_silent_calendar_is_not_opened() -> None:
    off = with_record(settled(9), rec("a", "m", v(9, status=Status.CANCELLED), v(9)))
    shifted = with_record(off, rec("b", "other", v(9.5), v(8.5)))
    assert ("remove-block", "c", "09-10>") in summary(decided(shifted))
    silent = decided(shifted, calendars=calendars(without="b"))
    assert [o for o in summary(silent) if o[0] == "remove-block"] == []
    later = with_record(shifted, rec("b", "other", v(12), v(11)))
    assert ("remove-block", "c", "09-10>") in summary(
        decided(later, calendars=calendars(without="b"))
    )


def test_a_moved_block_under_doubt_is_not_duplicated() -> None:
    world = with_record(settled(9), block("b", "bb", v(10), base=v(9)))
    shifted = with_record(world, rec("b", "other", v(10), v(9)))
    assert summary(decided(shifted, calendars=calendars(without="b"))) == []


def intent(operation: Operation, kind: IntentState) -> Intent:
    return Intent("i", "run", operation, kind, NOW)


def test_no_write_follows_a_write_of_unknown_outcome() -> None:
    create = next(o for o in decided(NEW).operations if o.system == "b")
    world = replace(NEW, intents=(intent(create, IntentState.OPEN),))
    assert [o.system for o in decided(world).operations] == ["c"]


def test_a_block_with_a_queued_removal_is_not_removed_again() -> None:
    remove = next(o for o in decided(STRAY).operations)
    world = replace(STRAY, intents=(intent(remove, IntentState.ACCEPTED),))
    assert decided(world).operations == ()


def test_an_operation_that_failed_three_times_is_quarantined_and_the_rest_goes_on() -> None:
    create = next(o for o in decided(NEW).operations if o.system == "b")
    failed = write_order.operation_key(replace(create, bookings=("new1",)))
    decision = decided(NEW, failures={failed: 3})
    assert [o.system for o in decision.operations] == ["c"]
    assert [c.kind for c in decision.conflicts] == [ConflictKind.QUARANTINED]


def test_a_refused_time_is_not_tried_again_until_it_changes() -> None:
    move = next(o for o in decided(settled(9, 12)).operations if o.system == "b")
    taken = slot_taken(move, "taken", settled(9, 12))
    held = StoredConflict("h", taken, NOW, "run")
    world = replace(settled(9, 12), conflicts=(held,))
    assert [o.system for o in decided(world).operations] == ["c"]
    elsewhere = decided(replace(settled(9, 13), conflicts=(held,)))
    assert len(elsewhere.operations) == 2
    assert [h.id for h in elsewhere.changes.closed] == ["h"]


def test_a_block_that_our_create_is_proven_to_have_made_is_ours() -> None:
    found = rec("b", "bb", v(9), kind=Kind.BLOCK, key="k")
    world = with_record(NEW, found)
    decision = decided(world, ownership=Ownership(proven=frozenset({("b", "bb")})))
    assert summary(decision) == [("create-block", "c", ">09-10")]
    assert any(r.id == "bb" and r.created_by_us for r in decision.changes.records)
    assert [r.id for r in decision.adopted] == ["bb"]


def test_an_orphan_is_neither_a_source_nor_removed() -> None:
    stray = rec("b", "bb", v(15), kind=Kind.BLOCK, key="strange")
    assert [s for _, s, _ in summary(decided(with_record(NEW, stray)))] == ["b", "c"]


def test_an_event_handed_to_another_provider_frees_this_one() -> None:
    world = replace(settled(), records=settled().records[1:])
    assert summary(decided(world)) == [
        ("remove-block", "b", "09-10>"),
        ("remove-block", "c", "09-10>"),
    ]


def test_a_twin_keeps_its_meeting_when_the_other_goes_to_another_provider() -> None:
    world = replace(TWINS, records=tuple(r for r in TWINS.records if r.system != "a"))
    decision = decided(with_record(world, rec("b", "t", v(9), v(9))))
    assert summary(decision) == [("create-block", "a", ">09-10")]


def test_bookings_that_ended_before_the_window_are_archived() -> None:
    old = v(-30)
    world = state([rec("a", "m", old, old)], [booking("x", old)], [origin("x", "a", "m")])
    assert decided(world).changes.archived == ["x"]


def test_a_block_that_failed_to_move_is_moved_next_time() -> None:
    world = replace(
        with_record(settled(), rec("a", "m", v(12), v(12))),
        bookings=(booking("x", v(12), 1),),
        replicas=(origin("x", "a", "m", 1), serves("x", "b", "bb"), serves("x", "c", "cc")),
    )
    assert summary(decided(world)) == [
        ("move-block", "b", "09-10>12-13"),
        ("move-block", "c", "09-10>12-13"),
    ]


def test_a_rounded_block_is_not_written_again() -> None:
    odd = replace(v(9), start=v(9).start + timedelta(minutes=3))
    world = state(
        [rec("a", "m", odd, odd), block("b", "bb", v(9), base=v(9), written=odd)],
        [booking("x", odd)],
        [origin("x", "a", "m"), serves("x", "b", "bb")],
    )
    assert [o.system for o in decided(world).operations] == ["c"]


def test_of_real_appointments_only_time_and_status_are_ever_written() -> None:
    for _, world, _ in TABLE:
        for operation in decided(world).operations:
            if operation.kind is Kind.APPOINTMENT:
                assert operation.action in {Action.MOVE_APPOINTMENT, Action.SET_STATUS}
            else:
                mine = {(r.system, r.id) for r in world.records if r.created_by_us}
                assert operation.event is None or (operation.system, operation.event) in mine
