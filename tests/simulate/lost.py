"""Planted bugs about a state that is lost, or older than what it made."""

from __future__ import annotations

import pytest

from syncd.core import decide
from syncd.store import reconcile
from syncd.store.created import CreatedIds

Patch = pytest.MonkeyPatch


def the_file_of_created_ids_is_ignored(patch: Patch) -> None:
    """After a loss only the tag says that a block may be syncd's."""
    patch.setattr(CreatedIds, "proven", lambda *_given: set())


def an_old_database_is_believed(patch: Patch) -> None:
    """A database that is older than the file of created ids counts as read in full."""
    patch.setattr(reconcile, "distrust", lambda _engine: None)


def proven_blocks_go_unseen(patch: Patch) -> None:
    """A block whose meeting nobody has looked for since the state was lost is removed."""
    patch.setattr(decide, "_is_blind", lambda _operation, _owners: False)
