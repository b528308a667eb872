"""When reported items begin, change and end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.conflicts.reported import (
    FURTHER,
    MAX_LISTED,
    ItemChanges,
    ReadScope,
    ShownItem,
    cap_events,
    update_items,
)
from syncd.model import ReportedItem, Topic
from tests.core.kit import NOW

DAY = timedelta(days=1)
PQ = frozenset("pq")
LOOK = ReadScope("a", NOW, DAY, 60 * DAY, True, PQ, PQ, PQ, (), (), ())
NEAR = replace(LOOK, full=False, ahead=2 * DAY)
SHOWN = ShownItem("e", Topic.UNREADABLE, "no end", frozenset({"p"}))
LONG_AGO = NOW - DAY
ITEM = ReportedItem("a", "e", Topic.UNREADABLE, "no end", ("p",), DAY, 60 * DAY, LONG_AGO, NOW)


def ended(outcome: ItemChanges) -> bool:
    return bool(outcome.ended) and not outcome.begun and not outcome.changed


@pytest.mark.parametrize(
    ("item", "look", "ends"),
    [
        pytest.param(ITEM, LOOK, True, id="a full read of whole lists"),
        pytest.param(ITEM, NEAR, False, id="a shorter read than the one that showed it"),
        pytest.param(
            replace(ITEM, ahead=2 * DAY), NEAR, True, id="as far as the read that showed it"
        ),
        pytest.param(replace(ITEM, back=61 * DAY), LOOK, False, id="lists that start too late"),
        pytest.param(
            replace(ITEM, back=61 * DAY),
            replace(LOOK, deepest=True),
            True,
            id="no list starts earlier",
        ),
        pytest.param(ITEM, replace(LOOK, early={"e"}), False, id="it began before the lists"),
        pytest.param(
            replace(ITEM, topic=Topic.UNMAPPED_OWNER),
            replace(NEAR, same={"e"}),
            True,
            id="its former host is back, so the row is unchanged",
        ),
        pytest.param(ITEM, replace(LOOK, whole={"q"}), False, id="its list is not whole"),
        pytest.param(ITEM, replace(NEAR, read_well={"e"}), True, id="it is readable"),
        pytest.param(ITEM, replace(NEAR, same={"e"}), True, id="its row is unchanged"),
        pytest.param(ITEM, replace(NEAR, over={"e"}), True, id="it is over"),
        pytest.param(ITEM, replace(NEAR, mapped={"q"}), True, id="no provider is mapped to it"),
        pytest.param(
            replace(ITEM, calendars=("p", "q")),
            replace(LOOK, asked=frozenset("p"), whole={"p"}, same={"e"}),
            False,
            id="only one calendar's list names its owner",
        ),
        pytest.param(
            replace(ITEM, topic=Topic.ASSUMED),
            replace(LOOK, same={"e"}),
            False,
            id="an assumption about an unchanged row",
        ),
    ],
)
def test_an_item_that_a_read_does_not_show(item: ReportedItem, look: ReadScope, ends: bool) -> None:
    outcome = update_items([item], [], look)
    assert ended(outcome) is ends
    assert ends or outcome == ItemChanges()


def test_an_item_is_stored_again_after_an_hour() -> None:
    (begun,) = update_items([], [SHOWN, SHOWN], LOOK).begun
    assert (begun.since, begun.seen_at, begun.calendars) == (NOW, NOW, ("p",))
    later = replace(LOOK, at=NOW + timedelta(minutes=59))
    assert update_items([begun], [SHOWN], later) == ItemChanges()
    (kept,) = update_items([begun], [SHOWN], replace(LOOK, at=NOW + timedelta(hours=1))).changed
    assert (kept.since, kept.seen_at) == (NOW, NOW + timedelta(hours=1))


def test_an_item_of_several_calendars_ends_after_each_was_read() -> None:
    nobody = replace(SHOWN, calendars=frozenset())
    (begun,) = update_items([], [nobody], LOOK).begun
    assert begun.calendars == ("p", "q")
    (left,) = update_items([begun], [], replace(LOOK, whole={"p"})).changed
    assert left.calendars == ("q",)
    assert ended(update_items([left], [], replace(LOOK, whole={"q"})))
    (again,) = update_items([left], [nobody], LOOK).changed
    assert again.calendars == ("p", "q")


def test_a_near_read_does_not_shorten_the_window_that_ends_an_item() -> None:
    assert update_items([ITEM], [SHOWN], NEAR) == ItemChanges()
    (wider,) = update_items([replace(ITEM, ahead=2 * DAY)], [SHOWN], LOOK).changed
    assert wider.ahead == 60 * DAY


def test_a_topic_has_a_limited_number_of_items_and_one_for_the_rest() -> None:
    rows = [replace(SHOWN, event=f"e{n}") for n in range(MAX_LISTED + 2)]
    twice = replace(rows[0], calendars=frozenset("q"))
    first = cap_events([], [*rows, twice], ())
    assert first[:MAX_LISTED] == rows[:MAX_LISTED]
    assert [each.event for each in first[MAX_LISTED:]] == ["e0", FURTHER]
    open_ = update_items([], first, LOOK).begun
    others = [replace(SHOWN, event=f"x{n}") for n in range(5)]
    assert [each.event for each in cap_events(open_, others, ())] == [FURTHER]
    assert update_items(open_, cap_events(open_, rows, ()), LOOK) == ItemChanges()


def test_synced_events_are_all_listed() -> None:
    rows = [replace(SHOWN, event=f"e{n}", topic=Topic.ASSUMED) for n in range(MAX_LISTED + 2)]
    assert cap_events([], rows, ()) == rows
