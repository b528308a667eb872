"""Acknowledge a reported item or a double booking, for `syncd acknowledge`.

An acknowledged entry is not reported again until it changes. An entry here is a reported item or a
double booking, not a row of the history.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from syncd.model import (
    Acknowledgement,
    Claim,
    ConflictKind,
    HistoryEntry,
    ReportedItem,
    StoredConflict,
    utc,
)
from syncd.model.summary import Acknowledgements, acknowledgement_of
from syncd.store.queries.reported import (
    acknowledgements_of,
    delete_acknowledgements,
    save_acknowledgement,
    shown_items,
)
from syncd.store.store import Store

log = structlog.get_logger(__name__)

_MAX_NAMED = 5


class AcknowledgeError(ValueError):
    """The named entry cannot be acknowledged, or its acknowledgement cannot be undone.

    ``remedy`` says what the operator can do instead.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        """Set the reason and the remedy."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that can be acknowledged: a reported item, or a double booking that is not held.

    ``id`` is the short id that is shown, ``subject`` the full id. ``inputs`` is a digest of what
    was reported: the acknowledgement ends if the digest changes. ``what`` is the item's topic or
    the conflict's kind. ``calendars`` are the providers of an item, ``claims`` the meetings of a
    double booking. ``at`` is when the entry was acknowledged (None if it is not), ``by`` the
    operator who did so.
    """

    id: str
    subject: str
    inputs: str
    system: str
    provider: str
    event: str
    what: str
    reason: str
    at: datetime | None
    by: str
    calendars: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return one entry of `acknowledge --json`; its keys are stable."""
        at = None if self.at is None else _instant(self.at)
        return {
            "id": self.id,
            "what": self.what,
            "system": self.system or None,
            "provider": self.provider or None,
            "event": self.event or None,
            "reason": self.reason,
            "calendars": list(self.calendars),
            "meetings": [_meeting(claim) for claim in self.claims],
            "acknowledged_at": at,
            "acknowledged_by": self.by or None,
        }


def entries(store: Store, now: datetime) -> list[Entry]:
    """Return all entries, acknowledged or not, as of ``now``. Raises StateError."""
    marks = acknowledgements_of(store)
    decided = [_of_conflict(h, marks) for h in store.open_conflicts() if not h.conflict.held]
    return [*(_of_item(item, marks) for item in shown_items(store, now, marks)), *decided]


def acknowledge_entry(store: Store, start: str, by: str, now: datetime, *, undo: bool) -> Entry:
    """Acknowledge the entry whose id begins with ``start``; ``undo``: end its acknowledgement.

    ``by`` is the operator; '' if unknown. Returns the entry as it is afterwards. An entry that is
    already acknowledged stays as it is. Raises AcknowledgeError if there is not exactly one such
    entry or nothing to undo, and StateError.
    """
    entry = _find_entry(store, start, now)
    what = "acknowledgement taken back" if undo else "acknowledged"
    note = HistoryEntry(
        at=now,
        run="",
        provider=entry.provider,
        what=what,
        system=entry.system,
        event=entry.event,
        rule=f"by {by}" if by else "by an operator",
        detail=entry.reason,
    )
    if undo and entry.at is None:
        raise AcknowledgeError(f"{entry.id} is not acknowledged", "There is nothing to undo.")
    mark = Acknowledgement(entry.subject, entry.inputs, now, by)
    if undo:
        delete_acknowledgements(store, [entry.subject], note)
    elif entry.at is None:
        save_acknowledgement(store, mark, note)
    log.info(what, id=entry.id, system=entry.system, topic=entry.what, by=by)
    return next((e for e in entries(store, now) if e.subject == entry.subject), entry)


def _find_entry(store: Store, start: str, now: datetime) -> Entry:
    known = entries(store, now)
    start = start.strip().lower()
    matches = [e for e in known if start and e.subject.startswith(start)]
    if len(matches) == 1:
        return matches[0]
    if len(matches) > 1:
        # Show the full ids: the short ones may be equal.
        several = ", ".join(e.subject for e in matches[:_MAX_NAMED])
        raise AcknowledgeError(f"{len(matches)} ids begin with {start!r}", f"One of: {several}.")
    conflicts = [h for h in store.open_conflicts() if start and h.id.startswith(start)]
    if conflicts:
        raise AcknowledgeError(
            f"{conflicts[0].id} is an open conflict, which cannot be acknowledged",
            _decide(conflicts[0]),
        )
    raise AcknowledgeError(f"no reported item has the id {start!r}", _near(start, known))


def _decide(held: StoredConflict) -> str:
    if held.conflict.kind is ConflictKind.GUARD:
        return f"If the changes are correct: syncd resync --accept {held.run}."
    return f"Resolve it: syncd conflicts show {held.id}, then syncd conflicts resolve {held.id}."


def _near(start: str, known: Sequence[Entry]) -> str:
    close = difflib.get_close_matches(start, [e.id for e in known], n=_MAX_NAMED)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return "`syncd acknowledge` lists what can be acknowledged."


def _of_item(item: ReportedItem, marks: Acknowledgements) -> Entry:
    mark = marks.get(item.digest) if item.acknowledged_at is not None else None
    prefix = f"all {len(item.events)} listed records: " if item.events else ""
    return Entry(
        item.id,
        item.digest,
        item.inputs,
        item.system,
        item.calendars[0] if len(item.calendars) == 1 else "",
        item.event,
        str(item.topic),
        prefix + item.reason,
        item.acknowledged_at,
        mark.by if mark else "",
        calendars=item.calendars,
    )


def _of_conflict(held: StoredConflict, marks: Acknowledgements) -> Entry:
    conflict, mark = held.conflict, acknowledgement_of(held, marks)
    return Entry(
        held.id,
        held.id,
        conflict.inputs,
        ", ".join(sorted({claim.system for claim in conflict.claims})),
        conflict.provider,
        "",
        str(conflict.kind),
        conflict.note,
        mark.at if mark else None,
        mark.by if mark else "",
        claims=conflict.claims,
    )


def _meeting(claim: Claim) -> dict[str, str | None]:
    value = claim.value
    return {
        "system": claim.system,
        "event": claim.event,
        "start": _instant(value.start) if value else None,
        "end": _instant(value.end) if value else None,
        "status": str(value.status) if value else None,
    }


def _instant(at: datetime) -> str:
    return utc(at).isoformat().replace("+00:00", "Z")
