"""The running program, which may go over to another configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from syncd.daemon.rounds import Rounds
from syncd.daemon.work import Work
from syncd.engine.report import Report
from syncd.engine.running import Depth
from syncd.wiring import App


@dataclass(slots=True)
class Service:
    """What works now, as `syncd run` has it."""

    app: App
    rounds: Rounds

    def __post_init__(self) -> None:
        """Let it be read at its pace."""
        self.app.engine.paced = self.due

    def hear(self, report: Report) -> None:
        """Take in what a job brought, and plan how often what is read."""
        self.rounds.hear(report)
        self.rounds.plan()

    def insist(self) -> None:
        """Ask every system at the next occasion."""
        self.app.insist()

    def turn(
        self, providers: Collection[str], beside: Callable[[Collection[str]], Collection[str]]
    ) -> Sequence[str]:
        """Return whose turn it is."""
        return self.rounds.turn(providers, beside)

    def due(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return whom a poll asks a system for."""
        return self.rounds.due(system, depth, providers, late=late)

    async def go_over(self, work: Work, app: App, rounds: Rounds) -> None:
        """Go on with what was built of another configuration, as after SIGHUP."""
        await work.exchange(app.engine)
        await self.app.close_systems()
        self.app, self.rounds = app, rounds
        app.engine.paced = self.due
