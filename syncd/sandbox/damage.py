"""What an update of an appointment changes besides: knobs, as nobody knows it of any platform."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

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


def damaged_meeting(
    meeting: Meeting, damage: Damage | None, users: Iterable[str], calendars: Iterable[str]
) -> Meeting:
    """Return a meeting of a LeadConnector location as an update leaves it."""
    match damage:
        case Damage.NOTES:
            return replace(meeting, notes="")
        case Damage.CUSTOM_FIELDS:
            return replace(meeting, custom=())
        case Damage.HOSTS:
            return replace(meeting, hosts=())
        case Damage.OWNER:
            return replace(meeting, user=_other(meeting.user, users))
        case Damage.CALENDAR:
            return replace(meeting, calendar=_other(meeting.calendar, calendars))
        case None:
            return meeting


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
        case Damage.HOSTS | Damage.CALENDAR | None:
            return task


def _other(own: str, ids: Iterable[str]) -> str:
    """Return the first other id, or its own where there is none."""
    return next((id for id in sorted(ids) if id != own), own)
