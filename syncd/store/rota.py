"""What is kept of the rota, for `syncd status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select

from syncd.model import OnRota
from syncd.store.store import Store
from syncd.store.tables import ROTA

_ALL = delete(ROTA)


def keep_rota(store: Store, rota: Sequence[OnRota]) -> None:
    """Put it in the place of the one before. Raises StateError."""
    store.keep(ROTA, [asdict(each) for each in rota], _ALL, {})


def kept_rota(store: Store) -> tuple[OnRota, ...]:
    """The last one, by provider. Raises StateError."""
    query = select(ROTA).order_by(ROTA.c.provider)
    return tuple(OnRota(**row) for row in store.ask(query))
