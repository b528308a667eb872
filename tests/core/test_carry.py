"""What appointments are told, and when that counts as done."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.carry import carry
from syncd.model import Record
from tests.core.kit import booking, calendars, origin, rec, v

MEETING = replace(booking("x", v(12)), revision=1)


def settled(record: Record) -> bool:
    """Whether that appointment counts as brought to the agreed time, 12 to 13."""
    told = carry(MEETING, [(origin("x", "a", "e"), record)], calendars())
    assert not told.operations
    return [replica.settled for replica in told.settled] == [1]


def test_a_write_that_is_only_queued_is_not_done() -> None:
    queued = replace(rec("a", "e", v(9), v(9)), written=v(12))
    assert not settled(queued)
    assert settled(replace(queued, observed=v(12), base=v(12)))


def test_a_time_that_the_platform_rounds_is_as_good_as_told() -> None:
    odd = v(12 + 7 / 60, 13 + 7 / 60)
    meeting = replace(MEETING, agreed=odd)
    shown = replace(
        rec("a", "e", v(12 + 5 / 60, 13 + 5 / 60), v(12 + 5 / 60, 13 + 5 / 60)), written=odd
    )
    told = carry(meeting, [(origin("x", "a", "e"), shown)], calendars())
    assert [replica.settled for replica in told.settled] == [1]
