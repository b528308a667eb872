"""Monitor the daemon: health, metrics, planned calls, the status endpoints and the heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from starlette.applications import Starlette

from syncd.core.polling.rate import PollIntervals, per_minute
from syncd.daemon.heartbeat import Heartbeat
from syncd.daemon.http_status import application
from syncd.daemon.latency import latencies
from syncd.daemon.metrics import Metrics, SystemSnapshot, outcome
from syncd.daemon.poll_scheduler import PolledSystem, PollScheduler, ReadIntervals
from syncd.engine.report.run_report import Report
from syncd.model import Clock, Operation, PollSlot, RateAllowance, SystemHealth
from syncd.store.queries.poll_schedule import save_poll_schedule
from syncd.store.store import Store

log = structlog.get_logger(__name__)

_MISSED_INTERVALS = 5
"""Near intervals without a finished job after which the daemon is not alive (at least 600 s)."""


class MonitoredSystem(PolledSystem, Protocol):
    """The part of a system that the monitor needs."""

    @property
    def health(self) -> SystemHealth:
        """The system's health."""
        ...

    def reset_backoff(self) -> None:
        """Close the circuit breaker, so that the system is asked again."""
        ...


class Monitor:
    """Records every job and reports the daemon's health.

    ``intervals`` are the current poll intervals; ``reschedule`` is called when they change.
    """

    def __init__(
        self,
        systems: Mapping[str, MonitoredSystem],
        store: Store,
        state: Path,
        settings: ReadIntervals,
        clock: Clock,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """Start without any report."""
        self._systems = systems
        self._store = store
        self._settings = settings
        self._clock = clock
        self._heartbeat = heartbeat or Heartbeat(None)
        self._written: dict[str, datetime] = {}
        self._started_at = clock.now()
        self._job_ended_at: datetime | None = None
        self._report: Report | None = None
        self._failed_job = ""
        self._saved_slots: Sequence[PollSlot] = ()
        self.allowances: dict[str, RateAllowance] = {}
        self.intervals = PollIntervals(settings.near, settings.far)
        self.scheduler = PollScheduler(systems, settings, clock)
        self.reschedule: Callable[[PollIntervals], None] = lambda _intervals: None
        self.metrics = Metrics(self._snapshots, self._both_intervals, store, state, clock)

    def reconfigure(self, systems: Mapping[str, MonitoredSystem], settings: ReadIntervals) -> None:
        """Take the systems and intervals of a new configuration."""
        self._systems, self._settings = systems, settings
        self.intervals = PollIntervals(settings.near, settings.far)
        self.scheduler.reconfigure(systems, settings)

    # --- input --------------------------------------------------------------------------------

    def wrote(self, operation: Operation, _what: str) -> None:
        """Count a write that a system accepted, and store its time for the latency."""
        self.metrics.wrote(operation.system, operation.action)
        now = self._clock.now()
        self._written.update(dict.fromkeys(operation.bookings, now))

    def record_report(self, report: Report) -> None:
        """Record a job that ended: update the metrics, plan the calls, send the heartbeat."""
        self._report, self._job_ended_at, self._failed_job = report, self._clock.now(), ""
        self.metrics.update(report)
        self.scheduler.record_report(report)
        if self._written:
            skews = {n: s.traffic.skew or timedelta(0) for n, s in self._systems.items()}
            for seconds in latencies(self._store, self._written, skews):
                self.metrics.lag(seconds)
            self._written.clear()
        self._plan()
        if outcome(report) == "whole" and not self.silent:
            self._heartbeat.beat()

    def failed(self, job: str) -> None:
        """Record a job that ended with an exception."""
        self._job_ended_at, self._failed_job = self._clock.now(), job
        self._written.clear()
        self.metrics.fail(job)

    def reset_backoff(self) -> None:
        """Close every circuit breaker, so that the next job asks every system."""
        for system in self._systems.values():
            system.reset_backoff()

    async def aclose(self) -> None:
        """Cancel a heartbeat call in flight."""
        await self._heartbeat.aclose()

    @property
    def silent(self) -> frozenset[str]:
        """The systems that do not respond, also if the last job did not call them."""
        return frozenset(n for n, s in self._systems.items() if not s.health.state.answers)

    # --- output -------------------------------------------------------------------------------

    def page(self) -> Starlette:
        """Return the application that serves /healthz, /readyz and /metrics."""
        return application(self.alive, self.ready, self.metrics.render)

    def alive(self) -> tuple[bool, Mapping[str, object]]:
        """Return whether jobs still finish, and the facts on which this is based, as JSON.

        If jobs no longer finish, only a restart helps.
        """
        age = (self._clock.now() - (self._job_ended_at or self._started_at)).total_seconds()
        longest = max(600.0, _MISSED_INTERVALS * self.intervals.near.total_seconds())
        return age < longest, {"alive": age < longest, "last_job_ended_seconds_ago": round(age)}

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Return whether everything is being synced, and the facts with the reasons if not."""
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
        reasons = []
        if self._failed_job:
            reasons.append(f"the last job ({self._failed_job}) failed: see the log")
        if self._report is None:
            reasons.append("the first resync has not ended yet")
        elif self._report.guarded:
            stops = [*map(str, self._report.stopped)] or self._report.guarded
            reasons.append(f"stopped by the guard: {', '.join(stops)}")
        reasons += [
            f"{each.system}: {each.events} events of {each.provider} have an unknown owner"
            for each in (self._report.unknown if self._report else ())
        ]
        reasons += [
            f"{name} is {self._systems[name].health.state}: {self._systems[name].health.cause}"
            for name in sorted(self.silent)
        ]
        return reasons

    # --- internals ----------------------------------------------------------------------------

    def _snapshots(self) -> dict[str, SystemSnapshot]:
        return {
            name: SystemSnapshot(system.health, system.traffic, self.allowances.get(name))
            for name, system in self._systems.items()
        }

    def _both_intervals(self) -> tuple[PollIntervals, PollIntervals]:
        """Return the current and the configured poll intervals."""
        return self.intervals, PollIntervals(self._settings.near, self._settings.far)

    def _plan(self) -> None:
        """Count the calls that polling needs, and stretch intervals beyond the rate limits."""
        now = self._clock.now()
        needs, intervals = self.scheduler.needs(), self.scheduler.plan()
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
            if (own := intervals.of(n.system))
        }
        self._store.save_health(*self.allowances.values())
        if (slots := self.scheduler.poll_slots()) != self._saved_slots:
            save_poll_schedule(self._store, slots)
            self._saved_slots = slots
        before, self.intervals = self.intervals, intervals
        self._log_changes(before, intervals)
        if (intervals.near, intervals.interval) != (before.near, before.interval):
            self.reschedule(intervals)

    def _log_changes(self, before: PollIntervals, intervals: PollIntervals) -> None:
        """Log each system whose poll intervals changed."""
        for name, pace in intervals.systems.items():
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
                    remedy="Raise near.every or far.every, map fewer calendars, make other "
                    "programs call the account less often, or ask the platform for a higher limit.",
                    **facts,
                )
