"""Two users of a platform that are merged for some hours: one gets all events of the other.

Nobody corrects syncd's configuration on such a day. The mapped user is gone, so nothing proves that
anybody's time is free: the events take the time of both providers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from syncd.lab.sandbox.merged_users import MergedUsers, merge_users
from syncd.lab.sandbox.scenario import PEOPLE, SeedUser
from syncd.lab.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


STALE_AFTER_MERGE = timedelta(hours=1)
"""How long after the end of a merge syncd may still act on it."""


class Merger(NamedTuple):
    """A merge in force: whose user is gone, that user's seat, and the end of the merge."""

    system: str
    provider: str
    seat: SeedUser
    merged: MergedUsers
    since: datetime
    until: datetime


def perform(world: World, step: SimEvent) -> str:
    """Merge a provider's user into the next one's; return what was done, '' if nothing was."""
    system = step.system
    renamed = any(name == system for name, _ in world.staff.renamed)
    if step.kind is not EventKind.MERGE_USERS or renamed or is_merged(world, system):
        return ""
    provider = PEOPLE[step.number % len(PEOPLE)]
    heir = PEOPLE[(step.number + 1) % len(PEOPLE)]
    seat, now = world.seeded.seed_users[system, provider], world.clock.now()
    into = world.seeded.seed_users[system, heir].user
    merged = merge_users(world.sandbox.systems[system], seat.user, into)
    hours = 1 + step.slot % 5
    until = now + timedelta(hours=hours)
    world.mergers.append(Merger(system, provider, seat, merged, now, until))
    world.staff.since.append(now)
    _assign_user(world, system, provider, replace(seat, user=into))
    return f"merge {provider} into {heir} for {hours} hours"


def is_merged(world: World, system: str) -> bool:
    """Return true if two users of a system are merged now."""
    return any(merger.system == system for merger in world.mergers)


def users_with_merged(world: World, system: str, event: str, *users: str) -> tuple[str, ...]:
    """Return the users whose time a record takes: these, and the one that was merged away."""
    for merger in world.mergers:
        if merger.system == system and event in merger.merged.owned:
            return (merger.seat.user, *users)
        if merger.system == system and event in merger.merged.hosted:
            return (*users, merger.seat.user)
    return users


def undo_merges(world: World, now: datetime | None = None) -> None:
    """Undo the merges that end by now; all of them without a time."""
    for merger in [m for m in world.mergers if now is None or m.until <= now]:
        world.mergers.remove(merger)
        world.ended_mergers.append(merger._replace(until=world.clock.now()))
        merger.merged.undo()
        _assign_user(world, merger.system, merger.provider, merger.seat)
        world.observe(merger.system, by_hand=True)


def was_merged_away(world: World, system: str, provider: str, entered: datetime) -> bool:
    """Return true if a provider's user was merged away when a meeting was entered.

    Its events were not known to be the provider's then, so the new meeting was no twin of them.
    """
    return any(
        (merger.system, merger.provider) == (system, provider)
        and merger.since <= entered < merger.until + STALE_AFTER_MERGE
        for merger in world.ended_mergers
    )


def _assign_user(world: World, system: str, provider: str, seat: SeedUser) -> None:
    """Use this user for events that are entered for a provider from now on."""
    world.seeded = replace(
        world.seeded, seed_users={**world.seeded.seed_users, (system, provider): seat}
    )
