"""The settings of one v1 location, and of a provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status, zone
from syncd.model.all_day import BUSY, AllDayRule

REMEDY = (
    "in LeadConnector, let the calendar respect the blocked user's busy time; if it cannot, set "
    'blocks = "hold" for the system: a hold appointment blocks time that an event block does not'
)
"""Remedy for a time that is offered although it is blocked.

See docs/platforms/leadconnector-v1.md#event-blocks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One location on LeadConnector v1, or on a white label of it.

    See docs/platforms/leadconnector-v1.md#access.

    ``blocks`` is the form of blocks: an ``event`` block, or a ``hold``: a booking of the contact
    ``hold_email`` that is cancelled to free the time. ``title`` is the title of blocks.
    ``timezone`` (IANA name) replaces the location's own time zone for times without one.
    ``statuses`` maps the location's own status words.
    """

    api_key: str = field(repr=False)
    base_url: str = "https://rest.gohighlevel.com/v1"
    blocks: Literal["event", "hold"] = "event"
    hold_email: str | None = None
    title: str = "Busy"
    timezone: str | None = None
    statuses: Mapping[str, Status] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Reject an unknown time zone, and holds without a contact. Raises ValueError."""
        if self.timezone is not None:
            zone(self.timezone)
        if self.blocks == "hold" and not self.hold_email:
            message = 'blocks = "hold" needs hold_email'
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class CalendarMapping:
    """The calendar of one provider: a calendar (service) id, a user id, a team id, or several.

    Events belong to the provider by user id; by calendar if no user is configured; by team if
    neither is configured. ``all_day`` is the all-day rule.
    """

    calendar: str | None = None
    user: str | None = None
    team: str | None = None
    all_day: AllDayRule = BUSY

    def __post_init__(self) -> None:
        """Reject an empty mapping. Raises ValueError."""
        if not (self.calendar or self.user or self.team):
            message = "a v1 calendar needs the id of a calendar, a user or a team"
            raise ValueError(message)
