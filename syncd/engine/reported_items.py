"""What one read reports: follow what was reported before, and log what begins and ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from syncd.core.reported import ItemChanges, ReadScope, ShownItem, cap_events, update_items
from syncd.engine.observation import SystemRead
from syncd.model import Changes, Kind, ReportedItem, Topic, Window
from syncd.store.reported import open_items
from syncd.store.store import Store
from syncd.systems.port import UnreadableError

_SINGLE = 5
"""So many items that begin or end together have a line each."""

log = structlog.get_logger(__name__)


_NOT_READ = frozenset({Topic.PERSON, Topic.DAMAGED})


@dataclass(slots=True)
class ReportedItems:
    """The records and lists that one read reports, and the events that it parsed."""

    shown: list[ShownItem] = field(default_factory=list)
    read_well: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    """The events that lists lack, and of which an answer by id says what became of them."""
    missing: set[str] = field(default_factory=set)
    """The events that lists lack; no list shows that they are unreadable no more."""
    unreadable: set[str] = field(default_factory=set)
    """The records that are listed, but cannot be understood."""

    def add(self, broken: UnreadableError, provider: str = "") -> None:
        """Report a record or a list; ``provider`` is whose list showed it."""
        of = broken.provider or provider
        calendars = frozenset({of} if of else broken.providers)
        self.shown.append(
            ShownItem(broken.event, broken.topic, broken.reason, calendars, broken.began)
        )
        if broken.topic is Topic.UNREADABLE:
            self.unreadable.add(broken.event)

    def save(
        self,
        read: SystemRead,
        asked: Collection[str],
        same: Collection[str],
        stored: Collection[str],
        *,
        full: bool,
        deepest: bool,
    ) -> ItemChanges:
        """Have stored what begins, changes and ends with this read; return it.

        ``stored`` are the known events of the window. ``deepest``: no read looks further back.
        """
        # What a comparison of meetings or of a write reports, no read of one system ends.
        every = open_items(read.store, read.system.name)
        items = [item for item in every if item.topic not in _NOT_READ]
        if not items and not self.shown:
            return ItemChanges()
        shown = cap_events(items, (*self.shown, *self._kept(items)), stored)
        begin, end = read.window.start, read.window.end
        known = read.store.records(read.system.name, sorted({item.event for item in items}))
        look = ReadScope(
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
        outcome = update_items(items, shown, look)
        read.changes.reported += [*outcome.begun, *outcome.changed, *outcome.ended]
        return outcome

    def _kept(self, items: Collection[ReportedItem]) -> list[ShownItem]:
        """Go on reporting what cannot be read by id, until a list or an answer shows otherwise."""
        kept = self.missing - self.answered - self.unreadable
        return [
            ShownItem(item.event, item.topic, item.reason, frozenset(item.calendars))
            for item in items
            if item.topic is Topic.UNREADABLE and item.event in kept
        ]


def _whole(read: SystemRead) -> frozenset[str]:
    """Return the providers whose lists proved complete in all of the window."""
    if read.snapshot.faults:
        return frozenset()
    unproven = {each.provider for each in read.snapshot.unproven}
    covered: dict[str, list[Window]] = {}
    for c in read.snapshot.coverage:
        if Kind.APPOINTMENT in c.kinds and c.provider not in unproven:
            covered.setdefault(c.provider, []).append(c.window)
    return frozenset(p for p, windows in covered.items() if read.window.covered_by(windows))


def end_unmapped(store: Store, systems: Collection[str], now: datetime) -> None:
    """End what was reported of systems that are not configured any more."""
    left = [replace(i, ended_at=now) for i in open_items(store) if i.system not in systems]
    if left:
        store.apply(Changes(reported=left))
        log_reported(ItemChanges(ended=left))


def log_reported(outcome: ItemChanges) -> None:
    """Log each item once when it begins, and once when it has ended.

    Items of one system and topic that are more than a few share a line, which counts them.
    """
    for items in _by_topic(outcome.begun):
        log.warning("record reported", **_facts(items), reason=items[0].reason)
    for items in _by_topic(outcome.ended):
        log.info("record no longer reported", **_facts(items))


def _by_topic(items: Iterable[ReportedItem]) -> list[list[ReportedItem]]:
    """Group the items that are logged in one line."""
    found: dict[tuple[str, Topic], list[ReportedItem]] = {}
    for item in items:
        found.setdefault((item.system, item.topic), []).append(item)
    return [
        group
        for every in found.values()
        for group in ([every] if len(every) > _SINGLE else [[item] for item in every])
    ]


def _facts(items: Sequence[ReportedItem]) -> dict[str, str | int]:
    first = items[0]
    facts: dict[str, str | int] = {"system": first.system, "topic": str(first.topic)}
    if len(items) == 1:
        return {**facts, "event_id": first.event}
    return {**facts, "count": len(items), "event_id": first.event}
