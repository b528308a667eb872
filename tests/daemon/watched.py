"""Two fake systems that only report their health, and a monitor."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import ReadIntervals
from syncd.engine.report.run_report import Report, SystemReport
from syncd.model import (
    Action,
    Changes,
    Coverage,
    Kind,
    Operation,
    SystemHealth,
    SystemState,
    Window,
)
from syncd.store.store import Store
from syncd.systems.call_stats import CallStats
from tests.core.kit import v
from tests.engine.fakes import FakeClock

SPANS = ReadIntervals(
    near=timedelta(seconds=60),
    far=timedelta(minutes=15),
    past=timedelta(days=1),
    ahead=timedelta(days=2),
    future=timedelta(days=60),
)


@dataclass
class Watched:
    """A system as the monitor sees it; reading either window takes seven calls."""

    name: str
    clock: FakeClock
    health: SystemHealth = field(init=False)
    limits: tuple[tuple[int, float], ...] = ((600, 60.0),)
    left_today: int | None = None
    insisted: int = 0
    providers: tuple[str, ...] = ("p",)

    def __post_init__(self) -> None:
        """It is well."""
        self.become(SystemState.OK)

    def become(self, state: SystemState, cause: str = "", remedy: str = "") -> None:
        self.health = SystemHealth(self.name, state, self.clock.now(), cause, remedy)

    @property
    def traffic(self) -> CallStats:
        return CallStats(limits=self.limits, left_today=self.left_today, skew=timedelta(0))

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        del providers
        return 7 if window else 0

    def reset_backoff(self) -> None:
        self.insisted += 1


@dataclass
class Studio:
    """The monitor and what it watches."""

    clock: FakeClock
    crm: Watched
    web: Watched
    store: Store
    monitor: Monitor

    def report(self, **said: Any) -> Report:
        """A near job that ended well, but for what is said."""
        systems = said.pop("systems", {"crm": SystemReport(), "web": SystemReport()})
        return Report("r1", job="near", systems=systems, **said)

    def read(self, system: str) -> None:
        """Its calendar was read in full just now."""
        now = self.clock.now()
        span = Window(now, now + SPANS.ahead)
        self.store.apply(Changes(coverage=[Coverage(system, "p", frozenset(Kind), span, now)]))

    def operation(self, system: str, action: Action, *bookings: str) -> Operation:
        return Operation(
            action=action,
            system=system,
            provider="p",
            kind=Kind.BLOCK,
            event="e1",
            before=v(9),
            after=v(10),
            bookings=bookings,
        )


def make_studio(folder: Path) -> Studio:
    """Nothing has happened yet; the caller closes the store."""
    clock = FakeClock()
    crm, web = Watched("crm", clock), Watched("web", clock)
    path = folder / "watched.db"
    store = Store.open(path)
    monitor = Monitor({"crm": crm, "web": web}, store, path, SPANS, clock)
    return Studio(clock, crm, web, store, monitor)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = make_studio(tmp_path)
    yield made
    made.store.close()
