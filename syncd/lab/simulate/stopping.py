"""Changes of much of a calendar at once: what people do, and what must follow (promise 7).

A class is one meeting, and is propagated. A mass edit is stopped however it arrives, and nothing
else is: other changes are propagated, and newly taken time is closed everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.lab.simulate import final_state
from syncd.lab.simulate.hosted import platform_id
from syncd.lab.simulate.mass_edit import COUNT, SHARE, Change, EventView, Key, MassEdit, Sliced
from syncd.lab.simulate.scenario import TROUBLE, EventKind, Scenario, SimEvent
from syncd.model import ConflictKind

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World
    from syncd.store import Store

PROPAGATED_WITHIN = timedelta(hours=3)
"""By then the whole window was read, and changes were propagated."""

_CLASS = 8
"""So many guests at one time are a class."""

_HALF_HOUR = timedelta(minutes=30)

_TOGETHER = timedelta(minutes=80)
"""Slices no further apart are certainly read within one far interval."""


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    provider = PEOPLE[step.number % len(PEOPLE)]
    match step.kind:
        case EventKind.BOOK_CLASS:
            return _book_class(world, step, provider, start)
        case EventKind.MOVE_CLASS | EventKind.DELETE_CLASS:
            return _change_class(world, step, start)
        case EventKind.SLICE:
            return _delete_slice(world, step, provider)
        case EventKind.CLEAR:
            others = (other for other in PEOPLE if other != provider)
            return next(
                filter(
                    None, (_clear_calendar(world, step, other) for other in (provider, *others))
                ),
                "",
            )
        case _:
            return ""


def _book_class(world: World, step: SimEvent, provider: str, start: datetime) -> str:
    """Enter the guests of a class: one appointment each, all at one time."""
    seat, platform = (
        world.seeded.seed_users[step.system, provider],
        world.sandbox.systems[step.system],
    )
    for number in range(step.times):
        guest = world.contact(step.system, ("kim", "lee")[number % 2])
        platform.book(seat.calendar, seat.user, start, start + 2 * _HALF_HOUR, guest, title="Yoga")
    return f"book a class of {step.times} with {provider} {start:%d %H:%M}"


def _change_class(world: World, step: SimEvent, start: datetime) -> str:
    """Move or delete all guests of a class at once."""
    times = Counter(view.key for _, view in _meetings(world, step.system, world.clock.now()))
    classes = sorted(key for key, guests in times.items() if guests >= _CLASS)
    if not classes:
        return ""
    key, platform = classes[step.number % len(classes)], world.sandbox.systems[step.system]
    guests = [e for e, s in _meetings(world, step.system, world.clock.now()) if s.key == key]
    for event in guests:
        if step.kind is EventKind.MOVE_CLASS:
            platform.move(event, start, start + 2 * _HALF_HOUR)
        else:
            platform.delete(event)
    world.classes.append((world.clock.now(), step.system, key[0]))
    return f"{step.kind} of {key[0]}: {len(guests)} guests"


def _delete_slice(world: World, step: SimEvent, provider: str) -> str:
    """Delete the next few meetings of a provider's calendar."""
    meetings = [
        (e, s)
        for e, s in _meetings(world, step.system, world.clock.now())
        if s.provider == provider
    ]
    known = {e for e, s in meetings if world.is_propagated(step.system, e, s)}
    deleted = [(e, s) for e, s in sorted(meetings, key=lambda m: (m[1].start, m[0])) if e in known]
    deleted = deleted[: step.times]
    if not deleted:
        return ""
    for event, _ in deleted:
        world.sandbox.systems[step.system].delete(event)
    now, slices = world.clock.now(), world.slices.setdefault((step.system, provider), {})
    keys = {view.key for _, view in deleted}
    lately = [s for s in slices.values() if s.at > now - _TOGETHER]
    number, total = len(keys) + len(lately), len({view.key for _, view in meetings}) + len(lately)
    waits = (number > COUNT and number > SHARE * total) or any(s.waits for s in slices.values())
    slices |= {key: Sliced(now, waits) for key in keys}
    return f"delete {len(deleted)} of {len(meetings)} of {provider}" + (
        ", to be stopped" if waits else ""
    )


