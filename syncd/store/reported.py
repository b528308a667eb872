"""Reported records and lists: the rows of `model.Item`, and those that are open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from syncd.model import Item, Topic
from syncd.store.tables import REPORTED

if TYPE_CHECKING:
    from syncd.store.store import Store

_OPEN = (
    select(REPORTED)
    .where(REPORTED.c.ended_at.is_(None))
    .order_by(REPORTED.c.system, REPORTED.c.topic, REPORTED.c.event)
)
_OPEN_OF = _OPEN.where(REPORTED.c.system == bindparam("of_system"))


def open_items(store: Store, system: str | None = None) -> list[Item]:
    """The items that have not ended, of one system or of all, in order. Raises StateError."""
    if system is None:
        return [to_item(row) for row in store.tell(_OPEN, {})]
    return [to_item(row) for row in store.tell(_OPEN_OF, {"of_system": system})]


def reported_lists(store: Store, system: str) -> frozenset[str]:
    """The providers of a system whose lists are reported as not whole. Raises StateError."""
    items = open_items(store, system)
    return frozenset(p for item in items if item.topic is Topic.LIST for p in item.calendars)


def from_item(item: Item) -> dict[str, Any]:
    """An item's row."""
    return {
        "system": item.system,
        "topic": str(item.topic),
        "event": item.event,
        "reason": item.reason,
        "calendars": list(item.calendars),
        "back": round(item.back.total_seconds()),
        "ahead": round(item.ahead.total_seconds()),
        "since": item.since,
        "seen_at": item.seen_at,
        "ended_at": item.ended_at,
    }


def to_item(row: Mapping[str, Any]) -> Item:
    """A row's item."""
    return Item(
        row["system"],
        row["event"],
        Topic(row["topic"]),
        row["reason"],
        tuple(row["calendars"]),
        timedelta(seconds=row["back"]),
        timedelta(seconds=row["ahead"]),
        row["since"],
        row["seen_at"],
        row["ended_at"],
    )
