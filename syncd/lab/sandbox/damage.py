"""Unwanted changes that an update makes to an appointment; settings for what is not documented."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.lab.sandbox.leadconnector.records import Meeting
    from syncd.lab.sandbox.leadsquared.records import TaskRecord


class Damage(StrEnum):
    """What an update loses, or assigns to another user or calendar."""

    NOTES = "notes"
    CUSTOM_FIELDS = "custom fields"
    HOSTS = "hosts"
    OWNER = "owner"
    CALENDAR = "calendar"
    NOTED = "noted"
    """The update writes a note into the record, so that every update is visible."""


def damaged_meeting(
    meeting: Meeting, damage: Damage | None, users: Iterable[str], calendars: Iterable[str]
) -> Meeting:
    """Return a LeadConnector appointment as an update with this damage leaves it.

    ``users`` and ``calendars`` are the ids in the location: damage may assign the appointment to
    another user or calendar. ``damage`` None leaves the appointment unchanged.
    """
    if damage is None:
        return meeting
    changes: dict[Damage, dict[str, Any]] = {
        Damage.NOTES: {"notes": ""},
        Damage.CUSTOM_FIELDS: {"custom": ()},
        Damage.HOSTS: {"hosts": ()},
        Damage.OWNER: {"user": _other(meeting.user, users)},
        Damage.CALENDAR: {"calendar": _other(meeting.calendar, calendars)},
        Damage.NOTED: {"notes": f"{meeting.notes} [updated]".strip()},
    }
    return replace(meeting, **changes[damage])


def damaged_task(task: TaskRecord, damage: Damage | None, users: Iterable[str]) -> TaskRecord:
    """Return a LeadSquared task as an update with this damage leaves it.

    Tasks have neither further hosts nor a calendar, so damage to hosts or calendars does not
    apply. ``damage`` None leaves the task unchanged.
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
    """Return the first id other than ``own``, or ``own`` if there is none."""
    return next((id for id in sorted(ids) if id != own), own)
