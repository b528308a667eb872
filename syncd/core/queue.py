"""The conflict queue: the same contradiction is one entry, for as long as its inputs stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from syncd.core.draft import Draft
from syncd.core.facts import Calendar
from syncd.model import Conflict, HeldConflict


def settle_conflicts(
    draft: Draft,
    found: Sequence[Conflict],
    calendars: Mapping[str, Calendar],
    new_id: Callable[[], str],
) -> None:
    """Compare the contradictions of this decision with those that are open.

    The same one stays as it is. One whose inputs changed is closed and opened anew. One that is not
    there any more is closed, unless a system that it is about cannot be believed just now.
    """
    now = {(c.kind, c.subject, c.inputs): c for c in found}
    for held in draft.state.conflicts:
        old = held.conflict
        if now.pop((old.kind, old.subject, old.inputs), None) is not None:
            continue
        again = any((old.kind, old.subject) == (c.kind, c.subject) for c in now.values())
        if not again and not all(heard(c.system, calendars) for c in old.claims):
            continue
        outcome = "its inputs changed" if again else "no longer there"
        draft.changes.closed.append(replace(held, closed_at=draft.now, outcome=outcome))
    for conflict in now.values():
        draft.changes.opened.append(HeldConflict(new_id(), conflict, draft.now, draft.run))


def heard(system: str, calendars: Mapping[str, Calendar]) -> bool:
    """Whether what a system says may be believed now; an unmapped one has nothing to say."""
    return system not in calendars or calendars[system].believed
