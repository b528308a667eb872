"""The pause between two cycles of one run: whoever wants a cycle meanwhile has it at once.

A run waits up to a minute for a platform to confirm a write, or for a list to show what is known.
Nothing else reads meanwhile, so that a poll which is due brings the run's next cycle forward: that
one reads all systems, and carries what people have changed in them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from syncd.model import Clock
from syncd.systems.stopping import Stopping


@dataclass(slots=True)
class Between:
    """The pauses of one engine's runs. ``cut``: the last one was ended early."""

    cut: bool = False
    _wanted: asyncio.Event | None = field(default=None, repr=False)

    @property
    def lasts(self) -> bool:
        """Whether a run pauses now."""
        return self._wanted is not None

    def end(self) -> None:
        """Have the run go on, if it pauses."""
        if self._wanted is not None:
            self._wanted.set()

    async def wait(self, stopping: Stopping, clock: Clock, seconds: float) -> bool:
        """Pause; return whether the run may go on."""
        self._wanted = wanted = asyncio.Event()
        passed = asyncio.create_task(stopping.pause(clock, seconds))
        ended = asyncio.create_task(wanted.wait())
        try:
            await asyncio.wait({passed, ended}, return_when=asyncio.FIRST_COMPLETED)
            self.cut = not passed.done()
            return self.cut or passed.result()
        finally:
            self._wanted = None
            passed.cancel()
            ended.cancel()
            await asyncio.gather(passed, ended, return_exceptions=True)
