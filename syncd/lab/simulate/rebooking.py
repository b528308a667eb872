"""Clients who cancel and rebook, weekly clients who only cancel, and the judge of both.

A reschedule has two halves, the cancellation and the new booking, in either order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.far import KNOWN_AFTER
from syncd.lab.simulate.hosted import has_shares, is_share
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.world import World

EventId = tuple[str, str]
"""A system and an event id."""

TOGETHER = timedelta(minutes=14)
"""The longest time between the halves of a reschedule; slightly below the program's limit."""

_WEEK, _LENGTH = timedelta(days=7), timedelta(minutes=30)
_MIXED = (FaultKind.CLOCK_SKEW, FaultKind.ROUNDING, FaultKind.NEW_ID_ON_MOVE, FaultKind.ODD_TIME)
"""Faults after which it is uncertain which event, or which time, is which."""


@dataclass(slots=True)
class Rebooking:
    """A meeting that a client gives up, and the meetings that the client books instead.

    ``twins`` are the same meeting in other systems. ``weekly``: the other meeting is a separate one
    that was booked long before.
    """

    system: str
    old: str
    view: EventView
    twins: tuple[EventId, ...]
    begun_at: datetime
    ended_at: datetime | None = None
    booked_at: datetime | None = None
    new: tuple[str, ...] = ()
    weekly: bool = False

    @property
    def complete(self) -> bool:
        """Return true if both halves have happened."""
        return self.ended_at is not None and self.booked_at is not None


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.REBOOK:
            return _rebook(world, step, start)
        case EventKind.BOOK_BOTH | EventKind.WEEKLY:
            return _book_both(world, step, start)
        case EventKind.CANCEL_WEEKLY:
            return _cancel_weekly(world, step)
        case _:
            return ""


def _rebook(world: World, step: SimEvent, start: datetime) -> str:
    """Do the second half of a reschedule that was begun there, or the first half of another one."""
    begun = next(
        (r for r in _rebookings_in(world, step.system) if not r.complete and not r.weekly), None
    )
    if begun is not None:
        return _book(world, begun, step, start) if begun.ended_at else _end(world, begun, step)
    candidates = sorted(_meetings(world, step.system), key=lambda item: (not item[2], item[0]))
    if not candidates:
        return ""
    twinned = [item for item in candidates if item[2]] or candidates
    event, view, twins = twinned[step.number % len(twinned)]
    chosen = Rebooking(step.system, event, view, twins, world.clock.now())
    world.rebookings.append(chosen)
    return _book(world, chosen, step, start) if step.slot % 2 else _end(world, chosen, step)


def _end(world: World, rebooking: Rebooking, step: SimEvent) -> str:
    """Cancel or delete a meeting."""
    if rebooking.old not in world.events(rebooking.system):
        return ""
    platform = world.sandbox.systems[rebooking.system]
    rebooking.ended_at = world.clock.now()
    if step.number % 4 == 0:
        platform.delete(rebooking.old)
        return f"delete {rebooking.old} to rebook it"
    platform.cancel(rebooking.old)
    return f"cancel {rebooking.old} to rebook it"


def _book(world: World, rebooking: Rebooking, step: SimEvent, start: datetime) -> str:
    """Book the same client again at another time, or at two."""
    length = rebooking.view.end - rebooking.view.start
    starts = [start + number * 2 * length for number in range(step.times)]
    rebooking.booked_at = world.clock.now()
    rebooking.new = tuple(_enter(world, rebooking.system, rebooking.view, at) for at in starts)
    return f"book {', '.join(rebooking.new)} {start:%d %H:%M} instead of {rebooking.old}"


def _enter(world: World, system: str, like: EventView, start: datetime) -> str:
    seat = world.seeded.seed_users[system, like.provider]
    end = start + (like.end - like.start)
    return world.sandbox.systems[system].book(
        seat.calendar, seat.user, start, end, like.contact, title="Knee pain"
    )


def _book_both(world: World, step: SimEvent, start: datetime) -> str:
    """Book a client in two systems; a weekly one for the week after as well, in the first."""
    weekly = step.kind is EventKind.WEEKLY
    provider = PEOPLE[step.number % len(PEOPLE)]
    customer = ("kim", "lee")[step.slot % 2]
    others = [name for name in world.sandbox.systems if name != step.system]
    other = step.spelling or others[step.number % len(others)]
    events: dict[str, list[str]] = {}
    for name in (step.system, other):
        seat = world.seeded.seed_users[name, provider]
        starts = [start + week * _WEEK for week in range(2 if weekly and name != other else 1)]
        events[name] = [
            world.sandbox.systems[name].book(
                seat.calendar,
                seat.user,
                at,
                at + _LENGTH,
                world.contact(name, customer),
                title="Knee pain",
            )
            for at in starts
        ]
        world.observe(name, by_hand=True)
    old, *later = events[step.system]
    if weekly:
        now, view = world.clock.now(), world.events(step.system)[old]
        twins = ((other, events[other][0]),)
        world.rebookings.append(
            Rebooking(
                step.system, old, view, twins, now, booked_at=now, new=tuple(later), weekly=True
            )
        )
    return f"{step.kind} {provider} {old} {start:%d %H:%M} and {other} {events[other][0]}"


