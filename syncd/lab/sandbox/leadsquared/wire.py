"""The JSON form of an account's records.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import phonenumbers

from syncd.lab.sandbox.leadsquared.records import (
    AccountUser,
    Category,
    RelatedEntity,
    TaskRecord,
    TaskTypeRecord,
)
from syncd.lab.sandbox.replies import JsonObject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from syncd.lab.sandbox.contacts import ContactRecord
    from syncd.lab.sandbox.leadsquared.slots import DaySlots, Span

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
    record: TaskRecord,
    type: TaskTypeRecord,
    users: Mapping[str, AccountUser],
    leads: Mapping[str, ContactRecord],
) -> JsonObject:
    """Return a task as lists and the read by id show it, with its whole type (#task-fields)."""
    owner = users[record.owner]
    lead = leads.get(record.lead)
    row: JsonObject = {
        "UserTaskId": record.id,
        "UserTaskAutoId": f"T{record.number}",
        "Name": record.name,
        "Description": record.description,
        "RelatedEntity": int(RelatedEntity.LEAD if lead else RelatedEntity.NOTHING),
        "RelatedEntityIdName": lead.name if lead else "",
        "DueDate": with_milliseconds(record.start),
        "EndDate": without_milliseconds(record.end),
        "Reminder": record.reminder,
        "ReminderBeforeDays": 0,
        "ReminderTime": "00:00:00",
        "NotifyBy": record.notify_by,
        "StatusCode": int(record.status),
        "OwnerId": owner.id,
        "OwnerName": owner.name,
        "OwnerEmailAddress": owner.email,
        "CreatedBy": record.created_by,
        "CreatedByName": users[record.created_by].name,
        "CreatedOn": with_milliseconds(record.created_at),
        "ModifiedBy": record.modified_by,
        "ModifiedByName": users[record.modified_by].name,
        "ModifiedOn": with_milliseconds(record.modified_at),
        "CompletedOn": with_milliseconds(record.completed_at),
        "PercentCompleted": 0,
        "Priority": "",
        "EffortEstimateUnit": "",
        "Location": record.location,
        "TaskType": task_type(type),
        "CustomFields": dict(record.custom),
    }
    if lead:
        row["RelatedEntityId"] = lead.id
    if record.series:
        # These names are assumed: no recording of a recurring task was found.
        row |= {"IsRecurring": True, "RecurrenceId": record.series}
    # Appointments have their category only inside TaskType.
    return row if type.category is Category.APPOINTMENT else {**row, "Category": 1}


def task_type(record: TaskTypeRecord) -> JsonObject:
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
        for name in record.mandatory
    ]
    return {
        "Id": record.id,
        "Name": record.name,
        "Category": int(record.category),
        "Color": "#039be5",
        "ColumnConfiguration": columns,
        "CreatedBy": "System",
        "CreatedOn": wcf_date(record.created_at),
        "FormLayout": json.dumps({"Rows": list(record.mandatory)}),
    }


def user(record: AccountUser) -> JsonObject:
    """Return a user as Users.Get shows it (#users)."""
    first, _, last = record.name.partition(" ")
    return {
        "ID": record.id,
        "FirstName": first,
        "LastName": last,
        "EmailAddress": record.email,
        "Role": record.role,
        "StatusCode": 0 if record.active else 1,
        "MemberOfGroups": [],
        "Tag": "",
        "PhoneMobile": record.phone,
        "IsPhoneCallAgent": False,
    }


def key_user(record: AccountUser, host: str) -> JsonObject:
    """Return the user of the keys, with the account's hosts (#hosts)."""
    return {
        "Id": record.id,
        "Name": record.name,
        "EmailAddress": record.email,
        "Role": record.role,
        "TimeZone": record.timezone,
        "LSQCommonServiceURLs": {"api": host, "app": host},
    }


def lead(record: ContactRecord) -> JsonObject:
    """Return a lead: all values are strings or null (#leads)."""
    first, _, last = record.name.partition(" ")
    return {
        "ProspectID": record.id,
        "FirstName": first,
        "LastName": last or None,
        "EmailAddress": record.email or None,
        "Phone": phone(record.phone) or None,
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


def user_day(record: AccountUser, day: DaySlots) -> JsonObject:
    """Return a user's free and busy times of a day, in the user's zone (#free-slots)."""
    zone = ZoneInfo(record.timezone)
    return {
        "UserId": record.id,
        "EmailAddress": record.email,
        "UserTimeZone": record.timezone,
        "AvailableSlots": _wall_time_slots(day.free, zone),
        "BusySlots": _wall_time_slots(day.busy, zone),
        "Breaks": [],
        "NoSlotsReason": day.reason,
    }


def slot_days(
    days: Mapping[date, Collection[JsonObject]], names: tuple[str, str]
) -> list[JsonObject]:
    """Return days with their users (#free-slots); ``names`` are the keys of a slot."""
    if names != _ENDS:
        for user in (user for users in days.values() for user in users):
            for key in ("AvailableSlots", "BusySlots"):
                user[key] = [dict(zip(names, slot.values(), strict=True)) for slot in user[key]]
    return [{"Date": day.isoformat(), "UserSlots": list(users)} for day, users in days.items()]


_ENDS = ("StartTime", "EndTime")


def _wall_time_slots(spans: Sequence[Span], zone: ZoneInfo) -> list[JsonObject]:
    return [
        dict(zip(_ENDS, (_wall_time(start, zone), _wall_time(end, zone)), strict=True))
        for start, end in spans
    ]


@lru_cache(maxsize=8192)
def _wall_time(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M:%S}"
