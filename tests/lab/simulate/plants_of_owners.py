"""Planted bugs in what proves that an event has another owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.engine.reading.owners import OwnerTracker
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import OwnerProof, UserDirectory, UserState
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def an_owner_change_is_believed(patch: Patch) -> None:
    """Believe a change of owner without reading the users."""
    swap(patch, UserDirectory.proof, lambda *_given, **_named: OwnerProof.HANDED_OVER)


def an_empty_user_list_is_proof(patch: Patch) -> None:
    """Treat an empty list of users as one that has the mapped user."""
    proof = UserDirectory.proof

    def believing(self: UserDirectory, *args: Any, **kwargs: Any) -> OwnerProof:
        return proof(self, *args, **kwargs) if self.listed else OwnerProof.HANDED_OVER

    swap(patch, UserDirectory.proof, believing)


def lists_of_a_missing_user_are_proof(patch: Patch) -> None:
    """Treat events that v2 does not list for a missing user as gone."""

    async def present(_owners: OwnerTracker, _provider: str) -> UserState:
        return UserState.PRESENT

    swap(patch, OwnerTracker.user_state, present)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_BLOCKED = at(1, EventKind.BLOCK, "clinic", slot=70)
_RENAMED = at(4, EventKind.RENAME_USER, "clinic", slot=3)
_HIDDEN = at(3.9, EventKind.HIDE_USERS, "clinic", slot=3)

ABOUT_OWNERS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (an_owner_change_is_believed, day(_BOOKED, _RENAMED)),
    (an_empty_user_list_is_proof, day(_BOOKED, _HIDDEN, _RENAMED)),
    (lists_of_a_missing_user_are_proof, day(_BLOCKED, _RENAMED)),
)
