"""Decide when reported items begin, change and end, from what a read shows and covers.

A reported item is a problem that `syncd status` lists, such as an unreadable row. After
`update_items`, every item that the read shows is open. An open item that the read does not show is
ended if the read proves that its event is gone or readable again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.model import ReportedItem, Topic

_READ_DELAY = timedelta(minutes=1)
"""A window starts when it is asked for, and the read a little later."""

_STORE_EVERY = timedelta(hours=1)
"""The shortest time between two stored values of `ReportedItem.seen_at`.

So a read that shows nothing new writes nothing.
"""


MAX_LISTED = 500
"""The open items of one system and topic that are listed one by one."""

FURTHER = "further records"
"""The name of the item for all records beyond `MAX_LISTED`."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item that a read reports.

    - ``event``: the id of the event. ``reason``: the text for the operator.
    - ``calendars``: the providers whose lists may show the event; empty: all mapped providers.
    - ``began``: when the event starts, if that is known and in the past; UTC.
    """

    event: str
    topic: Topic
    reason: str
    calendars: frozenset[str]
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What one read of a system proves about the items that it does not report.

    - ``at``: when the read started; UTC.
    - ``back``, ``ahead``: how far the read window reaches before and after ``at``. ``full``: this
      is the whole window that syncd keeps in sync.
    - ``look_back``: how long before the window the lists started. ``deepest``: no list of any read
      starts earlier.
    - ``mapped``: the providers with a calendar in this system; ``asked``: those of them that were
      read; ``whole``: those whose lists are proven complete.
    - ``read_well``: the ids of events whose rows were parsed; ``same``: the ids of events that were
      listed unchanged, and so not parsed again.
    - ``over``: the ids of known events that have ended; ``early``: the ids of known events that
      started before the lists do and have not ended.
    - ``answered``: the ids of events that the lists lack and that were read by id.
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
    """The items that a read begins, changes and ends, in the form in which they are stored."""

    begun: list[ReportedItem] = field(default_factory=list)
    changed: list[ReportedItem] = field(default_factory=list)
    ended: list[ReportedItem] = field(default_factory=list)

    @property
    def all(self) -> list[ReportedItem]:
        """All these items."""
        return [*self.begun, *self.changed, *self.ended]

    def add(self, other: ItemChanges) -> None:
        """Add the changes of a further slice."""
        self.begun.extend(other.begun)
        self.changed.extend(other.changed)
        self.ended.extend(other.ended)


def update_items(
    items: Iterable[ReportedItem], shown: Iterable[ShownItem], scope: ReadScope
) -> ItemChanges:
    """Return which items begin, change or end with a read.

    ``items`` are the open items of the system, ``shown`` the items that the read reports. Each key
    is decided alone, so a caller may pass the keys in slices.
    """
    outcome = ItemChanges()
    known = {item.key: item for item in items}
    reported = by_key(shown)
    for key, shown_item in reported.items():
        before = known.get(key)
        after = (
            _new_item(shown_item, scope)
            if before is None
            else _seen_again(before, shown_item, scope)
        )
        if before is None:
            outcome.begun.append(after)
        elif after is not before:
            outcome.changed.append(after)
    for key, item in known.items():
        if key in reported:
            continue
        after = _not_seen(item, scope)
        if after.ended_at is not None:
            outcome.ended.append(after)
        elif after is not item:
            outcome.changed.append(after)
    return outcome


def cap_events(
    items: Iterable[ReportedItem], shown: Iterable[ShownItem], known: Collection[str]
) -> list[ShownItem]:
    """Return the shown items, at most `MAX_LISTED` of each topic, so that status stays readable.

    Used after each read of a system, because a platform may send any number of unreadable rows,
    with new ids in each read. All items of a topic beyond the limit are replaced by one item with
    the event id `FURTHER`.

    - ``items``: the open items of the system; these are never dropped.
    - ``shown``: the items that the read reports.
    - ``known``: the ids of events in the state; their items come first.

    A topic whose events still block time (`Topic.still_blocks`) has no limit: each of its events is
    stored, and the item about the whole account is computed from all of them.
    """
    open_ = {item.key for item in items}
    listed = Counter(topic for topic, _ in open_)
    capped: list[ShownItem] = []
    rest: dict[Topic, set[str]] = {}
    for shown_item in sorted(shown, key=lambda shown_item: shown_item.event not in known):
        key = (shown_item.topic, shown_item.event)
        if key not in open_ and not shown_item.topic.still_blocks:
            if listed[shown_item.topic] >= MAX_LISTED:
                rest.setdefault(shown_item.topic, set()).update(shown_item.calendars)
                continue
            listed[shown_item.topic] += 1
            open_.add(key)
        capped.append(shown_item)
    reason = f"syncd lists {MAX_LISTED} records of this kind one by one, and there are more"
    capped += [
        ShownItem(FURTHER, topic, reason, frozenset(calendars)) for topic, calendars in rest.items()
    ]
    return capped


def by_key(shown: Iterable[ShownItem]) -> Mapping[tuple[Topic, str], ShownItem]:
    """Return one item per topic and event id, because several lists may show the same event."""
    found: dict[tuple[Topic, str], ShownItem] = {}
    for item in shown:
        key = (item.topic, item.event)
        before = found.get(key)
        found[key] = (
            item if before is None else replace(item, calendars=before.calendars | item.calendars)
        )
    return found


def _new_item(shown: ShownItem, scope: ReadScope) -> ReportedItem:
    calendars = tuple(sorted(shown.calendars or scope.mapped))
    return ReportedItem(
        scope.system,
        shown.event,
        shown.topic,
        shown.reason,
        calendars,
        _needed_look_back(shown, scope),
        scope.ahead,
        scope.at,
        scope.at,
    )


def _seen_again(item: ReportedItem, shown: ShownItem, scope: ReadScope) -> ReportedItem:
    calendars = frozenset(shown.calendars or scope.mapped)
    after = replace(
        item,
        reason=shown.reason,
        calendars=tuple(sorted(calendars.union(item.calendars))),
        back=_longer(item.back, _needed_look_back(shown, scope)),
        ahead=_longer(item.ahead, scope.ahead),
    )
    if after == item and scope.at - item.seen_at < _STORE_EVERY:
        return item
    return replace(after, seen_at=scope.at)


def _not_seen(item: ReportedItem, scope: ReadScope) -> ReportedItem:
    """Return an open item as it is after a read that does not show the item."""
    unread_calendars = frozenset(item.calendars) & frozenset(scope.mapped)
    was_listed = item.event in scope.same or item.event in scope.answered
    # An unchanged row of a known event can be read, and its owner is known.
    is_readable = item.event in scope.same and not item.topic.still_blocks
    is_readable = is_readable or (was_listed and item.topic is Topic.UNREADABLE)
    if item.event in scope.read_well or is_readable:
        # The owner may be known only because this list had fewer users than usual.
        return replace(item, ended_at=scope.at) if unread_calendars <= scope.asked else item
    if was_listed:
        # The row is unchanged and was not parsed again.
        return item
    if item.event in scope.over:
        return replace(item, ended_at=scope.at)
    if item.event in scope.early:
        return item
    starts_early_enough = scope.deepest or _reaches(scope.back + scope.look_back, item.back)
    if starts_early_enough and (scope.full or _reaches(scope.ahead, item.ahead)):
        unread_calendars = unread_calendars.difference(scope.whole)
    if not unread_calendars:
        return replace(item, ended_at=scope.at)
    return (
        item
        if len(unread_calendars) == len(item.calendars)
        else replace(item, calendars=tuple(sorted(unread_calendars)))
    )


def _needed_look_back(shown: ShownItem, scope: ReadScope) -> timedelta:
    """Return how far back lists must start to show the item again."""
    early = shown.began is not None and shown.began < scope.at - scope.back
    return scope.back + scope.look_back if early else scope.back


def _longer(stored: timedelta, now: timedelta) -> timedelta:
    return stored if _reaches(stored, now) else now


def _reaches(reach: timedelta, needed: timedelta) -> bool:
    return reach + _READ_DELAY >= needed
