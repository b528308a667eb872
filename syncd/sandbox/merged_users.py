"""Merge two users of a platform, in such a way that it can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.sandbox.leadsquared.account import Account

if TYPE_CHECKING:
    from syncd.sandbox.leadconnector.location import Location


@dataclass(frozen=True, slots=True)
class MergedUsers:
    """One merge: the records that were the user's, as owner or as a further host, by id."""

    owned: frozenset[str]
    hosted: frozenset[str]
    take_back: Callable[[], None]


def merge_users(platform: Account | Location, user: str, into: str) -> MergedUsers:
    """Give all records of a user to another one, and remove the user."""
    if isinstance(platform, Account):
        return _merge_tasks(platform, user, into)
    return _merge_events(platform, user, into)


def _merge_tasks(account: Account, user: str, into: str) -> MergedUsers:
    gone, heir = account.users[user], account.users[into]
    mine = frozenset(task.id for task in account.tasks.values() if task.owner == gone.id)
    account.merge_users(user, into)

    def take_back() -> None:
        account.users[user] = gone
        for task in list(account.tasks.values()):
            if task.id in mine and task.owner == heir.id:
                account.tasks.put(task.id, replace(task, owner=gone.id))

    return MergedUsers(mine, frozenset(), take_back)


def _merge_events(location: Location, user: str, into: str) -> MergedUsers:
    gone = location.users[user]
    meetings = {m.id: (m.user, m.hosts) for m in location.meetings.values() if user in m.takes}
    closures = {block.id for block in location.closures.values() if block.user == user}
    teams = {c.id: c.users for c in location.calendars.values() if user in c.users}
    location.merge_users(user, into)
    merged = {m.id: (m.user, m.hosts) for m in location.meetings.values() if m.id in meetings}

    def take_back() -> None:
        location.users[user] = gone
        for meeting in list(location.meetings.values()):
            # A meeting whose hosts were changed since then stays as it is.
            if merged.get(meeting.id) == (meeting.user, meeting.hosts):
                owner, hosts = meetings[meeting.id]
                location.meetings.put(meeting.id, replace(meeting, user=owner, hosts=hosts))
        for block in list(location.closures.values()):
            if block.id in closures and block.user == into:
                location.closures.put(block.id, replace(block, user=user))
        for id_, team in teams.items():
            location.calendars[id_] = replace(location.calendars[id_], users=team)

    owned = {id_ for id_, (owner, _) in meetings.items() if owner == user}
    return MergedUsers(frozenset(owned | closures), frozenset(meetings.keys() - owned), take_back)
