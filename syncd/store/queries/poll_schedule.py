"""Store the poll schedule, for `syncd status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select

from syncd.model import PollSlot
from syncd.store.store import Store
from syncd.store.tables.tables import ROTA

_ALL = delete(ROTA)


def save_poll_schedule(store: Store, slots: Sequence[PollSlot]) -> None:
    """Replace the stored poll schedule. Raises StateError."""
    store.replace(ROTA, [asdict(slot) for slot in slots], _ALL, {})


def stored_poll_schedule(store: Store) -> tuple[PollSlot, ...]:
    """Load the poll schedule, ordered by provider. Raises StateError."""
    query = select(ROTA).order_by(ROTA.c.provider)
    return tuple(PollSlot(**row) for row in store.query_once(query))
