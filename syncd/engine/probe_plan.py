"""Say what a probe will make, where and with how many calls, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import resolve_wall_time, zone
from syncd.model.pauses import OBSERVES
from syncd.model.platform_facts import MeasuredBy, platform_facts
from syncd.systems.port import PlatformError
from syncd.systems.probing import CANARY_LENGTH, CANARY_ROOM, Prober

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

MAX_CALLS = 20
"""Calls to one system, besides those for free slots. The removal of the canary is among them."""

EACH_CALENDAR = 2
"""Calls for the free slots of one calendar."""

DAYS_AHEAD = 60
"""Days until the canary's day."""

_DAYS = (0, -1, -2)
"""Other days are tried where nothing is free on that one."""

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What a probe of one system will do: shown before it is agreed to."""

    system: str
    platform: str
    makes: str
    provider: str
    start: datetime
    end: datetime
    zone: str
    calls: int
    calendars: int | None
    """How many calendars are asked for free slots besides, twice each; None: not known yet."""
    facts: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``planned``; its keys are stable."""
        return {
            "makes": self.makes,
            "provider": self.provider,
            "start": iso(self.start),
            "end": iso(self.end),
            "calls": self.calls,
            "calls_per_calendar": EACH_CALENDAR,
            "calendars": self.calendars,
            "facts": list(self.facts),
        }


def iso(at: datetime) -> str:
    """Spell an instant for JSON."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def probeable(platform: str) -> tuple[str, ...]:
    """Return the facts of a platform that a probe measures."""
    rows = platform_facts(platform)
    return tuple(row.name for row in rows if row.measured is MeasuredBy.PROBE)


async def plan_probe(engine: Engine, names: Sequence[str]) -> list[ProbePlan]:
    """Say what a probe of these systems will make and call. Asks nobody.

    A system that rests, or has no calendar that may be written to, is left out.
    """
    found: list[ProbePlan] = []
    for name in names:
        try:
            prober = await engine.systems[name].prober()
        except PlatformError:
            continue
        provider = provider_of(engine, name)
        if provider is None:
            continue
        busy = known_busy(engine, provider)
        start = place(engine, provider, prober, busy)
        seats = prober.slot_calendars(provider)
        where = provider_zone(engine, provider)
        facts = probeable(prober.platform)
        at = start or _first(engine, provider, prober)
        of = (
            prober.platform,
            prober.canary_name,
            provider,
            at,
            at + CANARY_LENGTH,
            where,
            MAX_CALLS,
            seats,
            facts,
        )
        found.append(ProbePlan(name, *of))
    return found


def provider_of(engine: Engine, name: str) -> str | None:
    """Return in whose calendar of a system the canary is made; None where none may be written."""
    closed = engine.policy.read_only | {(p, s) for p, s in engine.policy.resources.items()}
    able = (
        provider
        for provider in sorted(engine.policy.rules)
        if name in engine.mapping.get(provider, ())
        and (provider, name) not in closed
        and engine.pauses.why_now(provider, name) is None
    )
    return next(able, None)


def why_none(engine: Engine, name: str) -> str:
    """Say why no calendar of a system may be written to (`provider_of`)."""
    if engine.pauses.observe:
        return OBSERVES
    mapped = [provider for provider, systems in engine.mapping.items() if name in systems]
    if any(engine.pauses.why_now(provider, name) for provider in mapped):
        return "every calendar of it that may be written to is paused (syncd unpause)"
    return "no calendar of it may be written to"


def provider_zone(engine: Engine, provider: str) -> str:
    """Return the zone in which a provider works."""
    return engine.policy.rules[provider].search.hours.zone


def _first(engine: Engine, provider: str, prober: Prober) -> datetime:
    return next(iter(_times(engine, provider, prober)))


def _times(engine: Engine, provider: str, prober: Prober) -> Iterable[datetime]:
    """Return the times at which the canary may be made, the best first: outside of hours."""
    where = provider_zone(engine, provider)
    today = engine.now().astimezone(zone(where)).date()
    found = [
        resolve_wall_time(
            datetime.combine(today + timedelta(days=DAYS_AHEAD + day), time(hour, 5)), where
        ).instant
        for day in _DAYS
        for hour in prober.hours
    ]
    hours = engine.policy.rules[provider].search.hours
    return sorted(found, key=lambda at: bool(hours.spans) and hours.contains(at, at + CANARY_ROOM))


def place(
    engine: Engine, provider: str, prober: Prober, busy: Sequence[Interval]
) -> datetime | None:
    """Return when the canary is made: the best time that is free, None if none is."""
    times = _times(engine, provider, prober)
    return next((at for at in times if is_free(busy, at, at + CANARY_ROOM)), None)


def is_free(busy: Sequence[Interval], start: datetime, end: datetime) -> bool:
    """Return whether nothing overlaps this time."""
    return not any(first < end and start < last for first, last in busy)


def known_busy(engine: Engine, provider: str) -> list[Interval]:
    """Return when the provider is busy in any system, as far as was read."""
    return [
        record.observed.interval
        for system in engine.mapping[provider]
        for record in engine.store.events_of(system, provider)
        if record.observed is not None and record.observed.busy
    ]
