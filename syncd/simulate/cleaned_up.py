"""What an operator cleans up in the middle of a day, beside the running daemon.

Its blocks go although their meetings stand; none comes back before the pause is ended that a
cleanup begins. In the end, when every pause is over, all must stand again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.cleanup import CleanupScope
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate import stopping, waits
from syncd.simulate.acts import SimEvent
from syncd.simulate.configuring import judge_configured

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World


def scope_of(step: SimEvent) -> CleanupScope:
    """Return what is cleaned up: everything, a system, or a provider."""
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
    """The cleanups of a day, from when each was begun until it had ended."""

    cleanups: list[_Cleanup] = field(default_factory=list)

    def begin(self, scope: CleanupScope, now: datetime) -> None:
        """Note what is about to be cleaned up."""
        self.cleanups.append(_Cleanup(scope, now))

    def end(self, now: datetime) -> None:
        """Note that the command has ended, well or not."""
        self.cleanups = [c if c.until else replace(c, until=now) for c in self.cleanups]

    def removes(self, change: Change) -> bool:
        """Return whether this is a block that goes because a person wants it."""
        before = change.before
        if change.after is not None or before is None or before.kind != "block":
            return False
        return any(
            c.scope.covers(before.provider, change.system)
            and c.since <= change.at <= (c.until or change.at)
            for c in self.cleanups
        )


def judge_beside(story: Scenario, town: World, change: Change, offset: timedelta) -> Iterator[str]:
    """Say what was freed that no meeting freed, or where nothing is written.

    What is cleaned up is freed because a person wants it, also in what left the configuration.
    """
    if town.cleaned.removes(change):
        return
    seen = change.after or change.before
    yield from waits.judge_clock(story, town, change, offset)
    yield from stopping.judge_slices(town, story, change)
    provider = seen.provider if seen else ""
    yield from judge_configured(town, change.system, provider, change.at)
