"""What is kept of the rota, for `syncd status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select

from syncd.model import PollSlot
from syncd.store.store import Store
from syncd.store.tables import ROTA

_ALL = delete(ROTA)


def save_poll_schedule(store: Store, rota: Sequence[PollSlot]) -> None:
    """Put it in the place of the one before. Raises StateError."""
    store.replace(ROTA, [asdict(each) for each in rota], _ALL, {})


def stored_poll_schedule(store: Store) -> tuple[PollSlot, ...]:
    """The last one, by provider. Raises StateError."""
    query = select(ROTA).order_by(ROTA.c.provider)
    return tuple(PollSlot(**row) for row in store.query_once(query))
