"""How late a list may be: reads that are later than was measured drop the measured lag."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from syncd.core.observation import may_be_older, shows_former
from syncd.engine.observation import SystemRead
from syncd.model import Event, Kind, TrackedEvent, record_id
from syncd.store.derived import derived_from
from syncd.systems.capability_cache import safe_lag
from syncd.systems.port import System


def doubt_lag(
    system: System, record: TrackedEvent | None, event: Event, asked_at: datetime
) -> None:
    """Drop a measured lag if an observation shows an event as it was before syncd wrote to it.

    Beyond the measured lag and within the assumed one it is a list that is late, or somebody who
    changed the event back at once. Where the platform does not say that somebody did, the list
    counts as late: the assumed lag is in force again, and the observation is ignored.
    """
    if record is None or record.written_at is None or not _is_between(system, record, asked_at):
        return
    skew = system.traffic.skew
    changed = (
        event.updated_at if skew is None or event.updated_at is None else (event.updated_at - skew)
    )
    since = changed is not None and changed > record.written_at
    if shows_former(record, event, asked_at) and not since:
        system.measured.contradict("list_lag")


def is_late_in_list(system: System, record: TrackedEvent, asked_at: datetime) -> bool:
    """Whether a list that lacks an event may be later than was measured; drops the lag if so."""
    return _is_between(system, record, asked_at) and system.measured.contradict("list_lag")


def _is_between(system: System, record: TrackedEvent, asked_at: datetime) -> bool:
    """Whether a read began after the lag that is in force, and within the assumed one."""
    lag, safe = system.capabilities.lag, safe_lag(system.measured)
    if safe is None or safe <= lag:
        return False
    return may_be_older(record, asked_at, safe) and not may_be_older(record, asked_at, lag)


def look_again_at_further_hosts(read: SystemRead, known: Iterable[TrackedEvent]) -> None:
    """Have a run look again when lists must show a meeting's other hosts what was written to it.

    A write to a record moves the time of each of its hosts, and only the record's own event knows
    of it: for a further host it is news, which a list within the lag does not show yet. Without
    another look the run would end with that host's calendars as they were.
    """
    lag, now = read.system.capabilities.lag, {r.id: r for r in read.changes.records}
    written = {
        record.id: now.get(record.id, record)
        for record in known
        if record.kind is Kind.APPOINTMENT and may_be_older(record, read.asked_at, lag)
    }
    for each in derived_from(read.store, read.system.name, written):
        share, record = now.get(each.id, each), written[record_id(each.id)]
        if share.observed not in {None, record.observed} and record.written_at is not None:
            read.seen.suspect(record.written_at + lag)
