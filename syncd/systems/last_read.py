"""Remember what the last read of a system listed, to detect events that its lists lack.

Used when a lookup by id finds an event that no list showed: the cached directory of calendars may
be outdated, or the list may be capped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from syncd.systems.lookup_results import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.model import Coverage, Event, Value
    from syncd.systems.port import ListCall

GROUPS = frozenset({"groupId", "teamId"})
"""Selectors of lists by group or team; only the directory says which calendars these show."""


class ListingKind(Enum):
    """The list of the last read that should have shown an event.

    OWN: the list of the event's user or calendar. GROUP: the list of the group or team that its
    calendar had when the read was planned. NONE: no list of its provider includes its calendar.
    """

    OWN = auto()
    GROUP = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class LastRead:
    """What one read listed: the ids, the coverage and the list calls.

    ``groups`` maps calendars to their group or team, as used to plan the lists. ``every_group``:
    ``groups`` contains every calendar that a list by group shows.
    """

    ids: frozenset[str]
    coverage: Sequence[Coverage]
    calls: Sequence[ListCall] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    every_group: bool = True

    def lacks(self, event: Event, value: Value | None) -> bool:
        """Return whether the read missed an event that a lookup by id found.

        ``value`` is the event's stored value. An event that has moved since, or is outside of the
        coverage, did not have to be listed.
        """
        if value is None or value.interval != event.value.interval or event.id in self.ids:
            return False
        return any(
            c.provider == event.provider
            and event.kind in c.kinds
            and c.window.contains(event.value)
            for c in self.coverage
        )

    def listing(self, event: Event) -> ListingKind:
        """Return which list of the read should have shown an event."""
        calendar = event.service
        selectors = {
            (call.selector, id)
            for call in self.calls
            if event.provider in call.providers and event.kind in call.kinds
            for id in call.ids
        }
        by_group = {id for selector, id in selectors if selector in GROUPS}
        by_user = any(selector == "userId" for selector, _ in selectors)
        if by_user or ("calendarId", calendar) in selectors:
            return ListingKind.OWN
        if calendar is None:
            return ListingKind.GROUP if by_group else ListingKind.OWN
        if not by_group:
            return ListingKind.NONE
        unknown = calendar not in self.groups and not self.every_group
        in_group = unknown or self.groups.get(calendar) in by_group
        return ListingKind.GROUP if in_group else ListingKind.NONE


@dataclass(slots=True)
class ListGaps:
    """Tracks events that lists lacked, to find out whether the cached directory is outdated.

    If a list by group lacks an event, the directory is read again. If the new directory shows the
    calendar in the same group, that group is confirmed: no other list can show the event.
    """

    _last: LastRead | None = None
    _confirmed: dict[str, str] = field(default_factory=dict)
    """The group of each calendar whose directory entry was confirmed."""
    _unconfirmed: dict[str, str] = field(default_factory=dict)
    _renewed: bool = False

    def begin(self, last: LastRead) -> None:
        """Replace the last read by a new one."""
        if self._renewed:
            self._confirmed |= self._unconfirmed
        self._last, self._unconfirmed, self._renewed = last, {}, False

    def lookup_result(
        self, event: Event, value: Value | None, renew: Callable[[], bool]
    ) -> Found | None:
        """Return the lookup result of an event that the last read should have listed, or None.

        None means that the last read listed the event, or did not have to. ``value`` is the stored
        value. ``renew`` expires the cached directory, and returns whether it will be read again.
        """
        last = self._last
        if last is None or not last.lacks(event, value):
            return None
        self._renewed = renew() or self._renewed
        listing, calendar = last.listing(event), event.service or ""
        if listing is ListingKind.GROUP:
            group = last.groups.get(calendar, "")
            outdated = self._renewed and self._confirmed.get(calendar) != group
            self._unconfirmed[calendar] = group
            return Found(event, elsewhere=outdated, outdated=outdated)
        return Found(event, elsewhere=listing is ListingKind.NONE)

    def is_of_group(self, event: Event) -> bool:
        """Return whether the directory confirmed that a missed event's calendar is in its group."""
        last, calendar = self._last, event.service or ""
        if last is None or last.listing(event) is not ListingKind.GROUP:
            return False
        return self._confirmed.get(calendar) == last.groups.get(calendar, "")
