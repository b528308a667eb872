"""Follow events that lists may not show because the events began before the time that was read.

Platforms list the events that begin in the requested time, so a leave of several weeks drops out of
the lists while it runs. The lists of a far read start `FAR_LOOK_BACK` before the window, those of a
resync start ``longest`` before it. A known running event that the lists still do not show is looked
up by id, once per far interval, until the event ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from syncd.engine.reading import completed_lookups
from syncd.engine.reading.absence import is_expected
from syncd.engine.reading.absence_lookups import AbsenceLookups
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.observation import Observation, SystemRead
from syncd.engine.reading.record_batches import records_in_batches
from syncd.engine.report.reported_items import ReportedItems
from syncd.engine.report.run_report import SystemStatus
from syncd.model import Id, IntentState, TrackedEvent, Window, is_recent
from syncd.systems.errors import PlatformError
from syncd.systems.port import NO_LOOK_BACK

FAR_LOOK_BACK = timedelta(days=7)
"""How long before the window the lists of a far read start."""

MAX_FOLLOWED = 40
"""Maximum lookups of events per far interval and system; the oldest lookups come first."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_DAY = timedelta(days=1)
_EARLY = 0.8
"""An event is due for a lookup after this share of the far interval (timers are inexact)."""


class Depth(Enum):
    """How thoroughly a cycle reads.

    - NEAR: the events that begin in the near window.
    - FAR: the whole window; the lists start `FAR_LOOK_BACK` before the window.
    - RESYNC: the whole window; the lists start ``longest`` before the window.
    """

    NEAR = "near"
    FAR = "far"
    RESYNC = "resync"


@dataclass(slots=True)
class RunningEvents:
    """The lookups of running events that this process has made; nothing is stored.

    ``longest`` is how long before the window an event may begin so that a resync still finds it;
    ``every`` is the far interval.
    """

    longest: timedelta
    every: timedelta
    _asked: dict[Id, datetime] = field(default_factory=dict)
    _searched: set[tuple[str, str]] = field(default_factory=set)

    def look_back(self, system: str, providers: Iterable[str], depth: Depth) -> timedelta:
        """Return how long before the window the lists of these providers start in one system.

        The first far read of a calendar in this process looks back as far as a resync: the calendar
        may be new, or its system did not respond to the resync at the start.
        """
        if depth is Depth.NEAR:
            return NO_LOOK_BACK
        new = any((provider, system) not in self._searched for provider in providers)
        return self.longest if new or depth is Depth.RESYNC else min(FAR_LOOK_BACK, self.longest)

    def note(self, observed: Iterable[Observation]) -> None:
        """Record which calendars these far reads and resyncs listed completely, look-back included.

        Calendars whose lists hide events or end early are not recorded.
        """
        for seen in observed:
            asked = seen.request
            if asked is None or asked.near or seen.state is not SystemStatus.OK:
                continue
            span = asked.window.from_earlier(asked.look_back)
            shown: dict[str, list[Window]] = {}
            for each in seen.arrived:
                shown.setdefault(each.provider, []).append(each.window)
            whole = {p for p in asked.providers if span.covered_by(shown.get(p, ()))}
            self._searched |= {(provider, seen.system) for provider in whole}

    def due(
        self,
        records: Iterable[TrackedEvent],
        now: datetime,
        probes: AbsenceLookups,
        *,
        at_once: bool,
    ) -> list[TrackedEvent]:
        """Choose the records of one system that are looked up now, and note the time (``now``).

        A record is due once per far interval, or if a started proof that it is gone can continue
        (``probes``). ``at_once``: all records are due. At most `MAX_FOLLOWED` are returned per
        interval.
        """
        records = list(records)
        if not records:
            return []
        system, lately = records[0].system, self.every * _EARLY
        # An event that was not read by id for a day has ended, or is listed again.
        self._asked = {i: at for i, at in self._asked.items() if at > now - max(_DAY, self.every)}
        asked = [at for (name, _), at in self._asked.items() if name == system]
        spent = sum(is_recent(at, now, lately) for at in asked)
        waiting = [
            record
            for record in records
            if at_once
            or not is_recent(self._asked.get((system, record.id)), now, lately)
            or (probes.is_open(record.id) and probes.is_due(record.id, now))
        ]
        waiting.sort(key=lambda r: (self._asked.get((system, r.id), _NEVER), r.observed_at, r.id))
        chosen = waiting[: max(0, MAX_FOLLOWED - spent)]
        self._asked.update(((system, record.id), now) for record in chosen)
        return chosen


async def follow_running(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    running: RunningEvents,
    unlisted: Sequence[str],
    *,
    at_once: bool,
) -> None:
    """Look up running events that the lists neither show nor have to show.

    - ``unlisted``: the known events that no list shows.
    - ``at_once``: a resync begins: look events up even if they were looked up a moment ago.

    Events that end after the window are included: a list that ends with the window does not prove
    them gone. The target of a queued write is looked up in each read, to confirm the write. A fault
    is recorded in ``read.seen``.
    """
    awaited = {
        intent.operation.event for intent in read.intents if intent.state is IntentState.ACCEPTED
    }
    records = [
        record
        for record in await records_in_batches(read.store, read.system.name, unlisted)
        if _is_unproven(read, record)
    ]
    queued = [record for record in records if record.id in awaited]
    lasting = [r for r in records if r.id not in awaited and _is_settled(read, r)]
    due = running.due(lasting, read.asked_at, read.probes, at_once=at_once)
    reports.unlisted |= {record.id for record in records}
    for record in (*queued[:MAX_FOLLOWED], *due):
        if questions.exhausted:
            return
        try:
            await completed_lookups.look_up(read, questions, reports, record)
        except PlatformError as fault:
            read.seen.fail(fault)
            return
    for record in lasting:
        # The proof needs another lookup. An event that cannot be looked up stays as it is.
        if read.probes.is_open(record.id):
            read.seen.suspect(read.probes.next_check_at(record.id, read.asked_at))


def _is_unproven(read: SystemRead, record: TrackedEvent) -> bool:
    """Return true if an event is not over, and its absence from the lists proves nothing."""
    value = record.observed
    return (
        value is not None
        and value.busy
        and value.end > read.asked_at
        and not record.archived
        and record.provider in read.system.providers
        and record.provider not in read.seen.without_user
        and record.provider not in read.snapshot.refused
        and read.owners.change(record) is None
        and not is_expected(record, value, read.span, read.asked_at)
    )


def _is_settled(read: SystemRead, record: TrackedEvent) -> bool:
    """Return true if this read is certainly newer than syncd's last write to the event."""
    lag = read.system.capabilities.lag
    return record.written_at is None or read.asked_at >= record.written_at + lag
