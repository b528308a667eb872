"""Deletions on v1 that only a nightly resync or nothing proves, and those that stay stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.world import World

_LOOK_BACK = timedelta(days=7)
"""Events that began earlier are in no list of the day (docs/design.md#windows)."""

_NEAR = (timedelta(days=1), timedelta(days=2))
"""How far before and after now the lists of all users are read at once."""


def waits_for_night(world: World, change: Change) -> bool:
    """Return true if somebody deleted an event whose absence only a list of a resync proves.

    v1 answers 400 for its id, which is no proof, and the lists of the day look back for a week.
    """
    return (
        change.by_hand
        and change.system == "legacy"
        and world.sandbox.legacy.refuses_deleted
        and change.before is not None
        and change.after is None
        and change.before.start < change.at - _LOOK_BACK
    )


def needs_night(world: World) -> bool:
    """Return true if only the nightly resync can find out what became of an event.

    This includes a row that lost its owner: the list of one user may show it as that user's
    although it still names no owner, and beyond the near window no other list is read on a day.
    """
    now = world.clock.now()
    ownerless = (world.events(system).get(event) for system, event in world.ownerless)
    return any(waits_for_night(world, change) for change in world.changes) or any(
        view is not None and not now - _NEAR[0] < view.start < now + _NEAR[1] for view in ownerless
    )


def without_proof(world: World) -> Iterator[Change]:
    """Yield the deletions on v1 that nothing proves until another event is booked there.

    v1 answers 400 for the id, and its list shows no other event of that calendar, which a proof
    needs (docs/design.md#absence). Blocks do not count where lists do not show them.
    """
    legacy = world.sandbox.legacy
    if not legacy.refuses_deleted or legacy.lists_blocks:
        return
    booked = {s.provider for s in world.events("legacy").values() if s.kind == "appointment"}
    for change in world.changes:
        before, here = change.before, (change.by_hand, change.system) == (True, "legacy")
        if here and change.after is None and before and before.provider not in booked:
            yield change


def keeps_closed(world: World, system: str, block: EventView) -> bool:
    """Return true if a block closes a time that vanished elsewhere in slices that are stopped.

    A stopped deletion stays closed in every calendar (promise 7), also in one that is written to
    only hours later. A block of syncd that still closes it elsewhere shows that it is stopped.
    """
    kept = any(
        (other, event) in world.ours and seen.key == block.key
        for other in world.sandbox.systems
        if other != system
        for event, seen in world.events(other).items()
    )
    return kept and any(
        place != system and block.key in gone and any(each.waits for each in gone.values())
        for (place, _), gone in world.slices.items()
    )
