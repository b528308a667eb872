"""Stored instants sort by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from syncd.store.tables.timestamps import instant_text
from syncd.store.tables.types import Instant, JsonText, ValueText

# Away from the first and last day that a datetime can name, so that any zone fits.
instants = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001  hypothesis adds the zone
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(instants)
def test_an_instant_is_27_characters_and_reads_back_as_itself(instant: datetime) -> None:
    text = instant_text(instant)
    assert len(text) == 27
    back = datetime.fromisoformat(text)
    assert back == instant
    assert back.tzinfo is UTC


@given(instants, instants)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) == (one < other)


def test_the_text_can_be_read_by_a_person() -> None:
    there = datetime(2026, 6, 1, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert instant_text(there) == "2026-06-01T04:00:00.000000Z"


def test_none_stays_none() -> None:
    dialect = sqlite.dialect()
    for kind in (Instant(), ValueText(), JsonText()):
        assert kind.bind_processor(dialect)(None) is None
        assert kind.result_processor(dialect, None)(None) is None
