"""The life of reported items: when they begin, when they have ended, what is kept meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.model import ReportedItem, Topic

_SLACK = timedelta(minutes=1)
"""Windows are counted from the moment that they are asked for; a read begins a little later."""

_KEPT_TO = timedelta(hours=1)
"""`ReportedItem.seen_at` is stored only so often: a read that shows nothing new writes nothing."""


MAX_LISTED = 500
"""Open items of one system and topic that are listed one by one."""

FURTHER = "further records"
"""Names the item that stands for all those beyond `MAX_LISTED`."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item that a read reports. ``calendars`` are those whose lists may show it.

    ``began`` is when it began, as far as that is known and has passed.
    """

    event: str
    topic: Topic
    reason: str
    calendars: frozenset[str]
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What one read of a system says of the items that it does not report.

    It reached from ``back`` before to ``ahead`` after ``at``; ``full``: that is the whole window
    that is kept in sync. Its lists started ``look_back`` earlier; ``deepest``: as early as any.
    ``mapped`` are the providers of the system, ``asked`` those that were
    read, ``whole`` those whose lists proved complete. ``read_well`` are the events that were
    parsed, ``same`` those that were listed as they are known, ``over`` known events that have
    ended, ``early`` ones that still run and began before the lists did, ``answered`` those that
    lists lack and of which an answer by id tells.
    """

    system: str
    at: datetime
    back: timedelta
    ahead: timedelta
    full: bool
    mapped: Collection[str]
    asked: frozenset[str]
    whole: Collection[str]
    read_well: Collection[str]
    same: Collection[str]
    over: Collection[str]
    early: Collection[str] = ()
    answered: Collection[str] = ()
    look_back: timedelta = timedelta(0)
    deepest: bool = False


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """The items that a read changes, as they are to be stored."""

    begun: list[ReportedItem] = field(default_factory=list)
    changed: list[ReportedItem] = field(default_factory=list)
    ended: list[ReportedItem] = field(default_factory=list)


def update_items(
    items: Iterable[ReportedItem], shown: Iterable[ShownItem], look: ReadScope
) -> ItemChanges:
    """Return which items begin, change or end with a read.

    ``items`` are those of the system that are open.
    """
    outcome = ItemChanges()
    known = {item.key: item for item in items}
    reported = _joined(shown)
    for key, each in reported.items():
        before = known.get(key)
        after = _begun(each, look) if before is None else _seen(before, each, look)
        if before is None:
            outcome.begun.append(after)
        elif after is not before:
            outcome.changed.append(after)
    for key, item in known.items():
        if key in reported:
            continue
        after = _unseen(item, look)
        if after.ended_at is not None:
            outcome.ended.append(after)
        elif after is not item:
            outcome.changed.append(after)
    return outcome


def cap_events(
    items: Iterable[ReportedItem], shown: Iterable[ShownItem], known: Collection[str]
) -> list[ShownItem]:
    """Return what a read reports with at most `MAX_LISTED` items of a topic, and one for the rest.

    A platform may send any number of rows that cannot be carried, with other ids in each read.
    Items that are open stay listed, and events that are ``known`` are listed first. Events that
    are carried are all listed: they are stored one by one anyway, and the item of a whole account
    is made of them.
    """
    open_ = {item.key for item in items}
    listed = Counter(topic for topic, _ in open_)
    found: list[ShownItem] = []
    rest: dict[Topic, set[str]] = {}
    for each in sorted(shown, key=lambda each: each.event not in known):
        key = (each.topic, each.event)
        if key not in open_ and not each.topic.still_blocks:
            if listed[each.topic] >= MAX_LISTED:
                rest.setdefault(each.topic, set()).update(each.calendars)
                continue
            listed[each.topic] += 1
            open_.add(key)
        found.append(each)
    reason = f"there are more of them than syncd lists one by one ({MAX_LISTED})"
    found += [ShownItem(FURTHER, topic, reason, frozenset(of)) for topic, of in rest.items()]
    return found


def _joined(shown: Iterable[ShownItem]) -> Mapping[tuple[Topic, str], ShownItem]:
    """Return one of each key: several lists may show a record."""
    found: dict[tuple[Topic, str], ShownItem] = {}
    for each in shown:
        key = (each.topic, each.event)
        before = found.get(key)
        found[key] = (
            each if before is None else replace(each, calendars=before.calendars | each.calendars)
        )
    return found


def _begun(shown: ShownItem, look: ReadScope) -> ReportedItem:
    calendars = tuple(sorted(shown.calendars or look.mapped))
    return ReportedItem(
        look.system,
        shown.event,
        shown.topic,
        shown.reason,
        calendars,
        _needed(shown, look),
        look.ahead,
        look.at,
        look.at,
    )


def _seen(item: ReportedItem, shown: ShownItem, look: ReadScope) -> ReportedItem:
    calendars = frozenset(shown.calendars or look.mapped)
    after = replace(
        item,
        reason=shown.reason,
        calendars=tuple(sorted(calendars.union(item.calendars))),
        back=_wider(item.back, _needed(shown, look)),
        ahead=_wider(item.ahead, look.ahead),
    )
    if after == item and look.at - item.seen_at < _KEPT_TO:
        return item
    return replace(after, seen_at=look.at)


def _unseen(item: ReportedItem, look: ReadScope) -> ReportedItem:
    """Return what becomes of an open item that a read does not report."""
    left = frozenset(item.calendars) & frozenset(look.mapped)
    listed = item.event in look.same or item.event in look.answered
    # A row that is as it is known can be read, and is somebody's.
    well = item.event in look.same and not item.topic.still_blocks
    well = well or (listed and item.topic is Topic.UNREADABLE)
    if item.event in look.read_well or well:
        # A list of fewer users may tell whose a row is that does not say so itself.
        return replace(item, ended_at=look.at) if left <= look.asked else item
    if listed:
        # The row is as it is known, and was not looked at anew.
        return item
    if item.event in look.over:
        return replace(item, ended_at=look.at)
    if item.event in look.early:
        return item
    deep = look.deepest or _reaches(look.back + look.look_back, item.back)
    if deep and (look.full or _reaches(look.ahead, item.ahead)):
        left = left.difference(look.whole)
    if not left:
        return replace(item, ended_at=look.at)
    return (
        item if len(left) == len(item.calendars) else replace(item, calendars=tuple(sorted(left)))
    )


def _needed(shown: ShownItem, look: ReadScope) -> timedelta:
    """Return how far back lists must start to show it again: further for what began early."""
    early = shown.began is not None and shown.began < look.at - look.back
    return look.back + look.look_back if early else look.back


def _wider(kept: timedelta, now: timedelta) -> timedelta:
    return kept if _reaches(kept, now) else now


def _reaches(reach: timedelta, needed: timedelta) -> bool:
    return reach + _SLACK >= needed
