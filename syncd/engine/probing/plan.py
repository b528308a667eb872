"""Plan a probe before the operator confirms it: what it creates, where, and with how many calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from syncd.engine.context import Context
from syncd.model import resolve_wall_time, zone
from syncd.model.pauses import OBSERVE_REASON
from syncd.model.platform_facts import MeasuredBy, platform_facts
from syncd.systems.errors import PlatformError
from syncd.systems.probing import CANARY_LENGTH, CANARY_ROOM, Prober

MAX_CALLS = 20
"""Maximum calls to one system, without calls for free slots. Removing the canary is included."""

EACH_CALENDAR = 2
"""Calls for the free slots of one calendar."""

DAYS_AHEAD = 60
"""The canary is created about this number of days after today."""

_DAYS = (0, -1, -2)
"""The days to try, relative to `DAYS_AHEAD`, until a day has a free time."""

BusyInterval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """The plan for the probe of one system, shown before the operator confirms the probe.

    - ``makes``: a name for the canary; ``provider``: in whose calendar the canary is created.
    - ``start``, ``end``: the time of the canary; ``zone``: the provider's time zone.
    - ``calls``: the maximum number of calls, without those for free slots.
    - ``facts``: the names of the facts that are measured.
    """

    system: str
    platform: str
    makes: str
    provider: str
    start: datetime
    end: datetime
    zone: str
    calls: int
    calendars: int | None
    """The number of calendars whose free slots are read, twice each. None: not known yet."""
    facts: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return this system's value in ``planned``. The keys are stable; times are UTC."""
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
    """Format an instant as ISO 8601 in UTC, for JSON."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def probed_facts(platform: str) -> tuple[str, ...]:
    """Return the facts of a platform that a probe measures."""
    rows = platform_facts(platform)
    return tuple(row.name for row in rows if row.measured is MeasuredBy.PROBE)


async def plan_probe(ctx: Context, names: Sequence[str]) -> list[ProbePlan]:
    """Plan the probes of these systems, without reading or writing events.

    Systems that do not respond, or that have no writable calendar, are left out.
    """
    plans: list[ProbePlan] = []
    for name in names:
        try:
            prober = await ctx.systems[name].prober()
        except PlatformError:
            continue
        provider = canary_provider(ctx, name)
        if provider is None:
            continue
        busy = known_busy(ctx, provider)
        start = choose_start(ctx, provider, prober, busy)
        calendars = prober.slot_calendars(provider)
        time_zone = provider_zone(ctx, provider)
        facts = probed_facts(prober.platform)
        at = start or _first(ctx, provider, prober)
        plans.append(
            ProbePlan(
                name,
                prober.platform,
                prober.canary_name,
                provider,
                at,
                at + CANARY_LENGTH,
                time_zone,
                MAX_CALLS,
                calendars,
                facts,
            )
        )
    return plans


def canary_provider(ctx: Context, name: str) -> str | None:
    """Return whose calendar gets the canary; None if no calendar may be written to."""
    closed = ctx.policy.read_only | {(p, s) for p, s in ctx.policy.resources.items()}
    writable = (
        provider
        for provider in sorted(ctx.policy.rules)
        if name in ctx.mapping.get(provider, ())
        and (provider, name) not in closed
        and ctx.pauses.reason_now(provider, name) is None
    )
    return next(writable, None)


def why_no_provider(ctx: Context, name: str) -> str:
    """Return why syncd may write to no calendar of a system, as text for the operator.

    Called if `canary_provider` returns None.
    """
    if ctx.pauses.observe:
        return OBSERVE_REASON
    mapped = [provider for provider, systems in ctx.mapping.items() if name in systems]
    if any(ctx.pauses.reason_now(provider, name) for provider in mapped):
        return "all writable calendars of this system are paused (syncd unpause)"
    return "this system has no writable calendar"


def provider_zone(ctx: Context, provider: str) -> str:
    """Return the name of the time zone of a provider's working hours."""
    return ctx.policy.rules[provider].search.hours.zone


def _first(ctx: Context, provider: str, prober: Prober) -> datetime:
    return next(iter(_times(ctx, provider, prober)))


def _times(ctx: Context, provider: str, prober: Prober) -> Iterable[datetime]:
    """Return the possible starts of the canary; starts outside the working hours come first."""
    time_zone = provider_zone(ctx, provider)
    today = ctx.now().astimezone(zone(time_zone)).date()
    plans = [
        resolve_wall_time(
            datetime.combine(today + timedelta(days=DAYS_AHEAD + day), time(hour, 5)), time_zone
        ).instant
        for day in _DAYS
        for hour in prober.hours
    ]
    hours = ctx.policy.rules[provider].search.hours
    return sorted(plans, key=lambda at: bool(hours.spans) and hours.contains(at, at + CANARY_ROOM))


def choose_start(
    ctx: Context, provider: str, prober: Prober, busy: Sequence[BusyInterval]
) -> datetime | None:
    """Return the best free start for the canary; None if no possible start is free.

    ``busy`` are the busy intervals of the provider.
    """
    times = _times(ctx, provider, prober)
    return next((at for at in times if is_free(busy, at, at + CANARY_ROOM)), None)


def is_free(busy: Sequence[BusyInterval], start: datetime, end: datetime) -> bool:
    """Return true if no busy interval overlaps the time from ``start`` to ``end``."""
    return not any(first < end and start < last for first, last in busy)


def known_busy(ctx: Context, provider: str) -> list[BusyInterval]:
    """Return the busy intervals of a provider in all systems, from the stored events."""
    return [
        record.observed.interval
        for system in ctx.mapping[provider]
        for record in ctx.store.events_of(system, provider)
        if record.observed is not None and record.observed.busy
    ]
