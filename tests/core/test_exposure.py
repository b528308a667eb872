"""Times that are still offered although they are taken, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.availability.exposure import (
    ExposureInput,
    find_exposures,
    percentiles,
    times_to_block,
    visible_at,
)
from syncd.model import Availability, ExposureCause, Kind, Offer, TimeToBlock, TrackedEvent, Window
from tests.core.kit import DAY, NOW, at, block, booking, rec, v

LAG = timedelta(minutes=1)
SOON = NOW + timedelta(minutes=10)


def free(*offers: tuple[float, float], asked: Any = SOON, until: float = 24) -> Availability:
    """Return these offers of system b, which was asked."""
    spans = tuple(Offer(at(start), at(end), "seat") for start, end in offers)
    return Availability("b", "p", asked, Window(NOW, at(until)), spans)


def seen(*records: TrackedEvent, offers: Availability | None = None, **more: Any) -> ExposureInput:
    """Return an input in which booking m needs 9 to 10 blocked in system b."""
    more.setdefault("now", SOON)
    more.setdefault("required", {"b": {v(9).interval: frozenset({"m"})}})
    return ExposureInput(
        provider="p",
        records=records,
        free={"b": offers} if offers else {},
        lags={"b": LAG},
        **more,
    )


STANDS = block("b", "e", v(9), written_at=NOW)
FREE = free((8, 17))

ROWS: dict[str, tuple[ExposureInput, ExposureCause | None]] = {
    "no block, and slots were not read": (seen(), ExposureCause.UNCLOSED),
    "no block, and it is offered": (seen(offers=FREE), ExposureCause.UNCLOSED),
    "no block, and a part of it is offered": (seen(offers=free((9.5, 17))), ExposureCause.UNCLOSED),
    "no block, but it is not offered": (seen(offers=free((10, 17))), None),
    "no block, and it lies beyond what was asked for": (
        seen(offers=free(until=8)),
        ExposureCause.UNCLOSED,
    ),
    "a block, and slots were not read": (seen(STANDS), None),
    "a block, and the answer is older": (seen(STANDS, offers=free((8, 17), asked=NOW)), None),
    "a block, and the answer may be older": (
        seen(STANDS, offers=free((8, 17), asked=NOW + LAG)),
        None,
    ),
    "a block that closes it": (seen(STANDS, offers=free((8, 9), (10, 17))), None),
    "a block that closes nothing": (seen(STANDS, offers=FREE), ExposureCause.IGNORED),
    "a block that somebody moved away": (
        seen(block("b", "e", v(12), base=v(9), written_at=NOW), offers=FREE),
        ExposureCause.UNCLOSED,
    ),
    "a block that the platform shows rounded": (
        seen(
            block("b", "e", v(9.01, 10), base=v(9.01, 10), written=v(9), written_at=NOW),
            offers=free((10, 17)),
        ),
        None,
    ),
    "somebody else's block elsewhere": (
        seen(rec("b", "e", v(12), v(12), kind=Kind.BLOCK), offers=FREE),
        ExposureCause.UNCLOSED,
    ),
    "no block, not offered when asked, but the block that closed it went since": (
        seen(
            block("b", "e", None, base=None, written=None, before_write=v(9), observed_at=SOON),
            offers=free((10, 17)),
        ),
        ExposureCause.UNCLOSED,
    ),
    "no block, not offered when asked, but the block that closed it moved since": (
        seen(block("b", "e", v(12), before_write=v(9), written_at=SOON), offers=free((10, 17))),
        ExposureCause.UNCLOSED,
    ),
    "no block, not offered, and what closed it before went before": (
        seen(
            block("b", "e", None, base=None, written=None, before_write=v(9), observed_at=NOW),
            offers=free((10, 17)),
        ),
        None,
    ),
    "a read-only calendar": (seen(offers=FREE, read_only={"b"}), ExposureCause.READ_ONLY),
    "a block that was undone": (seen(offers=FREE, undone={("m", "b")}), ExposureCause.UNDONE),
    "its time is over": (seen(offers=FREE, now=at(10)), None),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_an_interval_is_exposed_or_not(row: tuple[ExposureInput, ExposureCause | None]) -> None:
    case, cause = row
    assert [e.cause for e in find_exposures(case)] == ([cause] if cause else [])


def test_an_exposure_names_its_calendars_and_keeps_its_start() -> None:
    (first,) = find_exposures(seen(offers=FREE))
    assert (first.calendars, first.since, first.bookings) == (("seat",), SOON, ("m",))
    (again,) = find_exposures(seen(offers=FREE, now=SOON + LAG), [first])
    assert again == first
    (other,) = find_exposures(
        seen(offers=FREE, now=SOON + LAG, required={"b": {v(10).interval: frozenset({"m"})}}),
        [first],
    )
    assert other.since == SOON + LAG


@given(
    st.sets(st.integers(7, 20), max_size=4),
    st.sets(st.integers(7, 20), max_size=4),
    st.sets(st.integers(7, 20), max_size=4),
)
def test_a_block_whose_time_is_not_offered_is_no_exposure(
    wanted: set[int], blocked: set[int], offered: set[int]
) -> None:
    case = seen(
        *(block("b", f"e{h}", v(h), written_at=NOW) for h in sorted(blocked)),
        offers=free(*((h, h + 1) for h in sorted(offered))),
        required={"b": {v(h).interval: frozenset({f"m{h}"}) for h in wanted}},
    )
    found = {e.start.hour: e.cause for e in find_exposures(case)}
    assert found == {
        h: ExposureCause.IGNORED if h in blocked else ExposureCause.UNCLOSED
        for h in wanted & offered
    }


# --- time to block ---

MINUTE = timedelta(minutes=1)
BOOKED = booking("m", v(9))


@pytest.mark.parametrize(
    ("record", "skew", "first", "expected"),
    [
        (rec("a", "e", v(9), updated_at=NOW - MINUTE), 0, DAY, NOW - MINUTE),
        (rec("a", "e", v(9), updated_at=NOW - MINUTE), -2, DAY, NOW),
        (rec("a", "e", v(9), updated_at=NOW - MINUTE), 3, DAY, NOW - 4 * MINUTE),
        (rec("a", "e", v(9)), 0, DAY, NOW),
        (rec("a", "e", v(9), updated_at=DAY), 0, NOW - MINUTE, NOW - MINUTE),
        (rec("a", "e", v(9), updated_at=NOW - 48 * 60 * MINUTE), 0, DAY, DAY + 60 * MINUTE),
        (rec("a", "e", v(12), updated_at=NOW), 0, DAY, None),
        (rec("a", "e", v(9), written=v(9)), 0, DAY, None),
        (rec("a", "e", None), 0, DAY, None),
    ],
    ids=[
        "since it was entered",
        "but not later than it was seen",
        "corrected for the clock",
        "without a time of entry: since it was seen",
        "not before the first read",
        "not before it came into the window",
        "an event at another time does not count",
        "an event that syncd moved does not count",
        "a deleted event does not count",
    ],
)
def test_the_time_at_which_a_booking_became_visible(
    record: TrackedEvent, skew: int, first: Any, expected: Any
) -> None:
    found = visible_at(BOOKED, [record], {"a": skew * MINUTE}, {"a": first}, timedelta(hours=8))
    assert found == expected


def test_a_booking_is_blocked_when_its_last_block_exists() -> None:
    wanted = {s: {v(9).interval: frozenset({"m"})} for s in "bc"}
    first = block("b", "e", v(9), observed_at=NOW + MINUTE)
    last = block("c", "f", v(9), observed_at=NOW + 3 * MINUTE)
    visible = {"m": NOW}
    half = seen(first, required=wanted)
    (waiting,) = times_to_block(half, [BOOKED], visible, find_exposures(half), {})
    assert waiting == TimeToBlock("m", 0, "p", NOW, None)
    whole = seen(first, last, required=wanted)
    (closed,) = times_to_block(whole, [BOOKED], visible, find_exposures(whole), {})
    assert closed.closed_at == NOW + 3 * MINUTE
    known = {("m", 0): closed}
    assert times_to_block(whole, [BOOKED], {}, find_exposures(whole), known) == []


def test_a_block_that_the_system_ignores_reopens_the_booking() -> None:
    known = {("m", 0): TimeToBlock("m", 0, "p", NOW, NOW + MINUTE)}
    leaky = seen(STANDS, offers=FREE)
    (again,) = times_to_block(leaky, [BOOKED], {}, find_exposures(leaky), known)
    assert again.closed_at is None
    mended = seen(STANDS, offers=free((10, 17)))
    (closed,) = times_to_block(mended, [BOOKED], {}, find_exposures(mended), {("m", 0): again})
    assert closed.closed_at == SOON


def test_a_booking_that_needs_no_block_is_not_measured() -> None:
    assert times_to_block(seen(required={}), [BOOKED], {"m": NOW}, [], {}) == []


def test_percentiles_count_only_blocked_bookings() -> None:
    found = [TimeToBlock(f"m{n}", 0, "p", NOW, NOW + n * MINUTE / 60) for n in range(1, 101)]
    measured = percentiles([*found, TimeToBlock("open", 0, "p", NOW)])
    assert (measured.count, measured.open) == (100, 1)
    assert (measured.p50, measured.p95, measured.longest) == (50, 95, 100)
    assert percentiles([]).count == 0
