"""The far read in rounds: who has the next turn, and what all reading takes of each account.

What is known of news is kept in memory only: a new process reads everything when it begins, takes
nobody for calm before three hours are over, and knows again by then who is busy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from syncd.config.settings import Settings
from syncd.core import poll_schedule
from syncd.core.poll_rate import CallDemand, PollIntervals, fit_to_limits
from syncd.core.poll_schedule import PollSchedule
from syncd.engine.report import Report
from syncd.engine.running_events import FAR_LOOK_BACK, Depth
from syncd.model import Clock, PollSlot, Window, is_recent
from syncd.systems.port import CallStats

EARLY = 0.2
"""By this share of the time between two polls, one may come early."""

ResourceDependents = Callable[[Collection[str]], Collection[str]]
"""Some providers, and those that are always read with them."""


class PolledSystem(Protocol):
    """What the planner asks of a system."""

    @property
    def providers(self) -> Collection[str]:
        """Who is mapped to it."""
        ...

    @property
    def traffic(self) -> CallStats:
        """What was counted and learned."""
        ...

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """What reading a window takes, of all or of these providers."""
        ...


@dataclass(frozen=True, slots=True)
class ReadIntervals:
    """What the configuration says of reading: intervals, and how far the windows reach."""

    near: timedelta
    far: timedelta
    past: timedelta
    ahead: timedelta
    future: timedelta


def read_intervals(settings: Settings) -> ReadIntervals:
    """What a configuration says of reading."""
    said = settings.syncd
    return ReadIntervals(
        said.near.every, said.far.every, said.window.past, said.near.ahead, said.window.future
    )


class PollScheduler:
    """The rota of these systems, and where in it the daemon is. ``far`` is the length of a round.

    What does not fit an account stretches that system's intervals: it is left out of polls until
    it is its time. The slices stay, so nobody's turn is lost.
    """

    def __init__(
        self, systems: Mapping[str, PolledSystem], spans: ReadIntervals, clock: Clock
    ) -> None:
        """Nobody had a turn yet."""
        self._clock = clock
        self._heat: dict[str, float] = {}
        self._heat_at = clock.now()
        self._read_at: dict[str, datetime] = {}
        self._next = 0
        self._asked: dict[tuple[str, Depth, str], datetime] = {}
        self.reconfigure(systems, spans)

    def reconfigure(self, systems: Mapping[str, PolledSystem], spans: ReadIntervals) -> None:
        """Go on with another configuration."""
        self._systems, self.spans = systems, spans
        self.far = spans.far
        self.paces = PollIntervals(spans.near, spans.far)
        self._cut_for: object = None
        self._dealt_for: object = None
        self._beside: ResourceDependents = lambda providers: providers
        self._providers = {p for system in systems.values() for p in system.providers}
        self.rota = PollSchedule((), ())

    @property
    def tick(self) -> timedelta:
        """The time between two turns."""
        return self.far / max(1, len(self.rota.slices))

    def record_report(self, report: Report) -> None:
        """Take in what a job brought. Only polls tell how often a calendar changes."""
        self._cool()
        if report.job == "resync":
            now = self._clock.now()
            self._read_at = dict.fromkeys(self._providers, now)
            self._asked = {
                (name, depth, provider): now
                for name, system in self._systems.items()
                for depth in (Depth.NEAR, Depth.FAR)
                for provider in system.providers
            }
        elif report.job in {"near", "far"}:
            for provider, news in report.external_changes.items():
                self._heat[provider] = self._heat.get(provider, 0.0) + news
        self._deal()

    def providers_due(self, providers: Collection[str], beside: ResourceDependents) -> list[str]:
        """Those of the providers whose turn it is, and whoever waited for longer than is promised.

        ``beside`` are read with them. From now on they have had their turn.
        """
        self._providers, self._beside = set(providers), beside
        self._cut_for = None  # what is read beside others may be other than it was
        self._deal()
        due = self.rota.due(self._next) & self._providers
        self._next += 1
        now, longest = self._clock.now(), self.far * poll_schedule.ROUNDS
        due |= {
            provider
            for provider in self._providers
            if not is_recent(self._read_at.get(provider), now, longest)
        }
        self._read_at.update(dict.fromkeys(due, now))
        return sorted(due)

    def plan(self) -> PollIntervals:
        """Stretch the intervals of the systems whose accounts cannot bear the configured ones."""
        fitting = fit_to_limits(self.spans.near, self.spans.far, self.needs())
        self.paces = replace(fitting, slices=max(1, len(self.rota.slices)))
        self.far = self.paces.far
        return self.paces

    def due(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool = False
    ) -> Sequence[str]:
        """Those of the providers that a poll asks this system for. From now on they were asked for.

        A system at the pace of the polls is asked for all of them, one that is slower for whom it
        is time. A poll for what came ``late`` asks no slower system for anything: it is no turn.
        """
        pace, polls = self.paces.of(system), self.paces
        own, between = (
            (pace.near, polls.near) if depth is Depth.NEAR else (pace.far, polls.interval)
        )
        slower = own > (polls.near if depth is Depth.NEAR else polls.far)
        if slower and late:
            return ()
        # Polls are spread a little, so one that is a little early is the one that is meant.
        now, least = self._clock.now(), own - between * EARLY
        due = [
            provider
            for provider in providers
            if not slower or not is_recent(self._asked.get((system, depth, provider)), now, least)
        ]
        self._asked.update({(system, depth, provider): now for provider in due})
        return due

    def needs(self) -> list[CallDemand]:
        """What reading takes of each account, and what that allows, as far as is known now."""
        self._deal()
        near, taken = self._near(), poll_schedule.round_calls(self.rota.slices, self._far)
        return [
            CallDemand(
                name,
                near=near[name],
                far=taken[name],
                limits=system.traffic.limits,
                left_today=system.traffic.left_today,
                resets_in=system.traffic.resets_in,
            )
            for name, system in self._systems.items()
        ]

    def intervals(self) -> list[PollSlot]:
        """The rota as it is kept, for whoever asks."""
        reads = self.rota.reads
        return [
            PollSlot(provider, number, reads[provider])
            for number, providers in enumerate(self.rota.slices)
            for provider in providers
        ]

    # --- within -------------------------------------------------------------------------------

    def _cool(self) -> None:
        now = self._clock.now()
        # Who is new is taken for busy at first.
        heat = {p: self._heat.get(p, 1.0) for p in self._providers}
        self._heat = poll_schedule.decay(heat, now - self._heat_at)
        self._heat_at = now

    def _deal(self) -> None:
        """Cut anew when calendars or their calls are others, deal anew when the news is."""
        self._cool()
        near, whole = self._near(), self._far(self._providers)
        slices, warm = self.rota.slices, poll_schedule.active(self._heat)
        if (cut_for := (frozenset(self._providers), near, whole)) != self._cut_for:
            ratio = self.spans.far / self.spans.near
            slices = poll_schedule.partition(self._providers, self._far, near, ratio)
            self._cut_for, self._dealt_for = cut_for, None
        if warm != self._dealt_for:
            self.rota = poll_schedule.schedule(slices, self._far, warm)
            self._dealt_for = warm

    def _near(self) -> dict[str, int]:
        now = self._clock.now()
        window = Window(now - self.spans.past, now + self.spans.ahead)
        return {name: s.calls_per_read(window) for name, s in self._systems.items()}

    def _far(self, providers: Collection[str]) -> dict[str, int]:
        now = self._clock.now()
        window = Window(now - self.spans.past, now + self.spans.future).from_earlier(FAR_LOOK_BACK)
        wanted = self._beside(providers)
        return {name: s.calls_per_read(window, wanted) for name, s in self._systems.items()}
