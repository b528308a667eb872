"""What Prometheus reads: counters of what was done, and how things stand when it asks.

No label holds anything of a customer: systems, providers' counts, actions and states only; of a
pause also the provider's name and who paused.
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
from syncd.core.poll_rate import PollIntervals
from syncd.engine.report import Report
from syncd.model import Action, Clock, RateAllowance, SystemHealth, SystemState, Topic, WaitReason
from syncd.store.availability import count_held_back_exposures
from syncd.store.left_behind import LeftBehind
from syncd.store.nightly import last_backup
from syncd.store.pauses import pauses
from syncd.store.store import Store
from syncd.store.waiting import count_waiting
from syncd.systems.port import CallStats

_CYCLE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_LAG = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600)

# When a series began is of no use here, and doubles the page.
disable_created_metrics()  # type: ignore[no-untyped-call]

JOBS = ("near", "far", "resync", "request")
OUTCOMES = ("whole", "incomplete", "guarded", "failed")


@dataclass(frozen=True, slots=True)
class SystemSnapshot:
    """How one system stands now."""

    health: SystemHealth
    traffic: CallStats
    allowance: RateAllowance | None


class Metrics:
    """The numbers of one daemon, in a registry of their own."""

    def __init__(
        self,
        systems: Callable[[], Mapping[str, SystemSnapshot]],
        paces: Callable[[], tuple[PollIntervals, PollIntervals]],
        store: Store,
        state: Path,
        clock: Clock,
    ) -> None:
        """Every series is there from the start, at 0: a rate needs two points."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._standing = _Standing(systems, paces, store, state, clock)
        self.registry.register(self._standing)
        self._seconds = Histogram(
            "syncd_cycle_seconds",
            "How long a job took, by what asked for it.",
            ["job"],
            buckets=_CYCLE,
            registry=self.registry,
        )
        self._cycles = Counter(
            "syncd_cycles",
            "Jobs by how they ended: whole, incomplete (a system did not answer), guarded, failed.",
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
            "Writes that a system took, by action.",
            ["system", "action"],
            registry=self.registry,
        )
        self._refused = Counter(
            "syncd_writes_refused", "Writes that a system refused for good.", registry=self.registry
        )
        self._news = Counter(
            "syncd_news", "Changes seen that syncd did not make.", registry=self.registry
        )
        self._lag = Histogram(
            "syncd_lag_seconds",
            "From an outside change to the last write that carried it over.",
            buckets=_LAG,
            registry=self.registry,
        )
        for job in JOBS:
            for outcome in OUTCOMES:
                self._cycles.labels(job, outcome)
        for name in systems():
            for action in Action:
                self._writes.labels(name, str(action))
            for kind in ("read", "write"):
                self._calls.labels(name, kind)

    def update(self, report: Report) -> None:
        """Count a job that ended, and take over how it left things."""
        self._seconds.labels(report.job).observe(report.seconds)
        self._cycles.labels(report.job, outcome(report)).inc()
        for name, told in report.systems.items():
            self._calls.labels(name, "read").inc(told.reads)
            self._calls.labels(name, "write").inc(told.writes)
        self._refused.inc(len(report.failures))
        self._news.inc(report.news)
        self._standing.update(report)

    def render(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)

    def fail(self, job: str) -> None:
        """Count a job that raised."""
        self._cycles.labels(job, "failed").inc()

    def wrote(self, system: str, action: Action) -> None:
        """Count a write that a system took."""
        self._writes.labels(system, str(action)).inc()

    def lag(self, seconds: float) -> None:
        """Note how long a change took to be everywhere."""
        self._lag.observe(seconds)


def outcome(report: Report) -> str:
    """How a job ended, in one word."""
    if report.guarded:
        return "guarded"
    return "whole" if report.whole else "incomplete"


