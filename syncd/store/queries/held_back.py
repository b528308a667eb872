"""Store the writes that a pause or observe mode holds back (`model.HeldBack`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select

from syncd.model import HeldBack, HistoryEntry, WaitReason
from syncd.store.tables import rows
from syncd.store.tables.tables import HELD_BACK, HISTORY

if TYPE_CHECKING:
    from syncd.store.store import Store

MAX_ENDED = 5000
"""The number of ended rows that are kept, the newest ones. Open rows are all kept."""

_OPEN = (
    select(HELD_BACK)
    .where(HELD_BACK.c.ended_at.is_(None))
    .order_by(HELD_BACK.c.system, HELD_BACK.c.provider, HELD_BACK.c.since, HELD_BACK.c.name)
)
_LATEST = (
    select(HELD_BACK).order_by(HELD_BACK.c.since.desc(), HELD_BACK.c.name).limit(bindparam("most"))
)
_LATEST_OF = _LATEST.where(HELD_BACK.c.provider == bindparam("of_provider"))
_ENDED = select(func.count().label("n")).where(HELD_BACK.c.ended_at.is_not(None))
_OLD = (
    select(HELD_BACK.c.name, HELD_BACK.c.since)
    .where(HELD_BACK.c.ended_at.is_not(None))
    .order_by(HELD_BACK.c.ended_at, HELD_BACK.c.name)
    .limit(bindparam("most"))
)
_DROP = delete(HELD_BACK).where(
    HELD_BACK.c.name == bindparam("of_name"),
    HELD_BACK.c.since == bindparam("of_since", type_=HELD_BACK.c.since.type),
)


def held_back_now(store: Store) -> list[HeldBack]:
    """Load the writes that are held back now, ordered by calendar and time. Raises StateError."""
    return [_held_back(row) for row in store.query(_OPEN, {})]


def held_back_log(store: Store, provider: str | None, most: int) -> list[HeldBack]:
    """Load at most ``most`` writes that are or were held back, newest first.

    ``provider`` None means the writes of all providers. Raises StateError.
    """
    if provider is None:
        loaded = store.query(_LATEST, {"most": most})
    else:
        loaded = store.query(_LATEST_OF, {"most": most, "of_provider": provider})
    return [_held_back(row) for row in loaded]


def save_held_back(
    store: Store, changed: Collection[HeldBack], notes: Sequence[HistoryEntry]
) -> None:
    """Store new, repeated and ended rows with their history. Raises StateError.

    Deletes the oldest ended rows beyond `MAX_ENDED`.
    """
    if notes:
        store.replace(HISTORY, [rows.from_history_entry(note) for note in notes])
    if changed:
        store.replace(HELD_BACK, [_row(each) for each in changed])
    if any(each.ended_at for each in changed):
        surplus = store.query(_ENDED, {})[0]["n"] - MAX_ENDED
        if surplus > 0:
            old = store.query(_OLD, {"most": surplus})
            named = ({"of_name": row["name"], "of_since": row["since"]} for row in old)
            store.replace(HELD_BACK, [], _DROP, *named)


def _row(each: HeldBack) -> dict[str, Any]:
    operation = each.operation
    return {
        "name": each.name,
        "since": each.since,
        "why": str(each.why),
        "action": str(operation.action),
        "system": operation.system,
        "provider": operation.provider,
        "kind": str(operation.kind),
        "event": operation.event,
        "before": operation.before,
        "after": operation.after,
        "bookings": list(operation.bookings),
        "reason": operation.reason,
        "seen_at": each.seen_at,
        "ended_at": each.ended_at,
    }


def _held_back(row: Mapping[str, Any]) -> HeldBack:
    return HeldBack(
        row["name"],
        rows.to_operation({**row, "key": None}),
        WaitReason(row["why"]),
        row["since"],
        row["seen_at"],
        row["ended_at"],
    )
