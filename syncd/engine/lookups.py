"""Ask for single events by id: what one id answers is no fault of its system."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from syncd.engine.observation import SystemRead
from syncd.model import Kind, TrackedEvent
from syncd.systems.port import (
    Found,
    LookupResult,
    PlatformError,
    RateLimitedError,
    RejectedError,
    Unknown,
)

_MOST_FAULTS = 3
"""After so many questions without an answer the rest waits for the next cycle: each may have taken
a minute."""

_MOST_CONTROLS = 2


@dataclass(slots=True)
class Lookups:
    """The questions by id of one read. ``read.left`` is how many there may still be."""

    read: SystemRead
    exhausted: bool = False
    """No more is asked in this read."""
    _faults: int = 0
    _found: set[str] = field(default_factory=set)
    _listed: list[TrackedEvent] | None = None
    _control: bool | None = None

    async def look_up(self, record: TrackedEvent) -> tuple[LookupResult, datetime]:
        """Ask for one event; also return when it was asked for.

        A refusal concerns this event only, and so does any other fault as long as the system still
        answers for an event that its lists show. Raises PlatformError when it does not.
        """
        asked_at = self.read.clock.now()
        self.read.probes.note_asked(record.id, self.read.asked_at)
        try:
            sighting = await self._ask(record)
        except RateLimitedError:
            raise
        except PlatformError as fault:
            self._faults += 1
            if not await self._reads_listed():
                raise
            self.exhausted = self.exhausted or self._faults >= _MOST_FAULTS
            sighting = Unknown(str(fault))
        self.read.probes.note_found(record.id, sighting)
        return sighting, asked_at

    async def reads_another(self, record: TrackedEvent) -> bool:
        """Return whether the same credentials read another event by id in this cycle."""
        if self._found - {record.id}:
            return True
        if self._control is None:
            self._control = await self._reads_listed()
        return self._control

    async def listed(self) -> list[TrackedEvent]:
        """The known events that the lists of this read show."""
        if self._listed is None:
            snapshot = self.read.snapshot
            ids = {*snapshot.same, *(row.id for row in snapshot.rows)}
            known = self.read.store.records(self.read.system.name, sorted(ids))
            self._listed = [r for r in known if r.observed is not None and not r.archived]
        return self._listed

    async def _reads_listed(self) -> bool:
        """Return whether the system shows, by its id, an event that is listed: it is asked now."""
        by_list = self.read.system.capabilities.gone_by_list
        candidates = [r for r in await self.listed() if r.kind not in by_list]
        candidates.sort(key=lambda r: (r.kind is not Kind.APPOINTMENT, r.id))
        for record in candidates[:_MOST_CONTROLS]:
            self.read.lookups_left -= 1
            try:
                if isinstance(await self._ask(record), Found):
                    return True
            except RateLimitedError:
                raise
            except PlatformError:
                continue
        return False

    async def _ask(self, record: TrackedEvent) -> LookupResult:
        try:
            sighting = await self.read.system.read_one(record.ref, record.observed)
        except RejectedError as fault:
            return Unknown(str(fault), refused=True)
        if isinstance(sighting, Found):
            self._found.add(record.id)
        return sighting


def other_listed(record: TrackedEvent, listed: Collection[TrackedEvent]) -> bool:
    """Return whether the list of an event's calendar shows another known event."""
    return any(each.provider == record.provider and each.id != record.id for each in listed)
