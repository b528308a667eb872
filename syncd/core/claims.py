"""What held conflicts claim: each of these intervals stays closed while nobody decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.inputs import CalendarState
from syncd.core.observation import has_pending_change
from syncd.core.workspace import Workspace
from syncd.model import Conflict, ConflictKind, Value


def bookings_of(draft: Workspace, conflict: Conflict) -> set[str]:
    """The bookings that wait for an answer: of a series, those of all instances that vanished."""
    if conflict.subject not in draft.bookings:
        return set()
    asked = {conflict.subject}
    if conflict.kind is ConflictKind.AMBIGUOUS:
        gone = {(c.system, c.event) for c in conflict.claims if c.value is None}
        asked |= {r.booking for r in draft.replicas() if (r.system, r.event) in gone}
    return asked


def conflict_values(
    draft: Workspace, calendars: Mapping[str, CalendarState], booking: str, conflict: Conflict
) -> list[Value]:
    """What a held conflict claims, and what a booking's appointments show.

    What an appointment shows by now stands instead of what it claimed, if that is believed. One
    that is off, and may have been booked anew, leaves its calendar open at a time at which the
    meeting still stands elsewhere: that is closed there, too.
    """
    believed = {name for name, calendar in calendars.items() if calendar.trusted}
    seen = [
        r
        for r in draft.appointments(booking)
        if r.observed is not None and (has_pending_change(r) or r.system in believed)
    ]
    told = {(r.system, r.id) for r in seen if has_pending_change(r) and r.system in believed}
    claims = [c for c in conflict.claims if (c.system, c.event) not in told]
    values = (*(c.value for c in claims), *(r.observed for r in seen))
    return [value for value in values if value is not None]


def _values(conflict: Conflict) -> list[Value]:
    """All values that are claimed: each of these intervals stays closed while nobody decides."""
    return [claim.value for claim in conflict.claims if claim.value is not None]


def shown(draft: Workspace, calendars: Mapping[str, CalendarState], booking: str) -> list[Value]:
    """What a booking's appointments show, as far as it is believed; else what they showed."""
    values = (
        r.observed if r.system in calendars and calendars[r.system].trusted else r.base
        for r in draft.present(booking)
    )
    return [value for value in values if value is not None]


def claims_of(
    draft: Workspace,
    calendars: Mapping[str, CalendarState],
    merged: Sequence[Conflict],
    doubtful: Sequence[Conflict],
) -> dict[str, list[Value]]:
    """What held bookings claim: all that is said of them, and all that their appointments show.

    A booking that stands in for others at its time, which could be its twins, claims theirs, too.
    """
    claims: dict[str, list[Value]] = {}
    for conflict in merged:
        claims[conflict.subject] = [*_values(conflict), *shown(draft, calendars, conflict.subject)]
    linked = draft.linked_ids()
    for conflict in doubtful:
        for claim in conflict.claims:
            link = linked.get((claim.system, claim.event or ""))
            if link is not None and link.booking in claims:
                claims[link.booking] += _values(conflict)
    return claims
