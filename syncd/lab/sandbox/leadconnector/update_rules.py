"""The effect of an update on fields that it does not send.

See docs/platforms/leadconnector-v2.md#writing-appointments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from syncd.lab.sandbox.leadconnector.records import CalendarRecord, CalendarType, Meeting
from syncd.lab.sandbox.replies import JsonObject

if TYPE_CHECKING:
    from syncd.lab.sandbox.records import PlatformBlock
    from syncd.lab.sandbox.replies import JsonObject

R = TypeVar("R", Meeting, "PlatformBlock")

MEMBER_MISSING = "A team member needs to be selected. assignedUserId is missing"

_TEAMS = frozenset({CalendarType.ROUND_ROBIN, CalendarType.COLLECTIVE, CalendarType.CLASS_BOOKING})


def lacks_member(calendar: CalendarRecord, body: JsonObject) -> bool:
    """Return true if a write skips the slot check and names no member of a team calendar.

    The platform then has no user to assign, and refuses the write.
    """
    skips_check = body.get("ignoreFreeSlotValidation") is True
    return calendar.type in _TEAMS and skips_check and not body.get("assignedUserId")


def reset_omitted(record: R, *, owner: bool = True, texts: bool = True) -> R:
    """Reset the status and, with ``texts``, the texts; without ``owner`` also the user."""
    if isinstance(record, Meeting):
        user = record.user if owner else ""
        reset = replace(record, status="confirmed", user=user)
        return replace(reset, title="", description="") if texts else reset
    return replace(record, title="") if texts else record


def drop_reset_fields(body: JsonObject, *, texts: bool = True) -> JsonObject:
    """Return the body without the fields that a platform may reset although they were sent."""
    dropped = {"appointmentStatus", *(("title", "description") if texts else ())}
    return {key: value for key, value in body.items() if key not in dropped}
