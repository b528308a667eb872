"""Meetings in two systems of which one record is deleted, and restored later.

`judge_change` is the part of the oracle for what syncd makes of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.mass_edit import MAX_DELAY
from syncd.lab.simulate.paused import may_be_late
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

_KNOWN = timedelta(hours=1)
"""After this time an event was read, and its consequences are known to syncd."""


def set_rules(world: World, scenario: Scenario) -> None:
    """Set the rules by which the oracle judges; without those that have an override."""
    rules = dict(scenario.rules)
    world.twin_deleted = rules.get("twin_deleted", "cancel")
    world.block_edited = "" if scenario.override else rules.get("block_edited", "restore")


def perform(world: World, step: SimEvent) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.DELETE_ONE:
            return _delete_one(world, step)
        case EventKind.CANCEL_OTHER:
            return _cancel_other(world, step)
        case EventKind.UNDELETE:
            return _undelete(world, step)
        case _:
            return ""


def _delete_one(world: World, step: SimEvent) -> str:
    """Delete one record of a meeting that is in several systems."""
    candidates = [
        event
        for event, view in sorted(world.events(step.system).items())
        if view.busy and not is_share(event) and any(_twins_ahead(world, step.system, view))
    ]
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    world.sandbox.systems[step.system].delete(event)
    return f"delete {event}, which is also in another system"


def _cancel_other(world: World, step: SimEvent) -> str:
    """Cancel, in this system, the meeting whose record in another system was deleted last."""
    last = _last_deleted(world, lambda change: change.system != step.system)
    if last is None or last.before is None:
        return ""
    event = next(
        (e for s, e, _ in _same_meeting(world, last.system, last.before) if s == step.system), ""
    )
    if event:
        world.sandbox.systems[step.system].cancel(event)
    return f"cancel {event}" if event else ""


def _undelete(world: World, step: SimEvent) -> str:
    """Restore the meeting that was deleted last in this system."""
    last = _last_deleted(world, lambda change: change.system == step.system)
    if last is None or _is_shown_nowhere(world, last):
        return ""
    world.sandbox.systems[step.system].undelete(last.event)
    return f"restore {last.event}"


def _is_shown_nowhere(world: World, deletion: Change) -> bool:
    """Whether no list would show it again: LeadSquared may leave complete appointments out.

    Its deletion is proven, so nobody asks for its id any more, and no client could know of it.
    """
    before = deletion.before
    return (
        deletion.system == "crm"
        and before is not None
        and before.status == "showed"
        and not world.sandbox.crm.lists_completed
    )


def judge_change(world: World, change: Change) -> Iterator[str]:
    """Yield violations by what syncd made of a deleted record or a removed block."""
    before, after, where = change.before, change.after, f"{change.system} {change.event}"
    if after is None:
        return
    if before is None and _is_released(world, change, after):
        yield f"5: recreated a block that somebody on the platform removed: {where}"
    if before is None or before.kind != "appointment":
        return
    if before.busy and not after.busy and world.twin_deleted != "cancel":
        elsewhere = _changes_elsewhere(world, change, before)
        if elsewhere and all(other.after is None for other in elsewhere):
            yield f"5: cancelled a meeting that was only deleted elsewhere: {where}"
    if not before.busy and after.busy and _was_cancelled_by_hand(world, change, before):
        yield f"5: reactivated a meeting that somebody on the platform cancelled: {where}"


def replaces_deleted(world: World, change: Change, after: EventView) -> bool:
    """Return true if an appointment replaces a deleted one, and so defines its status.

    Either it was entered before the deletion was proven, or syncd had cancelled the other record of
    the meeting because of the deletion, and the new one is at the same time.
    """
    customer = world.customer(change.system, after)
    return any(
        c.by_hand
        and c.system == change.system
        and c.after is None
        and c.before is not None
        and c.before.kind == "appointment"
        and c.before.provider == after.provider
        and world.customer(c.system, c.before) == customer
        and (
            c.at > change.at - MAX_DELAY
            or (c.before.interval == after.interval and _has_cancelled_twin(world, c, change))
        )
        # A move under a new id is both at once.
        for c in world.changes
        if c.at <= change.at
    )


def new_id_of(world: World, deletion: Change) -> EventView | None:
    """Return the new event of a meeting that was moved under a new id; None if there is none."""
    before = deletion.before
    if before is None or deletion.after is not None:
        return None
    return next(
        (
            c.after
            for c in world.changes
            if (c.by_hand, c.at, c.system) == (True, deletion.at, deletion.system)
            and c.before is None
            and c.after is not None
            and (c.after.kind, c.after.parties, c.after.busy) == (before.kind, before.parties, True)
        ),
        None,
    )


def _has_cancelled_twin(world: World, deletion: Change, until: Change) -> bool:
    """Return true if syncd cancelled a record of the meeting elsewhere after this deletion."""
    view = deletion.before
    return view is not None and any(
        not c.by_hand
        and deletion.at <= c.at <= until.at
        and c.system != deletion.system
        and c.before is not None
        and c.after is not None
        and (c.before.kind, c.before.key) == ("appointment", view.key)
        and c.before.busy
        and not c.after.busy
        and world.customer(c.system, c.before) == world.customer(deletion.system, view)
        for c in world.changes
    )


def _changes_elsewhere(world: World, change: Change, before: EventView) -> list[Change]:
    """Return the changes by hand that end or move this meeting's records in other systems."""
    customer = world.customer(change.system, before)
    return [
        other
        for other in world.changes
        if other.by_hand
        and other.system != change.system
        and other.before is not None
        and not other.keeps_time
        and other.before.provider == before.provider
        and world.customer(other.system, other.before) == customer
    ]


