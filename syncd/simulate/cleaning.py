"""Somebody cleans up when the day is over, with faults and deaths meanwhile, until it is done.

After that nothing of syncd's is left there, nothing that is not syncd's is gone, and no block comes
back, although the meetings still stand.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.engine.cleanup_in_engine import CleanupSpec
from syncd.engine.report import RunExit
from syncd.sandbox.scenario import SYSTEMS
from syncd.simulate.acts import EventKind, SimEvent
from syncd.simulate.cleaned_up import scope_of
from syncd.simulate.operator import Killed
from syncd.store.errors import StateError

if TYPE_CHECKING:
    from syncd.app import App
    from syncd.core.cleanup import CleanupScope
    from syncd.engine.cleanup_report import CleanupReport
    from syncd.simulate.crashes import Dangers
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

MOST_TRIES = 4
"""So many times the command is run: the first meets a fault and a death, the others none."""

PAUSE = 120.0
"""Seconds between two lives, and between two resyncs."""

AN_HOUR = 3600
"""Seconds of a limit that a cleanup does not wait for."""

Start = Callable[[], tuple["App", object]]
"""Starts the program."""


def step_of(story: Scenario) -> SimEvent | None:
    """Return the step that says what is cleaned up, if anything is."""
    return next((step for step in story.steps if step.kind is EventKind.CLEAN_UP), None)


@dataclass(slots=True)
class CleaningUp:
    """One cleanup: ``before`` is what stood when it began."""

    town: World
    step: SimEvent
    before: dict[str, dict[str, View]]
    tight: frozenset[str] = frozenset()
    """The systems whose account has a limit of an hour: what is left there waits for the next."""

    @property
    def scope(self) -> CleanupScope:
        """What is cleaned up."""
        return scope_of(self.step)

    def judge_change(self, change: Change) -> Iterator[str]:
        """Only blocks of syncd's in the scope may be changed, and only by removing them."""
        where = f"{change.system} {change.event}"
        before = change.before
        if before is None:
            yield f"12: made {where} while it was to be cleaned up"
        elif change.after is not None:
            yield f"12: changed {where} while it was to be cleaned up"
        elif before.kind != "block" or (change.system, change.event) not in self.town.ours:
            yield f"12: removed {where}, which is not syncd's"
        elif not self._covers(change.system, before):
            yield f"12: removed {where} of {before.provider}, which was not to be cleaned up"

    def judge_end(self, cleaned: CleanupReport | None) -> Iterator[str]:
        """Say what is left of syncd's, and what else is gone, once the command has ended."""
        if cleaned is None:
            yield "12: no cleanup came to an end"
            return
        told = {
            (calendar.system, tagged.event.id)
            for calendar in cleaned.calendars.values()
            for tagged in calendar.tagged
        }
        for system in SYSTEMS:
            now = self.town.standing(system)
            for event, seen in self.before[system].items():
                mine = (system, event) in self.town.ours and seen.kind == "block"
                if not mine and event not in now:
                    yield f"12: {system} {event} is gone, and was not syncd's"
                covered = mine and event in now and self._covers(system, seen)
                covered = covered and (system, event) not in self.town.unnamed
                covered = covered and not (system in self.tight and _is_told(cleaned, system))
                if covered and (system, event) not in told:
                    yield f"12: {system} {event} of {seen.provider} is left"
        others = (c for (_, s), c in cleaned.calendars.items() if s not in self.tight)
        if cleaned.interrupted or not all(calendar.finished for calendar in others):
            yield f"12: not finished although all answers: {cleaned.to_json()}"

    async def carry_out(
        self,
        dangers: Dangers,
        start: Start,
        say: Callable[[str], None],
        break_: Callable[[str], None],
    ) -> None:
        """Run the command until it has ended well, then resync twice; tell what was broken."""
        cleaned: CleanupReport | None = None
        for number in range(MOST_TRIES):
            app, _ = start()
            if number == 0:
                dangers.fuse = int(self.step.seconds)
                if self.step.fault:
                    self.town.inject_fault(self.step)
            try:
                with suppress(StateError):
                    cleaned = await app.engine.cleanup(CleanupSpec(self.scope, who="kim"))
                    say(f"cleanup {number}: {cleaned.exit}")
            except Killed:
                say("the process died")
            await _end(app)
            dangers.end()
            self.town.clear_faults()
            if cleaned is not None and cleaned.exit is not RunExit.UNANSWERED:
                break
        app, _ = start()
        for _ in range(2):
            await app.engine.resync()
            await asyncio.sleep(PAUSE)
        await _end(app)
        for system in SYSTEMS:
            self.town.observe(system, by_hand=False)
        for line in self.judge_end(cleaned):
            break_(line)

    def _covers(self, system: str, seen: View) -> bool:
        return self.scope.covers(seen.provider, system)


NOBODY: CleaningUp | None = None
"""What stands for the cleanup as long as nobody cleans up."""


def begin(town: World, story: Scenario, commands: Counter[str]) -> CleaningUp | None:
    """Look at what stands before somebody cleans up; None if nobody does."""
    step = step_of(story)
    if step is None:
        return None
    commands[step.kind] += 1
    before = {system: dict(town.standing(system)) for system in SYSTEMS}
    lowered = (s for s in story.steps if s.kind is EventKind.LOWER_LIMIT and s.seconds >= AN_HOUR)
    return CleaningUp(town, step, before, frozenset(s.system for s in lowered))


def judges(cleaning: CleaningUp | None, change: Change, break_: Callable[[str], object]) -> bool:
    """Judge a change if it was made while somebody cleans up; return whether it was."""
    if cleaning is None:
        return False
    for line in cleaning.judge_change(change):
        break_(line)
    return True


def _is_told(cleaned: CleanupReport, system: str) -> bool:
    """Return whether the command says that something of a system is left."""
    return any(not c.finished for (_, s), c in cleaned.calendars.items() if s == system)


async def _end(app: App) -> None:
    await app.engine.tasks.cancel_all()
    app.store.close()
    await asyncio.sleep(PAUSE)
