"""Decide why a wanted write is not made now.

After the writes are filtered by `WriteWaits.why`, no write is made to a calendar that cannot be
written to now, has a write of unknown outcome, or was not read at the time of the write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.inputs import CalendarState
from syncd.core.matching.series import may_change_series
from syncd.core.ownership.blocks import Ownership
from syncd.core.workspace import Workspace
from syncd.model import Action, IntentState, Operation, Waiting, WaitReason


@dataclass(slots=True)
class WriteWaits:
    """The reasons for which the writes of one decision wait.

    ``why_not_freed``: why writes that free time wait, even in a writable calendar; None if they
    do not.
    """

    workspace: Workspace
    calendars: Mapping[str, CalendarState]
    ownership: Ownership
    why_not_freed: WaitReason | None = None
    unsettled: AbstractSet[str] = field(init=False)
    """The systems with a write of unknown outcome."""

    def __post_init__(self) -> None:
        """Find the systems with a write of unknown outcome."""
        self.unsettled = _unsettled(self.workspace)

    def why(self, operation: Operation) -> WaitReason | None:
        """Return why a write waits; None if it can be made."""
        calendar = self.calendars[operation.system]
        if calendar.blocked is not None:
            return calendar.blocked
        if operation.system in self.unsettled:
            # An earlier write there may or may not have happened.
            return WaitReason.UNSETTLED
        if (why := calendar.why_not_updated(operation)) is not None:
            return why
        if _may_duplicate(operation, calendar) or _is_unread(self.workspace, operation, calendar):
            return WaitReason.NOT_READ
        return self._why_time_is_not_freed(operation) if frees_time(operation) else None

    def _why_time_is_not_freed(self, operation: Operation) -> WaitReason | None:
        if self.why_not_freed is not None:
            return self.why_not_freed
        unread = any(calendar.first_read_pending for calendar in self.calendars.values())
        return (
            WaitReason.NOT_READ if unread or is_unread_target(operation, self.ownership) else None
        )


def why_operator_must_act(
    workspace: Workspace, calendar: CalendarState, operation: Operation
) -> WaitReason | None:
    """Return why a write to an appointment waits for the operator; None if it does not.

    Such a write is not planned at all: its booking claims its time until the operator acts.
    """
    record = workspace.records.get((operation.system, operation.event or ""))
    if may_change_series(record, calendar):
        return WaitReason.SERIES
    reason = calendar.why_not_updated(operation)
    return reason if reason is WaitReason.DAMAGED else None


def with_pause_reason(
    waiting: Iterable[Waiting], calendars: Mapping[str, CalendarState]
) -> tuple[Waiting, ...]:
    """Return the waiting writes; if a pause or observe mode holds one back, that is its reason."""
    return tuple(
        replace(write, why=why)
        if (why := calendars[write.operation.system].blocked) is not None and why.held_back
        else write
        for write in waiting
    )


def _unsettled(workspace: Workspace) -> frozenset[str]:
    intents = workspace.state.intents
    return frozenset(i.operation.system for i in intents if i.state is IntentState.OPEN)


def frees_time(operation: Operation) -> bool:
    """Return true if a write removes a block or cancels a meeting."""
    return operation.after is None or not operation.after.busy


def _may_duplicate(operation: Operation, calendar: CalendarState) -> bool:
    """Return true if a new block might duplicate a block of ours that no read has shown."""
    after = operation.after
    if operation.action is not Action.CREATE_BLOCK or after is None or calendar.read is None:
        return False
    # Lists show what starts in their window; a longer block may have started before it.
    return not any(after.start in window for window in calendar.read)


def _is_unread(workspace: Workspace, operation: Operation, calendar: CalendarState) -> bool:
    """Return true if a new block's time was not read after its meeting became known.

    The calendar may have the meeting itself. A block that moves does not wait, because its former
    time must be free within one poll.
    """
    after, reads = operation.after, calendar.recent_reads
    if operation.action is not Action.CREATE_BLOCK or after is None or reads is None:
        return False
    return not reads.cover(after.start, _known_since(workspace, operation))


def _known_since(workspace: Workspace, operation: Operation) -> datetime | None:
    """Return when it became known that this block is needed; None if that is unknown.

    If the block covers several meetings, the one that became known last counts.
    """
    times = [_shown_since(workspace, booking, operation) for booking in operation.bookings]
    known = [at for at in times if at is not None]
    return max(known) if known and len(known) == len(times) else None


def _shown_since(workspace: Workspace, booking: str, operation: Operation) -> datetime | None:
    """Return when an event of a booking was first seen at the block's time; None if never."""
    after = operation.after
    return min(
        (
            record.observed_at
            for record in workspace.shown(booking)
            if record.observed is not None and after is not None and record.observed.overlaps(after)
        ),
        default=None,
    )


def is_unread_target(operation: Operation, ownership: Ownership) -> bool:
    """Return true if removing a block might free the time of a meeting that no read can show.

    Used after a lost state, for a block that serves no known booking. The journal or the file of
    created ids proves that the block is ours, but not for which meeting it was created. That
    meeting may be in a system that was not read since the state was lost.
    """
    serves_nothing = operation.action is Action.REMOVE_BLOCK and not operation.bookings
    return serves_nothing and not (ownership.whole and ownership.unread <= {operation.system})
