"""Meetings far beyond the window, which no read shows: somebody drags one record into it.

The other record of that meeting must follow, and no other meeting may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.drawn_far import ALONE
from syncd.lab.simulate.mass_edit import TimeSpan, format_interval
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.model import floor_to

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.world import World

KNOWN_AFTER = timedelta(hours=8)
"""After this time the whole window was read, whatever faults there were."""

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
"""Faults after which it is uncertain what a read proved, or which event is which."""


@dataclass(frozen=True, slots=True)
class FarMeeting:
    """A meeting beyond the window, with its record in each system."""

    at: datetime
    provider: str
    customer: str
    interval: TimeSpan
    events: dict[str, str]


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.BOOK_FAR:
            return _book(world, step)
        case EventKind.DRAG_IN:
            return _drag(world, step, start)
        case _:
            return ""


def _book(world: World, step: SimEvent) -> str:
    provider, customer = PEOPLE[step.number % len(PEOPLE)], ("kim", "lee")[step.slot % 2]
    day = floor_to(world.clock.now(), timedelta(hours=1)) + timedelta(days=_FIRST)
    start = day + timedelta(days=step.slot // 2 % _DAYS)
    events = {}
    for name in (step.system, *(() if step.spelling == ALONE else (step.spelling,))):
        seat = world.seeded.seed_users[name, provider]
        where = (seat.calendar, seat.user, start, start + _LENGTH, world.contact(name, customer))
        events[name] = world.sandbox.systems[name].book(*where, title="Knee pain")
        world.observe(name, by_hand=True)
    interval = (start, start + _LENGTH)
    world.far.append(FarMeeting(world.clock.now(), provider, customer, interval, events))
    return f"{step.kind} {provider} {events} {start:%d %b %H:%M}"


def _drag(world: World, step: SimEvent, start: datetime) -> str:
    """Move a record of a far meeting into the window."""
    for far in world.far[step.number :]:
        event = far.events.get(step.system, "")
        view = world.events(step.system).get(event)
        if view is not None and view.busy and _is_beyond(view, world.clock.now()):
            world.sandbox.systems[step.system].move(event, start, start + (view.end - view.start))
            return f"drag {event} in to {start:%d %b %H:%M}"
    return ""


def makes_room_for_far(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if a block makes room for the calendar's own record of that meeting."""
    here = world.events(change.system)
    return any(
        far.events.get(system) == event
        and (twin := here.get(far.events.get(change.system, ""))) is not None
        and twin.busy
        for far in world.far
    )


# --- judging ----------------------------------------------------------------------------------


def judge_far_meetings(world: World) -> Iterator[str]:
    """Yield far meetings that moved without a reason, or that did not follow."""
    for far in world.far:
        records = {(name, event) for name, event in far.events.items()}
        changes = [
            c for c in world.changes if (c.system, c.event) in records and c.before is not None
        ]
        by_hand = [c for c in changes if c.by_hand]
        moved = [c for c in changes if not c.by_hand and _has_moved(c)]
        if moved and not by_hand and not world.answers:
            first = moved[0]
            yield f"5: {first.system} {first.event} was moved although nobody moved that meeting"
        if len(by_hand) == 1 and len(records) > 1 and _must_follow(world, far, by_hand[0]):
            yield from _stayed_behind(world, far, by_hand[0])


def _stayed_behind(world: World, far: FarMeeting, drag: Change) -> Iterator[str]:
    shown = drag.after
    for name, event in far.events.items():
        twin = world.events(name).get(event)
        if name == drag.system or shown is None or twin is None:
            continue
        if twin.interval != shown.interval:
            time = format_interval(shown.interval)
            yield f"5: {name} {event} did not follow its meeting to {time}"


def _must_follow(world: World, far: FarMeeting, drag: Change) -> bool:
    """Return true if the program must have recognized the dragged record, and its meeting."""
    before, after = drag.before, drag.after
    if before is None or after is None or not (before.busy and after.busy):
        return False
    moved = _is_beyond(before, drag.at) and drag.at < after.start < drag.at + timedelta(days=59)
    platforms = world.sandbox.systems.values()
    is_uncertain = any(p.faults.injected[kind] for p in platforms for kind in _MIXED)
    has_times = world.sandbox.systems[drag.system].tells_times
    is_disturbed = (
        world.answers
        or world.state_losses
        or world.mass_edits
        or world.staff.since
        or world.concealed
    )
    clocks = any(offset for _, offset in world.offsets)
    early = drag.at - far.at >= KNOWN_AFTER
    is_certain = has_times and early and not (is_uncertain or is_disturbed or clocks)
    return moved and is_certain and not _is_contested(world, far, drag, after)


def _is_contested(world: World, far: FarMeeting, drag: Change, after: EventView) -> bool:
    """Return true if another event was at the new time, or could be the same meeting."""
    for change in world.changes:
        event = (change.system, change.event)
        if event in far.events.items() or event in world.ours:
            continue
        for view in (change.before, change.after):
            if view is None or view.provider != far.provider:
                continue
            if view.start < after.end and after.start < view.end:
                return True
            same = (
                view.kind == "appointment" and world.customer(change.system, view) == far.customer
            )
            partners = _partners(world, change)
            rival = same and _is_beyond(view, drag.at) and change.system != drag.system
            if rival and drag.system not in partners:
                return True
    return False


def _partners(world: World, change: Change) -> set[str]:
    """Return the systems that have the far meeting of an event, all at one time."""
    for far in world.far:
        if far.events.get(change.system) == change.event:
            standing = ((n, world.events(n).get(e)) for n, e in far.events.items())
            return {n for n, view in standing if view is not None and view.interval == far.interval}
    return set()


def _has_moved(change: Change) -> bool:
    before, after = change.before, change.after
    return before is not None and after is not None and before.interval != after.interval


def _is_beyond(view: EventView, at: datetime) -> bool:
    return view.start > at + _BEYOND
