"""What held conflicts claim: each of these intervals stays closed while nobody decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.diff import is_news
from syncd.core.draft import Draft
from syncd.core.facts import Calendar
from syncd.model import Conflict, Value


def standing_of(draft: Draft, conflict: Conflict) -> list[Value]:
    """What a held conflict claims, and what its booking's appointments newly show."""
    news = [r.observed for r in draft.appointments(conflict.subject) if is_news(r)]
    return [*_values(conflict), *(value for value in news if value is not None)]


def _values(conflict: Conflict) -> list[Value]:
    """All values that are claimed: each of these intervals stays closed while nobody decides."""
    return [claim.value for claim in conflict.claims if claim.value is not None]


def shown(draft: Draft, calendars: Mapping[str, Calendar], booking: str) -> list[Value]:
    """What a booking's appointments show, as far as it is believed; else what they showed."""
    values = (
        r.observed if r.system in calendars and calendars[r.system].believed else r.base
        for r in draft.appointments(booking)
    )
    return [value for value in values if value is not None]


def claims_of(
    draft: Draft,
    calendars: Mapping[str, Calendar],
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
