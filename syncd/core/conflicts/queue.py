"""Keep the queue of open conflicts in line with the conflicts of a decision.

After `update_queue`, each conflict of the decision is in the queue once, and every other conflict
is closed with a reason, unless a system of one of its claims is not trusted now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from syncd.core.conflicts.resolution import NO_DIRECTIVE, Directive, conflict_identity
from syncd.core.inputs import CalendarState
from syncd.core.workspace import Workspace
from syncd.model import Claim, Conflict, ConflictKind, StoredConflict


def update_queue(
    workspace: Workspace,
    conflicts: Sequence[Conflict],
    calendars: Mapping[str, CalendarState],
    new_id: Callable[[], str],
    directive: Directive = NO_DIRECTIVE,
) -> None:
    """Open, keep and close held conflicts, in ``workspace.changes``, after a decision.

    - ``conflicts``: the conflicts of this decision.
    - ``new_id``: returns the id of a conflict that is opened.
    - ``directive``: the operator's resolution that this decision applied, if any.

    A conflict that is already open stays open as it is. If its inputs changed, it is closed and
    opened again. A conflict that no longer exists is closed with the reason, unless a system of one
    of its claims is not trusted now. A conflict that the operator dismissed stays open, but is not
    reported again.
    """
    unmatched = {conflict_identity(c): c for c in conflicts}
    for held in workspace.state.conflicts:
        old = held.conflict
        same = unmatched.pop(conflict_identity(old), None)
        if same is not None:
            if directive.answers(old) and directive.quiet:
                workspace.changes.opened.append(replace(held, outcome=directive.rule))
            elif (same.rule, same.held) != (old.rule, old.held):
                # The configured rule changed.
                workspace.changes.opened.append(replace(held, conflict=same))
            continue
        has_changed = any(
            (old.kind, old.subject) == (c.kind, c.subject) for c in unmatched.values()
        )
        is_guard = old.kind is ConflictKind.GUARD
        if (
            not has_changed
            and not is_guard
            and not all(is_trusted(c, calendars) for c in old.claims)
        ):
            continue
        outcome = (
            "the events of this conflict changed"
            if has_changed
            else _reason(workspace, held, directive)
        )
        workspace.changes.closed.append(replace(held, closed_at=workspace.now, outcome=outcome))
    for conflict in unmatched.values():
        workspace.changes.opened.append(
            StoredConflict(new_id(), conflict, workspace.now, workspace.run)
        )


def is_trusted(claim: Claim, calendars: Mapping[str, CalendarState]) -> bool:
    """Return true if a claim may be acted on: its calendar is trusted and its event not stopped.

    The claim of a system that is not mapped for this provider may always be acted on.
    """
    calendar = calendars.get(claim.system)
    return calendar is None or (calendar.trusted and claim.event not in calendar.stopped)


def _reason(workspace: Workspace, held: StoredConflict, directive: Directive) -> str:
    """Return the text for the operator that says why a conflict is closed."""
    conflict = held.conflict
    values = [claim.value for claim in conflict.claims if claim.value is not None]
    booking = workspace.bookings.get(conflict.subject)
    if directive.answers(conflict):
        reason = directive.rule
    elif values and all(value.end <= workspace.now for value in values):
        reason = "its time has passed"
    elif conflict.kind in _SOLVED:
        reason = _SOLVED[conflict.kind]
    elif booking is None:
        reason = "its booking no longer exists"
    elif booking.rule.startswith(conflict.kind):
        reason = f"decided by the rule {booking.rule}"
    elif booking.agreed.busy:
        reason = "resolved on the platforms: the meeting takes place, and all systems agree"
    else:
        reason = "resolved on the platforms: the meeting is cancelled"
    return reason


_SOLVED = {
    ConflictKind.DOUBLE_BOOKED: "resolved on the platforms: the meetings no longer overlap",
    ConflictKind.GUARD: "the changes were accepted or reverted",
}
