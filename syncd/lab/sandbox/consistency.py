"""Check from outside whether the three platforms agree, by the events that they hold.

These functions are pure and share no code with syncd's decisions on purpose: they use only what a
customer would notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.lab.sandbox.records import PlatformUi

FREEING_STATUSES = frozenset({"cancelled", "noshow", "invalid"})
TAG_START = "[s:"
"""Every block whose title contains this text was created by syncd, or copied from such a block."""


@dataclass(frozen=True, slots=True, order=True)
class EventSummary:
    """One event in one system. ``busy`` is false if the event's status frees the time."""

    start: datetime
    end: datetime
    system: str
    provider: str
    kind: str
    busy: bool = True
    ours: bool = False

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """Return start and end."""
        return (self.start, self.end)


def event_summaries(
    systems: Mapping[str, PlatformUi],
    owners: Mapping[tuple[str, str], str],
    copied_by_people: Collection[str] = (),
) -> list[EventSummary]:
    """List the current events of all systems, sorted by start.

    ``owners`` maps (system, user) to a provider. ``copied_by_people`` are the ids of blocks that
    have a syncd tag although syncd did not create them: somebody on the platform copied a block of
    syncd.
    """
    summaries = []
    for name, system in systems.items():
        for meeting in system.appointments():
            if meeting.deleted:
                continue
            busy = meeting.status not in FREEING_STATUSES
            where = (meeting.start, meeting.end, name)
            for user in (meeting.user, *getattr(meeting, "hosts", ())):
                provider = owners.get((name, user))
                if provider is not None:
                    summaries.append(EventSummary(*where, provider, "appointment", busy))
        for block in system.blocks():
            provider = owners.get((name, block.user))
            if provider is not None and not block.deleted:
                ours = TAG_START in block.title and block.id not in copied_by_people
                summaries.append(
                    EventSummary(block.start, block.end, name, provider, "block", ours=ours)
                )
    return sorted(summaries)


class DisagreementKind(StrEnum):
    """What is wrong with an interval of a calendar."""

    FREE = "free"
    """The interval is free here and busy in another system."""
    BLOCKED = "blocked"
    """A block of syncd stands there without a busy event in another system."""
    REPEATED = "repeated"
    """Several blocks of syncd stand there."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One visible error: an interval of a provider in a system, and what is wrong with that."""

    kind: DisagreementKind
    provider: str
    system: str
    interval: tuple[datetime, datetime]
    count: int = 1

    def __str__(self) -> str:
        """Return the sentence that a person reads."""
        place = f"{self.provider}: {_span(self.interval)} is"
        match self.kind:
            case DisagreementKind.FREE:
                return f"{place} busy elsewhere, but free in {self.system}"
            case DisagreementKind.BLOCKED:
                return f"{place} blocked in {self.system}, but not busy elsewhere"
            case DisagreementKind.REPEATED:
                return f"{place} blocked {self.count} times in {self.system}"


def disagreements(
    events: Sequence[EventSummary], systems: Collection[str], now: datetime
) -> list[Disagreement]:
    """Return every visible error among the events that end after ``now``."""
    current = [s for s in events if s.end > now]
    problems: list[Disagreement] = []
    for provider in sorted({s.provider for s in current}):
        own = [s for s in current if s.provider == provider]
        sources = {s.interval for s in own if s.busy and not s.ours}
        for system in sorted(systems):
            busy_here = [s for s in own if s.system == system and s.busy]
            busy = {s.interval for s in busy_here}
            problems += [
                Disagreement(DisagreementKind.FREE, provider, system, interval)
                for interval in sorted(sources - busy)
            ]
            ours = Counter(s.interval for s in busy_here if s.ours)
            reasons = {s.interval for s in own if s.busy and not s.ours and s.system != system}
            problems += [
                Disagreement(DisagreementKind.BLOCKED, provider, system, interval)
                for interval in sorted(set(ours) - reasons)
            ]
            problems += [
                Disagreement(DisagreementKind.REPEATED, provider, system, interval, count)
                for interval, count in sorted(ours.items())
                if count > 1
            ]
    return problems


def _span(interval: tuple[datetime, datetime]) -> str:
    start, end = interval
    if start.date() == end.date():
        return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M} UTC"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
