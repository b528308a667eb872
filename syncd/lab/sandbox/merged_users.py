"""Merge two users of a platform so that the merge can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadsquared.account import AccountState

if TYPE_CHECKING:
    from syncd.lab.sandbox.leadconnector.location import LocationState


@dataclass(frozen=True, slots=True)
class MergedUsers:
    """One merge: ids of the records that the user owned or hosted, and a function to undo it."""

    owned: frozenset[str]
    hosted: frozenset[str]
    undo: Callable[[], None]


def merge_users(platform: AccountState | LocationState, user: str, into: str) -> MergedUsers:
    """Transfer all records of ``user`` to the user ``into``, and remove ``user``."""
    if isinstance(platform, AccountState):
        return _merge_tasks(platform, user, into)
    return _merge_events(platform, user, into)


def _merge_tasks(account: AccountState, user: str, into: str) -> MergedUsers:
    user_record, heir_record = account.users[user], account.users[into]
    owned = frozenset(task.id for task in account.tasks.values() if task.owner == user_record.id)
    account.merge_users(user, into)

    def undo() -> None:
        account.users[user] = user_record
        for task in list(account.tasks.values()):
            if task.id in owned and task.owner == heir_record.id:
                account.tasks.put(task.id, replace(task, owner=user_record.id))

    return MergedUsers(owned, frozenset(), undo)


def _merge_events(location: LocationState, user: str, into: str) -> MergedUsers:
    user_record = location.users[user]
    meetings = {m.id: (m.user, m.hosts) for m in location.meetings.values() if user in m.all_users}
    blocks = {block.id for block in location.stored_blocks.values() if block.user == user}
    teams = {c.id: c.users for c in location.calendars.values() if user in c.users}
    location.merge_users(user, into)
    merged = {m.id: (m.user, m.hosts) for m in location.meetings.values() if m.id in meetings}

    def undo() -> None:
        location.users[user] = user_record
        for meeting in list(location.meetings.values()):
            # Leave a meeting whose hosts were changed since the merge.
            if merged.get(meeting.id) == (meeting.user, meeting.hosts):
                owner, hosts = meetings[meeting.id]
                location.meetings.put(meeting.id, replace(meeting, user=owner, hosts=hosts))
        for block in list(location.stored_blocks.values()):
            if block.id in blocks and block.user == into:
                location.stored_blocks.put(block.id, replace(block, user=user))
        for id_, team in teams.items():
            location.calendars[id_] = replace(location.calendars[id_], users=team)

    owned = {id_ for id_, (owner, _) in meetings.items() if owner == user}
    return MergedUsers(frozenset(owned | blocks), frozenset(meetings.keys() - owned), undo)