def _clear_calendar(world: World, step: SimEvent, provider: str) -> str:
    """Remove everything from a calendar that has only blocks: no read by id proves it."""
    now, platform = world.clock.now(), world.sandbox.systems[step.system]
    events = {
        event: view
        for event, view in world.events(step.system).items()
        if view.provider == provider and view.end > now and (step.system, event) not in world.ours
    }
    propagated = {e for e, view in events.items() if world.is_propagated(step.system, e, view)}
    blocks = all(view.kind == "block" for view in events.values())
    if len(events) < 3 or not blocks or propagated != events.keys() or world.fixed & events.keys():  # noqa: PLR2004
        return ""
    for event in events:
        platform.remove_block(platform_id(event))
    news: dict[str, tuple[EventView, EventView | None]] = {
        event: (view, None) for event, view in events.items()
    }
    # If blocks are answered by id, a missing one is proven, and nothing has to stop.
    known = frozenset(() if world.sandbox.clinic.blocks_by_id else events)
    mass_edit = MassEdit(now, step.system, provider, news, known, len(events), unproven=True)
    world.mass_edits.append(mass_edit)
    stops = ", to be stopped" if mass_edit.stops else ""
    return f"remove all {len(events)} blocks of {provider}{stops}"


def _meetings(world: World, system: str, now: datetime) -> list[tuple[str, EventView]]:
    """Return the meetings that are still ahead, each under its record's own id."""
    return [
        (event, view)
        for event, view in sorted(world.events(system).items())
        if view.kind == "appointment" and view.busy and view.start > now and "@" not in event
    ]


# --- judging ----------------------------------------------------------------------------------


def judge_slices(world: World, scenario: Scenario, change: Change) -> Iterator[str]:
    """Yield changes that had to be stopped, as a calendar was emptied in slices."""
    before, after = change.before, change.after
    freed = before is not None and before.busy and (after is None or not after.busy)
    if not freed or before is None or _is_trouble(world, scenario):
        return
    for (system, provider), sliced in world.slices.items():
        slice_ = sliced.get(before.key)
        if change.system == system or slice_ is None or not slice_.waits:
            continue
        if not any(listed_at >= slice_.at for listed_at in world.acceptances):
            yield f"7: propagated the deletion of {provider} in {system} in slices: {change.event}"


def _is_trouble(world: World, scenario: Scenario) -> bool:
    """Return true if other troubles of a day make it uncertain what was read when."""
    return bool(any(step.kind in TROUBLE for step in scenario.steps) or world.concealed)


def judge_stops(
    world: World, scenario: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Yield, at the end of the day, what a stop kept from others, and wrong stops.

    Skips days with other troubles, since nothing is certain to be propagated then.
    """
    operated = any(step.kind in {EventKind.RESOLVE, EventKind.UNDO} for step in scenario.steps)
    if _is_trouble(world, scenario) or operated:
        return
    conflicts = [
        h.conflict for h in store.open_conflicts() if h.conflict.kind is ConflictKind.GUARD
    ]
    if not world.mass_edits and not world.slices:
        yield from (
            f"7: a class of {provider} in {system} was stopped although it is one meeting"
            for _, system, provider in world.classes
            if any(conflict.subject == f"{system}/{provider}" for conflict in conflicts)
        )
    lately = {
        view.provider
        for change in world.changes
        if change.by_hand and change.at > now - PROPAGATED_WITHIN
        for view in (change.before, change.after)
        if view is not None
    }
    stopped = {conflict.provider for conflict in conflicts}
    if not conflicts or world.staff.since:
        return
    for each in final_state.open_disagreements(world, store, now, last):
        if each.provider not in stopped | lately:
            yield f"7: not propagated because of another calendar's stop: {each}"
    for conflict in conflicts:
        if conflict.provider not in lately:
            yield from _open_times(world, conflict.provider, now, last)


def _open_times(world: World, provider: str, now: datetime, last: datetime) -> Iterator[str]:
    """Yield open time that the moved meetings of a stopped calendar take now."""
    for mass_edit in world.mass_edits:
        if mass_edit.over or mass_edit.provider != provider or not mass_edit.stops:
            continue
        for event, (_, after) in mass_edit.news.items():
            if after is None or after.end <= now or after.start >= last:
                continue
            if mass_edit.restores and event in mass_edit.ours:
                continue  # a restored block of syncd: its moved-to time is free
            for other in SYSTEM_NAMES:
                if not _is_closed(world, other, after.key):
                    yield f"7: a stopped move has an unblocked new time in {other}: {after.key}"


def _is_closed(world: World, system: str, key: Key) -> bool:
    return any(view.busy and view.key == key for view in world.events(system).values())
