"""Look up single events by id: a failed lookup of one event is not a failure of its system."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.record_batches import records_in_batches
from syncd.model import Kind, TrackedEvent, UserState
from syncd.systems.errors import PlatformError, RateLimitedError, RejectedError
from syncd.systems.lookup_results import Found, Gone, LookupResult, Unknown

_MAX_FAULTS = 3
"""After this many failed lookups in one read, further lookups wait for the next cycle.

Each failed lookup may have taken a minute.
"""

_MAX_CONTROLS = 2


@dataclass(slots=True)
class Lookups:
    """The lookups by id of one read; ``read.lookups_left`` is how many more may be made."""

    read: SystemRead
    exhausted: bool = False
    """True if this read makes no more lookups."""
    _faults: int = 0
    _found: set[str] = field(default_factory=set)
    _listed: list[TrackedEvent] | None = None
    _control: bool | None = None

    async def look_up(self, record: TrackedEvent) -> tuple[LookupResult, datetime]:
        """Look up one event; return the result and the time of the call.

        A refusal concerns this event only. So does any other fault, as long as the system finds an
        event that its lists show; then the result is `Unknown`. Raises PlatformError if the system
        finds no such event either, and RateLimitedError.
        """
        asked_at = self.read.clock.now()
        self.read.probes.note_asked(record.id, self.read.asked_at)
        try:
            result = await self._ask(record)
        except RateLimitedError:
            raise
        except PlatformError as fault:
            self._faults += 1
            if not await self._reads_listed():
                raise
            self.exhausted = self.exhausted or self._faults >= _MAX_FAULTS
            result = Unknown(str(fault))
        self.read.probes.note_found(record.id, result)
        return result, asked_at

    async def reads_another(self, record: TrackedEvent) -> bool:
        """Return whether another event was found by id in this read; look one up if necessary."""
        if self._found - {record.id}:
            return True
        if self._control is None:
            self._control = await self._reads_listed()
        return self._control

    async def listed(self) -> list[TrackedEvent]:
        """Return the known events that the lists of this read show."""
        if self._listed is None:
            snapshot = self.read.snapshot
            ids = {*snapshot.same, *(row.id for row in snapshot.rows)}
            known = await records_in_batches(self.read.store, self.read.system.name, sorted(ids))
            self._listed = [r for r in known if r.observed is not None and not r.archived]
        return self._listed

    async def _reads_listed(self) -> bool:
        """Look up a few listed events as a control; return whether one of these is found."""
        by_list = self.read.system.capabilities.gone_by_list
        candidates = [r for r in await self.listed() if r.kind not in by_list]
        candidates.sort(key=lambda r: (r.kind is not Kind.APPOINTMENT, r.id))
        for record in candidates[:_MAX_CONTROLS]:
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
            result = await self.read.system.read_one(record.ref, record.observed)
            if isinstance(result, Gone) and result.own_list:
                result = await self._at_other_owners(record, result)
        except RejectedError as fault:
            return Unknown(str(fault), refused=True)
        if isinstance(result, Found):
            self._found.add(record.id)
        return result

    async def _at_other_owners(self, record: TrackedEvent, gone: Gone) -> LookupResult:
        """Look for an event in its former calendars, because its own calendar's list lacks it.

        Used while the owner of the event is in doubt: the event may be back in a former calendar.
        If it began long ago, the normal read of that calendar's list does not show it. Calendars
        whose user no longer exists are skipped. Returns ``gone`` if no calendar has the event.
        """
        owners = self.read.owners
        for change in [c for c in owners.open.values() if c.event == record.id]:
            if change.provider == record.provider:
                continue
            if await owners.user_state(change.provider) is UserState.MISSING:
                continue
            self.read.lookups_left -= 1
            ref = replace(record.ref, provider=change.provider)
            other = await self.read.system.read_one(ref, record.observed or change.value)
            if not isinstance(other, Gone):
                return other
        return gone


def other_listed(record: TrackedEvent, listed: Collection[TrackedEvent]) -> bool:
    """Return whether ``listed`` has another event of the calendar of this event."""
    return any(each.provider == record.provider and each.id != record.id for each in listed)
