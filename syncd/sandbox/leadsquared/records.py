"""What a LeadSquared account holds.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import IntEnum
from types import MappingProxyType


class Category(IntEnum):
    """The two sorts of tasks (#words)."""

    APPOINTMENT = 0
    TO_DO = 1


class Related(IntEnum):
    """What a task is about (#task-fields)."""

    NOTHING = 0
    LEAD = 1


class Status(IntEnum):
    """A task's StatusCode (#status).

    How the product shows a task that was cancelled in its web application is undocumented; any
    code besides the other two is a cancelled one to a careful client, and 2 is such a code.
    """

    INCOMPLETE = 0
    COMPLETE = 1
    CANCELLED = 2


WORDS: Mapping[str, Status] = MappingProxyType(
    {
        "new": Status.INCOMPLETE,
        "confirmed": Status.INCOMPLETE,
        "showed": Status.COMPLETE,
        "cancelled": Status.CANCELLED,
    }
)
"""The sandbox's common words for what a person makes of a task; of several the last one shows."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Working hours on some days of the week (0 is Sunday), on the user's wall clock."""

    days: tuple[int, ...]
    opens: time
    closes: time


OFFICE_HOURS = (Shift((1, 2, 3, 4, 5), time(9), time(17)),)


@dataclass(frozen=True, slots=True)
class User:
    """A user, known by e-mail to most calls. No ``hours`` is no work-day template (#users)."""

    id: str
    name: str
    email: str
    timezone: str
    role: str = "Sales_User"
    active: bool = True
    hours: tuple[Shift, ...] = OFFICE_HOURS
    phone: str = ""


@dataclass(frozen=True, slots=True)
class TaskType:
    """A task type: whether its tasks may overlap others, and which custom fields it demands."""

    id: str
    name: str
    category: Category
    created_at: datetime
    allow_conflicts: bool = True
    length: timedelta = timedelta(minutes=30)
    mandatory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An appointment or a to-do; owner, ``created_by`` and ``modified_by`` are users' ids.

    ``lead`` is empty when the task is related to nothing. A ``deleted`` one is served to nobody.
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
    status: Status = Status.INCOMPLETE
    completed_at: datetime | None = None
    lead: str = ""
    description: str = ""
    location: str = ""
    notify_by: str = "1100"
    reminder: int = 0
    custom: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    series: str = ""