class _Standing(Collector):
    """What is measured at the moment when Prometheus asks."""

    def __init__(
        self,
        systems: Callable[[], Mapping[str, SystemSnapshot]],
        paces: Callable[[], tuple[PollIntervals, PollIntervals]],
        store: Store,
        state: Path,
        clock: Clock,
    ) -> None:
        self._systems = systems
        self._paces = paces
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
        """Every gauge."""
        yield _gauge("syncd_info", "The program.", ["version"], [((__version__,), 1)])
        yield from self._of_systems()
        yield from self._of_cycles()
        yield from self._of_state()

    def _of_systems(self) -> Iterable[Metric]:
        sights = self._systems()
        now = self._clock.now()
        yield _gauge(
            "syncd_system_state",
            "1 for the state that a system is in, 0 for the others.",
            ["system", "state"],
            [
                ((name, str(state)), state is sight.health.state)
                for name, sight in sights.items()
                for state in SystemState
            ],
        )
        yield _gauge(
            "syncd_system_state_age_seconds",
            "For how long a system has been in its state.",
            ["system"],
            [
                ((name,), (now - sight.health.since).total_seconds())
                for name, sight in sights.items()
                if sight.health.since is not None
            ],
        )
        for metric, text, of in _CALLS:
            found = [((name,), of(sight)) for name, sight in sights.items()]
            known = [(label, value) for label, value in found if value is not None]
            yield _gauge(metric, text, ["system"], known)

    def _of_cycles(self) -> Iterable[Metric]:
        (paces, asked), report = self._paces(), self._report
        longest = paces.longest
        yield _gauge(
            "syncd_poll_interval_seconds",
            "Seconds between two reads of a window, in the system that is read least often.",
            ["window"],
            [(("near",), longest.near.total_seconds()), (("far",), longest.far.total_seconds())],
        )
        yield _gauge(
            "syncd_poll_stretch",
            "How many times longer that is than configured.",
            ["window"],
            [(("near",), longest.near / asked.near), (("far",), longest.far / asked.far)],
        )
        yield _gauge(
            "syncd_system_poll_interval_seconds",
            "Seconds between two reads of a window of a system, as its account allows.",
            ["system", "window"],
            [
                ((name, window), span.total_seconds())
                for name, pace in paces.systems.items()
                for window, span in (("near", pace.near), ("far", pace.far))
            ],
        )
        yield _gauge(
            "syncd_last_cycle_timestamp_seconds",
            "When the last job ended (any), and the last one that every system answered (whole).",
            ["kind"],
            [((kind,), at.timestamp()) for kind, at in self._ended.items()],
        )
        wrong = report.clock_error.total_seconds() if report else 0
        yield _gauge(
            "syncd_clock_error_seconds",
            "How far this host's clock is behind, where two platforms agree that it is wrong.",
            [],
            [((), wrong)],
        )
        conflicts, exposures = (report.conflicts, report.exposures) if report else (0, 0)
        yield _gauge("syncd_conflicts", "Conflicts that are held.", [], [((), conflicts)])
        yield _gauge(
            "syncd_exposures", "Intervals still offered although taken.", [], [((), exposures)]
        )
        stopped = set(report.guarded) if report else set()
        yield _gauge(
            "syncd_guard_stopped",
            "1 while the guard withholds changes in a calendar of the system.",
            ["system"],
            [((name,), name in stopped) for name in self._systems()],
        )

        unknown: dict[str, int] = dict.fromkeys(self._systems(), 0)
        for each in report.unknown if report else ():
            unknown[each.system] = unknown.get(each.system, 0) + each.events
        yield _gauge(
            "syncd_unknown_owners",
            "Events of which it is not proven whose they are, so that their time stays closed.",
            ["system"],
            [((name,), count) for name, count in unknown.items()],
        )

        counts = {(name, topic): 0 for name in self._systems() for topic in Topic}
        for item in report.items if report else ():
            if item.acknowledged_at is None:
                known = counts.get((item.system, item.topic), 0)
                counts[item.system, item.topic] = known + item.record_count
        yield _gauge(
            "syncd_reported",
            "Records and lists that cannot be carried, or only with an assumption, by topic; "
            "without what is acknowledged.",
            ["system", "topic"],
            [((name, str(topic)), count) for (name, topic), count in counts.items()],
        )
        yield from self._of_persons()

    def _of_persons(self) -> Iterable[Metric]:
        """What persons decide, know of, or have left."""
        report = self._report
        doubles, known = (report.doubles_open, report.acknowledged) if report else (0, 0)
        yield _gauge(
            "syncd_double_bookings",
            "Pairs of meetings that overlap, neither held nor acknowledged.",
            [],
            [((), doubles)],
        )
        yield _gauge(
            "syncd_acknowledged",
            "Reported items and double bookings that a person has acknowledged.",
            [],
            [((), known)],
        )
        blocks = dict.fromkeys(self._systems(), 0)
        for each in self._left_behind:
            blocks[each.system] = blocks.get(each.system, 0) + each.blocks
        yield _gauge(
            "syncd_left_behind_blocks",
            "Blocks of syncd where the configuration maps nothing any more, at the last resync.",
            ["system"],
            [((name,), count) for name, count in blocks.items()],
        )

    def _of_state(self) -> Iterable[Metric]:
        now = self._clock.now()
        reasons = [why for why in WaitReason if not why.held_back]
        waiting = {(name, why): 0 for name in self._systems() for why in reasons}
        waiting |= count_waiting(self._store)
        yield _gauge(
            "syncd_waiting_writes",
            "Writes that are wanted and cannot be made now, by reason.",
            ["system", "reason"],
            [((name, str(why)), count) for (name, why), count in waiting.items()],
        )
        yield from self._of_pauses()
        oldest: dict[str, datetime] = {}
        for covered in self._store.last_coverage():
            oldest[covered.system] = min(
                covered.read_at, oldest.get(covered.system, covered.read_at)
            )
        yield _gauge(
            "syncd_snapshot_age_seconds",
            "Age of the oldest last complete read among a system's calendars.",
            ["system"],
            [((name,), (now - at).total_seconds()) for name, at in sorted(oldest.items())],
        )
        yield _gauge(
            "syncd_journal_open",
            "Writes whose outcome is still to be learned.",
            [],
            [((), len(self._store.pending_intents()))],
        )
        newest, created = last_backup(self._state, now), self._store.created
        yield _gauge(
            "syncd_backup_timestamp_seconds",
            "When the last good backup of the state was made; 0 if there is none.",
            [],
            [((), newest.made_at.timestamp() if newest else 0)],
        )
        yield _gauge(
            "syncd_created_ids_unwritten",
            "New blocks that the file of created ids does not prove, as it cannot be written.",
            [],
            [((), created.unwritten_count if created else 0)],
        )
        yield _gauge("syncd_state_bytes", "Size of the database.", [], [((), self._bytes())])
        yield _gauge(
            "syncd_tasks", "Tasks of the event loop.", [], [((), len(asyncio.all_tasks()))]
        )

    def _of_pauses(self) -> Iterable[Metric]:
        """What a person does not want to be written."""
        yield _gauge(
            "syncd_paused_timestamp_seconds",
            "Since when a system, a provider or a calendar is paused, and by whom.",
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
            "Of the intervals still offered although taken, those that nobody closes because of "
            "a pause or observe mode.",
            [],
            [((), count_held_back_exposures(self._store, self._clock.now()))],
        )
        observes = self._report is not None and self._report.observe
        yield _gauge(
            "syncd_observe", "1 while nothing is written to any system.", [], [((), observes)]
        )

    def _bytes(self) -> int:
        files = (self._state, self._state.with_name(self._state.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())


_CALLS: tuple[tuple[str, str, Callable[[SystemSnapshot], float | None]], ...] = (
    (
        "syncd_calls_planned_per_minute",
        "Calls that polling takes while nothing changes.",
        lambda s: s.allowance.planned if s.allowance else None,
    ),
    (
        "syncd_calls_allowed_per_minute",
        "Calls that the platform allows, by its narrowest limit.",
        lambda s: s.allowance.allowed if s.allowance else None,
    ),
    (
        "syncd_calls_allowed_per_day",
        "The platform's limit for a day.",
        lambda s: s.allowance.day if s.allowance else None,
    ),
    (
        "syncd_calls_left_today",
        "Calls left today by the platform's count.",
        lambda s: s.traffic.left_today,
    ),
    (
        "syncd_clock_skew_seconds",
        "How far the platform's clock is ahead of this host's.",
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
