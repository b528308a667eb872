"""What the configuration says of one v1 location, and of one provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status, zone
from syncd.model.all_day import BUSY, AllDayRule

REMEDY = (
    "in LeadConnector, see that this calendar counts the busy time of the blocked user; where it "
    'cannot, write blocks = "hold" for the system: a booking closes what a block does not'
)
"""Against a time that is offered although a block stands.

See docs/platforms/leadconnector-v1.md#event-blocks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One location on LeadConnector v1, or on a white label of it.

    See docs/platforms/leadconnector-v1.md#access.

    ``blocks`` says how busy time is written: as an ``event`` block, or as a ``hold``, a booking for
    the contact ``hold_email`` that is cancelled to free the time. ``title`` is what a block shows.
    ``timezone`` (IANA) stands in for the location's own zone, for times that come without one.
    ``statuses`` are status words of the location's own.
    """

    api_key: str = field(repr=False)
    base_url: str = "https://rest.gohighlevel.com/v1"
    blocks: Literal["event", "hold"] = "event"
    hold_email: str | None = None
    title: str = "Busy"
    timezone: str | None = None
    statuses: Mapping[str, Status] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an unknown zone, and a hold form without its contact. Raises ValueError."""
        if self.timezone is not None:
            zone(self.timezone)
        if self.blocks == "hold" and not self.hold_email:
            message = 'blocks = "hold" needs hold_email'
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class CalendarMapping:
    """Where one provider's time is kept: a calendar (service) id, a user id, a team id, or several.

    The user decides whose an event is; the calendar does where no user is named; the team only
    where neither is. ``all_day`` says what all-day events close.
    """

    calendar: str | None = None
    user: str | None = None
    team: str | None = None
    all_day: AllDayRule = BUSY

    def __post_init__(self) -> None:
        """Refuse an empty mapping. Raises ValueError."""
        if not (self.calendar or self.user or self.team):
            message = "a v1 calendar needs a calendar, a user or a team id"
            raise ValueError(message)
