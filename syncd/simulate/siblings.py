"""Platforms on which a write to one instance of a series changes the others, too.

What the platform does to the others is no write of syncd's: it stands in no journal, and syncd has
to put each of them back at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.simulate.hosted import record_of
from syncd.simulate.mass_edit import Change, span

if TYPE_CHECKING:
    from syncd.simulate.world import World


def note_carried(town: World, system: str, changes: list[Change]) -> None:
    """Note which changes a platform made by itself when syncd wrote to another instance."""
    if system != "clinic":
        return
    clinic = town.sandbox.clinic
    town.moved_along += [c for c in changes if record_of(c.event) in clinic.changed_with_series]
    clinic.changed_with_series = frozenset()


def was_carried(town: World, change: Change) -> bool:
    """Return whether the platform made this change by itself."""
    return any(change is each for each in town.moved_along)


def puts_back_carried(town: World, change: Change) -> bool:
    """Return whether syncd takes back what the platform did to another instance."""
    return any(
        (each.system, each.event) == (change.system, change.event)
        and each.before is not None
        and change.after is not None
        and each.before.interval == change.after.interval
        for each in town.moved_along
    )


def may_wait(town: World, system: str) -> bool:
    """Return whether writes to instances stopped, as one of them changed others."""
    return system == "clinic" and town.sandbox.clinic.writes_whole_series


def judge_carried(town: World) -> Iterator[str]:
    """Say which instances were left where a write to another one took them.

    Putting the others back may take along the instance that was written: then it stands where it
    stood before that write, and waits.
    """
    last = {(c.system, c.event): c for c in town.changes}
    for (system, event), change in last.items():
        if not was_carried(town, change) or change.after is None:
            continue
        own = [c for c in town.changes if (c.system, c.event) == (system, event)]
        at = next(n for n, c in enumerate(own) if was_carried(town, c))
        stood = {c.before.interval for c in own[max(0, at - 1) : at + 1] if c.before is not None}
        if change.after.interval not in stood:
            where = f"{system} {event} {span(change.after.interval)}"
            yield f"6: left where a write to another instance of its series took it: {where}"
