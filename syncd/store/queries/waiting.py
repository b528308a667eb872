"""Store waiting writes (`model.WaitingWrite`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from syncd.model import WaitingWrite, WaitReason
from syncd.store.store import Store
from syncd.store.tables.tables import WAITING

_ALL = select(WAITING).order_by(WAITING.c.system, WAITING.c.starts, WAITING.c.name)
_DELETE = delete(WAITING).where(WAITING.c.name == bindparam("gone"))
_COUNT = select(WAITING.c.system, WAITING.c.why, func.count().label("n")).group_by(
    WAITING.c.system, WAITING.c.why
)


def waiting_writes(store: Store) -> list[WaitingWrite]:
    """Load all waiting writes, ordered by system and time. Raises StateError."""
    return [_write(row) for row in store.query(_ALL, {})]


def count_waiting(store: Store) -> dict[tuple[str, WaitReason], int]:
    """Count the waiting writes by system and reason. Raises StateError."""
    counts = store.query(_COUNT, {})
    return {(row["system"], WaitReason(row["why"])): row["n"] for row in counts}


def save_waiting(store: Store, new: Collection[WaitingWrite], gone: Collection[str]) -> None:
    """Store the ``new`` waiting writes, and delete the waiting writes with a name in ``gone``.

    Raises StateError.
    """
    names = ({"gone": name} for name in gone)
    store.replace(WAITING, [_row(each) for each in new], _DELETE, *names)


def _row(write: WaitingWrite) -> dict[str, Any]:
    return {
        "name": write.name,
        "system": write.system,
        "provider": write.provider,
        "action": write.action,
        "event": write.event,
        "why": str(write.why),
        "starts": write.start,
        "ends": write.end,
        "since": write.since,
    }


def _write(row: Mapping[str, Any]) -> WaitingWrite:
    return WaitingWrite(
        row["name"],
        row["system"],
        row["provider"],
        row["action"],
        row["event"],
        WaitReason(row["why"]),
        row["starts"],
        row["ends"],
        row["since"],
    )
