"""How each system stands, for `status`: its health, its calls, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render
from syncd.cli.measured_facts import facts_json, standing_facts
from syncd.config.settings import Settings
from syncd.model import RateAllowance, SystemHealth
from syncd.store.status_query import StatusSnapshot
from syncd.systems.learned_limits import LearnedAllowance, learned_allowance
from syncd.systems.measured import FactStatus as Measured

COLUMNS = (
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
    """One system: how it is, when it was last read in full, and its calls; None: not known yet.

    ``allowed`` is what its platform said of the account's limits, ``facts`` what was measured.
    """

    name: str
    providers: int
    health: SystemHealth | None
    read_at: datetime | None
    calls: RateAllowance | None
    allowed: LearnedAllowance = field(default_factory=LearnedAllowance)
    facts: Sequence[Measured] = ()

    def to_json(self) -> dict[str, Any]:
        """Stable keys; times are UTC."""
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
        """Say what its platform said of the account's rate; '' where it said nothing lately."""
        if self.allowed.rate is None or self.allowed.at is None:
            return ""
        calls, seconds = self.allowed.rate
        most = render.count(calls, "call")
        said = render.ago(self.allowed.at, now)
        return f"{self.name} allows {most} in {seconds:g} s, as it said {said}"

    def row(self, now: datetime) -> tuple[str, ...]:
        """A line of the table whose columns are `COLUMNS`."""
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
        """Cause and remedy in a sentence or two; '' when all is well."""
        health = self.health
        if health is None or not health.cause:
            return ""
        again = ""
        if health.retry_at is not None and health.retry_at > now:
            at = health.retry_at.astimezone(zone)
            again = f" It is asked again at {at:%H:%M:%S} ({zone.key})."
        return f"{self.name} is {health.state}: it {health.cause}. {health.remedy}{again}"


def system_rows(settings: Settings, seen: StatusSnapshot, now: datetime) -> dict[str, SystemRow]:
    """Every configured system, by name."""
    facts = standing_facts(settings, seen.facts)
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


def stretched(settings: Settings, found: Mapping[str, SystemRow]) -> Iterator[str]:
    """What is polled less often than configured."""
    for system, calls in ((name, s.calls) for name, s in found.items() if s.calls is not None):
        for window, asked, now in (
            ("near", settings.syncd.near.every, calls.near),
            ("whole", settings.syncd.far.every, calls.far),
        ):
            if timedelta(seconds=now) > asked:
                yield (
                    f"the {window} window of {system} is read every {duration(now)} instead of "
                    f"every {duration(asked.total_seconds())}: its account allows no more calls"
                )


def calls(planned: float, allowed: float | None) -> str:
    """Calls a minute, planned and allowed."""
    return f"{planned:.1f} of " + ("?" if allowed is None else f"{allowed:.0f}")


def duration(seconds: float) -> str:
    """A duration as the configuration writes it: ``90s``, ``15m``, ``6h``."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
