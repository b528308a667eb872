"""Find the providers that a v2 row belongs to, by its hosts or its calendar."""

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
    """Return the user ids of a meeting's hosts: the assigned user first, then the further hosts.

    The platform's order of the further hosts has no meaning, so they are sorted.
    """
    further = item.users if isinstance(item, Appointment) else None
    others = sorted({_user_id(other) for other in further}) if isinstance(further, list) else []
    return tuple(dict.fromkeys(user for user in (text(item.assigned_user_id), *others) if user))


def _user_id(other: object) -> str:
    """Return the id of a further host, which is a text or an object with an id."""
    if isinstance(other, dict):
        ids = (text(other.get(key)) for key in ("id", "_id", "userId"))
        return next(filter(None, ids), "")
    return text(other)


def user_of(item: Item) -> str:
    """Return the id of the first host; '' for none."""
    return next(iter(hosts_of(item)), "")


@dataclass(frozen=True, slots=True)
class CalendarOwners:
    """Maps list rows to providers: by host, otherwise by calendar.

    ``users`` maps user ids to providers; ``calendars`` maps each calendar that exactly one provider
    owns. ``named`` are the providers mapped by a user id: a row on their calendar with another host
    does not belong to them. ``synced`` maps calendars that are mapped, or whose team is one mapped
    user, to their providers; ``teams`` maps every calendar that books a provider.
    """

    users: Mapping[str, str]
    calendars: Mapping[str, str]
    named: frozenset[str]
    synced: Mapping[str, Collection[str]] = field(default_factory=dict)
    teams: Mapping[str, Collection[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, calendars: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
    ) -> CalendarOwners:
        """Build the index. An unmapped calendar belongs to a user who is its only team member."""
        booked = [(c, p) for p, mapping in calendars.items() for c in booked_on(mapping, directory)]
        own_calendars = [
            (calendar_id, provider)
            for calendar_id, provider in booked
            if calendar_id in calendars[provider].calendars or len(directory[calendar_id].team) == 1
        ]
        count = Counter(calendar_id for calendar_id, _ in own_calendars)
        return cls(
            {mapping.user: provider for provider, mapping in calendars.items() if mapping.user},
            {
                calendar_id: provider
                for calendar_id, provider in own_calendars
                if count[calendar_id] == 1
            },
            frozenset(provider for provider, mapping in calendars.items() if mapping.user),
            _group_by_key(own_calendars),
            _group_by_key(booked),
        )

    def owner(self, item: Item, asked: Collection[str] = ()) -> str | None:
        """Return the provider of a row, who is its first mapped host; None if no provider fits.

        ``asked`` are the providers whose list by user contained the row. If it is only one, a row
        without host and calendar belongs to that provider.
        """
        hosts = hosts_of(item)
        for user in hosts:
            if user in self.users:
                return self.users[user]
        calendar = text(item.calendar_id)
        provider = self.calendars.get(calendar)
        if provider is not None:
            return None if hosts and provider in self.named else provider
        nameless = not (hosts or calendar)
        return next(iter(asked)) if nameless and len(asked) == 1 else None

    def further_hosts(self, item: Item, owner: str | None) -> dict[str, str]:
        """Return the providers of the further hosts, by the id of each one's derived event."""
        if not isinstance(item, Appointment) or not item.users:
            return {}
        return {
            derived_id(text(item.id), f"{USER_PREFIX}{user}"): self.users[user]
            for user in hosts_of(item)
            if user in self.users and self.users[user] != owner
        }

    def unowned(self, item: Item, listed: Collection[str] = ()) -> Unowned | None:
        """Explain why a row on a synced calendar has no provider; None if the row is to be ignored.

        Meetings of unmapped users on a team's calendar are ignored, unless that calendar itself is
        mapped. A row without host and calendar may belong to any of the ``listed`` providers.
        """
        hosts, calendar = hosts_of(item), text(item.calendar_id)
        if not isinstance(item, Appointment):
            return None
        if not hosts and not calendar:
            providers, topic, reason = (
                listed,
                Topic.UNREADABLE,
                "the event names neither a host nor a calendar",
            )
        elif not hosts:
            providers, topic = self.teams.get(calendar, ()), Topic.UNASSIGNED
            reason = "no user is assigned yet, so the meeting blocks no time"
        else:
            providers, topic = self.synced.get(calendar, ()), Topic.UNMAPPED_OWNER
            host_ids = ", ".join(hosts)
            reason = f"host {host_ids} is mapped to no provider, so the meeting blocks no time"
        return Unowned(topic, reason, tuple(providers)) if providers else None


@dataclass(frozen=True, slots=True)
class Unowned:
    """Why a row has no provider, and the ``providers`` of its calendar."""

    topic: Topic
    reason: str
    providers: tuple[str, ...]

    @property
    def provider(self) -> str:
        """Return the only provider of its calendar; '' if several share it."""
        return self.providers[0] if len(self.providers) == 1 else ""


def _group_by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
