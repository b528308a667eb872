"""The JSON of LeadSquared, read leniently: numbers may be text, and any field may be absent.

Field names: docs/platforms/leadsquared.md. A task row repeats its whole type; only what decides is
decoded. What is read by the thousand can hold no cycle, so the garbage collector is not to know of
it.
"""

from __future__ import annotations

from typing import Any

import msgspec

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
    """One page of appointments. An answer without the list is no empty list."""

    rows: list[Task | LenientValue] = msgspec.field(name="List")
    record_count: Any = None


class NoRows(msgspec.Struct, rename="pascal"):
    """A page that says null instead of an empty list; only a count of 0 makes it empty."""

    rows: None = msgspec.field(name="List")
    record_count: Any = None


class Wrote(msgspec.Struct, rename="pascal"):
    """The answer to a write. Only ``Status`` proves that it was taken.

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
        """``Message.Id``, the new task's or the job's; '' where there is none."""
        return text(self.message.get("Id")) if isinstance(self.message, dict) else ""

    @property
    def succeeded(self) -> bool:
        """Whether it says so, and does not say the contrary beside it."""
        doubted = isinstance(self.message, dict) and self.message.get("IsSuccessful") is False
        return text(self.status).casefold() == "success" and not doubted

    @property
    def denied(self) -> bool:
        """Whether it says that nothing was done; most answers to an unknown call say neither."""
        contrary = isinstance(self.message, dict) and self.message.get("IsSuccessful") is False
        return contrary or text(self.status).casefold() in {"error", "failure", "failed"}

    def deleted(self, asked: int) -> int | None:
        """How many of the tasks were deleted for certain; None if it was only queued.

        Where a reason for a failure stands beside numbers that do not add up, or beside none, not
        one is certain.
        """
        count, reason = number(self.deleted_tasks_count), text(self.failure_reason)
        if count is None:
            return 0 if reason else None
        return max(0, min(count, asked))


class User(msgspec.Struct, rename="pascal", frozen=True):
    """One row of ``Users.Get``; status 0 is active. Other calls say ``UserId`` for ``ID``."""

    id: Any = msgspec.field(name="ID", default=None)
    user_id: Any = None
    first_name: Any = None
    last_name: Any = None
    email_address: Any = None
    phone_mobile: Any = None
    status_code: Any = None

    def __post_init__(self) -> None:
        """Take the id under whichever name it comes."""
        if self.id is None:
            msgspec.structs.force_setattr(self, "id", self.user_id)


class Caller(msgspec.Struct, rename="pascal", frozen=True):
    """Who the keys belong to, and where the account lives."""

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
    """A lead's id and addresses: decoded on demand, kept in memory only."""

    prospect_id: Any = msgspec.field(name="ProspectID", default=None)
    email_address: Any = None
    phone: Any = None
    mobile: Any = None


class Day(msgspec.Struct, rename="pascal", frozen=True):
    """One day of free slots. What is inside is read by name, as the docs cut those names off."""

    date: Any = None
    user_slots: Any = None


class Days(msgspec.Struct, rename="pascal"):
    """The answer of ``RetrieveAvailableSlots``."""

    days: list[Day | LenientValue] = msgspec.field(name="List")
