"""Load derived events (`model.derived`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import String, bindparam, select

from syncd.model import TrackedEvent, derived_id
from syncd.store.tables import rows
from syncd.store.tables.tables import EVENT

if TYPE_CHECKING:
    from syncd.store.store import Store

# A range of ids uses the index; a LIKE pattern would scan all events.
_DERIVED = select(EVENT).where(
    EVENT.c.system == bindparam("system"),
    EVENT.c.id > bindparam("low", type_=String),
    EVENT.c.id < bindparam("high", type_=String),
)
_NEXT = chr(ord("@") + 1)


def derived_from(store: Store, system: str, records: Iterable[str]) -> list[TrackedEvent]:
    """Load the derived events of these records of a system (`model.derived`). Raises StateError."""
    parameters = (
        {"system": system, "low": derived_id(id_, ""), "high": f"{id_}{_NEXT}"} for id_ in records
    )
    return [rows.to_record(row) for row in store.query(_DERIVED, *parameters)]
