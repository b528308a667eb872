"""Track the problem records and lists that a read reports; log the items that begin or end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from syncd.core.conflicts.reported import (
    ItemChanges,
    ReadScope,
    ShownItem,
    by_key,
    cap_events,
    update_items,
)
from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.record_batches import records_in_batches
from syncd.model import Changes, Kind, ReportedItem, Topic, Window
from syncd.store.queries.reported import open_items
from syncd.store.store import Store
from syncd.systems.errors import UnreadableError
from syncd.systems.time_slices import in_slices

_SINGLE = 5
"""Up to this number of items that begin or end in one read get a log line each."""

log = structlog.get_logger(__name__)


_NOT_READ = frozenset({Topic.PERSON, Topic.DAMAGED})
"""Topics that come from comparisons and writes; no read of one system closes their items."""


@dataclass(slots=True)
class ReportedItems:
    """The problem records and lists that one read reports (``shown``), and what was readable.

    ``read_well`` are the ids of the events that were parsed.
    """

    shown: list[ShownItem] = field(default_factory=list)
    read_well: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    """Events that are in no list, and that a lookup by id found or proved gone."""
    unlisted: set[str] = field(default_factory=set)
    """Events that are in no list, so that no row can show that they are readable again."""
    unreadable: set[str] = field(default_factory=set)
    """Records that are listed, but unreadable."""

    def add(self, broken: UnreadableError, provider: str = "") -> None:
        """Report a problem record or list; ``provider`` is the provider whose list showed it."""
        owner = broken.provider or provider
        calendars = frozenset({owner} if owner else broken.providers)
        self.shown.append(
            ShownItem(broken.event, broken.topic, broken.reason, calendars, broken.began)
        )
        if broken.topic is Topic.UNREADABLE:
            self.unreadable.add(broken.event)

    async def save(
        self,
        read: SystemRead,
        asked: Collection[str],
        same: Collection[str],
        stored: Collection[str],
        *,
        full: bool,
        deepest: bool,
    ) -> ItemChanges:
        """Store the items that begin, change and end, and return them.

        They are stored in slices, before the changes of the read: a row that is stored as read is
        not parsed again, so after a crash between the two no read would report its item.

        - ``asked``: the providers that were read; ``same``: the unchanged rows; ``stored``: the
          known events of the window.
        - ``full``: the whole window was read. ``deepest``: no other read looks back further.
        """
        all_open = open_items(read.store, read.system.name)
        items = [item for item in all_open if item.topic not in _NOT_READ]
        if not items and not self.shown:
            return ItemChanges()
        shown = cap_events(items, (*self.shown, *self._kept(items)), stored)
        begin, end = read.window.start, read.window.end
        events = sorted({item.event for item in items})
        known = await records_in_batches(read.store, read.system.name, events)
        scope = ReadScope(
            read.system.name,
            read.asked_at,
            read.asked_at - begin,
            end - read.asked_at,
            full,
            frozenset(read.system.providers),
            frozenset(asked),
            _whole(read),
            self.read_well,
            same,
            {r.id for r in known if r.observed is not None and r.observed.end <= begin},
            {r.id for r in known if r.observed is not None and r.observed.start < read.span.start},
            self.answered,
            read.look_back,
            full and deepest,
        )
        outcome = ItemChanges()
        open_, reported = {item.key: item for item in items}, by_key(shown)
        async for keys in in_slices([*reported, *(open_.keys() - reported.keys())]):
            changes = update_items(
                [open_[key] for key in keys if key in open_],
                [reported[key] for key in keys if key in reported],
                scope,
            )
            if changes.all:
                read.store.apply(Changes(reported=changes.all))
            outcome.add(changes)
        return outcome

    def _kept(self, items: Collection[ReportedItem]) -> list[ShownItem]:
        """Return the unreadable events that no list and no lookup has shown in this read."""
        unresolved = self.unlisted - self.answered - self.unreadable
        return [
            ShownItem(item.event, item.topic, item.reason, frozenset(item.calendars))
            for item in items
            if item.topic is Topic.UNREADABLE and item.event in unresolved
        ]


def _whole(read: SystemRead) -> frozenset[str]:
    """Return the providers whose lists of appointments are complete in the whole window."""
    if read.snapshot.faults:
        return frozenset()
    unproven = {each.provider for each in read.snapshot.unproven}
    covered: dict[str, list[Window]] = {}
    for c in read.snapshot.coverage:
        if Kind.APPOINTMENT in c.kinds and c.provider not in unproven:
            covered.setdefault(c.provider, []).append(c.window)
    return frozenset(p for p, windows in covered.items() if read.window.covered_by(windows))


def end_unmapped(store: Store, systems: Collection[str], now: datetime) -> None:
    """Close the items of systems that were removed from the configuration."""
    ended = [replace(i, ended_at=now) for i in open_items(store) if i.system not in systems]
    if ended:
        store.apply(Changes(reported=ended))
        log_reported(ItemChanges(ended=ended))


def log_reported(outcome: ItemChanges) -> None:
    """Log each item once when it begins, and once when it ends.

    More than `_SINGLE` items of one system and topic share a log line, with their number.
    """
    for items in _by_topic(outcome.begun):
        log.warning("record reported", **_facts(items), reason=items[0].reason)
    for items in _by_topic(outcome.ended):
        log.info("record no longer reported", **_facts(items))


def _by_topic(items: Iterable[ReportedItem]) -> list[list[ReportedItem]]:
    """Group the items that share a log line."""
    found: dict[tuple[str, Topic], list[ReportedItem]] = {}
    for item in items:
        found.setdefault((item.system, item.topic), []).append(item)
    return [
        group
        for all_open in found.values()
        for group in ([all_open] if len(all_open) > _SINGLE else [[item] for item in all_open])
    ]


def _facts(items: Sequence[ReportedItem]) -> dict[str, str | int]:
    first = items[0]
    facts: dict[str, str | int] = {"system": first.system, "topic": str(first.topic)}
    if len(items) == 1:
        return {**facts, "event_id": first.event}
    return {**facts, "count": len(items), "event_id": first.event}
