"""Much of a calendar changes at once: what people do, and what must follow from it (promise 7).

A class is one meeting, and is carried. An accident is stopped however it arrives, and all others go
on: their changes are carried, and time that is newly taken is closed everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import ConflictKind
from syncd.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.simulate import final_state
from syncd.simulate.hosted import record_of
from syncd.simulate.mass_edit import COUNT, SHARE, Change, Key, MassEdit, Sliced, View
from syncd.simulate.scenario import TROUBLE, EventKind, Scenario, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World
    from syncd.store import Store

CARRIED_WITHIN = timedelta(hours=3)
"""By then the whole window was read, and news is carried."""

_CLASS = 8
"""So many guests at one time are a class."""

_HALF_HOUR = timedelta(minutes=30)

_TOGETHER = timedelta(minutes=80)
"""Slices no further apart are surely seen within one far interval."""


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; return what was done, '' if there was nothing to do it to."""
    who = PEOPLE[step.number % len(PEOPLE)]
    match step.kind:
        case EventKind.BOOK_CLASS:
            return _book_class(town, step, who, start)
        case EventKind.MOVE_CLASS | EventKind.DELETE_CLASS:
            return _change_class(town, step, start)
        case EventKind.SLICE:
            return _slice(town, step, who)
        case EventKind.CLEAR:
            others = (each for each in PEOPLE if each != who)
            return next(filter(None, (_clear(town, step, each) for each in (who, *others))), "")
        case _:
            return ""


def _book_class(town: World, step: SimEvent, who: str, start: datetime) -> str:
    """Enter the guests of a class: one appointment each, all at one time."""
    seat, platform = town.world.seed_users[step.system, who], town.sandbox.systems[step.system]
    for number in range(step.times):
        guest = town.contact(step.system, ("kim", "lee")[number % 2])
        platform.book(seat.calendar, seat.user, start, start + 2 * _HALF_HOUR, guest, title="Yoga")
    return f"a class of {step.times} with {who} {start:%d %H:%M}"


def _change_class(town: World, step: SimEvent, start: datetime) -> str:
    """Move or delete all guests of a class at once."""
    times = Counter(seen.key for _, seen in _meetings(town, step.system, town.clock.now()))
    classes = sorted(key for key, guests in times.items() if guests >= _CLASS)
    if not classes:
        return ""
    key, platform = classes[step.number % len(classes)], town.sandbox.systems[step.system]
    guests = [e for e, s in _meetings(town, step.system, town.clock.now()) if s.key == key]
    for event in guests:
        if step.kind is EventKind.MOVE_CLASS:
            platform.move(event, start, start + 2 * _HALF_HOUR)
        else:
            platform.delete(event)
    town.classes.append((town.clock.now(), step.system, key[0]))
    return f"{step.kind} of {key[0]}: {len(guests)} guests"


def _slice(town: World, step: SimEvent, who: str) -> str:
    """Delete the next few meetings of somebody's calendar."""
    mine = [(e, s) for e, s in _meetings(town, step.system, town.clock.now()) if s.provider == who]
    known = {e for e, s in mine if town.carried(step.system, e, s)}
    gone = [(e, s) for e, s in sorted(mine, key=lambda m: (m[1].start, m[0])) if e in known]
    gone = gone[: step.times]
    if not gone:
        return ""
    for event, _ in gone:
        town.sandbox.systems[step.system].delete(event)
    now, slices = town.clock.now(), town.slices.setdefault((step.system, who), {})
    keys = {seen.key for _, seen in gone}
    lately = [s for s in slices.values() if s.at > now - _TOGETHER]
    number, total = len(keys) + len(lately), len({seen.key for _, seen in mine}) + len(lately)
    waits = (number > COUNT and number > SHARE * total) or any(s.waits for s in slices.values())
    slices |= {key: Sliced(now, waits) for key in keys}
    return f"delete {len(gone)} of {len(mine)} of {who}" + (", which must stop" if waits else "")


