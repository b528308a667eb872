"""Bugs about deleted twins and released blocks, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.matching import revived_meetings
from syncd.core.merging.rules import Choice, Rules
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent
from syncd.model import ConflictKind, ProviderState
from syncd.store.repository import load as store_load
from syncd.store.repository import partial_load
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def ended_records_are_not_loaded(patch: Patch) -> None:
    """Load no ended records, so that released blocks are forgotten."""
    load, related_state = store_load.load_provider, partial_load.related_state

    def without(*args: Any) -> ProviderState:
        return replace(load(*args), ended=())

    def related_without(*given: Any) -> dict[str, ProviderState]:
        return {p: replace(part, ended=()) for p, part in related_state(*given).items()}

    swap(patch, load, without)
    swap(patch, related_state, related_without)


def deleted_twins_are_always_cancelled(patch: Patch) -> None:
    """Cancel the other records of a meeting deleted in one system, whatever is configured."""
    law = Rules.effective_rule

    def always(self: Rules, kind: ConflictKind, involved: Any) -> Any:
        plain = Rules() if kind is ConflictKind.TWIN_DELETED else self
        return law(plain, kind, involved)

    swap(patch, Rules.effective_rule, always)


def whoever_called_it_off_is_not_asked(patch: Patch) -> None:
    """Reactivate a meeting that a person cancelled together with those that syncd cancelled."""
    patch.setattr(revived_meetings, "unlink_cancelled", lambda *_given: None)


def twins(*steps: SimEvent, choice: Choice = Choice.CANCEL) -> Scenario:
    """Return a day on which a meeting is in two systems from early on."""
    both = (at(1, EventKind.BOOK, "clinic", slot=40), at(1.01, EventKind.TWIN, "legacy", slot=1))
    return day(*both, *steps, twin_deleted=str(choice))


_DELETED = at(4, EventKind.DELETE_ONE, "clinic")

ABOUT_TWINS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        ended_records_are_not_loaded,
        day(
            at(1, EventKind.BOOK, "clinic", slot=40),
            at(4, EventKind.REMOVE_OURS, "legacy"),
            at(6, EventKind.STATUS, "clinic", slot=1),
            block_edited="release",
        ),
    ),
    (deleted_twins_are_always_cancelled, twins(_DELETED, choice=Choice.KEEP)),
    (deleted_twins_are_always_cancelled, twins(_DELETED, choice=Choice.HOLD)),
    (
        whoever_called_it_off_is_not_asked,
        twins(
            _DELETED,
            at(4, EventKind.CANCEL_OTHER, "legacy"),
            at(7, EventKind.UNDELETE, "clinic"),
        ),
    ),
)
