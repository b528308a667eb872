"""Cleanups by the operator during a day, beside the running daemon.

A cleanup removes blocks although their meetings exist, and pauses the calendars. No block may come
back before the pause ends. Once every pause is over, all blocks must exist again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.ownership.cleanup import CleanupScope
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate import stopping, waits
from syncd.lab.simulate.acts import SimEvent
from syncd.lab.simulate.configuring import judge_configured

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World


def cleanup_scope(step: SimEvent) -> CleanupScope:
    """Return the scope of a cleanup: everything, a system, or a provider."""
    match step.slot % 3:
        case 0:
            return CleanupScope()
        case 1:
            return CleanupScope(system=step.system)
        case _:
            return CleanupScope(provider=PEOPLE[step.number % len(PEOPLE)])


@dataclass(frozen=True, slots=True)
class _Cleanup:
    scope: CleanupScope
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class CleanedUp:
    """The cleanups of a day, each with its begin and end."""

    cleanups: list[_Cleanup] = field(default_factory=list)

    def begin(self, scope: CleanupScope, now: datetime) -> None:
        """Record the start of a cleanup."""
        self.cleanups.append(_Cleanup(scope, now))

    def end(self, now: datetime) -> None:
        """Record the end of the running cleanup, successful or not."""
        self.cleanups = [c if c.until else replace(c, until=now) for c in self.cleanups]

    def removes(self, change: Change) -> bool:
        """Return true if the change is a removal that a cleanup asked for."""
        before = change.before
        if change.after is not None or before is None or before.kind != "block":
            return False
        return any(
            c.scope.covers(before.provider, change.system)
            and c.since <= change.at <= (c.until or change.at)
            for c in self.cleanups
        )


def judge_beside(
    scenario: Scenario, world: World, change: Change, offset: timedelta
) -> Iterator[str]:
    """Yield violations by removals: time freed without a reason, or outside of the configuration.

    Removals by a cleanup are allowed, also in calendars that left the configuration.
    """
    if world.cleaned.removes(change):
        return
    view = change.after or change.before
    yield from waits.judge_clock(scenario, world, change, offset)
    yield from stopping.judge_slices(world, scenario, change)
    provider = view.provider if view else ""
    yield from judge_configured(world, change.system, provider, change.at)
