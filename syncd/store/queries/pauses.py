"""Store pauses (`model.pauses.Pause`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from syncd.model.pauses import Pause
from syncd.store.tables import rows
from syncd.store.tables.tables import HISTORY, PAUSE

if TYPE_CHECKING:
    from syncd.model import HistoryEntry
    from syncd.store.store import Store

_ALL = select(PAUSE).order_by(PAUSE.c.since, PAUSE.c.provider, PAUSE.c.system)
_END = delete(PAUSE).where(
    PAUSE.c.system == bindparam("of_system"), PAUSE.c.provider == bindparam("of_provider")
)


def pauses(store: Store) -> list[Pause]:
    """Load all pauses, the earliest first. Raises StateError."""
    return [to_pause(row) for row in store.query(_ALL, {})]


def save_pauses(store: Store, *wanted: Pause, notes: Sequence[HistoryEntry] = ()) -> list[Pause]:
    """Store the pauses that do not exist yet, and return the stored ones.

    The rows are on the disk when this function returns. An existing pause keeps its time, operator
    and reason. Of the history ``notes``, only those of new pauses are stored. Raises StateError.
    """
    known = {(pause.system, pause.provider) for pause in pauses(store)}
    new = [pause for pause in wanted if (pause.system, pause.provider) not in known]
    if new:
        store.replace(PAUSE, [_row(pause) for pause in new])
        places = {(pause.system, pause.provider) for pause in new}
        lines = [rows.from_history_entry(n) for n in notes if (n.system, n.provider) in places]
        store.replace(HISTORY, lines)
    return new


def end_pauses(store: Store, ended: Collection[Pause], notes: Sequence[HistoryEntry] = ()) -> None:
    """Delete pauses and store their history. Raises StateError."""
    if ended:
        named = ({"of_system": p.system, "of_provider": p.provider} for p in ended)
        store.replace(HISTORY, [rows.from_history_entry(note) for note in notes], _END, *named)


def to_pause(row: Mapping[str, Any]) -> Pause:
    """Convert a row to a pause."""
    return Pause(row["system"], row["provider"], row["since"], row["who"], row["reason"])


def _row(pause: Pause) -> dict[str, Any]:
    return {
        "system": pause.system,
        "provider": pause.provider,
        "since": pause.since,
        "who": pause.who,
        "reason": pause.reason,
    }
