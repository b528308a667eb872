"""Planted bugs about a state that is lost, or older than the blocks that it made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.propagation import write_waits
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.store.backup import created_ids_sync
from syncd.store.backup.created_ids import CreatedIds
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def the_file_of_created_ids_is_ignored(patch: Patch) -> None:
    """Ignore the created ids: after a loss only the tag shows that a block may be syncd's."""
    swap(patch, CreatedIds.proven, lambda *_given: set())


def an_old_database_is_believed(patch: Patch) -> None:
    """Treat a database that is older than the created ids as read in full."""
    patch.setattr(created_ids_sync, "revoke_proof", lambda _engine: None)


def proven_blocks_go_unseen(patch: Patch) -> None:
    """Remove a block whose meeting was not read since the state was lost."""
    patch.setattr(write_waits, "is_unread_target", lambda _operation, _owners: False)


_UNSEEN = (
    at(2.5, EventKind.BOOK, "crm", slot=70),
    at(3.5, EventKind.FAULT, "crm", fault="error", times=500),
)
"""A meeting is propagated to the other systems, then its own system is down."""

ABOUT_LOSS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        the_file_of_created_ids_is_ignored,
        day(
            at(1, EventKind.BOOK, "clinic", slot=70),
            at(3.01, EventKind.DELETE, "clinic"),
            at(3.02, EventKind.STATE_LOST, ""),
        ),
    ),
    (an_old_database_is_believed, day(*_UNSEEN, at(3.6, EventKind.STATE_RESTORED, "", slot=1))),
    (proven_blocks_go_unseen, day(*_UNSEEN, at(3.6, EventKind.STATE_LOST, ""))),
)
