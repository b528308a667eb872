"""The conflict queue: the same contradiction is one entry, for as long as its inputs stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from syncd.core.inputs import CalendarState
from syncd.core.resolution import NO_DIRECTIVE, Directive, conflict_identity
from syncd.core.workspace import Workspace
from syncd.model import Claim, Conflict, ConflictKind, HeldConflict


def update_queue(
    workspace: Workspace,
    found: Sequence[Conflict],
    calendars: Mapping[str, CalendarState],
    new_id: Callable[[], str],
    verdict: Directive = NO_DIRECTIVE,
) -> None:
    """Compare the contradictions of this decision with those that are open.

    The same one stays as it is. One whose inputs changed is closed and opened anew. One that is not
    there any more is closed with the reason, unless what a system says of it cannot be acted on
    now. One that a person dismisses stays, and is told no more.
    """
    now = {conflict_identity(c): c for c in found}
    for held in workspace.state.conflicts:
        old = held.conflict
        same = now.pop(conflict_identity(old), None)
        if same is not None:
            if verdict.answers(old) and verdict.quiet:
                workspace.changes.opened.append(replace(held, outcome=verdict.rule))
            elif (same.rule, same.held) != (old.rule, old.held):
                # The configuration says something else of it now.
                workspace.changes.opened.append(replace(held, conflict=same))
            continue
        again = any((old.kind, old.subject) == (c.kind, c.subject) for c in now.values())
        guard = old.kind is ConflictKind.GUARD
        if not again and not guard and not all(is_trusted(c, calendars) for c in old.claims):
            continue
        outcome = "its inputs changed" if again else _reason(workspace, held, verdict)
        workspace.changes.closed.append(replace(held, closed_at=workspace.now, outcome=outcome))
    for conflict in now.values():
        workspace.changes.opened.append(
            HeldConflict(new_id(), conflict, workspace.now, workspace.run)
        )


def is_trusted(claim: Claim, calendars: Mapping[str, CalendarState]) -> bool:
    """Whether what a system says of an event may be acted on; an unmapped one says nothing."""
    calendar = calendars.get(claim.system)
    return calendar is None or (calendar.trusted and claim.event not in calendar.stopped)


def _reason(workspace: Workspace, held: HeldConflict, verdict: Directive) -> str:
    """Why a conflict is no more."""
    conflict = held.conflict
    values = [claim.value for claim in conflict.claims if claim.value is not None]
    booking = workspace.bookings.get(conflict.subject)
    if verdict.answers(conflict):
        reason = verdict.rule
    elif values and all(value.end <= workspace.now for value in values):
        reason = "its time has passed"
    elif conflict.kind in _SOLVED:
        reason = _SOLVED[conflict.kind]
    elif booking is None:
        reason = "no longer there"
    elif booking.rule.startswith(conflict.kind):
        reason = f"decided by the rule {booking.rule}"
    elif booking.agreed.busy:
        reason = "solved outside: the meeting is on, and nobody differs"
    else:
        reason = "solved outside: the meeting is off"
    return reason


_SOLVED = {
    ConflictKind.DOUBLE_BOOKED: "solved outside: they overlap no more",
    ConflictKind.GUARD: "the changes were accepted, or are undone",
}
