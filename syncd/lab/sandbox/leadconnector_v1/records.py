"""Records that only a v1 location has."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from syncd.lab.sandbox.leadconnector.records import STATUSES, Meeting

SETTABLE = STATUSES - {"new"}
"""The statuses that PUT …/status accepts (docs/platforms/leadconnector-v1.md#status)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonedMeeting(Meeting):
    """An appointment booked through v1, with the time zone in which its times are shown."""

    timezone: str


def with_timezone(meeting: Meeting, timezone: str) -> ZonedMeeting:
    """Return the same appointment, to be shown in this time zone."""
    return ZonedMeeting(**{**asdict(meeting), "timezone": timezone})
