"""What a busy room or piece of equipment can close: calendars that cannot do without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceRequirement:
    """What a calendar needs to be booked: any one of its rooms, and each of its equipment.

    ``rooms`` are the providers of its rooms; ``unmapped_rooms`` counts rooms of it that are no
    providers and so are always free, for all that is known. ``equipment`` gives for each provider
    how many of it can be in use at once.
    """

    calendar: str
    rooms: tuple[str, ...] = ()
    unmapped_rooms: int = 0
    equipment: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class BlockTarget:
    """One place that a block closes: ``provider`` owns it. Closed when all its needs are unmet."""

    provider: str
    requirements: tuple[ResourceRequirement, ...]


@dataclass(frozen=True, slots=True)
class UnblockableCalendar:
    """A calendar that cannot be closed without closing others: why, and what to do."""

    name: str
    why: str
    remedy: str
