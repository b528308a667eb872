"""Bugs about deleted twins and released blocks, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core import revival
from syncd.core.rules import Choice, Rules
from syncd.model import ConflictKind
from syncd.simulate.story import Step, Story, What
from syncd.store import living, part
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def ended_records_are_not_loaded(patch: Patch) -> None:
    """What is over is in no decision: so nobody knows any more which block was released."""
    load, grow = living.living, part._Growth._records

    def without(*given: Any) -> Any:
        return replace(load(*given), ended=())

    patch.setattr("syncd.store.store.living", without)
    patch.setattr(
        part._Growth, "_records", lambda self, ids: [r for r in grow(self, ids) if not r.over]
    )


def deleted_twins_are_always_cancelled(patch: Patch) -> None:
    """Nobody asks what the configuration says of a meeting that is deleted in one system only."""
    law = Rules.law

    def always(self: Rules, kind: ConflictKind, involved: Any) -> Any:
        plain = Rules() if kind is ConflictKind.TWIN_DELETED else self
        return law(plain, kind, involved)

    patch.setattr(Rules, "law", always)


def whoever_called_it_off_is_not_asked(patch: Patch) -> None:
    """What a person called off goes on again with what syncd called off."""
    patch.setattr(revival, "leave_cancelled", lambda *_given: None)


def twins(*steps: Step, choice: Choice = Choice.CANCEL) -> Story:
    """A day on which a meeting stands in two systems from early on."""
    both = (at(1, What.BOOK, "clinic", slot=40), at(1.01, What.TWIN, "legacy", slot=1))
    return day(*both, *steps, twin_deleted=str(choice))


_DELETED = at(4, What.DELETE_ONE, "clinic")

ABOUT_TWINS: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (
        ended_records_are_not_loaded,
        day(
            at(1, What.BOOK, "clinic", slot=40),
            at(4, What.REMOVE_OURS, "legacy"),
            at(6, What.STATUS, "clinic", slot=1),
            block_edited="release",
        ),
    ),
    (deleted_twins_are_always_cancelled, twins(_DELETED, choice=Choice.KEEP)),
    (deleted_twins_are_always_cancelled, twins(_DELETED, choice=Choice.HOLD)),
    (
        whoever_called_it_off_is_not_asked,
        twins(
            _DELETED,
            at(4, What.CANCEL_OTHER, "legacy"),
            at(7, What.UNDELETE, "clinic"),
        ),
    ),
)
