"""The pause between two cycles of one run, which a due poll can end early.

A run waits up to a minute for a platform to confirm a write, or for a list to show a known event.
No other job reads in the meantime. So a poll that becomes due does not start a run of its own, but
the next cycle of the waiting run. That cycle reads all systems and propagates manual edits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from syncd.model import Clock
from syncd.systems.stopping import Stopping


@dataclass(slots=True)
class RunPause:
    """The pause of the current run. ``ended_early``: a due poll ended the last pause."""

    ended_early: bool = False
    _wanted: asyncio.Event | None = field(default=None, repr=False)

    def end(self) -> None:
        """End the pause, if a run is pausing. Called when a poll is due."""
        if self._wanted is not None:
            self._wanted.set()

    async def wait(self, stopping: Stopping, clock: Clock, seconds: float) -> bool:
        """Pause for this number of seconds, or until `end`; return false if syncd must stop."""
        self._wanted = wanted = asyncio.Event()
        passed = asyncio.create_task(stopping.pause(clock, seconds))
        ended = asyncio.create_task(wanted.wait())
        try:
            await asyncio.wait({passed, ended}, return_when=asyncio.FIRST_COMPLETED)
            self.ended_early = not passed.done()
            return self.ended_early or passed.result()
        finally:
            self._wanted = None
            passed.cancel()
            ended.cancel()
            await asyncio.gather(passed, ended, return_exceptions=True)
