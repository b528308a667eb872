"""Resources: the rooms and equipment that a calendar needs, and what is blocked without them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceRequirement:
    """What one booking of a calendar needs: any one of its rooms, and all of its equipment.

    ``rooms`` are the providers of the rooms. ``unmapped_rooms`` is the number of rooms without a
    provider; they are assumed to be free. ``equipment`` is a list of providers, each with the
    number of pieces that can be in use at the same time.
    """

    calendar: str
    rooms: tuple[str, ...] = ()
    unmapped_rooms: int = 0
    equipment: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class BlockTarget:
    """The calendars that one block of ``provider`` blocks.

    The block must exist when none of the ``requirements`` can be met, because no booking of these
    calendars is then possible.
    """

    provider: str
    requirements: tuple[ResourceRequirement, ...]


@dataclass(frozen=True, slots=True)
class UnblockableCalendar:
    """A calendar that cannot be blocked without blocking other calendars.

    ``why`` is the reason, ``remedy`` what the operator can do.
    """

    name: str
    why: str
    remedy: str
