"""How long a change took: from when somebody made it to the last write that carried it over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from syncd.model import Replica, TrackedEvent
from syncd.store.store import Store

_DAY = timedelta(days=1)
"""What is older was found, not waited for: a first run takes over meetings of last month."""


def latencies(
    store: Store, written: Mapping[str, datetime], skews: Mapping[str, timedelta]
) -> list[float]:
    """For each booking (by id, with the time of its last write) the seconds that it took.

    The change is as old as its platform says, by the clock of this host (``skews``: how far a
    platform's clock is ahead), or as old as the read that first showed it.
    """
    made: dict[str, datetime] = {}
    for replica, record in store.replicas(sorted(written)):
        if record is None or _is_ours(replica, record):
            continue
        at = _changed_at(record, skews.get(record.system, timedelta(0)))
        made[replica.booking] = max(at, made.get(replica.booking, at))
    spans = [written[booking] - at for booking, at in made.items()]
    return [max(0.0, span.total_seconds()) for span in spans if span < _DAY]


def _is_ours(replica: Replica, record: TrackedEvent) -> bool:
    if not replica.role.is_meeting and record.created_by_us:
        return True
    return record.written is not None and record.written == record.observed


def _changed_at(record: TrackedEvent, skew: timedelta) -> datetime:
    if record.updated_at is None:
        return record.observed_at
    return min(record.observed_at, record.updated_at - skew)
