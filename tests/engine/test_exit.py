"""Test the exit codes: the code of each remaining problem, and which code wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.engine.report.run_report import (
    Remaining,
    Report,
    RunExit,
    Stop,
    SystemReport,
    SystemStatus,
    UnknownOwners,
)
from syncd.model import Action, Kind, Operation, OwnerProof, Topic, Waiting, WaitReason
from tests.store.kit import DAY, item, v

BLOCK = Operation(Action.CREATE_BLOCK, "a", "p", Kind.BLOCK, None, None, v(9))
WAITS = Waiting(BLOCK, WaitReason.NO_ACCESS)
OWNERS = UnknownOwners("p", "a", OwnerProof.USER_MISSING, 2, (), (), DAY)
DOWN = {"a": SystemReport(SystemStatus.DOWN), "b": SystemReport()}
BROKEN, LIST = item("e"), item("GET /x", topic=Topic.LIST)


@pytest.mark.parametrize(
    ("told", "code", "left"),
    [
        ({}, 0, {}),
        ({"items": [item("e", topic=Topic.ASSUMED)]}, 0, {Remaining.REPORTED: 1}),
        ({"items": [item("", topic=Topic.ACCOUNT)]}, 0, {Remaining.REPORTED: 1}),
        ({"exposures": 2}, 0, {Remaining.EXPOSURES: 2}),
        ({"conflicts": 2}, 3, {Remaining.CONFLICTS: 2}),
        ({"double_bookings": 2, "doubles_open": 1}, 3, {Remaining.DOUBLE_BOOKINGS: 1}),
        ({"double_bookings": 2, "doubles_open": 0}, 0, {}),
        ({"items": [BROKEN]}, 3, {Remaining.UNREADABLE: 1}),
        ({"items": [replace(BROKEN, acknowledged_at=DAY)]}, 0, {}),
        (
            {"items": [replace(BROKEN, event="", events=tuple("abcde"))]},
            3,
            {Remaining.UNREADABLE: 5},
        ),
        ({"items": [LIST]}, 4, {Remaining.LISTS: 1}),
        ({"items": [replace(LIST, acknowledged_at=DAY)]}, 0, {}),
        ({"systems": DOWN}, 4, {Remaining.SYSTEMS: 1}),
        ({"unknown": [OWNERS]}, 4, {Remaining.UNKNOWN_OWNERS: 1}),
        ({"waiting": [WAITS]}, 4, {Remaining.WAITING: 1}),
        ({"planned": [BLOCK]}, 4, {Remaining.UNMADE: 1}),
        (
            {"planned": [BLOCK] * 3, "unmade": 2, "pending": 1},
            4,
            {Remaining.UNMADE: 2, Remaining.WRITES: 1},
        ),
        (
            {"planned": [BLOCK] * 3, "unmade": 2, "interrupted": True},
            4,
            {Remaining.UNMADE: 2, Remaining.INTERRUPTED: 1},
        ),
        ({"planned": [BLOCK], "waiting": [WAITS]}, 4, {Remaining.WAITING: 1}),
        ({"planned": [BLOCK], "interrupted": True}, 4, {Remaining.INTERRUPTED: 1}),
        ({"pending": 3}, 4, {Remaining.WRITES: 3}),
        ({"suspected": 2}, 4, {Remaining.REMOVALS: 2}),
        ({"gone": 1}, 4, {Remaining.UNPROVEN: 1}),
        ({"interrupted": True}, 4, {Remaining.INTERRUPTED: 1}),
        ({"guarded": ["a"]}, 5, {Remaining.STOPPED: 1}),
        ({"stopped": [Stop("a", "p", "r", 12)]}, 5, {Remaining.STOPPED: 1}),
        # Of several, the highest of 5, 4 and 3.
        ({"guarded": ["a"], "systems": DOWN, "conflicts": 1}, 5, None),
        ({"systems": DOWN, "conflicts": 1, "exposures": 1}, 4, None),
        ({"conflicts": 1, "exposures": 1}, 3, None),
        # A dry run writes nothing, and makes one cycle.
        ({"dry_run": True, "planned": [BLOCK], "pending": 1, "suspected": 1, "gone": 1}, 0, {}),
        ({"dry_run": True, "waiting": [WAITS]}, 4, {Remaining.WAITING: 1}),
        ({"dry_run": True, "systems": DOWN}, 4, {Remaining.SYSTEMS: 1}),
        ({"dry_run": True, "doubles_open": 1}, 3, {Remaining.DOUBLE_BOOKINGS: 1}),
        ({"dry_run": True, "guarded": ["a"]}, 5, {Remaining.STOPPED: 1}),
    ],
)
def test_the_remaining_problems_decide_the_exit_code(
    told: dict[str, Any], code: int, left: dict[Remaining, int] | None
) -> None:
    report = Report("r", **told)
    assert report.exit.code == code
    assert left is None or report.remaining == left
    assert report.to_json()["left"] == {
        str(kind): report.remaining.get(kind, 0) for kind in Remaining
    }


def test_every_kind_of_remaining_problem_has_an_exit_code() -> None:
    assert {kind.exit for kind in Remaining} == set(RunExit)
