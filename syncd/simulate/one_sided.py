"""Meetings that stand in two systems, and of which one record is deleted, and restored later.

And what syncd must not make of that: `judge_change` is a part of the oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.simulate.hosted import is_share
from syncd.simulate.mass_edit import LATE
from syncd.simulate.paused import came_late
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

_KNOWN = timedelta(hours=1)
"""What has stood for so long was read, and what was made of it is known to syncd."""


def set_rules(town: World, story: Scenario) -> None:
    """Let the oracle know the rules of a day; one with an exception is judged by the others."""
    rules = dict(story.rules)
    town.twin_deleted = rules.get("twin_deleted", "cancel")
    town.block_edited = "" if story.override else rules.get("block_edited", "restore")


def perform(town: World, step: SimEvent) -> str:
    """Do what a step says; return what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.DELETE_ONE:
            return _delete_one(town, step)
        case EventKind.CANCEL_OTHER:
            return _cancel_other(town, step)
        case EventKind.UNDELETE:
            return _undelete(town, step)
        case _:
            return ""


def _delete_one(town: World, step: SimEvent) -> str:
    """Delete a meeting in one of the systems in which it stands."""
    found = [
        event
        for event, seen in sorted(town.standing(step.system).items())
        if seen.busy and not is_share(event) and any(_others(town, step.system, seen))
    ]
    if not found:
        return ""
    event = found[step.number % len(found)]
    town.sandbox.systems[step.system].delete(event)
    return f"delete {event}, which stands elsewhere, too"


def _cancel_other(town: World, step: SimEvent) -> str:
    """Call a meeting off in this system whose record in another one was deleted last."""
    last = _last_deleted(town, lambda change: change.system != step.system)
    if last is None or last.before is None:
        return ""
    event = next((e for s, e, _ in _alike(town, last.system, last.before) if s == step.system), "")
    if event:
        town.sandbox.systems[step.system].cancel(event)
    return f"cancel {event}" if event else ""


def _undelete(town: World, step: SimEvent) -> str:
    """Restore what was deleted last in this system."""
    last = _last_deleted(town, lambda change: change.system == step.system)
    if last is None or _is_shown_nowhere(town, last):
        return ""
    town.sandbox.systems[step.system].undelete(last.event)
    return f"restore {last.event}"


def _is_shown_nowhere(town: World, deletion: Change) -> bool:
    """Whether no list would show it again: LeadSquared may leave complete appointments out.

    Its deletion is proven, so nobody asks for its id any more, and no client could know of it.
    """
    before = deletion.before
    return (
        deletion.system == "crm"
        and before is not None
        and before.status == "showed"
        and not town.sandbox.crm.lists_completed
    )


def judge_change(town: World, change: Change) -> Iterator[str]:
    """Say what is wrong with what syncd made of a deleted record or a removed block."""
    before, after, where = change.before, change.after, f"{change.system} {change.event}"
    if after is None:
        return
    if before is None and _is_released(town, change, after):
        yield f"5: made a block again that a person removed: {where}"
    if before is None or before.kind != "appointment":
        return
    if before.busy and not after.busy and town.twin_deleted != "cancel":
        told = _told(town, change, before)
        if told and all(other.after is None for other in told):
            yield f"5: called off what was only deleted elsewhere: {where}"
    if not before.busy and after.busy and _was_called_off(town, change, before):
        yield f"5: revived a meeting that a person called off: {where}"


def replaces_deleted(town: World, change: Change, after: View) -> bool:
    """Whether an appointment takes the place of a deleted one, and says what its status is now.

    Either it was entered before the deletion was proven, or syncd had called the other record of
    the meeting off because of the deletion, and the new one stands at the same time.
    """
    person = town.person(change.system, after)
    return any(
        c.by_hand
        and c.system == change.system
        and c.after is None
        and c.before is not None
        and c.before.kind == "appointment"
        and c.before.provider == after.provider
        and town.person(c.system, c.before) == person
        and (
            c.at > change.at - LATE
            or (c.before.interval == after.interval and _ended_a_twin(town, c, change))
        )
        # A move under a new id is both at once.
        for c in town.changes
        if c.at <= change.at
    )


def new_id_of(town: World, deletion: Change) -> View | None:
    """Return what took the place of a meeting that was moved under a new id; None: nothing did."""
    before = deletion.before
    if before is None or deletion.after is not None:
        return None
    return next(
        (
            c.after
            for c in town.changes
            if (c.by_hand, c.at, c.system) == (True, deletion.at, deletion.system)
            and c.before is None
            and c.after is not None
            and (c.after.kind, c.after.who, c.after.busy) == (before.kind, before.who, True)
        ),
        None,
    )


