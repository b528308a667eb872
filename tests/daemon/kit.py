"""A fake engine that only records calls, and a folder for a state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from syncd.core.conflicts.resolution import Resolution
from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.operator.undo import NothingToUndoError, UndoReport
from syncd.engine.policy import IdSource
from syncd.engine.probing.outcome import ProbeOutcome, ProbeRun
from syncd.engine.report.run_report import Report, SystemReport
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.engine.writing.pauses import WritePauses
from syncd.machine import RealClock, random_id, random_key
from syncd.model import Clock, Window
from syncd.store import Store
from syncd.systems.stopping import Stopping


class FakeEngine:
    """Notes what it is asked; each job takes ``takes`` seconds and raises ``fault``, if any."""

    def __init__(self, takes: float = 0.0) -> None:
        self.stopping = asyncio.Event()
        self.mapping: Mapping[str, Sequence[str]] = {"bob": ("crm",)}
        self.store = Store.open("sqlite://")
        self.clock: Clock = RealClock()
        self.ids = IdSource(row=random_id, key=random_key)
        self.answers: dict[str, Resolution] = {}
        self.tasks = SystemTasks(Stopping())
        self.pauses = WritePauses(self.store)
        self.asked: list[str] = []
        self.read: list[Sequence[str] | None] = []
        self.windows: list[Window | None] = []
        self.at_work = 0
        self.most_at_work = 0
        self.takes = takes
        self.fault: Exception | None = None
        self.slots_asked = 0
        self.tidied = 0
        self.tidy_fault: Exception | None = None
        self.slots_fault: Exception | None = None

    async def refresh_resources(self) -> None:
        """Do nothing: there are no rooms."""

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = False,
        exactly: ApprovedOperations | None = None,
        progress: Callable[[str], None] = lambda _text: None,
    ) -> Report:
        assert exactly is None
        self.windows.append(window)
        assert not dry_run
        progress("reading")
        return await self._job(f"resync {providers} {accept}")

    async def cleanup(
        self, wanted: CleanupSpec, *, progress: Callable[[str], None] = lambda _text: None
    ) -> CleanupReport:
        progress("reading")
        await self._job(f"cleanup {wanted}")
        return CleanupReport("r2", wanted.scope)

    async def poll(
        self, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
    ) -> Report:
        assert not late
        self.read.append(providers)
        return await self._job("near" if near else "far")

    def with_dependents(self, providers: Collection[str]) -> list[str]:
        return sorted(providers)

    async def compact(self) -> None:
        self.tidied += 1
        if self.tidy_fault is not None:
            raise self.tidy_fault

    async def undo(
        self,
        run: str,
        *,
        booking: str | None = None,
        dry_run: bool = False,
        progress: Callable[[str], None] = lambda _text: None,
    ) -> UndoReport:
        progress("reading")
        if run == "unknown":
            raise NothingToUndoError("there is no run 'unknown'", "Name another.")
        asked = f"undo {run} {booking}" + (" (dry run)" if dry_run else "")
        return UndoReport(run, await self._job(asked))

    async def probe(
        self, names: Sequence[str], *, progress: Callable[[str], None] = lambda _text: None
    ) -> ProbeRun:
        progress("making the block")
        self.asked.append(f"probe {', '.join(names)}")
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.asked.append("removed")
        return ProbeRun([ProbeOutcome(name, "leadsquared") for name in names])

    def forget_facts(self, names: Sequence[str]) -> dict[str, list[str]]:
        return {name: ["keeps_tag"] for name in names}

    async def read_free_slots(self, *, gently: bool = False) -> None:
        self.slots_asked += gently
        if self.slots_fault is not None:
            raise self.slots_fault

    async def _job(self, name: str) -> Report:
        self.asked.append(name)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_work -= 1
        if self.fault is not None:
            raise self.fault
        return Report(run=f"run{len(self.asked)}", systems={"crm": SystemReport()})


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something to come true; fail if it does not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not true():
        assert loop.time() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


def long_folder(root: Path) -> Path:
    """A folder whose name alone is longer than a socket's address may be."""
    found = root / ("a" * 60) / ("b" * 60)
    found.mkdir(parents=True)
    return found
