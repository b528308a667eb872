"""When a provider can be booked everywhere, and why systems differ."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.availability.offers import (
    ClosedReason,
    OfferComparison,
    OfferDifference,
    compare_offers,
    joined,
)
from syncd.model import Availability, Kind, Offer, TrackedEvent, Window
from tests.core.kit import NOW, at, block, off, rec, v

HOUR = timedelta(hours=1)

Hours = tuple[float, float]


def asked(system: str, *offers: Hours, until: float = 24) -> Availability:
    """Return a system that was asked now and offers these hours of the day."""
    spans = tuple(Offer(at(start), at(end)) for start, end in offers)
    return Availability(system, "p", NOW, Window(at(8), at(until)), spans)


def hours(comparison: OfferComparison | None) -> tuple[list[Hours], list[tuple[Hours, str, str]]]:
    """Return a comparison in hours: the common offers, and the differences."""
    assert comparison is not None

    def of(span: Window | OfferDifference) -> Hours:
        return (span.start - at(0)) / HOUR, (span.end - at(0)) / HOUR

    return (
        [of(w) for w in comparison.everywhere],
        [
            (of(d), ",".join(d.offered), ",".join(f"{s}:{why.name}" for s, why in d.closed))
            for d in comparison.differences
        ],
    )


APPOINTMENT = rec("b", "e", v(10), v(10))
OURS = block("b", "e", v(10))
HAND = rec("b", "e", v(10), v(10), kind=Kind.BLOCK)

ROWS = {
    "the same everywhere": ([], [(9, 17)], [(9, 17)], ([(9, 17)], [])),
    "different hours": (
        [],
        [(9, 17)],
        [(10, 18)],
        ([(10, 17)], [((9, 10), "a", "b:OUTSIDE"), ((17, 18), "b", "a:OUTSIDE")]),
    ),
    "an appointment there": (
        [APPOINTMENT],
        [(9, 12)],
        [(9, 10), (11, 12)],
        ([(9, 10), (11, 12)], [((10, 11), "a", "b:APPOINTMENT")]),
    ),
    "a block of ours there": (
        [OURS],
        [(9, 12)],
        [(9, 10), (11, 12)],
        ([(9, 10), (11, 12)], [((10, 11), "a", "b:OUR_BLOCK")]),
    ),
    "a block of somebody's there": (
        [HAND],
        [(9, 12)],
        [(9, 10), (11, 12)],
        ([(9, 10), (11, 12)], [((10, 11), "a", "b:BLOCK")]),
    ),
    "a cancelled event closes nothing": (
        [rec("b", "e", off(10), off(10))],
        [(9, 12)],
        [(9, 10), (11, 12)],
        ([(9, 10), (11, 12)], [((10, 11), "a", "b:OUTSIDE")]),
    ),
    "closed in both": ([APPOINTMENT], [(9, 10)], [(9, 10)], ([(9, 10)], [])),
    "no time at all": ([], [], [], ([], [])),
    "part of a longer gap is an event's": (
        [APPOINTMENT],
        [(9, 12)],
        [(9, 9.5)],
        (
            [(9, 9.5)],
            [
                ((9.5, 10), "a", "b:OUTSIDE"),
                ((10, 11), "a", "b:APPOINTMENT"),
                ((11, 12), "a", "b:OUTSIDE"),
            ],
        ),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_free_time_is_compared(
    row: tuple[list[TrackedEvent], list[Hours], list[Hours], object],
) -> None:
    records, a, b, expected = row
    assert hours(compare_offers([asked("a", *a), asked("b", *b)], records)) == expected


def test_only_what_all_were_asked_for_is_compared() -> None:
    comparison = compare_offers([asked("a", (9, 17)), asked("b", (9, 12), until=12)], ())
    assert hours(comparison) == ([(9, 12)], [])
    assert comparison is not None
    assert comparison.window == Window(at(8), at(12))


def test_a_system_that_never_answered_is_left_out() -> None:
    silent = Availability("b", "p", NOW, Window(NOW, NOW), fault="no calendar id")
    assert hours(compare_offers([asked("a", (9, 17)), silent], ())) == ([(9, 17)], [])
    assert compare_offers([silent], ()) is None


def test_a_span_that_no_system_was_asked_for_is_not_compared() -> None:
    assert compare_offers([asked("a", (9, 17))], (), Window(at(30), at(40))) is None


def test_offers_are_joined_for_each_calendar() -> None:
    offers = [
        Offer(at(10), at(11), "x"),
        Offer(at(9), at(10), "x"),
        Offer(at(9.5), at(10), "y"),
        Offer(at(12), at(12), "y"),
    ]
    assert joined(offers) == (Offer(at(9), at(11), "x"), Offer(at(9.5), at(10), "y"))


SPANS = st.lists(
    st.tuples(st.integers(8, 23), st.integers(1, 6)).map(lambda t: (t[0], min(24, t[0] + t[1]))),
    max_size=5,
)
EVENTS = st.lists(
    st.builds(
        lambda system, start, ours: (block if ours else rec)(system, f"e{start}", v(start)),
        st.sampled_from("abc"),
        st.integers(8, 22),
        st.booleans(),
    ),
    max_size=5,
)


@given(st.fixed_dictionaries(dict.fromkeys("abc", SPANS)), EVENTS)
def test_each_moment_is_in_exactly_one_result(
    offered: dict[str, list[Hours]], records: list[TrackedEvent]
) -> None:
    free = [asked(system, *spans) for system, spans in offered.items()]
    comparison = compare_offers(free, records)
    assert comparison is not None
    for quarter in range(8 * 4, 24 * 4):
        moment = at(quarter / 4)
        by = {f.system for f in free if any(moment in o for o in f.offers)}
        everywhere = [w for w in comparison.everywhere if moment in w]
        differing = [d for d in comparison.differences if d.start <= moment < d.end]
        assert len(everywhere) == (len(by) == 3)
        assert len(differing) == (0 < len(by) < 3)
        for difference in differing:
            assert set(difference.offered) == by
            for system, why in difference.closed:
                there = [r.observed for r in records if r.system == system and r.observed]
                shut = any(value.start <= moment < value.end for value in there)
                assert (why is ClosedReason.OUTSIDE) is not shut
