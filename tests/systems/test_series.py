"""Rows of the three platforms that are instances of a series, and the series' ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syncd.model import UNNAMED_SERIES
from syncd.systems.leadconnector import series as v2
from syncd.systems.leadconnector import wire as v2_wire
from syncd.systems.leadconnector_v1 import events as v1
from syncd.systems.leadconnector_v1 import wire as v1_wire
from syncd.systems.leadsquared import events as leadsquared
from syncd.systems.leadsquared import wire as leadsquared_wire

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
INSTANCE = f"Kx3b_{int(START.timestamp() * 1000)}_3600"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"id": "Kx3b"}, ""),
        ({"id": "Kx3b", "isRecurring": False, "masterEventId": None}, ""),
        ({"id": "Kx3b", "masterEventId": ""}, ""),
        ({"id": "e1", "masterEventId": "Kx3b", "isRecurring": True}, "Kx3b"),
        ({"id": "Kx3b", "masterEventId": "Kx3b"}, "Kx3b"),
        ({"id": INSTANCE}, "Kx3b"),
        ({"id": INSTANCE, "masterEventId": "Other"}, "Other"),
        ({"id": "no_instance_id"}, ""),
        ({"id": "e1", "isRecurring": True}, UNNAMED_SERIES),
        ({"id": "e1", "isRecurring": "true"}, UNNAMED_SERIES),
        ({"id": "e1", "isRecurring": ["true"], "masterEventId": {"id": 1}}, ""),
    ],
)
def test_a_v2_series_id_comes_from_the_master_or_the_event_id(
    row: dict[str, Any], named: str
) -> None:
    item = msgspec.convert(row, v2_wire.Appointment)
    assert v2.series(item) == named
    assert v2.fingerprint_part(item) == (f"|series {named}" if named else "")


def test_the_id_of_a_v2_instance_says_where_its_series_put_it() -> None:
    assert v2.original_start(v2_wire.Appointment(id=INSTANCE)) == START
    assert v2.original_start(v2_wire.Appointment(id="Kx3b", master_event_id="M")) is None
    assert v2.original_start(v2_wire.Appointment(id="Kx3b_99999999999999_60")) is None
    assert v2.series(v2_wire.Block(id=INSTANCE)) == ""


@pytest.mark.parametrize(
    ("told", "named"), [(None, ""), (False, ""), (True, UNNAMED_SERIES), ("True", UNNAMED_SERIES)]
)
def test_a_v1_row_has_no_series_id(told: object, named: str) -> None:
    assert v1.series(v1_wire.Appointment(id="e1", is_recurring=told)) == named


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({}, ""),
        ({"RecurrenceId": "00000000-0000-0000-0000-000000000000"}, ""),
        ({"RecurrenceId": "0d7c-10"}, "0d7c-10"),
        ({"IsRecurring": "1"}, UNNAMED_SERIES),
        ({"IsRecurring": True, "RecurrenceId": "m"}, "m"),
        ({"IsRecurring": 0, "RecurrenceId": ["m"]}, ""),
    ],
)
def test_a_recurring_task_has_its_series_id(row: dict[str, Any], named: str) -> None:
    assert leadsquared.series(msgspec.convert(row, leadsquared_wire.Task)) == named
