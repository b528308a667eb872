"""The proofs that a missing event is gone: one row per case, for all platforms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.core.event_state.absence import (
    AbsenceVerdict,
    ByIdResult,
    Evidence,
    ShownElsewhere,
    SlotResult,
    judge_absence,
    listed_by,
    slot_of,
    slots_window,
)
from syncd.model import UserState, Window
from tests.core.kit import NOW, off, v

LAG = timedelta(seconds=30)
BEFORE = NOW - timedelta(minutes=5)

FACT = {"by_id": ByIdResult.GONE}
LISTED = {"by_id": ByIdResult.GONE, "by_list": True, "needed": 2}
REFUSED = {
    "by_id": ByIdResult.REFUSED,
    "refused_when_gone": True,
    "others_listed": True,
    "key_reads": True,
    "user": UserState.PRESENT,
    "counted": 1,
    "since": BEFORE,
    "slot": SlotResult.OFFERED,
}

CASES: dict[str, tuple[dict[str, Any], AbsenceVerdict]] = {
    # A 404 or an empty answer: a proof after enough of them.
    "404 is a fact": (FACT, AbsenceVerdict.PROVEN),
    "404 of a list that is not whole": ({**FACT, "listed_whole": False}, AbsenceVerdict.UNPROVEN),
    "404 where two are needed": ({**FACT, "needed": 2}, AbsenceVerdict.COUNTED),
    "second 404 where two are needed": ({**FACT, "needed": 2, "counted": 1}, AbsenceVerdict.PROVEN),
    # Kinds that cannot be read by id: the list is the answer.
    "list alone: whose user?": (LISTED, AbsenceVerdict.ASK_USER),
    "list alone, user present": ({**LISTED, "user": UserState.PRESENT}, AbsenceVerdict.COUNTED),
    "second list, user present": (
        {**LISTED, "user": UserState.PRESENT, "counted": 1},
        AbsenceVerdict.PROVEN,
    ),
    "list of a missing user": (
        {**LISTED, "user": UserState.MISSING, "counted": 1},
        AbsenceVerdict.OWNER_IN_DOUBT,
    ),
    "list of a missing user that shows others": (
        {**LISTED, "user": UserState.MISSING, "own_list": True, "counted": 1},
        AbsenceVerdict.OWNER_IN_DOUBT,
    ),
    "list of an unknown user": (
        {**LISTED, "user": UserState.UNKNOWN, "counted": 1},
        AbsenceVerdict.OWNER_IN_DOUBT,
    ),
    "list of an unknown user that shows others": (
        {**LISTED, "user": UserState.UNKNOWN, "own_list": True, "counted": 1},
        AbsenceVerdict.PROVEN,
    ),
    # Reading by id is refused.
    "400: all of the proof": (REFUSED, AbsenceVerdict.PROVEN),
    "400 where deleted events answer 404": (
        {**REFUSED, "refused_when_gone": False},
        AbsenceVerdict.UNPROVEN,
    ),
    "400 and an incomplete or hiding list": (
        {**REFUSED, "listed_whole": False},
        AbsenceVerdict.UNPROVEN,
    ),
    "400 and a list that shows no other": (
        {**REFUSED, "others_listed": False},
        AbsenceVerdict.UNPROVEN,
    ),
    "400: another id is to be read": ({**REFUSED, "key_reads": None}, AbsenceVerdict.ASK_KEY),
    "400, and so is any other id": ({**REFUSED, "key_reads": False}, AbsenceVerdict.UNPROVEN),
    "400: the user is to be looked up": ({**REFUSED, "user": None}, AbsenceVerdict.ASK_USER),
    "400 and the user is missing": (
        {**REFUSED, "user": UserState.MISSING},
        AbsenceVerdict.OWNER_IN_DOUBT,
    ),
    "400 and the first list": ({**REFUSED, "counted": 0, "since": None}, AbsenceVerdict.COUNTED),
    "400 and a second list within the lag": (
        {**REFUSED, "since": NOW - LAG / 2},
        AbsenceVerdict.WAITING,
    ),
    "400 and a second list after the lag": ({**REFUSED, "since": NOW - LAG}, AbsenceVerdict.PROVEN),
    "400 and a count of no known time": ({**REFUSED, "since": None}, AbsenceVerdict.COUNTED),
    "400: the slot is to be asked": ({**REFUSED, "slot": None}, AbsenceVerdict.ASK_SLOT),
    "400 and the slot is taken": ({**REFUSED, "slot": SlotResult.TAKEN}, AbsenceVerdict.UNPROVEN),
    "400 and the slot is unknown": (
        {**REFUSED, "slot": SlotResult.UNKNOWN},
        AbsenceVerdict.PROVEN,
    ),
    "400 and no answer about slots": (
        {**REFUSED, "slot": SlotResult.UNANSWERED},
        AbsenceVerdict.WAITING,
    ),
    # No answer at all.
    "unknown": ({**REFUSED, "by_id": ByIdResult.UNKNOWN}, AbsenceVerdict.UNPROVEN),
}


@pytest.mark.parametrize(("given", "verdict"), CASES.values(), ids=CASES)
def test_the_verdict_follows_from_the_evidence(
    given: dict[str, Any], verdict: AbsenceVerdict
) -> None:
    assert judge_absence(Evidence(asked_at=NOW, lag=LAG, **given)) is verdict


FREE = Window(v(8).start, v(12).start)
WEEK = timedelta(weeks=1)
LATER = Window(FREE.start + WEEK, FREE.end + WEEK)


@pytest.mark.parametrize(
    ("offers", "taken", "now", "slot"),
    [
        ([FREE, LATER], [], NOW, SlotResult.OFFERED),
        ([LATER], [], NOW, SlotResult.TAKEN),
        ([LATER], [off(9)], NOW, SlotResult.TAKEN),
        ([LATER], [v(9)], NOW, SlotResult.UNKNOWN),
        ([], [], NOW, SlotResult.UNKNOWN),
        ([FREE, LATER], [], v(9).start, SlotResult.UNKNOWN),
    ],
    ids=["offered", "taken", "a cancelled neighbour", "a neighbour", "never offered", "begun"],
)
def test_free_slots_show_whether_a_time_is_taken(
    offers: list[Window], taken: list[Any], now: datetime, slot: SlotResult
) -> None:
    assert slot_of(v(9), offers, taken, now) is slot
    assert slots_window(v(9)).overlaps(v(9))


SHOWN = ShownElsewhere(v(9), same_place=True, changed_at=BEFORE)
WINDOW = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("shown", "windows", "hidden"),
    [
        (SHOWN, [WINDOW], True),
        (SHOWN, [], False),
        (SHOWN, [Window(WINDOW.start, v(9).start)], False),
        (ShownElsewhere(v(9), same_place=False, changed_at=BEFORE), [WINDOW], False),
        (ShownElsewhere(v(9), same_place=True, changed_at=BEFORE, elsewhere=True), [WINDOW], False),
        (ShownElsewhere(v(9), same_place=True, changed_at=NOW - LAG / 2), [WINDOW], False),
        (ShownElsewhere(v(9), same_place=True, changed_at=NOW - LAG), [WINDOW], True),
        (ShownElsewhere(off(9), same_place=True, changed_at=BEFORE), [WINDOW], False),
    ],
    ids=[
        "hidden",
        "not covered",
        "outside",
        "moved away",
        "regrouped",
        "within the lag",
        "after",
        "off",
    ],
)
def test_an_event_that_a_complete_list_should_have_is_hidden(
    shown: ShownElsewhere, windows: list[Window], hidden: bool
) -> None:
    by = listed_by(shown, windows, LAG)
    assert (by is not None and by <= NOW) is hidden
