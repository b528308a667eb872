"""Simulated days on which only the named steps happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent


def day(*steps: SimEvent, **rules: str) -> Scenario:
    """Return a summer day with these steps only."""
    start = datetime(2027, 6, 14, 5, 0, tzinfo=UTC)
    return Scenario(0, start, 24.0, steps, rules=tuple(rules.items()))


def at(hour: float, kind: EventKind, system: str, slot: int = 0, **more: Any) -> SimEvent:
    return SimEvent(hour * 3600, kind, system, slot=slot, **more)


STALE = day(
    at(1, EventKind.BOOK, "clinic", slot=70),
    *(at(2.994, EventKind.FAULT, s, fault="lag", times=60, seconds=9.0) for s in ("crm", "legacy")),
    at(2.997, EventKind.MOVE, "clinic", slot=30),
    *(at(3 + seconds / 3600, EventKind.RESYNC, "") for seconds in (3, 6)),
)
"""After a move, lists still show the old time."""

EMPTIED = replace(
    day(at(3, EventKind.FAULT, "clinic", fault="empty", times=6), at(3.001, EventKind.RESYNC, "")),
    before=(at(0, EventKind.LEAVE, "legacy", slot=624, number=302),),
)
"""v2 lists nothing for a while, and does not answer blocks by id, so lists are needed."""

UNANSWERED = day(
    at(0.99, EventKind.FAULT, "legacy", slot=1, fault="odd-answer", times=4, spelling="empty"),
    at(0.99, EventKind.FAULT, "legacy", fault="strip-keys", times=28),
    at(1, EventKind.BOOK, "clinic", slot=70),
)
"""The reply to a write is empty, and the block shows no tag: only its time identifies it."""
