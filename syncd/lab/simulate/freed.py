"""Judge, a moment later, time that was freed shortly before its meeting follows.

In each system removals come first, and systems are written to in parallel (docs/design.md#plans).
If a record follows hours after its meeting moved, because it waited for the operator, the block
that covered it goes a moment before the record arrives at that time; and at its old time, before
the record leaves.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from syncd.lab.simulate.mass_edit import format_interval

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.world import World

SOON = timedelta(minutes=1)
"""All writes of one decision are made within this time, even if the process dies meanwhile."""

QUEUED = timedelta(minutes=45)
"""A move that LeadSquared queues shows later, and is sent once more if its job fails."""


def judge_soon(world: World, change: Change, before: EventView, system: str, event: str) -> None:
    """Check in a moment whether a block was removed from a time that its source still takes."""

    def judge(*, queued: bool) -> None:
        source = world.events(system).get(event)
        if queued and source is not None and source.key == before.key:
            return  # the move does not show yet
        moved = _has_moved(world, change, before, system, event)
        if not (moved or _has_own_meeting(world, change, before)):
            where = f"freed {format_interval(before.interval)} in {change.system}"
            world.report_violation(f"3: {where}, but {system} {event} still takes it")

    later = asyncio.get_running_loop().call_later
    later(SOON.total_seconds(), partial(judge, queued=system == "crm"))
    if system == "crm":
        later(QUEUED.total_seconds(), partial(judge, queued=False))


def _has_moved(world: World, change: Change, before: EventView, system: str, event: str) -> bool:
    """Return true if the source has moved to a time that is still to come.

    A move that waited for the operator is not made once its time has passed, and the old time stays
    closed.
    """
    source = world.events(system).get(event)
    moved = source is not None and source.busy and source.key != before.key
    return source is not None and moved and source.end > change.at


def _has_own_meeting(world: World, change: Change, before: EventView) -> bool:
    """Return true if the calendar now has a meeting of its own at that time."""
    return any(
        view.kind == "appointment" and view.busy and view.key == before.key
        for view in world.events(change.system).values()
    )
