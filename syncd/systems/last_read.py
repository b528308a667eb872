"""What the last read of a system showed, to notice an event that its lists lack."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from syncd.systems.sightings import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.model import Coverage, Event, Value
    from syncd.systems.port import ListCall

GROUPS = frozenset({"groupId", "teamId"})
"""The selectors of lists whose calendars only a directory names, which may be out of date."""


class ListingKind(Enum):
    """Which list of the last read had to show an event.

    OWN: that of its user or calendar. GROUP: that of the group or team that its calendar was in
    when the read was planned. NONE: its calendar is none of those that are read for its provider.
    """

    OWN = auto()
    GROUP = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class LastRead:
    """The ids that were listed, what the read proved to be complete, and the lists it asked for.

    ``groups`` is the group or team of each calendar, as the lists were planned by it;
    ``every_group``: of each calendar that the lists of a group show.
    """

    ids: frozenset[str]
    coverage: Sequence[Coverage]
    calls: Sequence[ListCall] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    every_group: bool = True

    def lacks(self, found: Event, value: Value | None) -> bool:
        """Whether an event of a provider that was read, found by its id, was not listed.

        ``value`` is what was known of it before: one that has moved since proves nothing.
        """
        if value is None or value.interval != found.value.interval or found.id in self.ids:
            return False
        return any(
            c.provider == found.provider
            and found.kind in c.kinds
            and c.window.contains(found.value)
            for c in self.coverage
        )

    def listing(self, found: Event) -> ListingKind:
        """Return which list had to show an event."""
        calendar = found.service
        asked = {
            (call.selector, id)
            for call in self.calls
            if found.provider in call.providers and found.kind in call.kinds
            for id in call.ids
        }
        by_group = {id for selector, id in asked if selector in GROUPS}
        if any(selector == "userId" for selector, _ in asked) or ("calendarId", calendar) in asked:
            return ListingKind.OWN
        if calendar is None:
            return ListingKind.GROUP if by_group else ListingKind.OWN
        if not by_group:
            return ListingKind.NONE
        unknown = calendar not in self.groups and not self.every_group
        in_group = unknown or self.groups.get(calendar) in by_group
        return ListingKind.GROUP if in_group else ListingKind.NONE


@dataclass(slots=True)
class MissingListed:
    """The events that the lists of a read lacked, and what that says of its directory.

    A group's list that lacks an event makes the directory be read again. Once that says the same
    as before, no other list has the event.
    """

    _last: LastRead | None = None
    _settled: dict[str, str] = field(default_factory=dict)
    _open: dict[str, str] = field(default_factory=dict)
    _renewed: bool = False

    def begin(self, last: LastRead) -> None:
        """Start with a new read."""
        if self._renewed:
            self._settled |= self._open
        self._last, self._open, self._renewed = last, {}, False

    def found(self, found: Event, value: Value | None, renew: Callable[[], bool]) -> Found | None:
        """Return how an event was found that the lists lacked; None if they did not lack it.

        ``value`` is what was known of it. ``renew`` has the directory read again, and says whether
        it is.
        """
        last = self._last
        if last is None or not last.lacks(found, value):
            return None
        self._renewed = renew() or self._renewed
        listing, calendar = last.listing(found), found.service or ""
        if listing is ListingKind.GROUP:
            group = last.groups.get(calendar, "")
            outdated = self._renewed and self._settled.get(calendar) != group
            self._open[calendar] = group
            return Found(found, elsewhere=outdated, outdated=outdated)
        return Found(found, elsewhere=listing is ListingKind.NONE)

    def is_of_group(self, found: Event) -> bool:
        """Whether an event that is lacking is in a group that the directory confirmed since."""
        last, calendar = self._last, found.service or ""
        if last is None or last.listing(found) is not ListingKind.GROUP:
            return False
        return self._settled.get(calendar) == last.groups.get(calendar, "")
