"""Caps of lists: suspicious lengths, and the fewest pieces that stay below a cap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import Kind, Window
from syncd.model.intervals import uncovered
from syncd.systems.list_caps import (
    MAX_PARTS,
    SHORTEST,
    SUSPICIOUS,
    KnownCap,
    Part,
    halves,
    planned,
    proven_spans,
)
from tests.lab.sandbox.kit import at

DAY = timedelta(days=1)
SPAN = Window(at(0), at(0) + 10 * DAY)


def days(*rows: float, whole: bool = True) -> list[Part]:
    """Return one part per day, with these numbers of rows."""
    return [
        Part(Window(at(0) + n * DAY, at(0) + (n + 1) * DAY), each, whole)
        for n, each in enumerate(rows)
    ]


@pytest.mark.parametrize("rows", sorted(SUSPICIOUS))
def test_a_typical_length_is_suspicious_until_an_answer_has_more_rows(rows: int) -> None:
    assert KnownCap().is_suspicious(rows)
    assert KnownCap().after(rows).is_suspicious(rows)
    assert not KnownCap().after(rows + 1).is_suspicious(rows)
    assert not KnownCap().is_suspicious(rows + 1)


def test_a_learned_cap_is_suspicious_whatever_its_number_until_it_is_exceeded() -> None:
    known = KnownCap(cap=120)
    assert known.is_suspicious(120)
    assert known.after(120) == KnownCap(120, 100)
    assert known.after(121) == KnownCap(None, 100)


def test_an_answer_does_not_disprove_a_longer_cap() -> None:
    assert KnownCap(cap=500).after(300) == KnownCap(500, 250)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=7), st.sampled_from((100, 150, 200)))
def test_no_other_cut_needs_fewer_pieces(rows: Sequence[int], cap: int) -> None:
    """Compare with every way to cut the span between days."""
    most = (cap - 1) // 2
    parts = days(*(min(each, most) for each in rows))
    span = Window(parts[0].span.start, parts[-1].span.end)
    got = planned(span, parts, KnownCap(cap))
    assert (got[0].start, got[-1].end) == (span.start, span.end)
    assert all(a.end == b.start for a, b in pairwise(got))
    for piece in got:
        assert sum(p.rows for p in parts if piece.start <= p.span.start < piece.end) <= most
    assert len(got) == _fewest([p.rows for p in parts], most)


def _fewest(rows: Sequence[float], most: float) -> int:
    """Return the minimum number of adjacent pieces, by trying each end of the first one."""
    if not rows:
        return 0
    ends = (n for n in range(1, len(rows) + 1) if sum(rows[:n]) <= most)
    return min(1 + _fewest(rows[end:], most) for end in ends)


def test_a_list_without_a_cap_is_not_cut() -> None:
    assert planned(SPAN, days(*[51] * 10), KnownCap()) == [SPAN]
    assert planned(SPAN, (), KnownCap(200)) == [SPAN]


def test_a_list_exactly_as_long_as_a_possible_cap_takes_one_call_more() -> None:
    assert len(planned(SPAN, days(120, 80), KnownCap())) == 2
    assert planned(SPAN, days(120, 80), KnownCap(clear=200)) == [SPAN]
    assert planned(SPAN, days(120, 81), KnownCap()) == [SPAN]


def test_a_part_that_was_cut_is_asked_for_in_several_next_time() -> None:
    cut = [Part(SPAN, 200, whole=False)]
    assert len(planned(SPAN, cut, KnownCap(200))) >= 4


def test_pieces_follow_the_window_as_it_moves_on() -> None:
    later = Window(SPAN.start + DAY / 2, SPAN.end + DAY / 2)
    got = planned(later, days(*[90] * 10), KnownCap(200))
    assert (got[0].start, got[-1].end) == (later.start, later.end)
    assert all(a.end == b.start for a, b in pairwise(got))


def test_the_calls_of_one_list_and_the_shortest_piece_are_bounded() -> None:
    got = planned(SPAN, days(*[100_000] * 10), KnownCap(100))
    assert len(got) == MAX_PARTS
    short = Window(at(0), at(0) + SHORTEST * 2)
    got = planned(short, [Part(short, 5000)], KnownCap(100))
    assert min(piece.end - piece.start for piece in got) >= SHORTEST - timedelta(minutes=1)


def test_splitting_stops_at_fifteen_minutes() -> None:
    assert halves(Window(at(0), at(0) + SHORTEST)) is None
    first, second = halves(SPAN) or (SPAN, SPAN)
    assert (first.start, first.end, second.end) == (SPAN.start, second.start, SPAN.end)


def test_the_window_without_holes_is_returned_in_order() -> None:
    window = Window(at(0), at(0) + 10 * DAY)

    def span(first: int, last: int) -> Window:
        return Window(at(0) + first * DAY, at(0) + last * DAY)

    assert uncovered(window, ()) == [window]
    assert uncovered(window, [span(-1, 11)]) == []
    assert uncovered(window, [span(6, 7), span(2, 3), span(2, 4)]) == [
        span(0, 2),
        span(4, 6),
        span(7, 10),
    ]
    assert dict(proven_spans(window, {Kind.APPOINTMENT: (), Kind.BLOCK: [span(5, 10)]})) == {
        window: {Kind.APPOINTMENT},
        span(0, 5): {Kind.BLOCK},
    }
