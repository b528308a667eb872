"""Pauses by the operator, and what must follow from them (docs/design.md#pauses).

After a pause is confirmed, nothing is written to that system, provider or calendar, but it is still
read. Held-back writes do not count as waiting, and exposures there are reported as paused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.engine.report.run_report import Report
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.lab.simulate.acts import EventKind, SimEvent
from syncd.lab.simulate.unmapped import ConfigPlace
from syncd.model import ExposureCause
from syncd.store import Store
from syncd.store.queries.availability import exposures

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

_QUEUED = timedelta(minutes=30)
"""How long after its request a write may show: LeadSquared queues bulk moves."""

_NOTICED = timedelta(hours=1)
"""By then the daemon has made a cycle over all providers since the pause."""

_PROPAGATED_WITHIN = timedelta(hours=3)
"""By then the whole window was read, and changes were propagated."""

_QUIET_ACTS = frozenset(
    {
        EventKind.BOOK,
        EventKind.MOVE,
        EventKind.CANCEL,
        EventKind.BLOCK,
        EventKind.PAUSE,
        EventKind.UNPAUSE,
    }
)


@dataclass(frozen=True, slots=True)
class _Spell:
    place: ConfigPlace
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Paused:
    """All pauses of a day, each from its confirmation until its end."""

    spells: list[_Spell] = field(default_factory=list)

    def begin(self, place: ConfigPlace, now: datetime) -> None:
        """Record a confirmed pause; a place that is paused already keeps its start."""
        if not any(s.until is None and s.place == place for s in self.spells):
            self.spells.append(_Spell(place, now))

    def end(self, now: datetime, place: ConfigPlace | None = None) -> None:
        """Record that a pause, or every pause, is about to end."""
        self.spells = [
            replace(s, until=now) if s.until is None and place in {None, s.place} else s
            for s in self.spells
        ]

    def since(self, system: str, provider: str) -> datetime | None:
        """Return since when a calendar is paused; None if it is not."""
        starts = [s.since for s in self._open() if s.place.covers(ConfigPlace(system, provider))]
        return min(starts, default=None)

    def held_back(self, system: str, provider: str, at: datetime) -> bool:
        """Return true if a calendar was paused at that time, so that writes came later."""
        return any(
            s.since <= at and (s.until is None or at <= s.until)
            for s in self.spells
            if s.place.covers(ConfigPlace(system, provider))
        )

    def changed_after(self, at: datetime) -> bool:
        """Return true if a pause is in force, or ended after that time."""
        return any(s.until is None or s.until > at for s in self.spells)

    def _open(self) -> list[_Spell]:
        return [s for s in self.spells if s.until is None]


def changed_recently(world: World, within: timedelta) -> bool:
    """Return true if a place is paused or out of the configuration, or was recently."""
    since = world.clock.now() - within
    return any(absences.changed_after(since) for absences in (world.unmapped, world.paused))


def may_be_late(world: World, change: Change, at: datetime) -> bool:
    """Return true if a write that an appointment needed at that time may have been late.

    Its calendar was paused, or updates of its system were stopped because of damage.
    """
    view = change.before or change.after
    is_paused = view is not None and world.paused.held_back(change.system, view.provider, at)
    return is_paused or bool(world.sandbox.systems[change.system].damaged)


def paused_place(step: SimEvent) -> ConfigPlace:
    """Return what a step pauses: a system, a provider, or one calendar."""
    provider = PEOPLE[step.number % len(PEOPLE)]
    places = (
        ConfigPlace(step.system, ""),
        ConfigPlace("", provider),
        ConfigPlace(step.system, provider),
    )
    return places[step.slot % len(places)]


def judge_change(world: World, change: Change) -> Iterator[str]:
    """Yield a violation if syncd writes to a paused place."""
    view = change.after or change.before
    if view is None:
        return
    since = world.paused.since(change.system, view.provider)
    late = _QUEUED if change.system == "crm" else timedelta(0)
    if since is not None and change.at > since + late:
        yield f"6: wrote to {view.provider} in {change.system}, which is paused: {change.event}"


def judge_waiting(world: World, report: Report) -> Iterator[str]:
    """Yield a violation if held-back writes count as waiting."""
    now = world.clock.now()
    for waiting in report.waiting:
        since = world.paused.since(waiting.operation.system, waiting.operation.provider)
        if since is not None and now > since + _NOTICED:
            where = f"{waiting.operation.system} of {waiting.operation.provider}"
            yield f"10: a write to {where} counts as waiting ({waiting.why}) although it is paused"
            return


def judge_pauses(
    world: World, scenario: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Yield, at the end of the day, open time not reported as paused, and missing propagation.

    A process that died may not have measured since. On days with other troubles nothing is certain
    to be propagated.
    """
    if world.deaths and world.deaths[-1] > now - _NOTICED:
        return
    for exposure in exposures(store, now):
        since = world.paused.since(exposure.system, exposure.provider)
        if (
            exposure.cause is ExposureCause.UNCLOSED
            and since is not None
            and now > since + _NOTICED
        ):
            yield f"10: open time not reported as paused: {exposure.system} {exposure.provider}"
    if all(s.kind in _QUIET_ACTS for s in scenario.steps) and not store.open_conflicts():
        yield from _unblocked_meetings(world, now, last)


def _unblocked_meetings(world: World, now: datetime, last: datetime) -> Iterator[str]:
    """Yield the meetings of a paused calendar that are not blocked elsewhere."""
    for system in SYSTEM_NAMES:
        for event, view in sorted(world.events(system).items()):
            since = world.paused.since(system, view.provider)
            is_ours = (system, event) in world.ours
            over = view.end <= now or view.start >= last
            if (
                since is None
                or is_ours
                or over
                or not view.busy
                or _changed_recently(world, system, event, now)
            ):
                continue
            for other in sorted(set(SYSTEM_NAMES) - {system}):
                open_ = not any(
                    s.busy and s.provider == view.provider and s.interval == view.interval
                    for s in world.events(other).values()
                )
                if open_ and world.paused.since(other, view.provider) is None:
                    yield f"6: {event} of {system}, which is paused, is not blocked in {other}"


def _changed_recently(world: World, system: str, event: str, now: datetime) -> bool:
    """Return true if an event changed so recently that it may not be propagated yet."""
    changes = [c.at for c in world.changes if (c.system, c.event) == (system, event)]
    return bool(changes) and max(changes) > now - _PROPAGATED_WITHIN
