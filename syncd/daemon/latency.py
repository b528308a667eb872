"""Measure the latency of changes: from the outside change to the last write that follows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from syncd.model import Replica, TrackedEvent
from syncd.store.store import Store

_DAY = timedelta(days=1)
"""Changes older than this do not count.

The first run takes over meetings that were entered long before.
"""


def latencies(
    store: Store, written: Mapping[str, datetime], skews: Mapping[str, timedelta]
) -> list[float]:
    """Return the latencies, in seconds, of the bookings in ``written``.

    Bookings whose change is older than a day, or that have no event besides syncd's blocks, are
    left out. ``written`` has the time of the last write by booking id. The time of the change is
    the platform's time, corrected by ``skews`` (by system, how far the platform's clock is ahead of
    this host's), or the time of the read that first showed the change, whichever is earlier.
    """
    changed_at: dict[str, datetime] = {}
    for replica, record in store.replicas(sorted(written)):
        if record is None or _is_ours(replica, record):
            continue
        at = _changed_at(record, skews.get(record.system, timedelta(0)))
        changed_at[replica.booking] = max(at, changed_at.get(replica.booking, at))
    delays = [written[booking] - at for booking, at in changed_at.items()]
    return [max(0.0, delay.total_seconds()) for delay in delays if delay < _DAY]


def _is_ours(replica: Replica, record: TrackedEvent) -> bool:
    if not replica.role.is_meeting and record.created_by_us:
        return True
    return record.written is not None and record.written == record.observed


def _changed_at(record: TrackedEvent, skew: timedelta) -> datetime:
    if record.updated_at is None:
        return record.observed_at
    return min(record.observed_at, record.updated_at - skew)
