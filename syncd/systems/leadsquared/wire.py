"""The JSON types of LeadSquared. Numbers may be sent as text, and any field may be missing.

Field names: docs/platforms/leadsquared.md. Each task row repeats its whole type; only the needed
fields are decoded. Rows have ``gc=False``: there are thousands, and they cannot form cycles.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from syncd.model import utc
from syncd.systems.lenient import LenientValue, number, text


class TypeName(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    """A task's type, reduced to its name."""

    name: Any = None


class Task(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    """One appointment. ``due_date`` is its start (docs/platforms/leadsquared.md#task-fields)."""

    user_task_id: Any = None
    name: Any = None
    description: Any = None
    related_entity: Any = None
    related_entity_id: Any = None
    due_date: Any = None
    end_date: Any = None
    status_code: Any = None
    owner_id: Any = None
    owner_email_address: Any = None
    created_on: Any = None
    modified_on: Any = None
    task_type: TypeName | LenientValue = None
    custom_fields: Any = None
    recurrence_id: Any = None
    is_recurring: Any = None


class Listing(msgspec.Struct, rename="pascal"):
    """One page of appointments. The list is required: without it, the response is no empty page."""

    rows: list[Task | LenientValue] = msgspec.field(name="List")
    record_count: Any = None


class NoRows(msgspec.Struct, rename="pascal"):
    """A page with null instead of a list; it is empty only if the count is 0."""

    rows: None = msgspec.field(name="List")
    record_count: Any = None


class WriteResponse(msgspec.Struct, rename="pascal"):
    """The response to a write. Only ``Status`` proves that it was accepted.

    See docs/platforms/leadsquared.md#errors.
    """

    status: Any = None
    message: Any = None
    exception_type: Any = None
    exception_message: Any = None
    tasks_count: Any = None
    deleted_tasks_count: Any = None
    failure_reason: Any = None

    @property
    def id(self) -> str:
        """``Message.Id``, the id of the new task or of the job; '' if there is none."""
        return text(self.message.get("Id")) if isinstance(self.message, dict) else ""

    @property
    def succeeded(self) -> bool:
        """Whether the response reports success, and does not contradict itself."""
        contradicted = isinstance(self.message, dict) and self.message.get("IsSuccessful") is False
        return text(self.status).casefold() == "success" and not contradicted

    @property
    def denied(self) -> bool:
        """Whether the response reports that nothing was done. An unclear response is neither."""
        failed = isinstance(self.message, dict) and self.message.get("IsSuccessful") is False
        return failed or text(self.status).casefold() in {"error", "failure", "failed"}

    def deleted(self, requested: int) -> int | None:
        """Return how many tasks were certainly deleted; None if the deletion was only queued.

        A failure reason without a count means that none was certainly deleted.
        """
        count, reason = number(self.deleted_tasks_count), text(self.failure_reason)
        if count is None:
            return 0 if reason else None
        return max(0, min(count, requested))


class User(msgspec.Struct, rename="pascal", frozen=True):
    """One row of ``Users.Get``; status 0 is active. Other calls send ``UserId`` for ``ID``."""

    id: Any = msgspec.field(name="ID", default=None)
    user_id: Any = None
    first_name: Any = None
    last_name: Any = None
    email_address: Any = None
    phone_mobile: Any = None
    status_code: Any = None

    def __post_init__(self) -> None:
        """Use ``UserId`` if there is no ``ID``."""
        if self.id is None:
            msgspec.structs.force_setattr(self, "id", self.user_id)


class Caller(msgspec.Struct, rename="pascal", frozen=True):
    """The user whose keys are used, and the names of the account's API servers."""

    id: Any = None
    role: Any = None
    time_zone: Any = None
    common_urls: Any = msgspec.field(name="LSQCommonServiceURLs", default=None)


class Column(msgspec.Struct, rename="pascal", frozen=True):
    """One column of a task type."""

    schema_name: Any = None
    display_name: Any = None
    mandatory: Any = None
    is_default: Any = None


class TaskType(msgspec.Struct, rename="pascal", frozen=True):
    """A task type; category 0 is an appointment, 1 a to-do."""

    id: Any = None
    name: Any = None
    category: Any = None
    column_configuration: list[Column | LenientValue] | str | None = None
    allow_conflicts: Any = None


class Lead(msgspec.Struct, rename="pascal", frozen=True):
    """A lead's id and addresses; they are kept in memory only."""

    prospect_id: Any = msgspec.field(name="ProspectID", default=None)
    email_address: Any = None
    phone: Any = None
    mobile: Any = None


class Day(msgspec.Struct, rename="pascal", frozen=True):
    """One day of free slots. Its content is not typed: the docs do not show all field names."""

    date: Any = None
    user_slots: Any = None


class Days(msgspec.Struct, rename="pascal"):
    """The response to ``RetrieveAvailableSlots``."""

    days: list[Day | LenientValue] = msgspec.field(name="List")


def format_time(moment: datetime) -> str:
    """Format an instant for the platform: UTC in whole seconds, without an offset.

    See docs/platforms/leadsquared.md#times.
    """
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S")