def _cancel_weekly(world: World, step: SimEvent) -> str:
    """Cancel the first meeting of a weekly client."""
    candidates = [r for r in _rebookings_in(world, step.system) if r.weekly and not r.complete]
    return _end(world, candidates[0], step) if candidates else ""


def _rebookings_in(world: World, system: str) -> list[Rebooking]:
    return [r for r in world.rebookings if r.system == system]


def _meetings(world: World, system: str) -> Iterator[tuple[str, EventView, tuple[EventId, ...]]]:
    """Yield the meetings ahead that a client may reschedule, with the same ones elsewhere."""
    for event, view in sorted(world.events(system).items()):
        ahead = view.kind == "appointment" and view.busy and view.start > world.clock.now()
        if ahead and not is_share(event):
            yield event, view, tuple(_twins(world, system, view))


def _twins(world: World, system: str, view: EventView) -> Iterator[EventId]:
    customer = world.customer(system, view)
    for name in world.sandbox.systems:
        for event, other in sorted(world.events(name).items()) if name != system else ():
            if other.busy and other.key == view.key and world.customer(name, other) == customer:
                yield name, event


def makes_room_for_rebooking(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if a block makes room for the record of a meeting that this one replaces."""
    here = world.events(change.system)
    return any(
        rebooking.complete
        and not rebooking.weekly
        and rebooking.system == system
        and event in rebooking.new
        and any(
            s == change.system and twin in here and here[twin].busy for s, twin in rebooking.twins
        )
        for rebooking in world.rebookings
    )


# --- judging ----------------------------------------------------------------------------------


def judge_rebookings(world: World) -> Iterator[str]:
    """Yield twins of a rescheduled meeting that did not follow, or followed wrongly.

    Meetings with other changes are judged elsewhere.
    """
    for rebooking in world.rebookings:
        if not rebooking.complete or not _is_undisturbed(world, rebooking):
            continue
        after = [world.events(rebooking.system)[event].interval for event in rebooking.new]
        for system, event in rebooking.twins:
            twin = world.events(system).get(event)
            if twin is None:
                continue
            followed = twin.busy and twin.interval in after
            where = f"{system} {event}, the twin of {rebooking.system} {rebooking.old},"
            if followed and (rebooking.weekly or len(rebooking.new) > 1):
                yield f"5: {where} followed another meeting of the same customer"
            elif not (followed or rebooking.weekly or len(rebooking.new) > 1) and _must_follow(
                world, rebooking
            ):
                yield f"5: {where} did not follow to {after[0][0]:%d %b %H:%M}"


def _must_follow(world: World, rebooking: Rebooking) -> bool:
    """Return true if the program must have recognized a reschedule: by the platform's times."""
    platform = world.sandbox.systems[rebooking.system]
    ended, booked = rebooking.ended_at, rebooking.booked_at
    has_times = platform.tells_times and not any(platform.faults.injected[kind] for kind in _MIXED)
    cancelled = rebooking.old in world.events(rebooking.system)
    if ended is None or booked is None or not (has_times and cancelled):
        return False
    return abs(ended - booked) <= TOGETHER and len(rebooking.twins) == 1


def _is_undisturbed(world: World, rebooking: Rebooking) -> bool:
    """Return true if no other act or fault concerned the meetings of a reschedule."""
    records = {(rebooking.system, event) for event in (rebooking.old, *rebooking.new)}
    if (
        world.answers
        or world.state_losses
        or world.mass_edits
        or not all(
            event in world.events(system) for system, event in records if event != rebooking.old
        )
    ):
        return False
    halves = {rebooking.ended_at, rebooking.booked_at, rebooking.begun_at}
    concerned = {*records, *rebooking.twins}
    for change in world.changes:
        place = (change.system, change.event)
        if change.by_hand and place in concerned:
            fresh = change.before is None and place in rebooking.twins
            if change.at not in halves and not _is_early(change, rebooking) and not fresh:
                return False
            if has_shares(world, change):
                return False
        elif change.by_hand and _is_rival(world, change, rebooking):
            return False
    return True


def _is_early(change: Change, rebooking: Rebooking) -> bool:
    """Return true if the program knew of a change long before the reschedule began."""
    ended = rebooking.ended_at or rebooking.begun_at
    return change.at < (ended if rebooking.weekly else rebooking.begun_at) - KNOWN_AFTER


def _is_rival(world: World, change: Change, rebooking: Rebooking) -> bool:
    """Return true if a change of another meeting of the client makes the reschedule ambiguous."""
    customer = world.customer(rebooking.system, rebooking.view)
    views = [s for s in (change.before, change.after) if s is not None]
    return any(
        s.provider == rebooking.view.provider
        and s.kind == "appointment"
        and world.customer(change.system, s) == customer
        for s in views
    )
