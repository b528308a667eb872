"""Store and load every state of `core` tests before it is decided on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete

from syncd.core.decision import Decision, DecisionInput
from syncd.core.reconcile import reconcile
from syncd.model import Changes, ProviderState
from syncd.store import Store
from syncd.store.tables.tables import (
    BOOKING,
    CONFLICT,
    EVENT,
    INTENT,
    OWNER_CHANGE,
    REPLICA,
    WAIVER,
)
from tests.core import kit

_TABLES = (REPLICA, WAIVER, BOOKING, EVENT, CONFLICT, INTENT, OWNER_CHANGE)


@pytest.fixture(scope="session")
def shelf() -> Iterator[Store]:
    """Yield a store in memory, which is emptied for each decision."""
    store = Store.open("sqlite://")
    yield store
    store.close()


@pytest.fixture(autouse=True)
def every_state_was_stored(shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `kit.decided` decide on the loaded state, and fail if a row of the state is lost."""

    def decide_stored(
        state: ProviderState, case: DecisionInput, new_id: Callable[[], str]
    ) -> Decision:
        loaded = stored(shelf, state)
        assert everything(loaded) == everything(state), "the store would load another state"
        return reconcile(loaded, case, new_id)

    monkeypatch.setattr(kit, "reconcile", decide_stored)


def stored(store: Store, state: ProviderState) -> ProviderState:
    """Save a state in an empty store, and load it."""
    store.execute([delete(table) for table in _TABLES])
    store.apply(
        Changes(
            records=[*state.records, *state.ended],
            bookings=[*state.bookings],
            replicas=[*state.replicas],
            opened=[*state.conflicts],
            intents=[*state.intents],
            undo_suppressions=[*state.undo_suppressions],
            owner_changes=[*state.owner_changes],
        )
    )
    return store.state(state.provider)


def everything(state: ProviderState) -> set[object]:
    """Return all rows of a state, in no order."""
    rows = (*state.bookings, *state.replicas, *state.undo_suppressions, *state.owner_changes)
    return {
        *rows,
        *(replace(record, archived=False) for record in (*state.records, *state.ended)),
        *(held.id for held in state.conflicts),
        *(intent.id for intent in state.intents),
    }
