"""Meetings far beyond the window, which no read shows: one record is dragged in by a person.

The other record of the same meeting has to follow, and no other meeting has to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import floor_to
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.drawn_far import ALONE
from syncd.simulate.mass_edit import Interval, span
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.world import World

KNOWN = timedelta(hours=8)
"""After so long everything was read whole, whatever faults there were."""

_FIRST, _DAYS, _LENGTH = 100, 40, timedelta(minutes=30)
_BEYOND = timedelta(days=62)
_MIXED = (
    FaultKind.CLOCK_SKEW,
    FaultKind.ROUNDING,
    FaultKind.NEW_ID_ON_MOVE,
    FaultKind.ODD_TIME,
    FaultKind.LAG,
    FaultKind.EMPTY,
    FaultKind.SHORT_PAGE,
    FaultKind.ODD_STATUS,
)
"""Faults after which nobody can say what a read proved, or which event is which."""


@dataclass(frozen=True, slots=True)
class FarMeeting:
    """A meeting beyond the window, with its record in each system."""

    at: datetime
    provider: str
    person: str
    interval: Interval
    events: dict[str, str]


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; return what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.BOOK_FAR:
            return _book(town, step)
        case EventKind.DRAG_IN:
            return _drag(town, step, start)
        case _:
            return ""


def _book(town: World, step: SimEvent) -> str:
    who, person = PEOPLE[step.number % len(PEOPLE)], ("kim", "lee")[step.slot % 2]
    day = floor_to(town.clock.now(), timedelta(hours=1)) + timedelta(days=_FIRST)
    start = day + timedelta(days=step.slot // 2 % _DAYS)
    events = {}
    for name in (step.system, *(() if step.spelling == ALONE else (step.spelling,))):
        seat = town.world.seed_users[name, who]
        where = (seat.calendar, seat.user, start, start + _LENGTH, town.contact(name, person))
        events[name] = town.sandbox.systems[name].book(*where, title="Knee pain")
        town.observe(name, by_hand=True)
    interval = (start, start + _LENGTH)
    town.far.append(FarMeeting(town.clock.now(), who, person, interval, events))
    return f"{step.kind} {who} {events} {start:%d %b %H:%M}"


def _drag(town: World, step: SimEvent, start: datetime) -> str:
    """Move a record of a far meeting into the window."""
    for far in town.far[step.number :]:
        event = far.events.get(step.system, "")
        seen = town.standing(step.system).get(event)
        if seen is not None and seen.busy and _is_beyond(seen, town.clock.now()):
            town.sandbox.systems[step.system].move(event, start, start + (seen.end - seen.start))
            return f"drag {event} in to {start:%d %b %H:%M}"
    return ""


def makes_room(town: World, change: Change, system: str, event: str) -> bool:
    """Return whether a block goes because the calendar's own record of that meeting comes there."""
    here = town.standing(change.system)
    return any(
        far.events.get(system) == event
        and (twin := here.get(far.events.get(change.system, ""))) is not None
        and twin.busy
        for far in town.far
    )


# --- what must come of it -------------------------------------------------------------------------


def judge_far_meetings(town: World) -> Iterator[str]:
    """Say which far meeting was moved for no reason, or was left behind."""
    for far in town.far:
        mine = {(name, event) for name, event in far.events.items()}
        changes = [c for c in town.changes if (c.system, c.event) in mine and c.before is not None]
        hand = [c for c in changes if c.by_hand]
        moved = [c for c in changes if not c.by_hand and _has_moved(c)]
        if moved and not hand and not town.answers:
            first = moved[0]
            yield f"5: {first.system} {first.event} was moved, and nobody moved that meeting"
        if len(hand) == 1 and len(mine) > 1 and _must_follow(town, far, hand[0]):
            yield from _left_behind(town, far, hand[0])


def _left_behind(town: World, far: FarMeeting, drag: Change) -> Iterator[str]:
    shown = drag.after
    for name, event in far.events.items():
        twin = town.standing(name).get(event)
        if name == drag.system or shown is None or twin is None:
            continue
        if twin.interval != shown.interval:
            yield f"5: {name} {event} did not follow its meeting to {span(shown.interval)}"


def _must_follow(town: World, far: FarMeeting, drag: Change) -> bool:
    """Return whether the program must have understood that a record was dragged in, and whose."""
    before, after = drag.before, drag.after
    if before is None or after is None or not (before.busy and after.busy):
        return False
    moved = _is_beyond(before, drag.at) and drag.at < after.start < drag.at + timedelta(days=59)
    platforms = town.sandbox.systems.values()
    mixed = any(p.faults.injected[kind] for p in platforms for kind in _MIXED)
    told = town.sandbox.systems[drag.system].tells_times
    upset = town.answers or town.forgotten or town.accidents or town.staff.since or town.concealed
    clocks = any(offset for _, offset in town.offsets)
    early = drag.at - far.at >= KNOWN
    quiet = told and early and not (mixed or upset or clocks)
    return moved and quiet and not _is_contested(town, far, drag, after)


def _is_contested(town: World, far: FarMeeting, drag: Change, after: View) -> bool:
    """Return whether something else stood at the new time, or could be the same meeting."""
    for change in town.changes:
        event = (change.system, change.event)
        if event in far.events.items() or event in town.ours:
            continue
        for seen in (change.before, change.after):
            if seen is None or seen.provider != far.provider:
                continue
            if seen.start < after.end and after.start < seen.end:
                return True
            same = seen.kind == "appointment" and town.person(change.system, seen) == far.person
            partners = _partners(town, change)
            rival = same and _is_beyond(seen, drag.at) and change.system != drag.system
            if rival and drag.system not in partners:
                return True
    return False


def _partners(town: World, change: Change) -> set[str]:
    """Return the systems that have the far meeting of an event, at one time."""
    for far in town.far:
        if far.events.get(change.system) == change.event:
            standing = ((n, town.standing(n).get(e)) for n, e in far.events.items())
            return {n for n, seen in standing if seen is not None and seen.interval == far.interval}
    return set()


def _has_moved(change: Change) -> bool:
    before, after = change.before, change.after
    return before is not None and after is not None and before.interval != after.interval


def _is_beyond(seen: View, at: datetime) -> bool:
    return seen.start > at + _BEYOND
