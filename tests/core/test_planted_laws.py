"""The laws are worth what they catch: each planted bug of the core breaks the law that it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.merging import merge as merging
from syncd.core.merging import policy
from syncd.core.merging.merge import MergeResult
from syncd.core.merging.policy import Candidate
from syncd.core.merging.rules import Choice, Rules
from syncd.model import Booking, ConflictKind
from tests.core import test_merge_laws

Patch = pytest.MonkeyPatch


def ties_go_to_the_first_that_came(patch: Patch) -> None:
    def first(bids: Sequence[Candidate], _rules: Rules) -> Candidate:
        return next(iter(bids))

    patch.setattr(policy, "preferred", first)
    patch.setitem(policy.TABLE, (ConflictKind.MOVED_APART, Choice.PREFER), first)


def news_is_taken_as_it_comes(patch: Patch) -> None:
    patch.setattr(merging, "sorted", lambda found, **_key: list(found), raising=False)


def only_the_first_news_is_accepted(patch: Patch) -> None:
    def some(*given: Any) -> MergeResult:
        merged = merge(*given)
        return replace(merged, accepted=merged.accepted[:1])

    merge = merging.merge
    patch.setattr(test_merge_laws, "merge", some)


def a_moved_meeting_is_a_minute_off(patch: Patch) -> None:
    def off(booking: Booking, *given: Any) -> MergeResult:
        merged = merge(booking, *given)
        agreed = merged.agreed
        if agreed == booking.agreed:
            return merged
        return replace(merged, agreed=replace(agreed, end=agreed.end + timedelta(minutes=1)))

    merge = merging.merge
    patch.setattr(test_merge_laws, "merge", off)


def the_newest_loses(patch: Patch) -> None:
    def oldest(bids: Sequence[Candidate], _rules: Rules) -> Candidate:
        return min(bids, key=lambda bid: (bid.updated_at or bid.seen_at, bid.system))

    patch.setitem(policy.TABLE, (ConflictKind.MOVED_APART, Choice.LATEST), oldest)


Law = Callable[[], None]
ROWS: tuple[tuple[Callable[[Patch], None], Law], ...] = (
    (
        ties_go_to_the_first_that_came,
        test_merge_laws.test_the_winner_does_not_depend_on_the_order_of_candidates,
    ),
    (
        news_is_taken_as_it_comes,
        test_merge_laws.test_the_order_of_records_and_systems_does_not_matter,
    ),
    (
        only_the_first_news_is_accepted,
        test_merge_laws.test_a_merge_accepts_all_changes_or_none,
    ),
    (
        a_moved_meeting_is_a_minute_off,
        test_merge_laws.test_every_input_has_an_outcome_that_some_system_claimed,
    ),
    (
        the_newest_loses,
        test_merge_laws.test_no_preferred_and_no_clearly_later_candidate_loses,
    ),
)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("plant", "law"), ROWS, ids=[f"{plant.__name__}-{law.__name__}" for plant, law in ROWS]
)
def test_a_planted_bug_breaks_its_law(
    plant: Callable[[Patch], None], law: Law, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    broken = False
    try:
        law()
    except AssertionError:
        broken = True
    assert broken, f"{plant.__name__} passes {law.__name__}"
