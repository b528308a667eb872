"""Desired against existing resources: one named row per case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.provision.plan import ProvisionStep, compare_resources, unwanted
from syncd.store.queries.provisioned import Provisioned, ProvisionState
from syncd.systems.provisioning import Actual, Desired, ResourceType

WANTED = Desired("clinic", ResourceType.ROOM, "yoga", {"capacity": 8, "slug": "y"})


def found(name: str = "yoga", id: str = "r1", **fields: Any) -> Actual:
    """Return an existing room; of its fields only the capacity is shown."""
    return Actual(ResourceType.ROOM, name, id, {"capacity": 8, **fields})


def made(state: ProvisionState = ProvisionState.MADE, id: str = "r1", **sent: Any) -> Any:
    """Return the stored record of the room."""
    kept = Provisioned(
        "clinic", "room", "yoga", state, {"capacity": 8, "slug": "y", **sent},
        datetime(2026, 3, 2, tzinfo=UTC), id,
    )  # fmt: skip
    return {("clinic", "room", "yoga"): kept}


@pytest.mark.parametrize(
    ("existing", "known", "step", "changed"),
    [
        pytest.param([], {}, ProvisionStep.CREATE, set(), id="not there"),
        pytest.param([found("hall")], {}, ProvisionStep.CREATE, set(), id="only another"),
        pytest.param([found()], {}, ProvisionStep.IN_PLACE, set(), id="as wanted, by whomever"),
        pytest.param([found(capacity=5)], {}, ProvisionStep.UPDATE, {"capacity"}, id="differs"),
        pytest.param([found()], made(), ProvisionStep.IN_PLACE, set(), id="as sent"),
        pytest.param(
            [found()], made(slug="old"), ProvisionStep.UPDATE, {"slug"}, id="not shown, sent else"
        ),
        pytest.param([found(), found(id="r2")], {}, ProvisionStep.BY_HAND, set(), id="twice"),
        pytest.param([found("Yóga")], {}, ProvisionStep.BY_HAND, set(), id="accents"),
        pytest.param([], made(), ProvisionStep.CREATE, set(), id="removed by somebody"),
    ],
)
def test_a_thing_is_compared(
    existing: list[Actual], known: Any, step: ProvisionStep, changed: set[str]
) -> None:
    row = compare_resources(WANTED, existing, known)
    assert (row.step, set(row.changes)) == (step, changed)


def test_a_fixed_field_is_left_to_a_person() -> None:
    row = compare_resources(WANTED, [found(capacity=5)], {}, fixed=("capacity",))
    assert row.step is ProvisionStep.BY_HAND
    assert "capacity is 5" in row.note


def test_a_fixed_field_that_is_not_shown_is_in_place_with_a_note() -> None:
    row = compare_resources(WANTED, [found()], {}, fixed=("slug",))
    assert (row.step, dict(row.changes)) == (ProvisionStep.IN_PLACE, {})
    assert "the API does not show whether slug = y" in row.note


@pytest.mark.parametrize(
    ("known", "existing", "ours"),
    [
        pytest.param(made(), found(), True, id="made by syncd"),
        pytest.param(made(id=""), found(), True, id="made, and no id was ever shown"),
        pytest.param(made(), found(id="r2"), False, id="made anew by somebody"),
        pytest.param(made(ProvisionState.KEPT), found(), False, id="only brought up to date"),
        pytest.param({}, found(), False, id="unknown"),
        pytest.param(made(ProvisionState.MAKING, id=""), found(), True, id="an answer was lost"),
        pytest.param(
            made(ProvisionState.MAKING, id=""),
            found(capacity=5),
            False,
            id="lost, and not what was sent",
        ),
    ],
)
def test_only_resources_that_syncd_made_can_be_unwanted(
    known: Any, existing: Actual, ours: bool
) -> None:
    rows = unwanted([], {("clinic", ResourceType.ROOM): [existing]}, known)
    assert [row.step for row in rows] == [ProvisionStep.NOT_WANTED] * ours
    assert compare_resources(WANTED, [existing], known).ours is ours


def test_wanted_or_undeletable_resources_are_not_removed() -> None:
    everything = {("clinic", ResourceType.ROOM): [found()]}
    assert unwanted([WANTED], everything, made()) == []
    (row,) = unwanted([], everything, made(), kept=(ResourceType.ROOM,))
    assert row.step is ProvisionStep.BY_HAND
