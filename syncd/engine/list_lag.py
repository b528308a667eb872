"""Check the measured lag of lists against reads, and withdraw it when a list is later."""

from __future__ import annotations

from datetime import datetime

from syncd.core.observation import may_be_older, shows_former
from syncd.model import Event, TrackedEvent
from syncd.systems.capability_cache import safe_lag
from syncd.systems.port import System


def recheck_lag(
    system: System, record: TrackedEvent | None, event: Event, asked_at: datetime
) -> None:
    """Withdraw the measured lag if a read shows an event as it was before syncd's last write.

    Within the assumed lag but beyond the measured one, there are two causes: a late list, or a
    person who changed the event back at once. If the platform does not report a change since the
    write, the list counts as late. Then the assumed lag applies again, and the caller ignores the
    observation.
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
    """Return whether a list that lacks an event may be later than measured.

    In that case, withdraw the measured lag.
    """
    return _is_between(system, record, asked_at) and system.measured.contradict("list_lag")


def _is_between(system: System, record: TrackedEvent, asked_at: datetime) -> bool:
    """Return whether a read began after the current lag and within the assumed one."""
    lag, safe = system.capabilities.lag, safe_lag(system.measured)
    if safe is None or safe <= lag:
        return False
    return may_be_older(record, asked_at, safe) and not may_be_older(record, asked_at, lag)
