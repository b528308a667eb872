"""Records of a LeadSquared account.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import IntEnum
from types import MappingProxyType


class Category(IntEnum):
    """The two categories of tasks (#words)."""

    APPOINTMENT = 0
    TO_DO = 1


class RelatedEntity(IntEnum):
    """The kind of record that a task is about (#task-fields)."""

    NOTHING = 0
    LEAD = 1


class TaskStatus(IntEnum):
    """A task's StatusCode (#status).

    The code of a task that was cancelled in the web application is undocumented. A careful client
    treats every code other than the first two as cancelled, and 2 is such a code.
    """

    INCOMPLETE = 0
    COMPLETE = 1
    CANCELLED = 2


TASK_STATUSES: Mapping[str, TaskStatus] = MappingProxyType(
    {
        "new": TaskStatus.INCOMPLETE,
        "confirmed": TaskStatus.INCOMPLETE,
        "showed": TaskStatus.COMPLETE,
        "cancelled": TaskStatus.CANCELLED,
    }
)
"""The sandbox's common statuses; if several have one code, reads show the last."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Working hours on some days of the week (0 is Sunday), as wall time of the user."""

    days: tuple[int, ...]
    opens: time
    closes: time


OFFICE_HOURS = (Shift((1, 2, 3, 4, 5), time(9), time(17)),)


@dataclass(frozen=True, slots=True)
class AccountUser:
    """A user, identified by e-mail in most calls. No ``hours``: no work-day template (#users)."""

    id: str
    name: str
    email: str
    timezone: str
    role: str = "Sales_User"
    active: bool = True
    hours: tuple[Shift, ...] = OFFICE_HOURS
    phone: str = ""


@dataclass(frozen=True, slots=True)
class TaskTypeRecord:
    """A task type: whether its tasks may overlap others, and its mandatory custom fields."""

    id: str
    name: str
    category: Category
    created_at: datetime
    allow_conflicts: bool = True
    length: timedelta = timedelta(minutes=30)
    mandatory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """An appointment or a to-do; owner, ``created_by`` and ``modified_by`` are user ids.

    ``lead`` is empty if the task is related to nothing. A ``deleted`` task is never served.
    """

    id: str
    number: int
    type: str
    owner: str
    name: str
    start: datetime
    end: datetime
    created_by: str
    created_at: datetime
    modified_by: str
    modified_at: datetime
    status: TaskStatus = TaskStatus.INCOMPLETE
    completed_at: datetime | None = None
    lead: str = ""
    description: str = ""
    location: str = ""
    notify_by: str = "1100"
    reminder: int = 0
    custom: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    series: str = ""
