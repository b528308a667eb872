"""The event ids that the journal proves to be ours."""

from __future__ import annotations

from dataclasses import replace

from syncd.model import Action, Changes, IntentState
from syncd.store import Store
from syncd.store.backup.ownership_proof import created_ids
from tests.store.kit import intent


def test_only_a_create_that_is_done_proves_the_id_that_it_returned(store: Store) -> None:
    rows = []
    for name, state, action in (
        ("made", IntentState.DONE, Action.CREATE_BLOCK),
        ("moved", IntentState.DONE, Action.MOVE_BLOCK),
        ("open", IntentState.OPEN, Action.CREATE_BLOCK),
        ("dropped", IntentState.DROPPED, Action.CREATE_BLOCK),
        ("refused", IntentState.FAILED, Action.CREATE_BLOCK),
    ):
        row = intent(name, state=state)
        rows.append(replace(row, operation=replace(row.operation, event=name, action=action)))
    store.apply(Changes(intents=rows))
    asked = [row.operation.event or "" for row in rows]
    assert created_ids(store, "b", [*asked, "stranger"]) == {"made"}
    assert created_ids(store, "a", asked) == set()
    assert created_ids(store, "b", []) == set()
