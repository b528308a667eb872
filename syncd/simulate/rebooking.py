"""Clients who cancel and book anew, weekly clients who only cancel, and what must come of it.

A reschedule has two halves, the cancellation and the new booking, in either order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.faults import FaultKind
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.hosted import has_shares, is_share
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.world import World

Event = tuple[str, str]
"""(system, event id)."""

TOGETHER = timedelta(minutes=14)
"""The halves of a reschedule are at most so far apart, and a little more is allowed."""

KNOWN = timedelta(hours=8)
"""What stands for so long is known to the program, whatever faults there were."""

_WEEK, _LENGTH = timedelta(days=7), timedelta(minutes=30)
_MIXED = (FaultKind.CLOCK_SKEW, FaultKind.ROUNDING, FaultKind.NEW_ID_ON_MOVE, FaultKind.ODD_TIME)
"""Faults after which nobody can say which event, or which time, is which."""


@dataclass(slots=True)
class Rebooking:
    """A meeting that somebody gives up, the meetings of the same client that are booked instead.

    ``twins`` are the same meeting in other systems. ``weekly``: the other meeting is another one,
    that was booked long before.
    """

    system: str
    old: str
    seen: View
    twins: tuple[Event, ...]
    begun_at: datetime
    ended_at: datetime | None = None
    booked_at: datetime | None = None
    new: tuple[str, ...] = ()
    weekly: bool = False

    @property
    def complete(self) -> bool:
        """Whether it was both given up and booked anew."""
        return self.ended_at is not None and self.booked_at is not None


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; return what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.REBOOK:
            return _rebook(town, step, start)
        case EventKind.BOOK_BOTH | EventKind.WEEKLY:
            return _book_both(town, step, start)
        case EventKind.CANCEL_WEEKLY:
            return _cancel_weekly(town, step)
        case _:
            return ""


def _rebook(town: World, step: SimEvent, start: datetime) -> str:
    """Do the second half of a reschedule that was begun there, or the first half of another one."""
    begun = next((r for r in _of(town, step.system) if not r.complete and not r.weekly), None)
    if begun is not None:
        return _book(town, begun, step, start) if begun.ended_at else _end(town, begun, step)
    found = sorted(_meetings(town, step.system), key=lambda each: (not each[2], each[0]))
    if not found:
        return ""
    twinned = [each for each in found if each[2]] or found
    event, seen, twins = twinned[step.number % len(twinned)]
    chosen = Rebooking(step.system, event, seen, twins, town.clock.now())
    town.rebookings.append(chosen)
    return _book(town, chosen, step, start) if step.slot % 2 else _end(town, chosen, step)


def _end(town: World, what: Rebooking, step: SimEvent) -> str:
    """Cancel a meeting, or delete it."""
    if what.old not in town.standing(what.system):
        return ""
    platform = town.sandbox.systems[what.system]
    what.ended_at = town.clock.now()
    if step.number % 4 == 0:
        platform.delete(what.old)
        return f"delete {what.old} for another time"
    platform.cancel(what.old)
    return f"cancel {what.old} for another time"


def _book(town: World, what: Rebooking, step: SimEvent, start: datetime) -> str:
    """Book the same with the same client at another time, or at two."""
    length = what.seen.end - what.seen.start
    starts = [start + number * 2 * length for number in range(step.times)]
    what.booked_at = town.clock.now()
    what.new = tuple(_enter(town, what.system, what.seen, each) for each in starts)
    return f"book {', '.join(what.new)} {start:%d %H:%M} instead of {what.old}"


def _enter(town: World, system: str, like: View, start: datetime) -> str:
    seat = town.world.seed_users[system, like.provider]
    end = start + (like.end - like.start)
    return town.sandbox.systems[system].book(
        seat.calendar, seat.user, start, end, like.contact, title="Knee pain"
    )


def _book_both(town: World, step: SimEvent, start: datetime) -> str:
    """Book a client in two systems; a weekly one for the week after as well, in the first."""
    weekly = step.kind is EventKind.WEEKLY
    who = PEOPLE[step.number % len(PEOPLE)]
    person = ("kim", "lee")[step.slot % 2]
    others = [name for name in town.sandbox.systems if name != step.system]
    other = step.spelling or others[step.number % len(others)]
    events: dict[str, list[str]] = {}
    for name in (step.system, other):
        seat = town.world.seed_users[name, who]
        starts = [start + week * _WEEK for week in range(2 if weekly and name != other else 1)]
        events[name] = [
            town.sandbox.systems[name].book(
                seat.calendar,
                seat.user,
                at,
                at + _LENGTH,
                town.contact(name, person),
                title="Knee pain",
            )
            for at in starts
        ]
        town.observe(name, by_hand=True)
    old, *later = events[step.system]
    if weekly:
        now, seen = town.clock.now(), town.standing(step.system)[old]
        twins = ((other, events[other][0]),)
        town.rebookings.append(
            Rebooking(
                step.system, old, seen, twins, now, booked_at=now, new=tuple(later), weekly=True
            )
        )
    return f"{step.kind} {who} {old} {start:%d %H:%M} and {other} {events[other][0]}"


def _cancel_weekly(town: World, step: SimEvent) -> str:
    """Cancel the first meeting of a weekly client."""
    found = [r for r in _of(town, step.system) if r.weekly and not r.complete]
    return _end(town, found[0], step) if found else ""


def _of(town: World, system: str) -> list[Rebooking]:
    return [r for r in town.rebookings if r.system == system]


def _meetings(town: World, system: str) -> Iterator[tuple[str, View, tuple[Event, ...]]]:
    """Yield the meetings ahead that somebody may reschedule, with the same ones elsewhere."""
    for event, seen in sorted(town.standing(system).items()):
        ahead = seen.kind == "appointment" and seen.busy and seen.start > town.clock.now()
        if ahead and not is_share(event):
            yield event, seen, tuple(_twins(town, system, seen))


def _twins(town: World, system: str, seen: View) -> Iterator[Event]:
    person = town.person(system, seen)
    for name in town.sandbox.systems:
        for event, other in sorted(town.standing(name).items()) if name != system else ():
            if other.busy and other.key == seen.key and town.person(name, other) == person:
                yield name, event


def comes_instead(town: World, change: Change, system: str, event: str) -> bool:
    """Whether room is made for the calendar's own record of a meeting that this one replaces."""
    here = town.standing(change.system)
    return any(
        each.complete
        and not each.weekly
        and each.system == system
        and event in each.new
        and any(s == change.system and twin in here and here[twin].busy for s, twin in each.twins)
        for each in town.rebookings
    )


