"""What the daemon knows about itself: health, numbers, calls planned; and whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from starlette.applications import Starlette

from syncd.core.poll_rate import PollIntervals, per_minute
from syncd.daemon.heartbeat import Heartbeat
from syncd.daemon.http_status import application
from syncd.daemon.latency import latencies
from syncd.daemon.metrics import Metrics, SystemSnapshot, outcome
from syncd.daemon.poll_scheduler import PolledSystem, PollScheduler, ReadIntervals
from syncd.engine.report import Report
from syncd.model import Clock, Operation, PollSlot, RateAllowance, SystemHealth
from syncd.store.poll_schedule import save_poll_schedule
from syncd.store.store import Store

log = structlog.get_logger(__name__)

LATE = 5
"""A daemon that ended no job for so many near intervals (at least ten minutes) is not alive."""


class MonitoredSystem(PolledSystem, Protocol):
    """What is watched of a system."""

    @property
    def health(self) -> SystemHealth:
        """How it is."""
        ...

    def reset_backoff(self) -> None:
        """End its rest."""
        ...


class Monitor:
    """Hears of every job, and answers whoever asks how the daemon is."""

    def __init__(
        self,
        systems: Mapping[str, MonitoredSystem],
        store: Store,
        state: Path,
        spans: ReadIntervals,
        clock: Clock,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """Nothing is known yet."""
        self._systems = systems
        self._store = store
        self._spans = spans
        self._clock = clock
        self._heartbeat = heartbeat or Heartbeat(None)
        self._written: dict[str, datetime] = {}
        self._began = clock.now()
        self._ended: datetime | None = None
        self._report: Report | None = None
        self._broken = ""
        self._shown: Sequence[PollSlot] = ()
        self.allowances: dict[str, RateAllowance] = {}
        self.paces = PollIntervals(spans.near, spans.far)
        self.rounds = PollScheduler(systems, spans, clock)
        self.repace: Callable[[PollIntervals], None] = lambda _paces: None
        self.metrics = Metrics(self._sights, self._intervals, store, state, clock)

    def reconfigure(self, systems: Mapping[str, MonitoredSystem], spans: ReadIntervals) -> None:
        """Go on with another configuration: its systems, at its pace."""
        self._systems, self._spans = systems, spans
        self.paces = PollIntervals(spans.near, spans.far)
        self.rounds.reconfigure(systems, spans)

    # --- what it hears ------------------------------------------------------------------------

    def wrote(self, operation: Operation, _what: str) -> None:
        """Note a write that a system took."""
        self.metrics.wrote(operation.system, operation.action)
        now = self._clock.now()
        self._written.update(dict.fromkeys(operation.bookings, now))

    def record_report(self, report: Report) -> None:
        """Take in a job that ended: count it, plan the calls anew, tell that all is well."""
        self._report, self._ended, self._broken = report, self._clock.now(), ""
        self.metrics.update(report)
        self.rounds.record_report(report)
        if self._written:
            skews = {n: s.traffic.skew or timedelta(0) for n, s in self._systems.items()}
            for seconds in latencies(self._store, self._written, skews):
                self.metrics.lag(seconds)
            self._written.clear()
        self._plan()
        if outcome(report) == "whole" and not self.silent:
            self._heartbeat.beat()

    def failed(self, job: str) -> None:
        """Note a job that raised."""
        self._ended, self._broken = self._clock.now(), job
        self._written.clear()
        self.metrics.fail(job)

    def insist(self) -> None:
        """Ask every system at the next occasion: a person wants it."""
        for system in self._systems.values():
            system.reset_backoff()

    async def aclose(self) -> None:
        """End what is still being told."""
        await self._heartbeat.aclose()

    @property
    def silent(self) -> frozenset[str]:
        """The systems that do not answer, also when the last job had nothing to ask them."""
        return frozenset(n for n, s in self._systems.items() if not s.health.state.answers)

    # --- what it says -------------------------------------------------------------------------

    def page(self) -> Starlette:
        """The application behind /healthz, /readyz and /metrics."""
        return application(self.alive, self.ready, self.metrics.render)

    def alive(self) -> tuple[bool, Mapping[str, object]]:
        """Whether jobs come to an end; if not, only a restart helps."""
        age = (self._clock.now() - (self._ended or self._began)).total_seconds()
        longest = max(600.0, LATE * self.paces.near.total_seconds())
        return age < longest, {"alive": age < longest, "last_job_ended_seconds_ago": round(age)}

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Whether everything is kept in step; if not, what stands against it."""
        reasons = self._reasons()
        healths = {name: s.health for name, s in sorted(self._systems.items())}
        return not reasons, {
            "ready": not reasons,
            "reasons": reasons,
            "systems": {
                name: {
                    "state": str(h.state),
                    "since": None if h.since is None else h.since.isoformat(),
                    "cause": h.cause,
                    "remedy": h.remedy,
                }
                for name, h in healths.items()
            },
        }

    def _reasons(self) -> list[str]:
        found = []
        if self._broken:
            found.append(f"the last job ({self._broken}) failed: see the log")
        if self._report is None:
            found.append("the first resync has not ended yet")
        elif self._report.guarded:
            stops = [*map(str, self._report.stopped)] or self._report.guarded
            found.append(f"stopped by the guard: {', '.join(stops)}")
        found += [
            f"{each.system}: {each.events} events of {each.provider} have an unknown owner"
            for each in (self._report.unknown if self._report else ())
        ]
        found += [
            f"{name} is {self._systems[name].health.state}: {self._systems[name].health.cause}"
            for name in sorted(self.silent)
        ]
        return found

    # --- within -------------------------------------------------------------------------------

    def _sights(self) -> dict[str, SystemSnapshot]:
        return {
            name: SystemSnapshot(system.health, system.traffic, self.allowances.get(name))
            for name, system in self._systems.items()
        }

    def _intervals(self) -> tuple[PollIntervals, PollIntervals]:
        """Between two reads, now and as configured."""
        return self.paces, PollIntervals(self._spans.near, self._spans.far)

    def _plan(self) -> None:
        """Count the calls that polling takes, and stretch the intervals where they do not fit."""
        now = self._clock.now()
        needs, paces = self.rounds.needs(), self.rounds.plan()
        self.allowances = {
            n.system: RateAllowance(
                n.system,
                now,
                planned=round(per_minute(n, own.near, own.far), 2),
                near=own.near.total_seconds(),
                far=own.far.total_seconds(),
                allowed=n.allowed,
                left_today=n.left_today,
                day=n.day,
            )
            for n in needs
            if (own := paces.of(n.system))
        }
        self._store.save_health(*self.allowances.values())
        if (shown := self.rounds.intervals()) != self._shown:
            save_poll_schedule(self._store, shown)
            self._shown = shown
        before, self.paces = self.paces, paces
        self._tell(before, paces)
        if (paces.near, paces.interval) != (before.near, before.interval):
            self.repace(paces)

    def _tell(self, before: PollIntervals, paces: PollIntervals) -> None:
        """Log each system whose pace is another one than before."""
        for name, pace in paces.systems.items():
            if pace == before.of(name):
                continue
            facts = {
                "system": name,
                "near_seconds": pace.near.total_seconds(),
                "far_seconds": pace.far.total_seconds(),
            }
            if not pace.tight:
                log.info("polling as configured again", **facts)
            else:
                log.warning(
                    "polling less often than configured",
                    fits=pace.fits,
                    remedy="Raise near.every or far.every, map fewer calendars, let other programs "
                    "use less of the account, or have its limit raised.",
                    **facts,
                )
