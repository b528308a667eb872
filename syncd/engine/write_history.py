"""The history lines of a write."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncd.model import HistoryEntry, Operation

if TYPE_CHECKING:
    from syncd.engine.writer import WriteContext


def history_of_write(
    desk: WriteContext, operation: Operation, event: str, detail: str, at: datetime
) -> list[HistoryEntry]:
    """One line of history for each booking that a write serves (promise 10)."""
    return [
        HistoryEntry(
            at=at,
            run=desk.run,
            provider=operation.provider,
            what=str(operation.action),
            booking=booking,
            system=operation.system,
            event=event,
            before=operation.before,
            after=operation.after,
            rule=operation.reason,
            detail=detail,
            place=desk.place_of(operation.reason),
        )
        for booking in operation.bookings or ("",)
    ]
