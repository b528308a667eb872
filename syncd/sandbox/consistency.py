"""Check from outside whether the three platforms agree, by the events that they hold.

These functions are pure and share no code with syncd's decisions on purpose: they use only what a
customer would notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.records import PlatformUi

FREEING_STATUSES = frozenset({"cancelled", "noshow", "invalid"})
TAG_START = "[s:"
"""Every block whose title contains this text was made by syncd."""


@dataclass(frozen=True, slots=True, order=True)
class EventSummary:
    """One event in one system. ``busy`` is false if its status frees the time."""

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

    ``owners`` maps (system, user) to a provider. ``theirs`` are the ids of tagged blocks that
    people made by copying blocks of syncd.
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


def disagreements(
    events: Sequence[EventSummary], systems: Collection[str], now: datetime
) -> list[str]:
    """Describe every visible error among the events that end after ``now``.

    - an interval that is busy in one system and free in another;
    - a block of syncd without a busy event in another system;
    - two blocks of syncd for one interval of one calendar.
    """
    current = [s for s in events if s.end > now]
    problems = []
    for provider in sorted({s.provider for s in current}):
        own = [s for s in current if s.provider == provider]
        sources = {s.interval for s in own if s.busy and not s.ours}
        for system in sorted(systems):
            busy_here = [s for s in own if s.system == system and s.busy]
            busy = {s.interval for s in busy_here}
            problems += [
                f"{provider}: {_span(interval)} is busy elsewhere, but free in {system}"
                for interval in sorted(sources - busy)
            ]
            ours = Counter(s.interval for s in busy_here if s.ours)
            reasons = {s.interval for s in own if s.busy and not s.ours and s.system != system}
            problems += [
                f"{provider}: {_span(interval)} is blocked in {system}, but not busy elsewhere"
                for interval in sorted(set(ours) - reasons)
            ]
            problems += [
                f"{provider}: {_span(interval)} is blocked {count} times in {system}"
                for interval, count in sorted(ours.items())
                if count > 1
            ]
    return problems


def _span(interval: tuple[datetime, datetime]) -> str:
    start, end = interval
    if start.date() == end.date():
        return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M} UTC"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
