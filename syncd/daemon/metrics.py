"""Prometheus metrics: counters that jobs update, and gauges that are read at each scrape.

No label holds customer data: only systems, actions, states and reasons; of a pause also the
provider's name and the login name of the operator who paused it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from syncd import __version__
from syncd.core.polling.rate import PollIntervals
from syncd.engine.report.run_report import Report
from syncd.model import Action, Clock, RateAllowance, SystemHealth, SystemState, Topic, WaitReason
from syncd.store.backup.nightly import last_backup
from syncd.store.queries.availability import count_held_back_exposures
from syncd.store.queries.left_behind import LeftBehind
from syncd.store.queries.pauses import pauses
from syncd.store.queries.waiting import count_waiting
from syncd.store.store import Store
from syncd.systems.call_stats import CallStats

_CYCLE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_LAG = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600)

# The creation time of each series is not needed, and doubles the size of the output.
disable_created_metrics()  # type: ignore[no-untyped-call]

_JOBS = ("near", "far", "resync", "request")
_OUTCOMES = ("whole", "incomplete", "guarded", "failed")


@dataclass(frozen=True, slots=True)
class SystemSnapshot:
    """The current state of one system."""

    health: SystemHealth
    traffic: CallStats
    allowance: RateAllowance | None


class Metrics:
    """The metrics of one daemon, in a registry of their own.

    ``systems`` returns the current state of each system, ``intervals`` the current and the
    configured poll intervals.
    """

    def __init__(
        self,
        systems: Callable[[], Mapping[str, SystemSnapshot]],
        intervals: Callable[[], tuple[PollIntervals, PollIntervals]],
        store: Store,
        state: Path,
        clock: Clock,
    ) -> None:
        """Create every series at 0: the rate of a counter needs two samples."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._gauges = _GaugeCollector(systems, intervals, store, state, clock)
        self.registry.register(self._gauges)
        self._seconds = Histogram(
            "syncd_cycle_seconds",
            "Duration of a job in seconds, by job.",
            ["job"],
            buckets=_CYCLE,
            registry=self.registry,
        )
        self._cycles = Counter(
            "syncd_cycles",
            "Jobs by outcome: whole, incomplete (a system did not respond), guarded, failed.",
            ["job", "outcome"],
            registry=self.registry,
        )
        self._calls = Counter(
            "syncd_calls",
            "Requests sent to a system.",
            ["system", "kind"],
            registry=self.registry,
        )
        self._writes = Counter(
            "syncd_writes",
            "Writes that a system accepted, by action.",
            ["system", "action"],
            registry=self.registry,
        )
        self._refused = Counter(
            "syncd_writes_refused",
            "Writes that a system rejected permanently.",
            registry=self.registry,
        )
        self._news = Counter(
            "syncd_news",
            "Changes by users of the platforms, as seen by reads.",
            registry=self.registry,
        )
        self._lag = Histogram(
            "syncd_lag_seconds",
            "Seconds from a change on a platform to the last write that it caused.",
            buckets=_LAG,
            registry=self.registry,
        )
        for job in _JOBS:
            for outcome in _OUTCOMES:
                self._cycles.labels(job, outcome)
        for name in systems():
            for action in Action:
                self._writes.labels(name, str(action))
            for kind in ("read", "write"):
                self._calls.labels(name, kind)

    def update(self, report: Report) -> None:
        """Count a job that ended, and take its report as the current one."""
        self._seconds.labels(report.job).observe(report.seconds)
        self._cycles.labels(report.job, outcome(report)).inc()
        for name, system in report.systems.items():
            self._calls.labels(name, "read").inc(system.reads)
            self._calls.labels(name, "write").inc(system.writes)
        self._refused.inc(len(report.failures))
        self._news.inc(report.news)
        self._gauges.update(report)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def fail(self, job: str) -> None:
        """Count a job that ended with an exception."""
        self._cycles.labels(job, "failed").inc()

    def wrote(self, system: str, action: Action) -> None:
        """Count a write that a system accepted."""
        self._writes.labels(system, str(action)).inc()

    def lag(self, seconds: float) -> None:
        """Record the latency of one change (seconds)."""
        self._lag.observe(seconds)


def outcome(report: Report) -> str:
    """Return the outcome of a job: "guarded", "whole" or "incomplete"."""
    if report.guarded:
        return "guarded"
    return "whole" if report.whole else "incomplete"


