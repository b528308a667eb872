"""Platforms on which a write to one instance of a series changes the others, too.

The platform's changes to the others are no writes of syncd: they are not in the journal, and syncd
must put each of them back at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.lab.simulate.hosted import platform_id
from syncd.lab.simulate.mass_edit import Change, format_interval

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def note_platform_changes(world: World, system: str, changes: list[Change]) -> None:
    """Record the changes that a platform made itself when syncd wrote to another instance."""
    if system != "clinic":
        return
    clinic = world.sandbox.clinic
    world.moved_along += [c for c in changes if platform_id(c.event) in clinic.changed_with_series]
    clinic.changed_with_series = frozenset()


def was_made_by_platform(world: World, change: Change) -> bool:
    """Return true if the platform made this change itself."""
    return any(change is moved for moved in world.moved_along)


def reverts_platform_change(world: World, change: Change) -> bool:
    """Return true if syncd reverts what the platform did to another instance."""
    return any(
        (moved.system, moved.event) == (change.system, change.event)
        and moved.before is not None
        and change.after is not None
        and moved.before.interval == change.after.interval
        for moved in world.moved_along
    )


def may_wait(world: World, system: str) -> bool:
    """Return true if writes to instances stopped because one of them changed others."""
    return system == "clinic" and world.sandbox.clinic.writes_whole_series


def judge_platform_changes(world: World) -> Iterator[str]:
    """Yield the instances that were left where a write to another one moved them.

    Reverting the others may move the written instance back, too: then it is at its place before
    that write, and waits.
    """
    last = {(c.system, c.event): c for c in world.changes}
    for (system, event), change in last.items():
        if not was_made_by_platform(world, change) or change.after is None:
            continue
        own_changes = [c for c in world.changes if (c.system, c.event) == (system, event)]
        at = next(n for n, c in enumerate(own_changes) if was_made_by_platform(world, c))
        former = {
            c.before.interval for c in own_changes[max(0, at - 1) : at + 1] if c.before is not None
        }
        if change.after.interval not in former:
            where = f"{system} {event} {format_interval(change.after.interval)}"
            yield f"6: not put back after a write to another instance moved it: {where}"
