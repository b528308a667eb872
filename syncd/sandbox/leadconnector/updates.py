"""What an update leaves of a record's own fields.

See docs/platforms/leadconnector-v2.md#writing-appointments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from syncd.sandbox.leadconnector.records import Calendar, CalendarType, Meeting

if TYPE_CHECKING:
    from syncd.sandbox.leadconnector.wire import Json
    from syncd.sandbox.records import Block

R = TypeVar("R", Meeting, "Block")

MEMBER_MISSING = "A team member needs to be selected. assignedUserId is missing"

_TEAMS = frozenset({CalendarType.ROUND_ROBIN, CalendarType.COLLECTIVE, CalendarType.CLASS_BOOKING})


def lacks_member(calendar: Calendar, found: Json) -> bool:
    """Whether nobody of a team is named, and nobody is chosen: slots are not looked at."""
    unchecked = found.get("ignoreFreeSlotValidation") is True
    return calendar.type in _TEAMS and unchecked and not found.get("assignedUserId")


def emptied(record: R, *, owner: bool = True, texts: bool = True) -> R:
    """Reset what an update does not name: status, and texts; without ``owner`` the user, too."""
    if isinstance(record, Meeting):
        user = record.user if owner else ""
        reset = replace(record, status="confirmed", user=user)
        return replace(reset, title="", description="") if texts else reset
    return replace(record, title="") if texts else record


def ignored(found: Json, *, texts: bool = True) -> Json:
    """Leave out of a body the fields that a platform may reset although it was sent them."""
    names = {"appointmentStatus", *(("title", "description") if texts else ())}
    return {key: value for key, value in found.items() if key not in names}
