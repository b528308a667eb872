"""Which events are proven to be ours: those whose id a create returned (DESIGN section 6)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from syncd.model import Action, IntentState
from syncd.store.store import Store
from syncd.store.tables import INTENT

_CREATED = select(INTENT.c.event).where(
    INTENT.c.system == bindparam("system"),
    INTENT.c.event == bindparam("event"),
    INTENT.c.action == str(Action.CREATE_BLOCK),
    INTENT.c.state == str(IntentState.DONE),
)


def created_ids(store: Store, system: str, events: Collection[str]) -> set[str]:
    """Return those of these events of a system that a create of ours is known to have made.

    The proof is a journal row: a create that is done, with the id that it returned or adopted; or,
    where the journal was lost or is older than the block, a line of the file of created ids.
    """
    asked = [{"system": system, "event": event} for event in sorted(set(events))]
    found = {row["event"] for row in store.tell(_CREATED, *asked)}
    if store.created is not None:
        found |= store.created.proven(system, set(events) - found)
    return found
