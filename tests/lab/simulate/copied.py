"""Planted bugs about ownership: copies of blocks count as syncd's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.core.event_state import observation
from syncd.core.ownership import blocks as ownership
from syncd.core.ownership.blocks import Ownership, is_tagged
from syncd.engine.deciding import decision_input
from syncd.engine.reading import observe as reading
from syncd.engine.writing import writer

Patch = pytest.MonkeyPatch


def every_tag_is_ours(patch: Patch) -> None:
    """Treat every block with a tag as syncd's: copies are removed."""

    def all_tagged(_store: Any, state: Any, _providers: Any, *, whole: bool) -> Ownership:
        tagged = {(r.system, r.id) for r in state.records if is_tagged(r)}
        return Ownership(proven=frozenset(tagged), whole=whole)

    patch.setattr(decision_input, "ownership_of", all_tagged)
    patch.setattr(writer, "foreign_blocks", lambda *_given: set())


def a_tag_makes_a_meeting_ours(patch: Patch) -> None:
    """Treat a customer's appointment as syncd's if it contains a tag."""

    def tagged(record: Any) -> bool:
        return record.key is not None and not record.created_by_us and record.observed is not None

    def all_tagged(_store: Any, state: Any, _providers: Any, *, whole: bool) -> Ownership:
        return Ownership(proven=frozenset({(r.system, r.id) for r in state.records}), whole=whole)

    every_tag_is_ours(patch)
    patch.setattr(decision_input, "ownership_of", all_tagged)
    patch.setattr(ownership, "is_tagged", tagged)
    a_customer_ends_nothing(patch)


def a_customer_ends_nothing(patch: Patch) -> None:
    """Keep an event as syncd's even if a customer is booked into it."""

    def kept(record: Any, event: Any, *args: Any) -> Any:
        ours = record is not None and record.created_by_us
        return observation.apply_observation(
            record, replace(event, kind=record.kind) if ours else event, *args
        )

    patch.setattr(reading, "apply_observation", kept)
