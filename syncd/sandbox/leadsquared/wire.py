"""How LeadSquared spells what it holds (leadsquared.md 1.2, 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import phonenumbers

from syncd.model import utc

if TYPE_CHECKING:
    from syncd.sandbox.leadsquared.records import Task, TaskType, User
    from syncd.sandbox.people import Contact

Json = dict[str, Any]
NEVER = "0001-01-01 00:00:00.000"


def stamp(moment: datetime) -> str:
    """A time as it is read: UTC without a mark, with milliseconds."""
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S.000")


def end_stamp(moment: datetime) -> str:
    """An end as it is read: the same without milliseconds."""
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S")


def wcf(moment: datetime) -> str:
    """A time in the older spelling, which task types keep."""
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"


def parse(written: object) -> datetime:
    """Read a time that a client wrote: UTC, seconds, no mark. Raises ValueError."""
    moment = datetime.strptime(str(written), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - UTC by contract
    return moment.replace(tzinfo=UTC)


def task(found: Task, type: TaskType, owner: User, lead: Contact | None) -> Json:
    """A row of a list; its whole type is repeated in it, and some of its numbers are texts."""
    shown: Json = {
        "UserTaskId": found.id,
        "Name": f"{type.name}: {found.name}",
        "Description": found.description,
        "RelatedEntity": 1 if lead else 0,
        "RelatedEntityIdName": lead.name if lead else "",
        "DueDate": stamp(found.start),
        "EndDate": end_stamp(found.end),
        "Reminder": 0,
        "ReminderBeforeDays": 0,
        "NotifyBy": "1000",
        "StatusCode": found.code,
        "OwnerId": owner.id,
        "OwnerName": owner.name,
        "OwnerEmailAddress": owner.email,
        "CreatedOn": stamp(found.created_at),
        "ModifiedOn": stamp(found.updated_at),
        "CompletedOn": stamp(found.updated_at) if found.code == 1 else NEVER,
        "PercentCompleted": 0,
        "Priority": "",
        "EffortEstimateUnit": "",
        "Location": "",
        "TaskType": task_type(type, found.created_at),
        "CustomFields": dict(found.custom),
    }
    if lead:
        shown["RelatedEntityId"] = lead.id
    return shown


def task_type(found: TaskType, made: datetime) -> Json:
    """A task type with its columns."""
    columns = [
        {
            "DataType": "String",
            "DisplayName": name,
            "InternalSchemaName": name,
            "IsDefault": False,
            "IsMandatoryConfigurable": True,
            "Mandatory": True,
            "SchemaName": name,
        }
        for name in found.mandatory
    ]
    return {
        "Id": found.id,
        "Name": found.name,
        "Category": found.category,
        "Color": "#0B8043",
        "ColumnConfiguration": columns,
        "CreatedOn": wcf(made),
        "FormLayout": "{}",
    }


def user(found: User) -> Json:
    """A row of Users.Get; status 0 is active."""
    first, _, last = found.name.partition(" ")
    return {
        "ID": found.id,
        "FirstName": first,
        "LastName": last,
        "EmailAddress": found.email,
        "Role": "Sales_User",
        "StatusCode": 0 if found.active else 1,
        "MemberOfGroups": [],
        "Tag": "",
        "IsPhoneCallAgent": False,
    }


def lead(found: Contact) -> Json:
    """A lead: all values are texts or null, and the phone is spelt as tenants hold it."""
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
    """``+49-30555010``: the country, a hyphen, the rest."""
    if not e164:
        return ""
    number = phonenumbers.parse(e164)
    return f"+{number.country_code}-{phonenumbers.national_significant_number(number)}"
