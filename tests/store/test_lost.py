"""Recovery of a lost state as in state/README.md: an empty journal and existing blocks."""

from __future__ import annotations

from syncd.core.ownership.blocks import Ownership
from syncd.model import Kind, ProviderState, TrackedEvent
from tests.core.kit import decided, rec, summary, v

KEY = "abcdefghij"


def old_block(system: str, *, key: str | None = KEY) -> TrackedEvent:
    """Return a block at nine that syncd created before its state was lost."""
    return rec(system, "k", v(9), kind=Kind.BLOCK, key=key)


def after_loss(*records: TrackedEvent) -> list[tuple[str, str, str]]:
    """Return the writes of the first decision, which only knows the events of the systems."""
    return summary(decided(ProviderState("p", records=records)))


def test_no_block_is_created_twice_after_a_loss() -> None:
    assert after_loss(rec("a", "o", v(9)), old_block("b"), old_block("c")) == []


def test_an_old_block_stays_when_its_meeting_moves() -> None:
    assert after_loss(rec("a", "o", v(12)), old_block("b"), old_block("c")) == [
        ("create-block", "b", ">12-13"),
        ("create-block", "c", ">12-13"),
    ]


def test_an_old_block_stays_and_opens_no_meeting_when_its_meeting_is_gone() -> None:
    decision = decided(ProviderState("p", records=(old_block("b"),)))
    assert summary(decision) == []
    assert decision.changes.bookings == []


def test_a_block_without_its_tag_counts_as_foreign_busy_time() -> None:
    found = after_loss(rec("a", "o", v(9)), old_block("b", key=None), old_block("c", key=None))
    assert found == [("create-block", "a", ">09-10")]


def test_blocks_that_a_create_is_proven_to_have_made_are_ours_again() -> None:
    state = ProviderState("p", records=(rec("a", "o", v(12)), old_block("b"), old_block("c")))
    ownership = Ownership(proven=frozenset({("b", "k"), ("c", "k")}))
    assert summary(decided(state, ownership=ownership)) == [
        ("create-block", "b", ">12-13"),
        ("create-block", "c", ">12-13"),
        ("remove-block", "b", "09-10>"),
        ("remove-block", "c", "09-10>"),
    ]