def _ended_a_twin(town: World, deletion: Change, until: Change) -> bool:
    """Whether syncd called a record of the meeting off elsewhere after this deletion."""
    seen = deletion.before
    return seen is not None and any(
        not c.by_hand
        and deletion.at <= c.at <= until.at
        and c.system != deletion.system
        and c.before is not None
        and c.after is not None
        and (c.before.kind, c.before.key) == ("appointment", seen.key)
        and c.before.busy
        and not c.after.busy
        and town.person(c.system, c.before) == town.person(deletion.system, seen)
        for c in town.changes
    )


def _told(town: World, change: Change, before: View) -> list[Change]:
    """The changes by hand of this meeting's records in other systems that end or move it."""
    person = town.person(change.system, before)
    return [
        other
        for other in town.changes
        if other.by_hand
        and other.system != change.system
        and other.before is not None
        and not other.keeps_time
        and other.before.provider == before.provider
        and town.person(other.system, other.before) == person
    ]


def _was_called_off(town: World, change: Change, before: View) -> bool:
    """Whether a person called this very record off, and nobody moved the meeting since."""
    own = [c for c in town.changes if c.by_hand and (c.system, c.event) == _id(change)]
    if not own or own[-1].after is None or own[-1].after.busy:
        return False
    told = _told(town, change, before)
    moved = [c for c in told if (c.after and c.after.busy) or new_id_of(town, c)]
    late = came_late(town, change, own[-1].at)
    if late and moved and "move" in town.choices:
        # It waited to follow that move, which wins by the rule, however late.
        return False
    if late and any(at > own[-1].at and who in {"", before.provider} for at, who in town.answers):
        # It waited to follow an answer since then: that the meeting is on, after all.
        return False
    return not any(c.at > own[-1].at - 3 * _KNOWN for c in moved)


def _is_released(town: World, change: Change, after: View) -> bool:
    """Whether a person removed this block and wants it so, and nothing else has happened."""
    if town.block_edited != "release" or town.forgotten or town.accidents:
        return False
    removed = [
        c
        for c in town.changes
        if c.by_hand
        and c.after is None
        and c.before is not None
        and c.before.key == after.key
        and _id(c) in town.ours
        and c.system == change.system
        and _stood_since(town, c) < c.at - _KNOWN
    ]
    if not removed or _is_claimed(town, change.system, after):
        return False
    since = removed[-1].at - _KNOWN
    return not any(
        c.at > since and c is not removed[-1] and any(s and s.key == after.key for s in _both(c))
        for c in town.changes
        if c.by_hand and not c.keeps_time
    )


def _is_claimed(town: World, system: str, block: View) -> bool:
    """Whether a block closes what a held conflict claims: it stays closed until a person decides.

    Another record of the meeting was ended or moved apart, and a rule holds that.
    """
    if "hold" not in town.choices:
        return False
    return any(
        town.person(past.system, past.before) == town.person(name, seen)
        for name in town.sandbox.systems
        for seen in town.standing(name).values()
        if name != system and seen.kind == "appointment" and seen.busy and seen.key == block.key
        for past in town.changes
        if past.by_hand
        and past.system != name
        and past.before is not None
        and (past.before.kind, past.before.provider) == ("appointment", seen.provider)
        and (past.after is None or not past.after.busy or past.after.key != seen.key)
    )


def _stood_since(town: World, change: Change) -> datetime:
    return max(c.at for c in town.changes if _id(c) == _id(change) and c.at < change.at)


def _both(change: Change) -> tuple[View | None, View | None]:
    return change.before, change.after


def _id(change: Change) -> tuple[str, str]:
    return change.system, change.event


def _last_deleted(town: World, fits: Callable[[Change], bool]) -> Change | None:
    kept = {
        (name, meeting.id)
        for name, platform in town.sandbox.systems.items()
        for meeting in platform.appointments()
        if meeting.deleted
    }
    return next(
        (
            change
            for change in reversed(town.changes)
            if change.by_hand
            and change.after is None
            and change.before is not None
            and change.before.kind == "appointment"
            and _id(change) in kept
            and fits(change)
        ),
        None,
    )


def _others(town: World, system: str, seen: View) -> Iterator[tuple[str, str, View]]:
    if seen.kind == "appointment" and seen.start > town.clock.now():
        yield from _alike(town, system, seen)


def _alike(town: World, system: str, seen: View) -> Iterator[tuple[str, str, View]]:
    """Yield the records of the same meeting in other systems that are on."""
    person = town.person(system, seen)
    for name in town.sandbox.systems:
        for event, other in sorted(town.standing(name).items()) if name != system else ():
            alike = other.kind == "appointment" and other.busy and other.key == seen.key
            if alike and not is_share(event) and town.person(name, other) == person:
                yield name, event, other
