"""The running program, which can switch to another configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from syncd.app import App
from syncd.daemon.jobs import Jobs
from syncd.daemon.poll_scheduler import PollScheduler
from syncd.engine.reading.running_events import Depth
from syncd.engine.report.run_report import Report


@dataclass(slots=True)
class RunningService:
    """The running app and its poll schedule, as `syncd run` has them."""

    app: App
    rounds: PollScheduler

    def __post_init__(self) -> None:
        """Apply the poll intervals to the systems."""
        self.app.engine.select_due = self.due

    def record_report(self, report: Report) -> None:
        """Record the report of a job, and plan the next reads."""
        self.rounds.record_report(report)
        self.rounds.plan()

    def reset_backoff(self) -> None:
        """Ask every system at the next poll."""
        self.app.reset_backoff()

    def turn(
        self, providers: Collection[str], beside: Callable[[Collection[str]], Collection[str]]
    ) -> Sequence[str]:
        """Return the providers whose turn it is."""
        return self.rounds.providers_due(providers, beside)

    def due(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return the providers that a poll asks a system for."""
        return self.rounds.due(system, depth, providers, late=late)

    async def switch_to(self, jobs: Jobs, app: App, rounds: PollScheduler) -> None:
        """Switch to an app built from another configuration, as after SIGHUP."""
        await jobs.replace_engine(app.engine)
        await self.app.close_systems()
        self.app, self.rounds = app, rounds
        app.engine.select_due = self.due
