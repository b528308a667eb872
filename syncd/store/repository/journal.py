"""Queries on the journal: past writes, and writes that a system refused permanently."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from syncd.model import Intent, IntentState, Operation
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import INTENT

_FAILED = select(INTENT).where(
    INTENT.c.provider == bindparam("provider"), INTENT.c.state == str(IntentState.FAILED)
)

_NAMED = select(INTENT).where(INTENT.c.id == bindparam("named"))


def intents_of(store: Store, run: str) -> list[Intent]:
    """Load the journal rows of a run, oldest first."""
    query = select(INTENT).where(INTENT.c.run == run).order_by(INTENT.c.opened_at)
    return [rows.to_intent(row) for row in store.query_once(query)]


def intent_named(store: Store, name: str) -> Intent | None:
    """Load the journal row with this id, or return None."""
    loaded = store.query(_NAMED, {"named": name})
    return rows.to_intent(loaded[0]) if loaded else None


def intents_since(store: Store, provider: str, at: datetime) -> list[Intent]:
    """Load the journal rows of a provider that were opened after a time, oldest first."""
    query = select(INTENT).where(INTENT.c.provider == provider, INTENT.c.opened_at > at)
    return [rows.to_intent(row) for row in store.query_once(query.order_by(INTENT.c.opened_at))]


def failed_operations(store: Store, provider: str) -> list[Operation]:
    """Load the operations of a provider that were refused permanently, one per refusal."""
    return [rows.to_operation(row) for row in store.query(_FAILED, {"provider": provider})]
