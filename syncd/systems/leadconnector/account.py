"""What the configuration says of one v2 location, and of one provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status
from syncd.model.all_day import BUSY, AllDayRule

REMEDY = (
    "in LeadConnector, make the blocked user a member of this calendar's team, and let it count "
    "the user's busy time: it ignores the block now"
)
"""Against a time that is offered although a block stands (docs/platforms/leadconnector-v2.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One location on LeadConnector v2.

    ``version`` is the ``Version`` header of the calendar calls
    (docs/platforms/leadconnector-v2.md#access). ``title`` is what a block shows. ``notify`` lets
    writes to appointments start automations. ``series`` says whether instances of recurring events
    are written to, or such writes held. ``buffers`` says whether blocks in other systems cover the
    buffers of a booking's calendar. ``statuses`` are status words of the location's own.
    """

    location_id: str
    token: str = field(repr=False)
    base_url: str = "https://services.leadconnectorhq.com"
    version: str = "2021-04-15"
    title: str = "Busy"
    notify: bool = False
    series: Literal["hold", "write"] = "hold"
    buffers: Literal["ignore", "close"] = "ignore"
    statuses: Mapping[str, Status] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalendarMapping:
    """Where one provider's time is kept: the user's, and the calendars on which they are booked.

    With a user and no calendars, all calendars of which the user is a team member count. Without a
    user the calendar itself is blocked, which only calendars of type ``event`` allow, and just the
    first one is (docs/platforms/leadconnector-v2.md#blocks). ``resource`` is a room or equipment
    instead, such as ``rooms/yoga room``: its appointments are read, and it cannot be blocked
    itself. ``all_day`` says what all-day events close.
    """

    user: str | None = None
    calendars: tuple[str, ...] = ()
    resource: str | None = None
    all_day: AllDayRule = BUSY

    def __post_init__(self) -> None:
        """Refuse an empty mapping. Raises ValueError."""
        if not (self.user or self.calendars or self.resource):
            message = "a v2 calendar needs a user, calendars or a resource"
            raise ValueError(message)
