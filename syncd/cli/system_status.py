"""The state of each system for `status`: health, API calls, and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render
from syncd.cli.measured_facts import facts_json, statuses_by_system
from syncd.config.settings import Settings
from syncd.model import RateAllowance, SystemHealth
from syncd.store.queries.status_query import StatusSnapshot
from syncd.systems.learned_limits import LearnedAllowance, learned_allowance
from syncd.systems.measured import FactStatus as Measured

SYSTEM_COLUMNS = (
    "system",
    "state",
    "for",
    "read in full",
    "providers",
    "calls/min",
    "left today",
)


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system for `status`. None means: not known yet.

    ``read_at`` is the last complete read; ``calls`` is the use of the rate limit, ``allowed`` the
    rate limit that the platform has reported; ``facts`` are the measured facts.
    """

    name: str
    providers: int
    health: SystemHealth | None
    read_at: datetime | None
    calls: RateAllowance | None
    allowed: LearnedAllowance = field(default_factory=LearnedAllowance)
    facts: Sequence[Measured] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object. Keys are stable; times are UTC."""
        health, calls = self.health, self.calls
        return {
            "state": "unknown" if health is None else str(health.state),
            "since": render.instant_json(health.since if health else None),
            "cause": health.cause if health else "",
            "remedy": health.remedy if health else "",
            "asked_again_at": render.instant_json(health.retry_at if health else None),
            "read_at": render.instant_json(self.read_at),
            "providers": self.providers,
            "calls": None
            if calls is None
            else {
                "planned_per_minute": calls.planned,
                "allowed_per_minute": calls.allowed,
                "left_today": calls.left_today,
                "counted_at": render.instant_json(calls.at),
            },
            "limits": self._limits_json(),
            "facts": facts_json(self.facts),
        }

    def _limits_json(self) -> dict[str, Any] | None:
        calls, seconds = self.allowed.rate or (None, None)
        if (calls, self.allowed.day, self.allowed.hold_until) == (None, None, None):
            return None
        return {
            "calls": calls,
            "seconds": seconds,
            "calls_per_day": self.allowed.day,
            "learned_at": render.instant_json(self.allowed.at),
            "held_until": render.instant_json(self.allowed.hold_until),
        }

    def limits(self, now: datetime) -> str:
        """Return the rate limit that the platform has reported; '' if there is no recent report."""
        if self.allowed.rate is None or self.allowed.at is None:
            return ""
        calls, seconds = self.allowed.rate
        limit = render.count(calls, "call")
        reported = render.ago(self.allowed.at, now)
        return f"{self.name} allows {limit} in {seconds:g} s (reported {reported})"

    def row(self, now: datetime) -> tuple[str, ...]:
        """Return the table row for `COLUMNS`."""
        since = self.health.since if self.health else None
        return (
            self.name,
            str(self.health.state) if self.health else "unknown",
            render.ago(since, now).removesuffix(" ago") if since else "",
            render.ago(self.read_at, now) if self.read_at else "never",
            str(self.providers),
            calls(self.calls.planned, self.calls.allowed) if self.calls else "",
            ""
            if self.calls is None or self.calls.left_today is None
            else f"{self.calls.left_today}",
        )

    def trouble(self, now: datetime, zone: ZoneInfo) -> str:
        """Return the cause and the remedy of a failure; '' if the system works."""
        health = self.health
        if health is None or not health.cause:
            return ""
        again = ""
        if health.retry_at is not None and health.retry_at > now:
            at = health.retry_at.astimezone(zone)
            again = f" The next attempt is at {at:%H:%M:%S} ({zone.key})."
        return f"{self.name} is {health.state}: it {health.cause}. {health.remedy}{again}"


def system_rows(settings: Settings, seen: StatusSnapshot, now: datetime) -> dict[str, SystemRow]:
    """Return the row of each configured system, by name."""
    facts = statuses_by_system(settings, seen.facts)
    return {
        name: SystemRow(
            name,
            sum(name in p.calendars for p in settings.providers.values()),
            seen.health.get(name),
            seen.read_at.get(name),
            seen.allowances.get(name),
            learned_allowance((fact for fact in seen.facts if fact.system == name), now),
            facts[name],
        )
        for name in sorted(settings.systems)
    }


def slow_polls(settings: Settings, rows: Mapping[str, SystemRow]) -> Iterator[str]:
    """Yield a line for each window that is read less often than configured."""
    for system, calls in ((name, s.calls) for name, s in rows.items() if s.calls is not None):
        for window, configured, now in (
            ("near", settings.syncd.near.every, calls.near),
            ("whole", settings.syncd.far.every, calls.far),
        ):
            if timedelta(seconds=now) > configured:
                yield (
                    f"the {window} window of {system} is read every {config_duration(now)} "
                    f"instead of every {config_duration(configured.total_seconds())}: the rate "
                    "limit of the account allows no more calls"
                )


def calls(planned: float, allowed: float | None) -> str:
    """Format calls per minute: the planned number of the allowed number (``?`` if not known)."""
    return f"{planned:.1f} of " + ("?" if allowed is None else f"{allowed:.0f}")


def config_duration(seconds: float) -> str:
    """Format seconds as a duration, as in the configuration: ``90s``, ``15m``, ``6h``."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
