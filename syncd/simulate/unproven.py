"""Deletions on v1 that only a night or nothing proves, and those in slices that stay stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.world import World

_LOOK_BACK = timedelta(days=7)
"""No list of a day shows what began earlier (docs/design.md#windows)."""

_NEAR = (timedelta(days=1), timedelta(days=2))
"""How far before and after now lists of all users are read at once."""


def waits_for_night(town: World, change: Change) -> bool:
    """Whether a person deleted something whose absence only a list of a resync proves.

    v1 answers 400 for its id, which is no proof, and the lists of a day look back for a week.
    """
    return (
        change.by_hand
        and change.system == "legacy"
        and town.sandbox.legacy.refuses_deleted
        and change.before is not None
        and change.after is None
        and change.before.start < change.at - _LOOK_BACK
    )


def needs_night(town: World) -> bool:
    """Whether only the resync of a night tells what became of something.

    Also of a row that lacked its owner: a list of one user may show it as that user's though it
    still does not say so, and beyond the near window no other list is read on a day.
    """
    now = town.clock.now()
    ownerless = (town.standing(system).get(event) for system, event in town.ownerless)
    return any(waits_for_night(town, change) for change in town.changes) or any(
        seen is not None and not now - _NEAR[0] < seen.start < now + _NEAR[1] for seen in ownerless
    )


def without_proof(town: World) -> Iterator[Change]:
    """Yield the deletions on v1 that nothing proves as long as nothing else is booked there.

    v1 answers 400 for the id, and its list shows no other event of that calendar, which is needed
    for a proof (docs/design.md#absence). Blocks are no such event where lists do not show them.
    """
    legacy = town.sandbox.legacy
    if not legacy.refuses_deleted or legacy.lists_blocks:
        return
    booked = {s.provider for s in town.standing("legacy").values() if s.kind == "appointment"}
    for change in town.changes:
        before, here = change.before, (change.by_hand, change.system) == (True, "legacy")
        if here and change.after is None and before and before.provider not in booked:
            yield change


def keeps_closed(town: World, system: str, block: View) -> bool:
    """Return whether a block closes what vanished elsewhere, with slices that are stopped together.

    What is stopped stays closed in every calendar (promise 7), also in one that is written to only
    hours later. That it is stopped shows in a block of syncd's that still closes it elsewhere.
    """
    kept = any(
        (other, event) in town.ours and seen.key == block.key
        for other in town.sandbox.systems
        if other != system
        for event, seen in town.standing(other).items()
    )
    return kept and any(
        place != system and block.key in gone and any(each.waits for each in gone.values())
        for (place, _), gone in town.slices.items()
    )
