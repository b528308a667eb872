"""Meetings that stand in two systems, in different statuses, and what people do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.simulate import status_words
from syncd.simulate.completed import complete
from syncd.simulate.hosted import is_share
from syncd.simulate.mass_edit import LATE
from syncd.simulate.merging import was_hidden
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change, Key, View
    from syncd.simulate.world import World

_STATUSES = ("new", "showed", "confirmed")

_KNOWN = timedelta(minutes=30)
"""By then the near window was read, and a new meeting has a booking."""


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.TWIN_AS:
            return _twin_as(town, step)
        case EventKind.STATUS:
            return _status(town, step)
        case EventKind.MOVE_TWINNED:
            return _move_twinned(town, step, start)
        case EventKind.COMPLETE:
            return complete(town, step)
        case _:
            return status_words.perform(town, step)


def set_apart(
    town: World, change: Change, block: View, sources: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return the sources of a block that are no twins of what stands at its time in its calendar.

    Entered while that was not known to be the provider's, a meeting is no twin of it. Nor is one
    that had a booking of its own, and was moved there later: only what is new is matched.
    """
    return {
        (system, event)
        for system, event in sources
        if was_hidden(town, change.system, block.provider, _last_set(town, system, event))
        or _was_moved_onto(town, change.system, block, (system, event))
    }


def _last_set(town: World, system: str, event: str) -> datetime:
    return max(c.at for c in _times_set(town, system, event))


def _was_moved_onto(town: World, there: str, block: View, source: tuple[str, str]) -> bool:
    """Whether a known meeting was moved to where only others stand, with which it never stood."""
    own = list(_times_set(town, *source))
    if own[-1].at - own[0].at < _KNOWN or not own[-1].by_hand:
        return False
    former = _keys(own) - {block.key}
    return bool(former) and all(
        former.isdisjoint(_keys(_times_set(town, there, event)))
        for event, seen in town.standing(there).items()
        if seen.kind == "appointment" and seen.busy and seen.key == block.key
    )


def _times_set(town: World, system: str, event: str) -> Iterator[Change]:
    """Yield the changes that gave an event its times."""
    for change in town.changes:
        if (change.system, change.event) == (system, event) and not change.keeps_time:
            yield change


def _keys(changes: Iterable[Change]) -> set[Key]:
    return {change.after.key for change in changes if change.after is not None}


def _twin_as(town: World, step: SimEvent) -> str:
    """Enter a meeting of another system here as well, with a status of its own."""
    found = [
        (name, seen)
        for name in town.sandbox.systems
        if name != step.system
        for _, seen in sorted(_meetings(town, name))
        if not _twins(town, step.system, name, seen)
    ]
    if not found:
        return ""
    name, seen = found[step.number % len(found)]
    person = town.person(name, seen)
    seat = town.world.seats[step.system, seen.provider]
    where = (seat.calendar, seat.user, *seen.interval, town.contact(step.system, person))
    if step.system == "clinic":
        status = _STATUSES[step.slot % 2]
        event = town.sandbox.clinic.book(*where, status, "Knee pain", description="Knee, left")
    else:
        # v1 knows no meeting that is new, and LeadSquared no status that somebody gives at once.
        status = "confirmed"
        event = town.sandbox.systems[step.system].book(*where, status, "Knee pain")
    return f"twin {seen.provider} {event} as {status}"


def _status(town: World, step: SimEvent) -> str:
    """Give a meeting of v2 another status that takes its time."""
    found = sorted(_records(town, "clinic")) if step.system == "clinic" else []
    if not found:
        return ""
    event, seen = found[step.number % len(found)]
    status = next(s for s in (_STATUSES[step.slot % 3], *_STATUSES) if s != seen.status)
    town.sandbox.clinic.set_status(event, status)
    return f"status {event} {status}"


def _move_twinned(town: World, step: SimEvent, start: datetime) -> str:
    """Move a meeting that stands on v2, too (or in v1, if it is moved on v2)."""
    other = "legacy" if step.system == "clinic" else "clinic"
    found = [
        (event, seen)
        for event, seen in sorted(_records(town, step.system))
        if _twins(town, other, step.system, seen)
    ]
    if not found:
        return ""
    event, seen = found[step.number % len(found)]
    town.sandbox.systems[step.system].move(event, start, start + (seen.end - seen.start))
    return f"move {event}, which stands in {other}, to {start:%d %H:%M}"


def _meetings(town: World, system: str) -> Iterator[tuple[str, View]]:
    for event, seen in town.standing(system).items():
        if seen.kind == "appointment" and seen.busy and seen.start > town.clock.now():
            yield event, seen


def _records(town: World, system: str) -> Iterator[tuple[str, View]]:
    return ((e, seen) for e, seen in _meetings(town, system) if not is_share(e))


def _twins(town: World, system: str, name: str, seen: View) -> bool:
    """Whether a system holds the same meeting: the same person at the same time."""
    person = town.person(name, seen)
    return any(
        other.key == seen.key and town.person(system, other) == person
        for _, other in _meetings(town, system)
    )


def was_one_of_several(town: World, change: Change, here: View) -> bool:
    """Whether what was deleted elsewhere could have been a twin of several that stand here.

    Then it is a twin of none (docs/design.md#matching), and the question ends with it. While its
    deletion is stopped, or not believed yet, a block of its own closes its time beside them.
    """
    people = Counter(
        town.person(change.system, seen)
        for seen in town.standing(change.system).values()
        if seen.kind == "appointment" and seen.busy and seen.key == here.key
    )
    return any(
        past.by_hand
        and past.system != change.system
        and past.at > change.at - LATE
        and past.after is None
        and past.before is not None
        and (past.before.kind, past.before.key) == ("appointment", here.key)
        and people[town.person(past.system, past.before)] > 1
        for past in town.changes
    )