def _was_cancelled_by_hand(world: World, change: Change, before: EventView) -> bool:
    """Return true if somebody cancelled this record, and nobody moved the meeting since."""
    own_changes = [
        c for c in world.changes if c.by_hand and (c.system, c.event) == _event_id(change)
    ]
    if not own_changes or own_changes[-1].after is None or own_changes[-1].after.busy:
        return False
    elsewhere = _changes_elsewhere(world, change, before)
    moved = [c for c in elsewhere if (c.after and c.after.busy) or new_id_of(world, c)]
    cancelled_at = own_changes[-1].at
    late = may_be_late(world, change, cancelled_at)
    if late and moved and "move" in world.choices:
        # The record could not follow that move at once; by this rule the move wins, however late.
        return False
    if late and any(
        at > cancelled_at and provider in {"", before.provider} for at, provider in world.answers
    ):
        # The record could not follow an answer since then by which the meeting takes place.
        return False
    return not any(c.at > cancelled_at - 3 * _KNOWN for c in moved)


def _is_released(world: World, change: Change, after: EventView) -> bool:
    """Return true if somebody removed this block, a rule released it, and nothing else happened."""
    if world.block_edited != "release" or world.state_losses or world.mass_edits:
        return False
    removed = [
        c
        for c in world.changes
        if c.by_hand
        and c.after is None
        and c.before is not None
        and c.before.key == after.key
        and _event_id(c) in world.ours
        and c.system == change.system
        and _created_at(world, c) < c.at - _KNOWN
    ]
    if not removed or _is_claimed(world, change.system, after):
        return False
    since = removed[-1].at - _KNOWN
    return not any(
        c.at > since and c is not removed[-1] and any(s and s.key == after.key for s in _sides(c))
        for c in world.changes
        if c.by_hand and not c.keeps_time
    )


def _is_claimed(world: World, system: str, block: EventView) -> bool:
    """Return true if a block closes a time that a held conflict claims until the operator decides.

    Another record of the meeting was ended or moved apart, and the rule is hold.
    """
    if "hold" not in world.choices:
        return False
    return any(
        world.customer(past.system, past.before) == world.customer(name, view)
        for name in world.sandbox.systems
        for view in world.events(name).values()
        if name != system and view.kind == "appointment" and view.busy and view.key == block.key
        for past in world.changes
        if past.by_hand
        and past.system != name
        and past.before is not None
        and (past.before.kind, past.before.provider) == ("appointment", view.provider)
        and (past.after is None or not past.after.busy or past.after.key != view.key)
    )


def _created_at(world: World, change: Change) -> datetime:
    return max(
        c.at for c in world.changes if _event_id(c) == _event_id(change) and c.at < change.at
    )


def _sides(change: Change) -> tuple[EventView | None, EventView | None]:
    return change.before, change.after


def _event_id(change: Change) -> tuple[str, str]:
    return change.system, change.event


def _last_deleted(world: World, fits: Callable[[Change], bool]) -> Change | None:
    restorable = {
        (name, meeting.id)
        for name, platform in world.sandbox.systems.items()
        for meeting in platform.appointments()
        if meeting.deleted
    }
    return next(
        (
            change
            for change in reversed(world.changes)
            if change.by_hand
            and change.after is None
            and change.before is not None
            and change.before.kind == "appointment"
            and _event_id(change) in restorable
            and fits(change)
        ),
        None,
    )


def _twins_ahead(
    world: World, system: str, view: EventView
) -> Iterator[tuple[str, str, EventView]]:
    if view.kind == "appointment" and view.start > world.clock.now():
        yield from _same_meeting(world, system, view)


def _same_meeting(
    world: World, system: str, view: EventView
) -> Iterator[tuple[str, str, EventView]]:
    """Yield the active records of the same meeting in other systems."""
    customer = world.customer(system, view)
    for name in world.sandbox.systems:
        for event, other in sorted(world.events(name).items()) if name != system else ():
            alike = other.kind == "appointment" and other.busy and other.key == view.key
            if alike and not is_share(event) and world.customer(name, other) == customer:
                yield name, event, other
