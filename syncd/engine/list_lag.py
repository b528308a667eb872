"""How late a list may be: reads that are later than was measured drop the measured lag."""

from __future__ import annotations

from datetime import datetime

from syncd.core.observation import may_be_older, shows_former
from syncd.model import Event, TrackedEvent
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
