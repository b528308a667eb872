"""The settings of one v2 location, and of a provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status
from syncd.model.all_day import BUSY, AllDayRule

REMEDY = (
    "in LeadConnector, make the blocked user a member of the calendar's team, and let the "
    "calendar respect the user's busy time: the calendar ignores the block now"
)
"""Remedy for a time that is offered although it is blocked (docs/platforms/leadconnector-v2.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One location on LeadConnector v2.

    ``version`` is the ``Version`` header of the calendar calls
    (docs/platforms/leadconnector-v2.md#access). ``title`` is the title of blocks. ``notify``:
    writes to appointments may start the location's automations. ``series`` says whether syncd
    writes to instances of recurring events, or holds such writes for the operator. ``buffers`` says
    whether blocks in other systems also cover the buffers of a booking's calendar. ``statuses``
    maps the location's own status words.
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
    """The calendar of one provider: a user and the calendars that book the user, or a resource.

    With a user and no calendars, all calendars of which the user is a team member count. Without a
    user the first calendar of type ``event`` is blocked; other types cannot be blocked
    (docs/platforms/leadconnector-v2.md#blocks). ``resource`` is a room or equipment, such as
    ``rooms/yoga room``: its appointments are read, and it cannot be blocked. ``all_day`` is the
    all-day rule.
    """

    user: str | None = None
    calendars: tuple[str, ...] = ()
    resource: str | None = None
    all_day: AllDayRule = BUSY

    def __post_init__(self) -> None:
        """Reject an empty mapping. Raises ValueError."""
        if not (self.user or self.calendars or self.resource):
            message = "a v2 calendar needs a user, calendars or a resource"
            raise ValueError(message)
