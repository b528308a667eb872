"""The rows that are stored after writes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from syncd.core.event_state.write_results import join_changes
from syncd.model import Changes


def test_joined_changes_keep_every_field_in_order() -> None:
    first, second = Changes(), Changes()
    for number, field in enumerate(fields(Changes)):
        given: list[Any] = [number, -number]
        setattr(first, field.name, given[:1])
        setattr(second, field.name, given[1:])
    joined = join_changes([first, second])
    for number, field in enumerate(fields(Changes)):
        assert getattr(joined, field.name) == [number, -number], field.name
