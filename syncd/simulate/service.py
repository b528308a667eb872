"""The running program, which may go over to another configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from syncd.daemon.rounds import Rounds
from syncd.daemon.work import Work
from syncd.wiring import App


@dataclass(slots=True)
class Service:
    """What works now, as `syncd run` has it."""

    app: App
    rounds: Rounds

    def insist(self) -> None:
        """Ask every system at the next occasion."""
        self.app.insist()

    def turn(
        self, providers: Collection[str], beside: Callable[[Collection[str]], Collection[str]]
    ) -> Sequence[str]:
        """Return whose turn it is."""
        return self.rounds.turn(providers, beside)

    async def go_over(self, work: Work, app: App, rounds: Rounds) -> None:
        """Go on with what was built of another configuration, as after SIGHUP."""
        await work.exchange(app.engine)
        await self.app.close_systems()
        self.app, self.rounds = app, rounds