def _clear(town: World, step: SimEvent, who: str) -> str:
    """Remove all that somebody's calendar has, if these are blocks: no read by id proves it."""
    now, platform = town.clock.now(), town.sandbox.systems[step.system]
    mine = {
        event: seen
        for event, seen in town.standing(step.system).items()
        if seen.provider == who and seen.end > now and (step.system, event) not in town.ours
    }
    carried = {e for e, seen in mine.items() if town.carried(step.system, e, seen)}
    blocks = all(seen.kind == "block" for seen in mine.values())
    if len(mine) < 3 or not blocks or carried != mine.keys() or town.fixed & mine.keys():  # noqa: PLR2004
        return ""
    for event in mine:
        platform.remove_block(record_of(event))
    news: dict[str, tuple[View, View | None]] = {
        event: (seen, None) for event, seen in mine.items()
    }
    # Where a block is answered by its id, that it is not is a proof, and nothing has to stop.
    known = frozenset(() if town.sandbox.clinic.blocks_by_id else mine)
    accident = MassEdit(now, step.system, who, news, known, len(mine), unproven=True)
    town.accidents.append(accident)
    stops = ", which must stop" if accident.stops else ""
    return f"remove all {len(mine)} blocks of {who}{stops}"


def _meetings(town: World, system: str, now: datetime) -> list[tuple[str, View]]:
    """Return the meetings that are still ahead, each under its record's own id."""
    return [
        (event, seen)
        for event, seen in sorted(town.standing(system).items())
        if seen.kind == "appointment" and seen.busy and seen.start > now and "@" not in event
    ]


# --- what must follow -----------------------------------------------------------------------------


def judge_slices(town: World, story: Scenario, change: Change) -> Iterator[str]:
    """Say when something went on that had to be stopped, as a calendar emptied in slices."""
    before, after = change.before, change.after
    freed = before is not None and before.busy and (after is None or not after.busy)
    if not freed or before is None or _is_trouble(town, story):
        return
    for (system, who), gone in town.slices.items():
        slice_ = gone.get(before.key)
        if change.system == system or slice_ is None or not slice_.waits:
            continue
        if not any(listed_at >= slice_.at for listed_at in town.passed):
            yield f"7: went on while {who} in {system} vanished in slices: {change.event}"


def _is_trouble(town: World, story: Scenario) -> bool:
    """Whether so much else went wrong on a day that nobody can tell what was seen when."""
    return bool(any(step.kind in TROUBLE for step in story.steps) or town.concealed)


def judge_stops(
    town: World, story: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Say at the end of the day what a stop kept from others, and what was no accident.

    Where something else went wrong on that day, nobody can tell what was carried by now.
    """
    operated = any(step.kind in {EventKind.RESOLVE, EventKind.UNDO} for step in story.steps)
    if _is_trouble(town, story) or operated:
        return
    held = [h.conflict for h in store.open_conflicts() if h.conflict.kind is ConflictKind.GUARD]
    if not town.accidents and not town.slices:
        yield from (
            f"7: a class of {who} in {system} was stopped, which is one meeting"
            for _, system, who in town.classes
            if any(conflict.subject == f"{system}/{who}" for conflict in held)
        )
    lately = {
        seen.provider
        for change in town.changes
        if change.by_hand and change.at > now - CARRIED_WITHIN
        for seen in (change.before, change.after)
        if seen is not None
    }
    stopped = {conflict.provider for conflict in held}
    if not held or town.staff.since:
        return
    for line, provider, _ in final_state.apart(town, store, now, last):
        if provider not in stopped | lately:
            yield f"7: waits for somebody else's stop: {line}"
    for conflict in held:
        if conflict.provider not in lately:
            yield from _open_times(town, conflict.provider, now, last)


def _open_times(town: World, who: str, now: datetime, last: datetime) -> Iterator[str]:
    """Say where time is open that a stopped calendar's moved meetings take now."""
    for accident in town.accidents:
        if accident.over or accident.provider != who or not accident.stops:
            continue
        for event, (_, after) in accident.news.items():
            if after is None or after.end <= now or after.start >= last:
                continue
            if accident.restores and event in accident.ours:
                continue  # Our own block was put back: what it was moved to is nobody's time.
            for other in SYSTEM_NAMES:
                if not _is_closed(town, other, after.key):
                    yield f"7: the new time of a stopped move is open in {other}: {after.key}"


def _is_closed(town: World, system: str, key: Key) -> bool:
    return any(seen.busy and seen.key == key for seen in town.standing(system).values())
