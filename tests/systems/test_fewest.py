"""The search of `fewest` agrees with an enumeration of all subsets."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tests.systems.fewest import fewest

PARTS = st.frozensets(st.integers(0, 5))


@given(PARTS, st.lists(PARTS, max_size=6))
def test_the_search_finds_what_trying_all_subsets_finds(
    wanted: frozenset[int], calls: list[frozenset[int]]
) -> None:
    calls.append(wanted)
    tried = (
        n
        for n in range(len(calls) + 1)
        for chosen in combinations(calls, n)
        if wanted <= frozenset[int]().union(*chosen)
    )
    assert fewest(wanted, calls) == next(tried)
