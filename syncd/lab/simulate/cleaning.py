"""A cleanup after the day is over, with faults and crashes, repeated until it succeeds.

Afterwards no block of syncd may be left in its scope, nothing else may be missing, and no block may
come back although the meetings still exist.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.lab.simulate.acts import EventKind, SimEvent
from syncd.lab.simulate.cleaned_up import cleanup_scope
from syncd.lab.simulate.operator import ProcessKilled
from syncd.store.errors import StateError

if TYPE_CHECKING:
    from syncd.app import App
    from syncd.core.ownership.cleanup import CleanupScope
    from syncd.engine.cleanup.report import CleanupReport
    from syncd.lab.simulate.crashes import Dangers
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

MAX_RUNS = 4
"""How often the command is run. The first run meets a fault and a crash, the others none."""

PAUSE_SECONDS = 120.0
"""Seconds between two processes, and between two resyncs."""

AN_HOUR = 3600
"""The length of a rate limit, in seconds, that a cleanup does not wait for."""

Start = Callable[[], tuple["App", object]]
"""Start the program."""


def step_of(scenario: Scenario) -> SimEvent | None:
    """Return the step with the cleanup, None if there is none."""
    return next((step for step in scenario.steps if step.kind is EventKind.CLEAN_UP), None)


@dataclass(slots=True)
class CleaningUp:
    """One cleanup. ``before`` are the events at its start."""

    world: World
    step: SimEvent
    before: dict[str, dict[str, EventView]]
    tight: frozenset[str] = frozenset()
    """Systems whose account has an hourly limit: what is left there waits for the next run."""

    @property
    def scope(self) -> CleanupScope:
        """The scope of the cleanup."""
        return cleanup_scope(self.step)

    def judge_change(self, change: Change) -> Iterator[str]:
        """Yield a violation unless the change removes a block of syncd in the scope."""
        where = f"{change.system} {change.event}"
        before = change.before
        if before is None:
            yield f"12: created {where} during a cleanup"
        elif change.after is not None:
            yield f"12: changed {where} during a cleanup"
        elif before.kind != "block" or (change.system, change.event) not in self.world.ours:
            yield f"12: removed {where}, which is not a block of syncd"
        elif not self._covers(change.system, before):
            yield f"12: removed {where} of {before.provider}, outside the scope of the cleanup"

    def judge_end(self, cleaned: CleanupReport | None) -> Iterator[str]:
        """Yield blocks of syncd that are left after the command, and missing other events."""
        if cleaned is None:
            yield "12: no cleanup finished"
            return
        reported = {
            (calendar.system, tagged.event.id)
            for calendar in cleaned.calendars.values()
            for tagged in calendar.tagged
        }
        for system in SYSTEM_NAMES:
            now = self.world.events(system)
            for event, view in self.before[system].items():
                is_ours = (system, event) in self.world.ours and view.kind == "block"
                if not is_ours and event not in now:
                    yield f"12: {system} {event} is gone, but was not a block of syncd"
                covered = is_ours and event in now and self._covers(system, view)
                covered = covered and (system, event) not in self.world.unnamed
                covered = covered and not (system in self.tight and _is_reported(cleaned, system))
                if covered and (system, event) not in reported:
                    yield f"12: {system} {event} of {view.provider} is left"
        others = (c for (_, s), c in cleaned.calendars.items() if s not in self.tight)
        if cleaned.interrupted or not all(calendar.finished for calendar in others):
            yield f"12: not finished although all systems answer: {cleaned.to_json()}"

    async def run_until_done(
        self,
        dangers: Dangers,
        start: Start,
        say: Callable[[str], None],
        report_violation: Callable[[str], None],
    ) -> None:
        """Run the command until it succeeds, resync twice, and report violations."""
        cleaned: CleanupReport | None = None
        for number in range(MAX_RUNS):
            app, _ = start()
            if number == 0:
                dangers.fuse = int(self.step.seconds)
                if self.step.fault:
                    self.world.inject_fault(self.step)
            try:
                with suppress(StateError):
                    cleaned = await app.engine.cleanup(CleanupSpec(self.scope, who="kim"))
                    say(f"cleanup {number}: {cleaned.exit}")
            except ProcessKilled:
                say("the process died")
            await _end(app)
            dangers.end()
            self.world.clear_faults()
            if cleaned is not None and cleaned.exit is not RunExit.UNANSWERED:
                break
        app, _ = start()
        for _ in range(2):
            await app.engine.resync()
            await asyncio.sleep(PAUSE_SECONDS)
        await _end(app)
        for system in SYSTEM_NAMES:
            self.world.observe(system, by_hand=False)
        for line in self.judge_end(cleaned):
            report_violation(line)

    def _covers(self, system: str, view: EventView) -> bool:
        return self.scope.covers(view.provider, system)


NO_CLEANUP: CleaningUp | None = None
"""No cleanup is running."""


def begin(world: World, scenario: Scenario, commands: Counter[str]) -> CleaningUp | None:
    """Record what exists before a cleanup; return None if the scenario has none."""
    step = step_of(scenario)
    if step is None:
        return None
    commands[step.kind] += 1
    before = {system: dict(world.events(system)) for system in SYSTEM_NAMES}
    lowered = (
        s for s in scenario.steps if s.kind is EventKind.LOWER_LIMIT and s.seconds >= AN_HOUR
    )
    return CleaningUp(world, step, before, frozenset(s.system for s in lowered))


def judge_during_cleanup(
    cleaning: CleaningUp | None, change: Change, report_violation: Callable[[str], object]
) -> bool:
    """Judge a change made during a cleanup; return false if no cleanup is running."""
    if cleaning is None:
        return False
    for line in cleaning.judge_change(change):
        report_violation(line)
    return True


def _is_reported(cleaned: CleanupReport, system: str) -> bool:
    """Return true if the command's report says that something of a system is left."""
    return any(not c.finished for (_, s), c in cleaned.calendars.items() if s == system)


async def _end(app: App) -> None:
    await app.engine.tasks.cancel_all()
    app.store.close()
    await asyncio.sleep(PAUSE_SECONDS)
