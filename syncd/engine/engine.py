"""The engine as the daemon and the commands use it: one method for each kind of run."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine import resync as runs
from syncd.engine.availability.free_slots import read_all_slots
from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.cleanup.in_engine import clean_up_in_engine
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.compaction import compact_history
from syncd.engine.context import Context
from syncd.engine.operator.undo import UndoReport, undo_run
from syncd.engine.probing.outcome import ProbeRun
from syncd.engine.probing.probe import forget_facts, probe_systems
from syncd.engine.report.progress import Progress, with_waits
from syncd.engine.report.run_report import Report
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.model import Window


class Engine(Context):
    """The engine of one state. Each method is a function of the `Context`, which it is itself."""

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = False,
        exactly: ApprovedOperations | None = None,
        progress: Progress = lambda _text: None,
    ) -> Report:
        """Run cycles until nothing is left to do (see `engine.resync`)."""
        return await runs.resync(
            self,
            window=window,
            providers=providers,
            accept=accept,
            dry_run=dry_run,
            exactly=exactly,
            progress=progress,
        )

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
    ) -> Report:
        """Run one cycle for the daemon (see `engine.resync`)."""
        return await runs.poll(self, near=near, providers=providers, late=late)

    async def read_free_slots(
        self, *, gently: bool = False, progress: Progress = lambda _text: None
    ) -> None:
        """Read the free slots that are due, with delays between calls if ``gently``."""
        with with_waits(self.stopping, progress) as on_progress:
            updated = await read_all_slots(
                self.systems,
                self.mapping,
                self.store,
                self.clock,
                self.stopping,
                # Slightly less than the interval, because the timer has jitter.
                older_than=self.policy.slots_every * 0.8,
                gently=gently,
                progress=on_progress,
            )
        self.exposure_tracker.due |= updated

    async def compact(self) -> None:
        """Delete history that is older than the retention period."""
        await compact_history(self.store, self.now() - self.policy.keep, self.stopping)

    async def undo(
        self,
        run: str,
        *,
        booking: str | None = None,
        dry_run: bool = False,
        progress: Progress = lambda _text: None,
    ) -> UndoReport:
        """Revert the writes of a run (see `engine.operator.undo`). Raises NothingToUndoError."""
        with with_waits(self.stopping, progress) as on_progress:
            return await undo_run(self, run, booking=booking, dry_run=dry_run, progress=on_progress)

    async def probe(self, names: Sequence[str], *, progress: Progress = lambda _: None) -> ProbeRun:
        """Measure the platform facts of these systems (see `engine.probing.probe`)."""
        with with_waits(self.stopping, progress) as on_progress:
            return await probe_systems(self, names, on_progress)

    async def cleanup(
        self, spec: CleanupSpec, *, progress: Progress = lambda _: None
    ) -> CleanupReport:
        """Remove what syncd created (see `engine.cleanup`), then decide on every provider again."""
        with with_waits(self.stopping, progress) as on_progress:
            return await clean_up_in_engine(self, spec, on_progress)

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Delete the measured facts of these systems; return the deleted names by system."""
        return forget_facts(self.systems, self.store, names)

    async def aclose(self) -> None:
        """Cancel the reads in the background, and wait for the writes in flight."""
        await self.tasks.drain()
