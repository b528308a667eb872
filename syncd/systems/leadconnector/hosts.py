"""Whose time a v2 row takes: the providers among its hosts, and rows that are nobody's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.model import Topic, derived_id
from syncd.model.derived import USER_PREFIX
from syncd.systems.leadconnector.directory import booked_on
from syncd.systems.leadconnector.wire import Appointment
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.wire import Item


def hosts_of(item: Item) -> tuple[str, ...]:
    """Return the users who host a meeting: the assigned one first, then the further ones.

    The order in which a platform lists the further ones means nothing, so they are sorted.
    """
    more = item.users if isinstance(item, Appointment) else None
    others = sorted({_user_id(other) for other in more}) if isinstance(more, list) else []
    return tuple(dict.fromkeys(user for user in (text(item.assigned_user_id), *others) if user))


def _user_id(other: object) -> str:
    """Read a further host, which is an id, or an object with one."""
    if isinstance(other, dict):
        found = (text(other.get(key)) for key in ("id", "_id", "userId"))
        return next(filter(None, found), "")
    return text(other)


def user_of(item: Item) -> str:
    """Return the id of the first host; '' for nobody."""
    return next(iter(hosts_of(item)), "")


@dataclass(frozen=True, slots=True)
class CalendarOwners:
    """Which providers a row belongs to: by its hosts, else by its calendar.

    ``calendars`` are those that exactly one provider owns. ``named`` are the providers that a user
    id names: a row on their calendar that names somebody else is not theirs. ``kept`` are the
    calendars that are mapped, or that are one user's own, with their providers; ``teams`` are those
    on which a provider is booked.
    """

    users: Mapping[str, str]
    calendars: Mapping[str, str]
    named: frozenset[str]
    kept: Mapping[str, Collection[str]] = field(default_factory=dict)
    teams: Mapping[str, Collection[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, calendars: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
    ) -> CalendarOwners:
        """Index a mapping. A calendar that was not mapped is a user's own if nobody shares it."""
        booked = [(s, p) for p, of in calendars.items() for s in booked_on(of, directory)]
        seats = [
            (seat, provider)
            for seat, provider in booked
            if seat in calendars[provider].calendars or len(directory[seat].team) == 1
        ]
        count = Counter(seat for seat, _ in seats)
        return cls(
            {of.user: provider for provider, of in calendars.items() if of.user},
            {seat: provider for seat, provider in seats if count[seat] == 1},
            frozenset(provider for provider, of in calendars.items() if of.user),
            _together(seats),
            _together(booked),
        )

    def owner(self, item: Item, asked: Collection[str] = ()) -> str | None:
        """Return the provider whose event the row itself is; None for nobody that is mapped.

        That is the first mapped host. ``asked`` are the providers of the call by user that brought
        the row: one that names neither user nor calendar is theirs.
        """
        hosts = hosts_of(item)
        for user in hosts:
            if user in self.users:
                return self.users[user]
        place = text(item.calendar_id)
        provider = self.calendars.get(place)
        if provider is not None:
            return None if hosts and provider in self.named else provider
        nameless = not (hosts or place)
        return next(iter(asked)) if nameless and len(asked) == 1 else None

    def further_hosts(self, item: Item, owner: str | None) -> dict[str, str]:
        """Return the providers of the further hosts by their derived events."""
        if not isinstance(item, Appointment) or not item.users:
            return {}
        return {
            derived_id(text(item.id), f"{USER_PREFIX}{user}"): self.users[user]
            for user in hosts_of(item)
            if user in self.users and self.users[user] != owner
        }

    def unowned(self, item: Item, listed: Collection[str] = ()) -> Unowned | None:
        """Return why a row is nobody's, where it is on a calendar that is kept in sync.

        What users who are not mapped do on a team's calendar is nobody's business, unless that
        calendar is mapped itself. A row that names neither host nor calendar may be of any of the
        providers that were ``listed``.
        """
        hosts, place = hosts_of(item), text(item.calendar_id)
        if not isinstance(item, Appointment):
            return None
        if not hosts and not place:
            found, topic, reason = (
                listed,
                Topic.UNREADABLE,
                "it names neither a host nor a calendar",
            )
        elif not hosts:
            found, topic = self.teams.get(place, ()), Topic.UNASSIGNED
            reason = "nobody is assigned to it yet: it closes no time"
        else:
            found, topic = self.kept.get(place, ()), Topic.UNMAPPED_OWNER
            named = ", ".join(hosts)
            reason = f"its host {named} is nobody in [providers]: it closes no time"
        return Unowned(topic, reason, tuple(found)) if found else None


@dataclass(frozen=True, slots=True)
class Unowned:
    """A row that is nobody's: why, and the ``providers`` of its calendar."""

    topic: Topic
    reason: str
    providers: tuple[str, ...]

    @property
    def provider(self) -> str:
        """The one whose calendar it is on; '' where several share it."""
        return self.providers[0] if len(self.providers) == 1 else ""


def _together(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
