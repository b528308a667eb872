"""Judge the number of writes: none without an effect, and no more than the changes allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.unmapped import ConfigPlace
from syncd.lab.simulate.untouched import restores_status

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def writes_per_change(world: World) -> Iterator[str]:
    """Yield a violation above one write per change and other calendar (promise 2)."""
    by_hand = Counter(c.by_hand for c in world.changes)
    shared = sum(is_share(c.event) for c in world.changes if not c.by_hand)
    writes = by_hand[False] - shared
    writes -= sum(
        restores_status(world, c) for c in world.changes if not (c.by_hand or is_share(c.event))
    )
    # A change by hand may touch both other calendars, and undo a previous write there.
    # A move by syncd is news to each further host of the meeting.
    allowed = 3 * (by_hand[True] + shared)
    if world.choices & {"revert", "next-free"}:
        # After a refusal a meeting goes elsewhere, and all of its records follow.
        allowed *= 2
    # The operator's decision, or an undone run, is written everywhere once more.
    allowed += (
        writes if any(not provider for _, provider in world.answers) else 6 * len(world.answers)
    )
    # After a lost state, every earlier decision is made again.
    allowed += 6 * len(world.state_losses)
    # Events of a place that is left out close nothing elsewhere until it is back.
    allowed += sum(4 * _events_in(world, absence.place) for absence in world.unmapped.absences)
    # A cleanup removes blocks without a change, and they come back when its pause ends.
    allowed += 2 * sum(world.cleaned.removes(c) for c in world.changes if not c.by_hand)
    if writes > allowed:
        yield f"2: {writes} changes by syncd after {by_hand[True]} by hand"


def _events_in(world: World, place: ConfigPlace) -> int:
    """Count the events that ever were in a place: each may be closed elsewhere, and freed."""
    return len(
        {
            (c.system, c.event)
            for c in world.changes
            for view in (c.before, c.after)
            if view is not None and place.covers(ConfigPlace(c.system, view.provider))
        }
    )


def idle_writes(world: World) -> Iterator[str]:
    """Yield writes that succeeded and changed nothing (promise 2)."""
    for line in world.idle:
        injected = world.sandbox.systems[line.split()[0]].faults.injected
        if not (injected[FaultKind.FAIL_JOBS] or injected[FaultKind.RESET_FIELDS]):
            yield f"2: a write without an effect: {line}"
