"""What an update of an appointment changes besides: knobs, as nobody knows it of any platform."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.sandbox.leadconnector.records import Meeting
    from syncd.sandbox.leadsquared.records import Task


class Damage(StrEnum):
    """What is lost, or given to another one."""

    NOTES = "notes"
    CUSTOM_FIELDS = "custom fields"
    HOSTS = "hosts"
    OWNER = "owner"
    CALENDAR = "calendar"
    NOTED = "noted"
    """A note of the update is written into the record, so that it shows in every one."""


def damaged_meeting(
    meeting: Meeting, damage: Damage | None, users: Iterable[str], calendars: Iterable[str]
) -> Meeting:
    """Return a meeting of a LeadConnector location as an update leaves it."""
    if damage is None:
        return meeting
    lost: dict[Damage, dict[str, Any]] = {
        Damage.NOTES: {"notes": ""},
        Damage.CUSTOM_FIELDS: {"custom": ()},
        Damage.HOSTS: {"hosts": ()},
        Damage.OWNER: {"user": _other(meeting.user, users)},
        Damage.CALENDAR: {"calendar": _other(meeting.calendar, calendars)},
        Damage.NOTED: {"notes": f"{meeting.notes} [updated]".strip()},
    }
    return replace(meeting, **lost[damage])


def damaged_task(task: Task, damage: Damage | None, users: Iterable[str]) -> Task:
    """Return a task of a LeadSquared account as an update leaves it.

    It has neither further hosts nor a calendar.
    """
    match damage:
        case Damage.NOTES:
            return replace(task, description="")
        case Damage.CUSTOM_FIELDS:
            return replace(task, custom={})
        case Damage.OWNER:
            return replace(task, owner=_other(task.owner, users))
        case Damage.NOTED:
            return replace(task, location=f"{task.location} [updated]".strip())
        case Damage.HOSTS | Damage.CALENDAR | None:
            return task


def _other(own: str, ids: Iterable[str]) -> str:
    """Return the first other id, or its own where there is none."""
    return next((id for id in sorted(ids) if id != own), own)
