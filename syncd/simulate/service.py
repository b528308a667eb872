"""The running program, which may go over to another configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from syncd.app import App
from syncd.daemon.jobs import Jobs
from syncd.daemon.poll_scheduler import PollScheduler
from syncd.engine.report import Report
from syncd.engine.running_events import Depth


@dataclass(slots=True)
class Service:
    """What works now, as `syncd run` has it."""

    app: App
    rounds: PollScheduler

    def __post_init__(self) -> None:
        """Let it be read at its pace."""
        self.app.engine.select_due = self.due

    def hear(self, report: Report) -> None:
        """Take in what a job brought, and plan how often what is read."""
        self.rounds.record_report(report)
        self.rounds.plan()

    def insist(self) -> None:
        """Ask every system at the next occasion."""
        self.app.reset_backoff()

    def turn(
        self, providers: Collection[str], beside: Callable[[Collection[str]], Collection[str]]
    ) -> Sequence[str]:
        """Return whose turn it is."""
        return self.rounds.providers_due(providers, beside)

    def due(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return whom a poll asks a system for."""
        return self.rounds.due(system, depth, providers, late=late)

    async def go_over(self, work: Jobs, app: App, rounds: PollScheduler) -> None:
        """Go on with what was built of another configuration, as after SIGHUP."""
        await work.replace_engine(app.engine)
        await self.app.close_systems()
        self.app, self.rounds = app, rounds
        app.engine.select_due = self.due
