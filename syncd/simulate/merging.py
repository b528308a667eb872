"""Two users of a platform are merged for some hours: all that one had belongs to the other then.

Nobody corrects syncd's configuration on such a day. The user who is mapped is gone, so that nothing
proves that anybody's time is free: what was theirs takes their time still, and the other's as well.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from syncd.sandbox.merged_users import MergedUsers, merge_users
from syncd.sandbox.scenario import PEOPLE, SeedUser
from syncd.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World


UNREAD = timedelta(hours=1)
"""For how long after a merge is taken back syncd may still know of it only."""


class Merger(NamedTuple):
    """A merge that is in force: whose user is gone, where that user sat, and until when."""

    system: str
    provider: str
    seat: SeedUser
    merged: MergedUsers
    since: datetime
    until: datetime


def perform(town: World, step: SimEvent) -> str:
    """Merge somebody's user into the next one's; return what was done, '' if nothing."""
    system = step.system
    renamed = any(name == system for name, _ in town.staff.renamed)
    if step.kind is not EventKind.MERGE_USERS or renamed or is_merged(town, system):
        return ""
    who = PEOPLE[step.number % len(PEOPLE)]
    heir = PEOPLE[(step.number + 1) % len(PEOPLE)]
    seat, now = town.world.seed_users[system, who], town.clock.now()
    into = town.world.seed_users[system, heir].user
    merged = merge_users(town.sandbox.systems[system], seat.user, into)
    hours = 1 + step.slot % 5
    until = now + timedelta(hours=hours)
    town.mergers.append(Merger(system, who, seat, merged, now, until))
    town.staff.since.append(now)
    _sit(town, system, who, replace(seat, user=into))
    return f"{who} is merged into {heir} for {hours} hours"


def is_merged(town: World, system: str) -> bool:
    """Return whether two users of a system are merged now."""
    return any(merger.system == system for merger in town.mergers)


def users_of(town: World, system: str, event: str, *users: str) -> tuple[str, ...]:
    """Return the users whose time a record takes: these, and the one who was merged away."""
    for merger in town.mergers:
        if merger.system == system and event in merger.merged.owned:
            return (merger.seat.user, *users)
        if merger.system == system and event in merger.merged.hosted:
            return (*users, merger.seat.user)
    return users


def take_back(town: World, now: datetime | None = None) -> None:
    """Take back the merges that end by now; all of them without a time."""
    for merger in [m for m in town.mergers if now is None or m.until <= now]:
        town.mergers.remove(merger)
        town.ended_mergers.append(merger._replace(until=town.clock.now()))
        merger.merged.undo()
        _sit(town, merger.system, merger.provider, merger.seat)
        town.observe(merger.system, by_hand=True)


def was_hidden(town: World, system: str, provider: str, entered: datetime) -> bool:
    """Return whether a provider's user of a system was merged away when a meeting was entered.

    What stands there was not the provider's then, so that the new one was no twin of it.
    """
    return any(
        (merger.system, merger.provider) == (system, provider)
        and merger.since <= entered < merger.until + UNREAD
        for merger in town.ended_mergers
    )


def _sit(town: World, system: str, who: str, seat: SeedUser) -> None:
    """Let what is entered for somebody from now on be entered for this user."""
    town.world = replace(town.world, seed_users={**town.world.seed_users, (system, who): seat})