# --- what must come of it -------------------------------------------------------------------------


def judge_rebookings(town: World) -> Iterator[str]:
    """Say where the twin of a rescheduled meeting did not follow, or followed what it should not.

    Only where nothing else happened to the meetings: whatever else did is judged elsewhere.
    """
    for each in town.rebookings:
        if not each.complete or not _is_undisturbed(town, each):
            continue
        after = [town.standing(each.system)[event].interval for event in each.new]
        for system, event in each.twins:
            twin = town.standing(system).get(event)
            if twin is None:
                continue
            followed = twin.busy and twin.interval in after
            where = f"{system} {event}, the twin of {each.system} {each.old},"
            if followed and (each.weekly or len(each.new) > 1):
                yield f"5: {where} went to another meeting of the same client"
            elif not (followed or each.weekly or len(each.new) > 1) and _must_follow(town, each):
                yield f"5: {where} did not follow to {after[0][0]:%d %b %H:%M}"


def _must_follow(town: World, what: Rebooking) -> bool:
    """Whether the program must have seen a reschedule: by the platform's times, and its twin."""
    platform = town.sandbox.systems[what.system]
    ended, booked = what.ended_at, what.booked_at
    told = platform.tells_times and not any(platform.faults.injected[kind] for kind in _MIXED)
    cancelled = what.old in town.standing(what.system)
    if ended is None or booked is None or not (told and cancelled):
        return False
    return abs(ended - booked) <= TOGETHER and len(what.twins) == 1


def _is_undisturbed(town: World, what: Rebooking) -> bool:
    """Whether nobody else, and nothing else, had to do with the meetings of a reschedule."""
    mine = {(what.system, event) for event in (what.old, *what.new)}
    if (
        town.answers
        or town.forgotten
        or town.accidents
        or not all(event in town.standing(system) for system, event in mine if event != what.old)
    ):
        return False
    halves = {what.ended_at, what.booked_at, what.begun_at}
    concerned = {*mine, *what.twins}
    for change in town.changes:
        place = (change.system, change.event)
        if change.by_hand and place in concerned:
            fresh = change.before is None and place in what.twins
            if change.at not in halves and not _is_early(change, what) and not fresh:
                return False
            if has_shares(town, change):
                return False
        elif change.by_hand and _is_rival(town, change, what):
            return False
    return True


def _is_early(change: Change, what: Rebooking) -> bool:
    """Whether the program knew of a change long before the reschedule began."""
    ended = what.ended_at or what.begun_at
    return change.at < (ended if what.weekly else what.begun_at) - KNOWN


def _is_rival(town: World, change: Change, what: Rebooking) -> bool:
    """Whether somebody changed another meeting of that client, which makes it ambiguous."""
    person = town.person(what.system, what.seen)
    seen = [s for s in (change.before, change.after) if s is not None]
    return any(
        s.provider == what.seen.provider
        and s.kind == "appointment"
        and town.person(change.system, s) == person
        for s in seen
    )
