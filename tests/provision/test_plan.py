"""Wanted against found: one named row for each case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.provision.plan import Step, compare, unwanted
from syncd.store.provisioned import Making, Provisioned
from syncd.systems.provisioning import Existing, Sort, Thing

WANTED = Thing("clinic", Sort.ROOM, "yoga", {"capacity": 8, "slug": "y"})


def found(name: str = "yoga", id: str = "r1", **fields: Any) -> Existing:
    """A room that is there; of its fields only the capacity is shown."""
    return Existing(Sort.ROOM, name, id, {"capacity": 8, **fields})


def made(state: Making = Making.MADE, id: str = "r1", **sent: Any) -> Any:
    """What is remembered of the room."""
    kept = Provisioned(
        "clinic", "room", "yoga", state, {"capacity": 8, "slug": "y", **sent},
        datetime(2026, 3, 2, tzinfo=UTC), id,
    )  # fmt: skip
    return {("clinic", "room", "yoga"): kept}


@pytest.mark.parametrize(
    ("existing", "known", "step", "changed"),
    [
        pytest.param([], {}, Step.CREATE, set(), id="not there"),
        pytest.param([found("hall")], {}, Step.CREATE, set(), id="only another"),
        pytest.param([found()], {}, Step.IN_PLACE, set(), id="as wanted, by whomever"),
        pytest.param([found(capacity=5)], {}, Step.UPDATE, {"capacity"}, id="differs"),
        pytest.param([found()], made(), Step.IN_PLACE, set(), id="as sent"),
        pytest.param([found()], made(slug="old"), Step.UPDATE, {"slug"}, id="not shown, sent else"),
        pytest.param([found(), found(id="r2")], {}, Step.BY_HAND, set(), id="twice"),
        pytest.param([found("Yóga")], {}, Step.BY_HAND, set(), id="accents"),
        pytest.param([], made(), Step.CREATE, set(), id="removed by somebody"),
    ],
)
def test_a_thing_is_compared(
    existing: list[Existing], known: Any, step: Step, changed: set[str]
) -> None:
    row = compare(WANTED, existing, known)
    assert (row.step, set(row.changes)) == (step, changed)


def test_what_cannot_be_changed_is_left_to_a_person() -> None:
    row = compare(WANTED, [found(capacity=5)], {}, fixed=("capacity",))
    assert row.step is Step.BY_HAND
    assert "capacity is 5" in row.note


def test_what_is_fixed_and_not_shown_is_in_place_and_named() -> None:
    row = compare(WANTED, [found()], {}, fixed=("slug",))
    assert (row.step, dict(row.changes)) == (Step.IN_PLACE, {})
    assert "the API does not show whether slug = y" in row.note


@pytest.mark.parametrize(
    ("known", "existing", "ours"),
    [
        pytest.param(made(), found(), True, id="made by syncd"),
        pytest.param(made(id=""), found(), True, id="made, and no id was ever shown"),
        pytest.param(made(), found(id="r2"), False, id="made anew by somebody"),
        pytest.param(made(Making.KEPT), found(), False, id="only brought up to date"),
        pytest.param({}, found(), False, id="unknown"),
        pytest.param(made(Making.MAKING, id=""), found(), True, id="an answer was lost"),
        pytest.param(
            made(Making.MAKING, id=""), found(capacity=5), False, id="lost, and not what was sent"
        ),
    ],
)
def test_only_what_syncd_made_is_ever_unwanted(known: Any, existing: Existing, ours: bool) -> None:
    rows = unwanted([], {("clinic", Sort.ROOM): [existing]}, known)
    assert [row.step for row in rows] == [Step.NOT_WANTED] * ours
    assert compare(WANTED, [existing], known).ours is ours


def test_what_is_wanted_or_cannot_be_removed_is_not_removed() -> None:
    everything = {("clinic", Sort.ROOM): [found()]}
    assert unwanted([WANTED], everything, made()) == []
    (row,) = unwanted([], everything, made(), kept=(Sort.ROOM,))
    assert row.step is Step.BY_HAND
