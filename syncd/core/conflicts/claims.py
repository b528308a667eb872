"""Values that keep their time blocked while a conflict is held.

Example: a meeting was moved to 10:00 in one system and to 11:00 in another. Both values are claims.
`claims_of` returns the claims of each booking in conflict; each of these intervals stays blocked
until the conflict is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.conflicts.queue import is_trusted
from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import CalendarState
from syncd.core.workspace import Workspace
from syncd.model import Conflict, ConflictKind, Value

_CONTRADICTIONS = {
    ConflictKind.MOVED_APART,
    ConflictKind.MOVED_AND_CANCELLED,
    ConflictKind.TWIN_DELETED,
    ConflictKind.AMBIGUOUS,
}


def undecidable_conflicts(
    workspace: Workspace, calendars: Mapping[str, CalendarState]
) -> dict[str, Conflict]:
    """Return the held contradictions that cannot be decided again now, by booking.

    A contradiction is held changes that exclude each other, or an ambiguous match. It cannot be
    decided again while a system of one of its claims is not trusted, and stays as it is: a system
    that does not answer has not taken back what it claimed.
    """
    return {
        booking: held.conflict
        for held in workspace.state.conflicts
        for booking in {held.conflict.subject, *bookings_of(workspace, held.conflict)}
        if held.conflict.kind in _CONTRADICTIONS
        and all(claim.event is not None for claim in held.conflict.claims)
        and not all(is_trusted(claim, calendars) for claim in held.conflict.claims)
    }


def bookings_of(workspace: Workspace, conflict: Conflict) -> set[str]:
    """Return the bookings that wait until the operator resolves ``conflict``.

    For an ambiguous match of a series, these are the bookings of all instances that vanished. Empty
    if the subject of the conflict is no open booking.
    """
    if conflict.subject not in workspace.bookings:
        return set()
    waiting = {conflict.subject}
    if conflict.kind is ConflictKind.AMBIGUOUS:
        vanished = {(c.system, c.event) for c in conflict.claims if c.value is None}
        waiting |= {r.booking for r in workspace.replicas() if (r.system, r.event) in vanished}
    return waiting


def conflict_values(
    workspace: Workspace, calendars: Mapping[str, CalendarState], booking: str, conflict: Conflict
) -> list[Value]:
    """Return the claims of a held conflict and the values of its booking's appointments.

    Used to keep blocks in place while the conflict is held. A changed value in a trusted system
    replaces the claim of the same event. The times of all trusted appointments are included: if the
    meeting was cancelled in one calendar, its time there is open, although the meeting may still
    take place in another system.
    """
    trusted = {name for name, calendar in calendars.items() if calendar.trusted}
    shown_now = [
        r
        for r in workspace.appointments(booking)
        if r.observed is not None and (has_pending_change(r) or r.system in trusted)
    ]
    replaced = {
        (r.system, r.id) for r in shown_now if has_pending_change(r) and r.system in trusted
    }
    claims = [c for c in conflict.claims if (c.system, c.event) not in replaced]
    values = (*(c.value for c in claims), *(r.observed for r in shown_now))
    return [value for value in values if value is not None]


def _claimed_values(conflict: Conflict) -> list[Value]:
    return [claim.value for claim in conflict.claims if claim.value is not None]


def shown(
    workspace: Workspace, calendars: Mapping[str, CalendarState], booking: str
) -> list[Value]:
    """Return the value of each present appointment of a booking.

    In a trusted system that is the observed value, in any other the base (last accepted value).
    """
    values = (
        r.observed if r.system in calendars and calendars[r.system].trusted else r.base
        for r in workspace.present(booking)
    )
    return [value for value in values if value is not None]


def claims_of(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    merge_conflicts: Sequence[Conflict],
    match_conflicts: Sequence[Conflict],
) -> dict[str, list[Value]]:
    """Return the values that must stay blocked, for each booking in conflict.

    - ``merge_conflicts``: the subject of each is a booking. The booking claims the values of the
      conflict and those that its appointments show.
    - ``match_conflicts``: ambiguous matches. If one of their events belongs to a booking of
      ``merge_conflicts``, that booking also claims the values of all candidates.
    """
    claims: dict[str, list[Value]] = {}
    for conflict in merge_conflicts:
        claims[conflict.subject] = [
            *_claimed_values(conflict),
            *shown(workspace, calendars, conflict.subject),
        ]
    linked = workspace.linked_ids()
    for conflict in match_conflicts:
        for claim in conflict.claims:
            link = linked.get((claim.system, claim.event or ""))
            if link is not None and link.booking in claims:
                claims[link.booking] += _claimed_values(conflict)
    return claims
