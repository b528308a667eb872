"""Why a wanted write is not made now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.inputs import CalendarState
from syncd.core.ownership import Ownership
from syncd.core.workspace import Workspace
from syncd.model import Action, IntentState, Operation, Waiting, WaitReason


@dataclass(slots=True)
class WriteHolds:
    """What the writes of one decision are held back for.

    ``withhold`` is why nothing that frees time is written, whatever the calendars allow.
    """

    workspace: Workspace
    calendars: Mapping[str, CalendarState]
    ownership: Ownership
    withhold: WaitReason | None = None
    unsettled: AbstractSet[str] = field(init=False)
    """The systems with a write of unknown outcome."""

    def __post_init__(self) -> None:
        """TimedRead at the journal once."""
        self.unsettled = _unsettled(self.workspace)

    def why(self, operation: Operation) -> WaitReason | None:
        """Return why a write waits; None if it can be made."""
        calendar = self.calendars[operation.system]
        if calendar.blocked is not None:
            return calendar.blocked
        if operation.system in self.unsettled:
            # Nothing is written on top of a write that may or may not have happened.
            return WaitReason.UNSETTLED
        if (why := calendar.why_not_updated(operation)) is not None:
            return why
        if _may_double(operation, calendar) or _is_unread(self.workspace, operation, calendar):
            return WaitReason.NOT_READ
        return self._why_not_free(operation) if frees_time(operation) else None

    def _why_not_free(self, operation: Operation) -> WaitReason | None:
        if self.withhold is not None:
            return self.withhold
        fresh = any(calendar.first_read_pending for calendar in self.calendars.values())
        return WaitReason.NOT_READ if fresh or is_unread_target(operation, self.ownership) else None


def with_pause_reason(
    waiting: Iterable[Waiting], calendars: Mapping[str, CalendarState]
) -> tuple[Waiting, ...]:
    """Name the pause wherever there is one: a write that it holds back waits for nothing else."""
    return tuple(
        replace(each, why=why)
        if (why := calendars[each.operation.system].blocked) is not None and why.held_back
        else each
        for each in waiting
    )


def _unsettled(workspace: Workspace) -> frozenset[str]:
    """Return the systems in which a write has no known outcome yet."""
    intents = workspace.state.intents
    return frozenset(i.operation.system for i in intents if i.state is IntentState.OPEN)


def frees_time(operation: Operation) -> bool:
    """Whether a write ends something: a block goes, or a meeting is off."""
    return operation.after is None or not operation.after.busy


def _may_double(operation: Operation, calendar: CalendarState) -> bool:
    """Whether a block would be made where one of ours may stand that nobody has seen."""
    after = operation.after
    if operation.action is not Action.CREATE_BLOCK or after is None or calendar.read is None:
        return False
    # Lists show what begins in the time asked for: a longer block may have begun before it.
    return not any(after.start in window for window in calendar.read)


def _is_unread(workspace: Workspace, operation: Operation, calendar: CalendarState) -> bool:
    """Return whether a new block's time was not read since its meeting became known.

    That meeting may itself be in this calendar. A block that moves does not wait, because its
    former time must be free within one poll.
    """
    after, reads = operation.after, calendar.recent_reads
    if operation.action is not Action.CREATE_BLOCK or after is None or reads is None:
        return False
    return not reads.cover(after.start, _known_since(workspace, operation))


def _known_since(workspace: Workspace, operation: Operation) -> datetime | None:
    """Return when it became known that this block is needed; None if that is unknown.

    If the block covers several meetings, the one that became known last counts.
    """
    found = [_shown_since(workspace, booking, operation) for booking in operation.bookings]
    known = [at for at in found if at is not None]
    return max(known) if known and len(known) == len(found) else None


def _shown_since(workspace: Workspace, booking: str, operation: Operation) -> datetime | None:
    after = operation.after
    return min(
        (
            record.observed_at
            for record in workspace.shown(booking)
            if record.observed is not None
            and after is not None
            and record.observed.start < after.end
            and after.start < record.observed.end
        ),
        default=None,
    )


def is_unread_target(operation: Operation, ownership: Ownership) -> bool:
    """Whether a block would go whose meeting may be in a system not read since the state was lost.

    The journal or the file of created ids proves that the block is ours, and nothing says for whom
    it was made. It may have been for an event that is there and cannot be read any more.
    """
    orphaned = operation.action is Action.REMOVE_BLOCK and not operation.bookings
    return orphaned and not (ownership.whole and ownership.unread <= {operation.system})
