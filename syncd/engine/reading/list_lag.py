"""Check the measured lag of lists against reads, and withdraw it when a list is later.

The measured lag is what a probe found; the assumed lag is the longer one on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from syncd.core.event_state.observation import may_be_older, shows_former
from syncd.engine.reading.observation import SystemRead
from syncd.model import Event, Kind, TrackedEvent, record_id
from syncd.store.repository.derived import derived_from
from syncd.systems.capability_cache import safe_lag
from syncd.systems.port import Account


def recheck_lag(
    system: Account, record: TrackedEvent | None, event: Event, asked_at: datetime
) -> None:
    """Withdraw the measured lag if a read shows an event as it was before syncd's last write.

    Used for each known event that a list or a lookup shows. Within the assumed lag but beyond the
    measured lag, there are two causes: a late list, or somebody on the platform who changed the
    event back at once. If the platform does not report a change since the write, the list counts as
    late. Then the assumed lag applies again, and the caller ignores the observation. ``asked_at``
    is when the read began.
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


def is_late_in_list(system: Account, record: TrackedEvent, asked_at: datetime) -> bool:
    """Return whether a list that lacks an event may be later than measured.

    In that case, withdraw the measured lag.
    """
    return _is_between(system, record, asked_at) and system.measured.contradict("list_lag")


def _is_between(system: Account, record: TrackedEvent, asked_at: datetime) -> bool:
    """Return whether a read began after the measured lag, but within the assumed lag."""
    lag, safe = system.capabilities.lag, safe_lag(system.measured)
    if safe is None or safe <= lag:
        return False
    return may_be_older(record, asked_at, safe) and not may_be_older(record, asked_at, lag)


def look_again_at_further_hosts(read: SystemRead, known: Iterable[TrackedEvent]) -> None:
    """Schedule another read for when lists must show the last write to further hosts.

    A write to a record changes the meeting for each of its hosts, but syncd notes the write only at
    the record's own event. In a further host's calendar the change is news, which a list within the
    lag does not show yet. Without another read, the run would end before the blocks for that host
    follow. ``known`` are the changed events of this read, as they were stored before.
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
