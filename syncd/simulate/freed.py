"""Time that is freed a moment before its meeting follows: what comes of it is judged.

In each system removals come first, and the systems are written to side by side
(docs/design.md#plans). So where a record follows hours after its meeting was moved, as it waited
for a person, the block that stood for it goes a moment before the record comes to its time; and
where it left, before it leaves.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.simulate.mass_edit import span

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.world import World

SOON = timedelta(minutes=1)
"""What one decision leads to is written within this time, also if the process dies meanwhile."""

QUEUED = timedelta(minutes=45)
"""LeadSquared only queues a move: it shows later, and is sent once more if its job fails."""


def judge_soon(town: World, change: Change, before: View, system: str, event: str) -> None:
    """Judge in a moment whether a block was removed from a time whose source still takes it."""

    def judge() -> None:
        moved = _has_moved(town, change, before, system, event)
        if not (moved or _has_come(town, change, before)):
            where = f"freed {span(before.interval)} in {change.system}"
            town.break_promise(f"3: {where}, but {system} {event} lives")

    soon = QUEUED if system == "crm" else SOON
    asyncio.get_running_loop().call_later(soon.total_seconds(), judge)


def _has_moved(town: World, change: Change, before: View, system: str, event: str) -> bool:
    """Whether the source has gone to a time that is still to come.

    What waited for a person is not made once its time has passed, and where it stands stays closed.
    """
    source = town.standing(system).get(event)
    moved = source is not None and source.busy and source.key != before.key
    return source is not None and moved and source.end > change.at


def _has_come(town: World, change: Change, before: View) -> bool:
    """Whether the calendar has a meeting of its own at that time now."""
    return any(
        seen.kind == "appointment" and seen.busy and seen.key == before.key
        for seen in town.standing(change.system).values()
    )
