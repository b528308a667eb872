"""What updates must leave unchanged: texts, customer, provider and status of a meeting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.cancelling import was_wrongly_reactivated
from syncd.lab.simulate.mass_edit import Change, EventView
from syncd.lab.simulate.one_sided import replaces_deleted

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def changed_other_fields(world: World, change: Change) -> bool:
    """Return true if more of an appointment changed than time and status (promise 6).

    A text that every read showed cut in mid-character is sent back as it was read.
    """
    before, after = change.before, change.after
    if before is None or after is None:
        return False
    cut = world.sandbox.systems[change.system].faults.injected[FaultKind.HALF_EMOJI]
    return before.parties != after.parties or (before.texts != after.texts and not cut)


def restores_status(world: World, change: Change) -> bool:
    """Return true if syncd restored a status that its own update had reset just before.

    This is part of that update, so it is no separate write (promises 2 and 10).
    """
    before, after = change.before, change.after
    if before is None or after is None or before.interval != after.interval:
        return False
    own_changes = [c for c in world.changes if (c.system, c.event) == (change.system, change.event)]
    own_changes = own_changes[: own_changes.index(change)]
    if not own_changes or own_changes[-1].by_hand:
        return False
    first = own_changes[-1].before
    return first is not None and before.status != after.status == first.status


def status_changed(
    world: World, change: Change, before: EventView, after: EventView
) -> Iterator[str]:
    """Yield a violation if syncd gives a meeting a status that nobody set."""
    if was_wrongly_reactivated(world, change):
        yield f"5: reactivated a meeting that nobody reactivated: {change.system} {change.event}"
    if before.status == after.status or not (before.busy and after.busy):
        return
    resets = world.sandbox.systems[change.system].faults.injected[FaultKind.RESET_FIELDS]
    if resets or after.status in _statuses_set(world, change.system, change.event, before):
        # A platform that resets statuses is judged at the end of the day.
        return
    yield f"6: status {before.status} became {after.status}: {change.system} {change.event}"


def unexplained_statuses(world: World) -> Iterator[str]:
    """Yield meetings that end the day with a status that nobody set."""
    if world.answers:
        return
    for system in world.sandbox.systems:
        for event, view in sorted(world.events(system).items()):
            allowed = _statuses_set(world, system, event, view)
            if system in world.unspelt and view.status == "confirmed":
                # Behind an unknown status word, no reader sees that an update reset the status.
                resets = world.sandbox.systems[system].faults.injected[FaultKind.RESET_FIELDS]
                allowed |= {view.status} if resets else set()
            if view.kind == "appointment" and view.busy and view.status not in allowed:
                yield f"6: {system} {event} was left {view.status}, which nobody set"


def _statuses_set(world: World, system: str, event: str, view: EventView) -> set[str]:
    """Return the statuses that people set for the event, or later for its records elsewhere.

    An event entered while words were unknown counts as set later: until its word is known, syncd
    takes the meeting for confirmed, and knowing it is a change like any other. A record that people
    cancelled and a rule reactivates gets the status that the meeting has elsewhere.
    """
    customer = world.customer(system, view)
    own_values = [
        c.after for c in world.changes if c.by_hand and (c.system, c.event) == (system, event)
    ]
    last = own_values[-1] if own_values else None
    was_cancelled = last is not None and not last.busy
    return {
        after.status
        for change in world.changes
        if change.by_hand and (after := change.after) is not None
        if (change.system, change.event) == (system, event)
        or (
            change.system != system
            and (was_cancelled or _sets_status(world, change, after))
            and world.customer(change.system, after) == customer
        )
    }


def _sets_status(world: World, change: Change, after: EventView) -> bool:
    """Return true if a change sets a status that a reader of that system understands."""
    if change.before is None and replaces_deleted(world, change, after):
        return True
    if change.before is None:
        since = world.unspelt.get(change.system)
        return since is not None and change.at >= since
    return change.before.status != after.status