class _GaugeCollector(Collector):
    """Computes the gauges at each scrape."""

    def __init__(
        self,
        systems: Callable[[], Mapping[str, SystemSnapshot]],
        intervals: Callable[[], tuple[PollIntervals, PollIntervals]],
        store: Store,
        state: Path,
        clock: Clock,
    ) -> None:
        self._systems = systems
        self._intervals = intervals
        self._store = store
        self._state = state
        self._clock = clock
        self._report: Report | None = None
        self._left_behind: list[LeftBehind] = []
        self._ended: dict[str, datetime] = {}

    def update(self, report: Report) -> None:
        self._report = report
        if report.left_behind is not None:
            self._left_behind = report.left_behind
        self._ended["any"] = self._clock.now()
        if outcome(report) == "whole":
            self._ended["whole"] = self._clock.now()

    def collect(self) -> Iterable[Metric]:
        """Yield every gauge."""
        yield _gauge(
            "syncd_info", "Always 1; the label is the version.", ["version"], [((__version__,), 1)]
        )
        yield from self._system_gauges()
        yield from self._cycle_gauges()
        yield from self._state_gauges()

    def _system_gauges(self) -> Iterable[Metric]:
        snapshots = self._systems()
        now = self._clock.now()
        yield _gauge(
            "syncd_system_state",
            "1 for the current state of a system, 0 for all other states.",
            ["system", "state"],
            [
                ((name, str(state)), state is snapshot.health.state)
                for name, snapshot in snapshots.items()
                for state in SystemState
            ],
        )
        yield _gauge(
            "syncd_system_state_age_seconds",
            "Seconds since the state of a system last changed.",
            ["system"],
            [
                ((name,), (now - snapshot.health.since).total_seconds())
                for name, snapshot in snapshots.items()
                if snapshot.health.since is not None
            ],
        )
        for metric, text, value_of in _CALLS:
            values = [((name,), value_of(snapshot)) for name, snapshot in snapshots.items()]
            known = [(label, value) for label, value in values if value is not None]
            yield _gauge(metric, text, ["system"], known)

    def _cycle_gauges(self) -> Iterable[Metric]:
        (current, configured), report = self._intervals(), self._report
        longest = current.longest
        yield _gauge(
            "syncd_poll_interval_seconds",
            "Seconds between two reads of a window, for the system that is read least often.",
            ["window"],
            [(("near",), longest.near.total_seconds()), (("far",), longest.far.total_seconds())],
        )
        yield _gauge(
            "syncd_poll_stretch",
            "The longest poll interval, as a multiple of the configured interval.",
            ["window"],
            [(("near",), longest.near / configured.near), (("far",), longest.far / configured.far)],
        )
        yield _gauge(
            "syncd_system_poll_interval_seconds",
            "Seconds between two reads of a window, by system, within the account's rate limit.",
            ["system", "window"],
            [
                ((name, window), interval.total_seconds())
                for name, pace in current.systems.items()
                for window, interval in (("near", pace.near), ("far", pace.far))
            ],
        )
        yield _gauge(
            "syncd_last_cycle_timestamp_seconds",
            "End of the last job (any), and of the last with a response of every system (whole).",
            ["kind"],
            [((kind,), at.timestamp()) for kind, at in self._ended.items()],
        )
        clock_error = report.clock_error.total_seconds() if report else 0
        yield _gauge(
            "syncd_clock_error_seconds",
            "Seconds that this host's clock is behind, if two platforms agree that it is wrong.",
            [],
            [((), clock_error)],
        )
        conflicts, exposures = (report.conflicts, report.exposures) if report else (0, 0)
        yield _gauge("syncd_conflicts", "Held conflicts.", [], [((), conflicts)])
        yield _gauge(
            "syncd_exposures", "Busy intervals that can still be booked.", [], [((), exposures)]
        )
        stopped = set(report.guarded) if report else set()
        yield _gauge(
            "syncd_guard_stopped",
            "1 while the guard withholds writes because of a calendar of the system.",
            ["system"],
            [((name,), name in stopped) for name in self._systems()],
        )

        unknown: dict[str, int] = dict.fromkeys(self._systems(), 0)
        for each in report.unknown if report else ():
            unknown[each.system] = unknown.get(each.system, 0) + each.events
        yield _gauge(
            "syncd_unknown_owners",
            "Events without a proven owner: their time stays blocked.",
            ["system"],
            [((name,), count) for name, count in unknown.items()],
        )

        counts = {(name, topic): 0 for name in self._systems() for topic in Topic}
        for item in report.items if report else ():
            if item.acknowledged_at is None:
                known = counts.get((item.system, item.topic), 0)
                counts[item.system, item.topic] = known + item.event_count
        yield _gauge(
            "syncd_reported",
            "Events and lists that cannot be synced, or only with an assumption, by topic; "
            "without acknowledged items.",
            ["system", "topic"],
            [((name, str(topic)), count) for (name, topic), count in counts.items()],
        )
        yield from self._follow_up_gauges()

    def _follow_up_gauges(self) -> Iterable[Metric]:
        """Yield the gauges of items that need the operator, or that are acknowledged."""
        report = self._report
        doubles, known = (report.doubles_open, report.acknowledged) if report else (0, 0)
        yield _gauge(
            "syncd_double_bookings",
            "Double bookings that are neither held nor acknowledged.",
            [],
            [((), doubles)],
        )
        yield _gauge(
            "syncd_acknowledged",
            "Reported items and double bookings that the operator has acknowledged.",
            [],
            [((), known)],
        )
        blocks = dict.fromkeys(self._systems(), 0)
        for each in self._left_behind:
            blocks[each.system] = blocks.get(each.system, 0) + each.blocks
        yield _gauge(
            "syncd_left_behind_blocks",
            "Blocks of syncd in calendars that are no longer mapped, at the last resync.",
            ["system"],
            [((name,), count) for name, count in blocks.items()],
        )

    def _state_gauges(self) -> Iterable[Metric]:
        now = self._clock.now()
        reasons = [reason for reason in WaitReason if not reason.held_back]
        waiting = {(name, reason): 0 for name in self._systems() for reason in reasons}
        waiting |= count_waiting(self._store)
        yield _gauge(
            "syncd_waiting_writes",
            "Wanted writes that syncd cannot make now, by reason.",
            ["system", "reason"],
            [((name, str(reason)), count) for (name, reason), count in waiting.items()],
        )
        yield from self._pause_gauges()
        oldest: dict[str, datetime] = {}
        for covered in self._store.last_coverage():
            oldest[covered.system] = min(
                covered.read_at, oldest.get(covered.system, covered.read_at)
            )
        yield _gauge(
            "syncd_snapshot_age_seconds",
            "Seconds since the last complete read of the calendar that was read longest ago.",
            ["system"],
            [((name,), (now - at).total_seconds()) for name, at in sorted(oldest.items())],
        )
        yield _gauge(
            "syncd_journal_open",
            "Writes whose outcome is not known yet.",
            [],
            [((), len(self._store.pending_intents()))],
        )
        newest, created = last_backup(self._state, now), self._store.created
        yield _gauge(
            "syncd_backup_timestamp_seconds",
            "Time of the last checked backup of the state; 0 without a backup.",
            [],
            [((), newest.made_at.timestamp() if newest else 0)],
        )
        yield _gauge(
            "syncd_created_ids_unwritten",
            "New blocks whose ids could not be written to the file of created ids.",
            [],
            [((), created.unwritten_count if created else 0)],
        )
        yield _gauge(
            "syncd_state_bytes", "Size of the database in bytes.", [], [((), self._bytes())]
        )
        yield _gauge(
            "syncd_tasks", "Tasks of the event loop.", [], [((), len(asyncio.all_tasks()))]
        )

    def _pause_gauges(self) -> Iterable[Metric]:
        """Yield the gauges of pauses and observe mode."""
        yield _gauge(
            "syncd_paused_timestamp_seconds",
            "Start of the pause of a system, a provider or a calendar, and who paused it.",
            ["kind", "id", "who"],
            [((p.kind, p.id, p.who), p.since.timestamp()) for p in pauses(self._store)],
        )
        held_back: dict[str, int] = dict.fromkeys(self._systems(), 0)
        for each in self._report.held_back if self._report else ():
            name = each.operation.system
            held_back[name] = held_back.get(name, 0) + 1
        yield _gauge(
            "syncd_held_back_writes",
            "Writes that a pause or observe mode holds back.",
            ["system"],
            [((name,), count) for name, count in held_back.items()],
        )
        yield _gauge(
            "syncd_exposures_held_back",
            "Busy intervals that can still be booked, and that syncd does not block because of a "
            "pause or observe mode.",
            [],
            [((), count_held_back_exposures(self._store, self._clock.now()))],
        )
        observes = self._report is not None and self._report.observe
        yield _gauge(
            "syncd_observe", "1 in observe mode (no writes to any system).", [], [((), observes)]
        )

    def _bytes(self) -> int:
        files = (self._state, self._state.with_name(self._state.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())


_CALLS: tuple[tuple[str, str, Callable[[SystemSnapshot], float | None]], ...] = (
    (
        "syncd_calls_planned_per_minute",
        "Calls per minute that polling needs while nothing changes.",
        lambda s: s.allowance.planned if s.allowance else None,
    ),
    (
        "syncd_calls_allowed_per_minute",
        "Calls per minute that the platform allows, by its strictest limit.",
        lambda s: s.allowance.allowed if s.allowance else None,
    ),
    (
        "syncd_calls_allowed_per_day",
        "The platform's limit of calls per day.",
        lambda s: s.allowance.day if s.allowance else None,
    ),
    (
        "syncd_calls_left_today",
        "Calls left today, as the platform counts them.",
        lambda s: s.traffic.left_today,
    ),
    (
        "syncd_clock_skew_seconds",
        "Seconds that the platform's clock is ahead of this host's.",
        lambda s: None if s.traffic.skew is None else s.traffic.skew.total_seconds(),
    ),
)


def _gauge(
    name: str, text: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values:
        family.add_metric(list(label), float(value))
    return family
