"""Schedule polls.

This module decides which providers a far read (a read of the whole window) covers next, and how
many calls each account needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from syncd.config.settings import Settings
from syncd.core.polling.rate import CallDemand, PollIntervals, fit_to_limits
from syncd.core.polling.slices import ROUNDS, Slices, partition, round_calls
from syncd.engine.reading.running_events import FAR_LOOK_BACK, Depth
from syncd.engine.report.run_report import Report
from syncd.model import Clock, PollSlot, Window, is_recent
from syncd.systems.call_stats import CallStats

_TOLERANCE = 0.2
"""The share of the time between two polls by which a poll may be early."""

ResourceDependents = Callable[[Collection[str]], Collection[str]]
"""Returns the given providers, and the providers that are always read with them."""


class PolledSystem(Protocol):
    """The part of a system that the scheduler needs."""

    @property
    def providers(self) -> Collection[str]:
        """The providers that are mapped to the system."""
        ...

    @property
    def traffic(self) -> CallStats:
        """The counted calls and the learned limits."""
        ...

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return the number of calls that reading a window takes, for these providers or all."""
        ...


@dataclass(frozen=True, slots=True)
class ReadIntervals:
    """The configured poll intervals (near, far) and reach of the windows (past, ahead, future)."""

    near: timedelta
    far: timedelta
    past: timedelta
    ahead: timedelta
    future: timedelta


def read_intervals(settings: Settings) -> ReadIntervals:
    """Return the poll intervals and windows of a configuration."""
    general = settings.syncd
    return ReadIntervals(
        general.near.every,
        general.far.every,
        general.window.past,
        general.near.ahead,
        general.window.future,
    )


class PollScheduler:
    """The poll schedule of some systems and the position in it.

    ``far`` is the length of a round, ``slices`` are the providers of each turn in it; ``intervals``
    are the current poll intervals, ``settings`` the configured ones. If an account's rate limit is
    too low, the intervals of that system are stretched: polls skip it until it is due. The slices
    of providers do not change by that.
    """

    def __init__(
        self, systems: Mapping[str, PolledSystem], settings: ReadIntervals, clock: Clock
    ) -> None:
        """Start a schedule in which no provider was read yet."""
        self._clock = clock
        self._read_at: dict[str, datetime] = {}
        self._next = 0
        self._asked: dict[tuple[str, Depth, str], datetime] = {}
        self.reconfigure(systems, settings)

    def reconfigure(self, systems: Mapping[str, PolledSystem], settings: ReadIntervals) -> None:
        """Take the systems and intervals of a new configuration."""
        self._systems, self.settings = systems, settings
        self.far = settings.far
        self.intervals = PollIntervals(settings.near, settings.far)
        self._partitioned_for: object = None
        self._with_dependents: ResourceDependents = lambda providers: providers
        self._providers = {p for system in systems.values() for p in system.providers}
        self.slices: Slices = ()

    @property
    def tick(self) -> timedelta:
        """The time between two far polls."""
        return self.far / max(1, len(self.slices))

    def record_report(self, report: Report) -> None:
        """Record the reads of a job: a resync reads everything."""
        if report.job == "resync":
            now = self._clock.now()
            self._read_at = dict.fromkeys(self._providers, now)
            self._asked = {
                (name, depth, provider): now
                for name, system in self._systems.items()
                for depth in (Depth.NEAR, Depth.FAR)
                for provider in system.providers
            }
        self._update_schedule()

    def providers_due(
        self, providers: Collection[str], with_dependents: ResourceDependents
    ) -> list[str]:
        """Return the providers that are due for a far read, and record them as read.

        Due are the providers of the next slice, and each provider that waited for more than two
        rounds. ``with_dependents`` is called to add the providers that are always read with those.
        """
        self._providers, self._with_dependents = set(providers), with_dependents
        self._partitioned_for = None  # the dependents may have changed
        self._update_schedule()
        due = set(self.slices[self._next % len(self.slices)] if self.slices else ())
        due &= self._providers
        self._next += 1
        now, longest = self._clock.now(), self.far * ROUNDS
        due |= {
            provider
            for provider in self._providers
            if not is_recent(self._read_at.get(provider), now, longest)
        }
        self._read_at.update(dict.fromkeys(due, now))
        return sorted(due)

    def plan(self) -> PollIntervals:
        """Stretch the intervals of the systems whose rate limits are too low.

        Return the intervals of all systems.
        """
        fitting = fit_to_limits(self.settings.near, self.settings.far, self.needs())
        self.intervals = replace(fitting, slices=max(1, len(self.slices)))
        self.far = self.intervals.far
        return self.intervals

    def due(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool = False
    ) -> Sequence[str]:
        """Return the providers that a poll reads in this system, and record them as read.

        For a system without stretched intervals, these are all ``providers``. For a stretched
        system, they are those that are due. A poll for ``late`` results (reads that arrived after
        their cycle) does not read from stretched systems at all.
        """
        pace, polls = self.intervals.of(system), self.intervals
        own, between = (
            (pace.near, polls.near) if depth is Depth.NEAR else (pace.far, polls.interval)
        )
        stretched = own > (polls.near if depth is Depth.NEAR else polls.far)
        if stretched and late:
            return ()
        # Polls have jitter: a poll that is slightly early counts as on time.
        now, least = self._clock.now(), own - between * _TOLERANCE
        due = [
            provider
            for provider in providers
            if not stretched
            or not is_recent(self._asked.get((system, depth, provider)), now, least)
        ]
        self._asked.update({(system, depth, provider): now for provider in due})
        return due

    def needs(self) -> list[CallDemand]:
        """Return, for each account, the calls that polling takes and the known limits."""
        self._update_schedule()
        near = self._near_calls()
        far = round_calls(self.slices, self._far_calls)
        return [
            CallDemand(
                name,
                near=near[name],
                far=far[name],
                limits=system.traffic.limits,
                left_today=system.traffic.left_today,
                resets_in=system.traffic.resets_in,
            )
            for name, system in self._systems.items()
        ]

    def poll_slots(self) -> list[PollSlot]:
        """Return the schedule as it is stored for `status`."""
        return [
            PollSlot(provider, number)
            for number, providers in enumerate(self.slices)
            for provider in providers
        ]

    # --- internals ----------------------------------------------------------------------------

    def _update_schedule(self) -> None:
        """Partition the providers anew if they or their calls changed."""
        near, far = self._near_calls(), self._far_calls(self._providers)
        if (inputs := (frozenset(self._providers), near, far)) != self._partitioned_for:
            ratio = self.settings.far / self.settings.near
            self.slices = partition(self._providers, self._far_calls, near, ratio)
            self._partitioned_for = inputs

    def _near_calls(self) -> dict[str, int]:
        now = self._clock.now()
        window = Window(now - self.settings.past, now + self.settings.ahead)
        return {name: s.calls_per_read(window) for name, s in self._systems.items()}

    def _far_calls(self, providers: Collection[str]) -> dict[str, int]:
        now, settings = self._clock.now(), self.settings
        window = Window(now - settings.past, now + settings.future).from_earlier(FAR_LOOK_BACK)
        wanted = self._with_dependents(providers)
        return {name: s.calls_per_read(window, wanted) for name, s in self._systems.items()}
