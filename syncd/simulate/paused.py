"""What an operator has paused, and what must follow (docs/design.md#pauses).

From when the pause is acknowledged, nothing is written there; it stays a source; what it holds back
counts as nothing that waits, and open time is told as paused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.engine.report import Report
from syncd.model import ExposureCause
from syncd.sandbox.scenario import PEOPLE, SYSTEMS
from syncd.simulate.acts import EventKind, SimEvent
from syncd.simulate.unmapped import Place
from syncd.store import Store
from syncd.store.availability import exposures

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

_QUEUED = timedelta(minutes=30)
"""How long after it was sent a write may show, as LeadSquared queues what is moved in bulk."""

_NOTICED = timedelta(hours=1)
"""By then the daemon has made a cycle over everybody since the pause."""

_CARRIED = timedelta(hours=3)
"""By then the whole window was read, and news is carried."""

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
    place: Place
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Paused:
    """All that was paused on a day, from when that was acknowledged until it was to end."""

    spells: list[_Spell] = field(default_factory=list)

    def begin(self, place: Place, now: datetime) -> None:
        """Note an acknowledged pause; one that is paused already keeps its time."""
        if not any(s.until is None and s.place == place for s in self.spells):
            self.spells.append(_Spell(place, now))

    def end(self, now: datetime, place: Place | None = None) -> None:
        """Note that a place, or everything, is about to be written to again."""
        self.spells = [
            replace(s, until=now) if s.until is None and place in {None, s.place} else s
            for s in self.spells
        ]

    def since(self, system: str, provider: str) -> datetime | None:
        """Return since when a calendar is paused; None if it is not."""
        found = [s.since for s in self._open() if s.place.covers(Place(system, provider))]
        return min(found, default=None)

    def held_back(self, system: str, provider: str, at: datetime) -> bool:
        """Return whether a calendar was paused then, so that what was due there came later."""
        return any(
            s.since <= at and (s.until is None or at <= s.until)
            for s in self.spells
            if s.place.covers(Place(system, provider))
        )

    def changed_after(self, at: datetime) -> bool:
        """Return whether anything is paused, or was still paused then."""
        return any(s.until is None or s.until > at for s in self.spells)

    def _open(self) -> list[_Spell]:
        return [s for s in self.spells if s.until is None]


def changed_lately(town: World, within: timedelta) -> bool:
    """Return whether anything is paused or out of the configuration, or was lately."""
    since = town.clock.now() - within
    return any(each.changed_after(since) for each in (town.unmapped, town.paused))


def came_late(town: World, change: Change, at: datetime) -> bool:
    """Return whether what was due to an appointment then may have come much later.

    Its calendar was paused, or its system waited for a damage.
    """
    seen = change.before or change.after
    paused = seen is not None and town.paused.held_back(change.system, seen.provider, at)
    return paused or bool(town.sandbox.systems[change.system].damaged)


def place_of(step: SimEvent) -> Place:
    """Return what a step pauses: a system, a provider, or one calendar."""
    who = PEOPLE[step.number % len(PEOPLE)]
    places = (Place(step.system, ""), Place("", who), Place(step.system, who))
    return places[step.slot % len(places)]


def judge_change(town: World, change: Change) -> Iterator[str]:
    """Say when syncd writes to what is paused."""
    seen = change.after or change.before
    if seen is None:
        return
    since = town.paused.since(change.system, seen.provider)
    late = _QUEUED if change.system == "crm" else timedelta(0)
    if since is not None and change.at > since + late:
        yield f"6: wrote to {change.system} of {seen.provider}, which is paused: {change.event}"


def judge_report(town: World, report: Report) -> Iterator[str]:
    """Say when what a pause holds back counts as waiting."""
    now = town.clock.now()
    for each in report.waiting:
        since = town.paused.since(each.operation.system, each.operation.provider)
        if since is not None and now > since + _NOTICED:
            where = f"{each.operation.system} of {each.operation.provider}"
            yield f"10: a write to {where} counts as waiting ({each.why}), and is paused"
            return


def judge_told(
    town: World, story: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Say at the end of the day what is open and not told as paused, and what was not carried.

    A process that died may not have looked since; where more than the usual happened, nobody can
    tell what was carried by now.
    """
    if town.deaths and town.deaths[-1] > now - _NOTICED:
        return
    for each in exposures(store, now):
        since = town.paused.since(each.system, each.provider)
        if each.cause is ExposureCause.UNCLOSED and since is not None and now > since + _NOTICED:
            yield f"10: open as it is paused, and not told so: {each.system} {each.provider}"
    if all(s.kind in _QUIET_ACTS for s in story.steps) and not store.open_conflicts():
        yield from _not_carried(town, now, last)


def _not_carried(town: World, now: datetime, last: datetime) -> Iterator[str]:
    """Say which meetings of a paused calendar others do not close."""
    for system in SYSTEMS:
        for event, seen in sorted(town.standing(system).items()):
            since = town.paused.since(system, seen.provider)
            mine = (system, event) in town.ours
            over = seen.end <= now or seen.start >= last
            if since is None or mine or over or not seen.busy or _stood(town, system, event, now):
                continue
            for other in sorted(set(SYSTEMS) - {system}):
                open_ = not any(
                    s.busy and s.provider == seen.provider and s.interval == seen.interval
                    for s in town.standing(other).values()
                )
                if open_ and town.paused.since(other, seen.provider) is None:
                    yield f"6: {system} is paused, and no source any more: {event} in {other}"


def _stood(town: World, system: str, event: str, now: datetime) -> bool:
    """Whether an event has changed so lately that it may not be carried yet."""
    changes = [c.at for c in town.changes if (c.system, c.event) == (system, event)]
    return bool(changes) and max(changes) > now - _CARRIED
