"""Create the history entries of a write."""

from __future__ import annotations

from datetime import datetime

from syncd.engine.writing.context import WriteContext
from syncd.model import HistoryEntry, Operation


def history_of_write(
    context: WriteContext, operation: Operation, event: str, detail: str, at: datetime
) -> list[HistoryEntry]:
    """Return one history entry for each booking that a write serves.

    ``event`` is the id of the target, ``detail`` what became of the write. This keeps promise 10
    (docs/design.md#promises).
    """
    return [
        HistoryEntry(
            at=at,
            run=context.run,
            provider=operation.provider,
            what=str(operation.action),
            booking=booking,
            system=operation.system,
            event=event,
            before=operation.before,
            after=operation.after,
            rule=operation.reason,
            detail=detail,
            place=context.place_of(operation.reason),
        )
        for booking in operation.bookings or ("",)
    ]
