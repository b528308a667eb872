"""When a door must be closed, from what its rooms and equipment are booked for elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from syncd.core.inputs import inputs_digest
from syncd.model import BlockTarget, ResourceRequirement


@dataclass(frozen=True, slots=True)
class Reservation:
    """One booking of a room or of equipment; ``here`` if the door's own system knows it."""

    start: datetime
    end: datetime
    booking: str
    here: bool


@dataclass(frozen=True, slots=True)
class BlockedSpan:
    """A span for which a door must be closed; the id stays while the same bookings cause it."""

    id: str
    start: datetime
    end: datetime


Reservations = Mapping[str, Sequence[Reservation]]


def blocked_spans(door: BlockTarget, uses: Reservations) -> list[BlockedSpan]:
    """The spans in which every calendar behind the door lacks something that it needs.

    Where the door's own system knows reason enough, it closes the calendars by itself.
    """
    concerned = {provider for need in door.requirements for provider in _providers(need)}
    mine = {provider: uses.get(provider, ()) for provider in concerned}
    every = [use for found in mine.values() for use in found]
    points = sorted({use.start for use in every} | {use.end for use in every})
    pieces: list[tuple[datetime, datetime, tuple[str, ...]]] = []
    for start, end in pairwise(points):
        now = {p: [u for u in found if u.start <= start < u.end] for p, found in mine.items()}
        cause = _cause(door, now)
        if not cause:
            continue
        if pieces and pieces[-1][1:] == (start, cause):
            pieces[-1] = (pieces[-1][0], end, cause)
        else:
            pieces.append((start, end, cause))
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for start, end, cause in pieces:
        seen[cause] += 1
        found.append(BlockedSpan(inputs_digest(door.provider, cause, seen[cause]), start, end))
    return found


def _providers(need: ResourceRequirement) -> tuple[str, ...]:
    return (*need.rooms, *(provider for provider, _ in need.equipment))


def _cause(door: BlockTarget, now: Reservations) -> tuple[str, ...]:
    """The bookings elsewhere that close the door at one moment; none if it may stay open."""
    if not door.requirements or not all(_unmet(need, now) for need in door.requirements):
        return ()
    own = {provider: [use for use in uses if use.here] for provider, uses in now.items()}
    if all(_unmet(need, own) for need in door.requirements):
        return ()
    full = {provider for need in door.requirements for provider in _unmet(need, now)}
    return tuple(sorted({u.booking for p in full for u in now[p] if not u.here}))


def _unmet(need: ResourceRequirement, now: Reservations) -> tuple[str, ...]:
    """What stands against a booking at one moment: the taken rooms, or equipment in full use."""
    if need.rooms and not need.unmapped_rooms and all(now[room] for room in need.rooms):
        return need.rooms
    return tuple(p for p, units in need.equipment if 0 < units <= len(now[p]))
