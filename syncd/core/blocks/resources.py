"""Compute when a calendar must be blocked because a resource it needs is in use elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.core.inputs import inputs_digest
from syncd.model import BlockTarget, ResourceRequirement
from syncd.model.intervals import sweep


@dataclass(frozen=True, slots=True)
class Reservation:
    """One booking of a room or piece of equipment.

    ``booking``: its id. ``here``: the block target's own system knows this booking.
    """

    start: datetime
    end: datetime
    booking: str
    here: bool


@dataclass(frozen=True, slots=True)
class BlockedSpan:
    """A span in which a block target must be blocked.

    ``id`` is the same in every cycle as long as the same bookings cause the span.
    """

    id: str
    start: datetime
    end: datetime


Reservations = Mapping[str, Sequence[Reservation]]
"""The reservations of each resource, by the name of the resource in [providers]."""


def blocked_spans(target: BlockTarget, reservations: Reservations) -> list[BlockedSpan]:
    """Return the spans in which every calendar of a block target lacks a resource that it needs.

    Used to block such calendars. Example: a calendar needs a room that is booked in another system.
    A span is left out if bookings in the target's own system suffice as a reason: that system
    closes its calendars itself.
    """
    resources = {
        provider for requirement in target.requirements for provider in _providers(requirement)
    }
    needed = {provider: reservations.get(provider, ()) for provider in resources}

    def cause(at: datetime) -> tuple[str, ...] | None:
        current = {p: [u for u in taken if u.start <= at < u.end] for p, taken in needed.items()}
        return _cause(target, current) or None

    boundaries = (edge for taken in needed.values() for u in taken for edge in (u.start, u.end))
    counts: Counter[tuple[str, ...]] = Counter()
    spans = []
    for start, end, bookings in sweep(boundaries, cause):
        counts[bookings] += 1
        id_ = inputs_digest(target.provider, bookings, counts[bookings])
        spans.append(BlockedSpan(id_, start, end))
    return spans


def _providers(requirement: ResourceRequirement) -> tuple[str, ...]:
    return (*requirement.rooms, *(provider for provider, _ in requirement.equipment))


def _cause(target: BlockTarget, current: Reservations) -> tuple[str, ...]:
    """Return the bookings of other systems that block the target at one moment; () for none."""
    if not target.requirements or not all(
        _resources_in_use(requirement, current) for requirement in target.requirements
    ):
        return ()
    own = {
        provider: [reservation for reservation in reservations if reservation.here]
        for provider, reservations in current.items()
    }
    if all(_resources_in_use(requirement, own) for requirement in target.requirements):
        return ()
    full = {
        provider
        for requirement in target.requirements
        for provider in _resources_in_use(requirement, current)
    }
    return tuple(sorted({u.booking for p in full for u in current[p] if not u.here}))


def _resources_in_use(requirement: ResourceRequirement, current: Reservations) -> tuple[str, ...]:
    """Return the resources that are in use at one moment and so prevent a booking."""
    if (
        requirement.rooms
        and not requirement.unmapped_rooms
        and all(current[room] for room in requirement.rooms)
    ):
        return requirement.rooms
    return tuple(p for p, units in requirement.equipment if 0 < units <= len(current[p]))
