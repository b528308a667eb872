"""Report meetings for which two systems name different customers, until the systems agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.conflicts.reported import ItemChanges
from syncd.core.matching.customers import CustomerComparison
from syncd.model import Changes, Id, ReportedItem, Topic
from syncd.store.queries.reported import open_items_about
from syncd.store.store import Store

CUSTOMER_MISMATCH = (
    "another system names a different customer for this meeting: correct one of the appointments"
)


def follow_customers(
    store: Store, provider: str, compared: Iterable[CustomerComparison], now: datetime
) -> ItemChanges:
    """Return the reported items to open and to close after a decision compared customers.

    ``compared`` are the comparisons of this provider's meetings, each with its events and the event
    with another customer (``other``). An item is opened for that event, and closed when the
    customers are the same. ``now`` becomes the time of the change. Nothing is stored. Raises
    StateError.
    """
    comparisons = list(compared)
    if not comparisons:
        return ItemChanges()
    open_items = _open(store, provider)
    agreeing = {id_ for each in comparisons for id_ in each.events if id_ != each.other}
    begun = [
        each.other
        for each in comparisons
        if each.other is not None and each.other not in open_items
    ]
    return ItemChanges(
        begun=[_item(id_, provider, now) for id_ in begun],
        ended=[replace(item, ended_at=now) for id_, item in open_items.items() if id_ in agreeing],
    )


def end_customers(store: Store, provider: str, now: datetime) -> ItemChanges:
    """Close the items of a provider's meetings that are cancelled, over, or in only one system now.

    Stores the closed items, and returns them for the log. Raises StateError.
    """
    open_items = _open(store, provider)
    if not open_items:
        return ItemChanges()
    active = [b.id for b in store.bookings(provider) if b.agreed.busy]
    events_of: dict[str, list[Id]] = {}
    for replica, record in store.replicas(active):
        if replica.role.is_meeting and record is not None and record.observed is not None:
            events_of.setdefault(replica.booking, []).append((replica.system, replica.event))
    meetings = {id_ for ids in events_of.values() if len(ids) > 1 for id_ in ids}
    ended = [replace(i, ended_at=now) for id_, i in open_items.items() if id_ not in meetings]
    if ended:
        store.apply(Changes(reported=ended))
    return ItemChanges(ended=ended)


def _open(store: Store, provider: str) -> dict[Id, ReportedItem]:
    return {
        (item.system, item.event): item
        for item in open_items_about(store, Topic.PERSON)
        if provider in item.calendars
    }


def _item(event: Id, provider: str, now: datetime) -> ReportedItem:
    none = timedelta(0)
    return ReportedItem(
        event[0], event[1], Topic.PERSON, CUSTOMER_MISMATCH, (provider,), none, none, now, now
    )
