"""Meetings for which two systems name different people: reported while it is so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.persons import Compared
from syncd.core.reported import Outcome
from syncd.model import Changes, Id, Item, Topic
from syncd.store.reported import open_about
from syncd.store.store import Store

REASON = "another system names another person for this meeting: correct one of the two records"


def follow_persons(
    store: Store, provider: str, compared: Iterable[Compared], now: datetime
) -> Outcome:
    """Return which items begin and end because of these comparisons. Raises StateError."""
    found = list(compared)
    if not found:
        return Outcome()
    open_ = _open(store, provider)
    same = {id_ for each in found for id_ in each.events if id_ != each.other}
    begun = [each.other for each in found if each.other is not None and each.other not in open_]
    return Outcome(
        begun=[_item(id_, provider, now) for id_ in begun],
        ended=[replace(item, ended_at=now) for id_, item in open_.items() if id_ in same],
    )


def end_persons(store: Store, provider: str, now: datetime) -> Outcome:
    """End the items of meetings that are off, over, or in one system only. Raises StateError."""
    open_ = _open(store, provider)
    if not open_:
        return Outcome()
    on = [b.id for b in store.bookings(provider) if b.agreed.busy]
    shown: dict[str, list[Id]] = {}
    for replica, record in store.replicas(on):
        if replica.role.meets and record is not None and record.observed is not None:
            shown.setdefault(replica.booking, []).append((replica.system, replica.event))
    meetings = {id_ for ids in shown.values() if len(ids) > 1 for id_ in ids}
    ended = [replace(i, ended_at=now) for id_, i in open_.items() if id_ not in meetings]
    if ended:
        store.apply(Changes(reported=ended))
    return Outcome(ended=ended)


def _open(store: Store, provider: str) -> dict[Id, Item]:
    return {
        (item.system, item.event): item
        for item in open_about(store, Topic.PERSON)
        if provider in item.calendars
    }


def _item(event: Id, provider: str, now: datetime) -> Item:
    none = timedelta(0)
    return Item(event[0], event[1], Topic.PERSON, REASON, (provider,), none, none, now, now)
