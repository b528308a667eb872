"""Store reported items (`model.ReportedItem`) and their acknowledgements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from syncd.model import Acknowledgement, HistoryEntry, ReportedItem, Topic, record_id
from syncd.model.summary import summarise
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import ACKNOWLEDGED, EVENT, HISTORY, REPORTED
from syncd.store.tables.types import Instant

_OPEN = (
    select(REPORTED)
    .where(REPORTED.c.ended_at.is_(None))
    .order_by(REPORTED.c.system, REPORTED.c.topic, REPORTED.c.event)
)
_OPEN_ABOUT = _OPEN.where(REPORTED.c.topic == bindparam("of_topic"))
_OPEN_OF = _OPEN.where(REPORTED.c.system == bindparam("of_system"))
_MARKS = select(ACKNOWLEDGED).order_by(ACKNOWLEDGED.c.subject)
_UNMARK = delete(ACKNOWLEDGED).where(ACKNOWLEDGED.c.subject == bindparam("of_subject"))
_OTHERS_EVENTS = select(EVENT.c.id).where(
    EVENT.c.system == bindparam("of_system"),
    EVENT.c.retired.is_(False),
    EVENT.c.ends > bindparam("now", type_=Instant),
    EVENT.c.mine.is_(False),
)


def open_items(store: Store, system: str | None = None) -> list[ReportedItem]:
    """Load the open items of one system or all, in order. Raises StateError."""
    if system is None:
        return [rows.to_reported_item(row) for row in store.query(_OPEN, {})]
    return [rows.to_reported_item(row) for row in store.query(_OPEN_OF, {"of_system": system})]


def open_items_about(store: Store, topic: Topic) -> list[ReportedItem]:
    """Load the open items of one topic only; other topics may have thousands of items."""
    return [
        rows.to_reported_item(row) for row in store.query(_OPEN_ABOUT, {"of_topic": str(topic)})
    ]


def shown_items(
    store: Store, now: datetime, marks: Mapping[str, Acknowledgement]
) -> list[ReportedItem]:
    """Return the open items as the operator sees them, summarised (`model.summary`).

    ``marks`` are the acknowledgements by subject. Raises StateError.
    """

    def is_every(system: str, events: Collection[str]) -> bool:
        current = store.query(_OTHERS_EVENTS, {"of_system": system, "now": now})
        return all(row["id"] in events or record_id(row["id"]) in events for row in current)

    return summarise(open_items(store), marks, is_every)


def acknowledgements_of(store: Store) -> dict[str, Acknowledgement]:
    """Load all acknowledgements, by subject. Raises StateError."""
    return {row["subject"]: Acknowledgement(**row) for row in store.query(_MARKS, {})}


def save_acknowledgement(store: Store, mark: Acknowledgement, note: HistoryEntry) -> None:
    """Store an acknowledgement and its history. Raises StateError."""
    row = {"subject": mark.subject, "inputs": mark.inputs, "at": mark.at, "by": mark.by}
    store.replace(ACKNOWLEDGED, [row])
    store.replace(HISTORY, [rows.from_history_entry(note)])


def delete_acknowledgements(store: Store, subjects: Sequence[str], *notes: HistoryEntry) -> None:
    """Delete the acknowledgements of these subjects, and store the history entries ``notes``.

    Raises StateError.
    """
    if subjects:
        store.replace(
            HISTORY, [rows.from_history_entry(note) for note in notes], _UNMARK, *_of(subjects)
        )


def _of(subjects: Sequence[str]) -> list[dict[str, str]]:
    return [{"of_subject": subject} for subject in subjects]


def reported_lists(store: Store, system: str) -> frozenset[str]:
    """Return the providers of a system whose lists are reported as incomplete."""
    lists = open_items_about(store, Topic.LIST)
    return frozenset(p for item in lists if item.system == system for p in item.calendars)
