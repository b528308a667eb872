"""What a v1 location holds beyond what every LeadConnector location does."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from syncd.sandbox.leadconnector.records import STATUSES, Meeting

SETTABLE = STATUSES - {"new"}
"""The statuses that PUT …/status takes (docs/platforms/leadconnector-v1.md#status)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking(Meeting):
    """An appointment booked through v1: it keeps the zone it was booked in, which spells it."""

    timezone: str


def booked_in(meeting: Meeting, timezone: str) -> Booking:
    """The same appointment, from now on spelt in this zone."""
    return Booking(**{**asdict(meeting), "timezone": timezone})
