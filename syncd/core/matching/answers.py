"""Apply the operator's resolution of an ambiguous match (`syncd conflicts resolve`).

After `apply_to_matches`, the chosen candidate is linked, and the conflict and its other candidates
are no longer undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.conflicts.resolution import Directive
from syncd.core.matching.result import MatchResult, Relink, TwinLink
from syncd.core.matching.series import by_position
from syncd.core.workspace import Workspace
from syncd.model import Conflict, TrackedEvent, series_of


def apply_to_matches(
    matched: MatchResult, workspace: Workspace, directive: Directive
) -> MatchResult:
    """Return ``matched`` with the operator's resolution of one of its conflicts applied.

    The chosen candidate is linked. Every other candidate opens a booking of its own, unless it is
    also a candidate of another open conflict. Unchanged if ``directive`` resolves none of these
    conflicts, or dismisses one.
    """
    answered = next((c for c in matched.conflicts if directive.answers(c)), None)
    if answered is None or directive.quiet:
        return matched
    links = workspace.linked_ids()
    ids = {(c.system, c.event) for c in answered.claims}
    candidates = [r for r in matched.undecided if (r.system, r.id) in ids]
    chosen = next((r for r in candidates if (r.system, r.id) == directive.same), None)
    linked = [] if chosen is None else [chosen]
    relinked, twins = matched.relinked, matched.twins
    if chosen is not None and answered.subject in workspace.bookings:
        pairs = _successors(workspace, answered, chosen, candidates)
        linked = [new for _, new in pairs]
        relinked += tuple(
            Relink(links[old.system, old.id], old, new, rebooked=not (old.series and new.series))
            for old, new in pairs
        )
    elif chosen is not None:
        twins = (*twins, TwinLink(_oldest_twin_booking(workspace, answered, chosen), None, chosen))
    # A candidate of another open question waits for the answer to that one.
    others = {
        (c.system, c.event)
        for conflict in matched.conflicts
        if conflict is not answered
        for c in conflict.claims
    }
    candidates = [r for r in candidates if r in linked or (r.system, r.id) not in others]
    separate = tuple(r for r in candidates if r not in linked and (r.system, r.id) not in links)
    return replace(
        matched,
        relinked=relinked,
        twins=twins,
        opened=(*matched.opened, *separate),
        undecided=tuple(r for r in matched.undecided if r not in candidates),
        conflicts=tuple(c for c in matched.conflicts if c is not answered),
    )


def _successors(
    workspace: Workspace,
    conflict: Conflict,
    chosen: TrackedEvent,
    candidates: Sequence[TrackedEvent],
) -> list[tuple[TrackedEvent, TrackedEvent]]:
    """Pair the vanished events with their successors, (old, new).

    Of a single event, the successor is ``chosen``; of a series, the instances of the chosen series.
    """
    ended = (c for c in conflict.claims if c.value is None or not c.value.busy)
    vanished = [workspace.records[c.system, c.event or ""] for c in ended]
    if not vanished[0].series or not chosen.series:
        return [(vanished[0], chosen)]
    series = [r for r in candidates if series_of(r) == series_of(chosen)]
    return by_position(vanished, series)


def _oldest_twin_booking(
    workspace: Workspace, conflict: Conflict, chosen: TrackedEvent
) -> str | None:
    """Return the oldest booking of another system of which a candidate is the twin."""
    linked = workspace.linked_ids()
    ids = [(c.system, c.event or "") for c in conflict.claims if c.system != chosen.system]
    bookings = [workspace.bookings[linked[i].booking] for i in ids if i in linked]
    oldest = min(bookings, key=lambda b: (str(b.opened_at), b.id), default=None)
    return oldest.id if oldest is not None else None
