"""Meetings in two systems with different statuses, and what people do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.simulate import status_words
from syncd.lab.simulate.completed import complete
from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.mass_edit import MAX_DELAY
from syncd.lab.simulate.merging import was_merged_away
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView, Key
    from syncd.lab.simulate.world import World

_STATUSES = ("new", "showed", "confirmed")

_KNOWN = timedelta(minutes=30)
"""By then the near window was read, and a new meeting has a booking."""


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.TWIN_AS:
            return _twin_as(world, step)
        case EventKind.STATUS:
            return _status(world, step)
        case EventKind.MOVE_TWINNED:
            return _move_twinned(world, step, start)
        case EventKind.COMPLETE:
            return complete(world, step)
        case _:
            return status_words.perform(world, step)


def not_twins_of_block(
    world: World, change: Change, block: EventView, sources: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return the sources of a block that are no twins of the meetings at its time in its calendar.

    A meeting is no twin of one that was not known to be the provider's when it was entered. Nor is
    a meeting that had a booking of its own and was moved there later: only new ones are matched.
    """
    return {
        (system, event)
        for system, event in sources
        if was_merged_away(world, change.system, block.provider, _last_set(world, system, event))
        or _was_moved_onto(world, change.system, block, (system, event))
    }


def _last_set(world: World, system: str, event: str) -> datetime:
    return max(c.at for c in _times_set(world, system, event))


def _was_moved_onto(world: World, there: str, block: EventView, source: tuple[str, str]) -> bool:
    """Return true if a known meeting was moved to the time of meetings that it never was with."""
    times_set = list(_times_set(world, *source))
    if times_set[-1].at - times_set[0].at < _KNOWN or not times_set[-1].by_hand:
        return False
    former = _keys(times_set) - {block.key}
    return bool(former) and all(
        former.isdisjoint(_keys(_times_set(world, there, event)))
        for event, view in world.events(there).items()
        if view.kind == "appointment" and view.busy and view.key == block.key
    )


def _times_set(world: World, system: str, event: str) -> Iterator[Change]:
    """Yield the changes that gave an event its times."""
    for change in world.changes:
        if (change.system, change.event) == (system, event) and not change.keeps_time:
            yield change


def _keys(changes: Iterable[Change]) -> set[Key]:
    return {change.after.key for change in changes if change.after is not None}


def _twin_as(world: World, step: SimEvent) -> str:
    """Enter a meeting of another system here as well, with a status of its own."""
    candidates = [
        (name, view)
        for name in world.sandbox.systems
        if name != step.system
        for _, view in sorted(_meetings(world, name))
        if not _twins(world, step.system, name, view)
    ]
    if not candidates:
        return ""
    name, view = candidates[step.number % len(candidates)]
    customer = world.customer(name, view)
    seat = world.seeded.seed_users[step.system, view.provider]
    where = (seat.calendar, seat.user, *view.interval, world.contact(step.system, customer))
    if step.system == "clinic":
        status = _STATUSES[step.slot % 2]
        event = world.sandbox.clinic.book(*where, status, "Knee pain", description="Knee, left")
    else:
        # v1 has no status for a new meeting, and LeadSquared none that people set when booking.
        status = "confirmed"
        event = world.sandbox.systems[step.system].book(*where, status, "Knee pain")
    return f"twin {view.provider} {event} as {status}"


def _status(world: World, step: SimEvent) -> str:
    """Set another busy status of a v2 meeting."""
    candidates = sorted(_records(world, "clinic")) if step.system == "clinic" else []
    if not candidates:
        return ""
    event, view = candidates[step.number % len(candidates)]
    status = next(s for s in (_STATUSES[step.slot % 3], *_STATUSES) if s != view.status)
    world.sandbox.clinic.set_status(event, status)
    return f"status {event} {status}"


def _move_twinned(world: World, step: SimEvent, start: datetime) -> str:
    """Move a meeting that is also on v2 (or in v1, if it is moved on v2)."""
    other = "legacy" if step.system == "clinic" else "clinic"
    candidates = [
        (event, view)
        for event, view in sorted(_records(world, step.system))
        if _twins(world, other, step.system, view)
    ]
    if not candidates:
        return ""
    event, view = candidates[step.number % len(candidates)]
    world.sandbox.systems[step.system].move(event, start, start + (view.end - view.start))
    return f"move {event}, which is also in {other}, to {start:%d %H:%M}"


def _meetings(world: World, system: str) -> Iterator[tuple[str, EventView]]:
    for event, view in world.events(system).items():
        if view.kind == "appointment" and view.busy and view.start > world.clock.now():
            yield event, view


def _records(world: World, system: str) -> Iterator[tuple[str, EventView]]:
    return ((e, view) for e, view in _meetings(world, system) if not is_share(e))


def _twins(world: World, system: str, name: str, view: EventView) -> bool:
    """Return true if a system holds the same meeting: the same person at the same time."""
    customer = world.customer(name, view)
    return any(
        other.key == view.key and world.customer(system, other) == customer
        for _, other in _meetings(world, system)
    )


def was_one_of_several(world: World, change: Change, here: EventView) -> bool:
    """Return true if a meeting deleted elsewhere could have been the twin of several that are here.

    Then it is the twin of none (docs/design.md#matching), and the conflict ends with it. While its
    deletion is stopped or unproven, a block of its own closes its time beside them.
    """
    people = Counter(
        world.customer(change.system, view)
        for view in world.events(change.system).values()
        if view.kind == "appointment" and view.busy and view.key == here.key
    )
    return any(
        past.by_hand
        and past.system != change.system
        and past.at > change.at - MAX_DELAY
        and past.after is None
        and past.before is not None
        and (past.before.kind, past.before.key) == ("appointment", here.key)
        and people[world.customer(past.system, past.before)] > 1
        for past in world.changes
    )
