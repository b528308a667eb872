"""The JSON form of an account's records.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import phonenumbers

from syncd.sandbox.leadsquared.records import (
    AccountUser,
    Category,
    RelatedEntity,
    TaskRecord,
    TaskTypeRecord,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from syncd.sandbox.contacts import ContactRecord
    from syncd.sandbox.leadsquared.slots import DaySlots, Span

Json = dict[str, Any]

NO_TIME = "0001-01-01 00:00:00.000"


def with_milliseconds(at: datetime | None) -> str:
    """Format a time as most fields do: UTC with zero milliseconds (#task-fields)."""
    return f"{without_milliseconds(at)}.000" if at else NO_TIME


@lru_cache(maxsize=8192)
def without_milliseconds(at: datetime) -> str:
    """Format EndDate: UTC without milliseconds (#task-fields)."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def wcf_date(at: datetime) -> str:
    """Format a time in the older form of WCF services (#task-fields)."""
    return f"/Date({int(at.timestamp()) * 1000}+0000)/"


def task(
    found: TaskRecord,
    type: TaskTypeRecord,
    users: Mapping[str, AccountUser],
    leads: Mapping[str, ContactRecord],
) -> Json:
    """Return a task as lists and the read by id show it, with its whole type (#task-fields)."""
    owner = users[found.owner]
    lead = leads.get(found.lead)
    shown: Json = {
        "UserTaskId": found.id,
        "UserTaskAutoId": f"T{found.number}",
        "Name": found.name,
        "Description": found.description,
        "RelatedEntity": int(RelatedEntity.LEAD if lead else RelatedEntity.NOTHING),
        "RelatedEntityIdName": lead.name if lead else "",
        "DueDate": with_milliseconds(found.start),
        "EndDate": without_milliseconds(found.end),
        "Reminder": found.reminder,
        "ReminderBeforeDays": 0,
        "ReminderTime": "00:00:00",
        "NotifyBy": found.notify_by,
        "StatusCode": int(found.status),
        "OwnerId": owner.id,
        "OwnerName": owner.name,
        "OwnerEmailAddress": owner.email,
        "CreatedBy": found.created_by,
        "CreatedByName": users[found.created_by].name,
        "CreatedOn": with_milliseconds(found.created_at),
        "ModifiedBy": found.modified_by,
        "ModifiedByName": users[found.modified_by].name,
        "ModifiedOn": with_milliseconds(found.modified_at),
        "CompletedOn": with_milliseconds(found.completed_at),
        "PercentCompleted": 0,
        "Priority": "",
        "EffortEstimateUnit": "",
        "Location": found.location,
        "TaskType": task_type(type),
        "CustomFields": dict(found.custom),
    }
    if lead:
        shown["RelatedEntityId"] = lead.id
    if found.series:
        # No recording of a recurring task was found: these names are assumed.
        shown |= {"IsRecurring": True, "RecurrenceId": found.series}
    # Appointments say it inside of TaskTypeRecord only.
    return shown if type.category is Category.APPOINTMENT else {**shown, "Category": 1}


def task_type(found: TaskTypeRecord) -> Json:
    """Return a task type (#task-types)."""
    columns = [
        {
            "DataType": "String",
            "DisplayName": name,
            "InternalSchemaName": name,
            "IsDefault": False,
            "IsMandatoryConfigurable": True,
            "Mandatory": True,
            "Options": None,
            "RenderType": "Textbox",
            "SchemaName": name,
        }
        for name in found.mandatory
    ]
    return {
        "Id": found.id,
        "Name": found.name,
        "Category": int(found.category),
        "Color": "#039be5",
        "ColumnConfiguration": columns,
        "CreatedBy": "System",
        "CreatedOn": wcf_date(found.created_at),
        "FormLayout": json.dumps({"Rows": list(found.mandatory)}),
    }


def user(found: AccountUser) -> Json:
    """Return a user as Users.Get shows it (#users)."""
    first, _, last = found.name.partition(" ")
    return {
        "ID": found.id,
        "FirstName": first,
        "LastName": last,
        "EmailAddress": found.email,
        "Role": found.role,
        "StatusCode": 0 if found.active else 1,
        "MemberOfGroups": [],
        "Tag": "",
        "PhoneMobile": found.phone,
        "IsPhoneCallAgent": False,
    }


def key_user(found: AccountUser, host: str) -> Json:
    """Return the user of the keys, with the account's hosts (#hosts)."""
    return {
        "Id": found.id,
        "Name": found.name,
        "EmailAddress": found.email,
        "Role": found.role,
        "TimeZone": found.timezone,
        "LSQCommonServiceURLs": {"api": host, "app": host},
    }


def lead(found: ContactRecord) -> Json:
    """Return a lead: all values are strings or null (#leads)."""
    first, _, last = found.name.partition(" ")
    return {
        "ProspectID": found.id,
        "FirstName": first,
        "LastName": last or None,
        "EmailAddress": found.email or None,
        "Phone": phone(found.phone) or None,
        "Mobile": None,
        "DoNotCall": "0",
    }


def phone(e164: str) -> str:
    """Format a number with a hyphen after the country code, such as +91-9045454045 (#leads)."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    national = phonenumbers.national_significant_number(parsed)
    return f"+{parsed.country_code}-{national}"


def user_day(found: AccountUser, day: DaySlots) -> Json:
    """Return a user's free and busy times of a day, in the user's zone (#free-slots)."""
    where = ZoneInfo(found.timezone)
    return {
        "UserId": found.id,
        "EmailAddress": found.email,
        "UserTimeZone": found.timezone,
        "AvailableSlots": _walls(day.free, where),
        "BusySlots": _walls(day.busy, where),
        "Breaks": [],
        "NoSlotsReason": day.reason,
    }


def slot_days(found: Mapping[date, Collection[Json]], names: tuple[str, str]) -> list[Json]:
    """Return days with their users (#free-slots); ``names`` are the keys of a slot."""
    if names != _ENDS:
        for user in (user for users in found.values() for user in users):
            for key in ("AvailableSlots", "BusySlots"):
                user[key] = [dict(zip(names, slot.values(), strict=True)) for slot in user[key]]
    return [{"Date": day.isoformat(), "UserSlots": list(users)} for day, users in found.items()]


_ENDS = ("StartTime", "EndTime")


def _walls(spans: Sequence[Span], where: ZoneInfo) -> list[Json]:
    return [
        dict(zip(_ENDS, (_wall(start, where), _wall(end, where)), strict=True))
        for start, end in spans
    ]


@lru_cache(maxsize=8192)
def _wall(at: datetime, where: ZoneInfo) -> str:
    return f"{at.astimezone(where):%H:%M:%S}"
