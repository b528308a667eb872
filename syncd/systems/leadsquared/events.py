"""From a LeadSquared task to syncd's words, and times back again (leadsquared.md 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncd.model import (
    Clock,
    Event,
    Kind,
    Status,
    Topic,
    Value,
    find_key,
    from_millis,
    read_update,
    read_value,
    said,
    unknown_status,
    utc,
)
from syncd.model.statuses import LEADSQUARED
from syncd.systems.leadsquared.users import owner_of
from syncd.systems.leadsquared.wire import TypeName
from syncd.systems.loose import number, text
from syncd.systems.port import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.model import Statuses
    from syncd.systems.leadsquared.wire import Task

_WCF = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_FIRST_YEAR = 1970
_SHORTEST_TIME = len("2022-07-25 10:30")
_LEAD = 1


def instant(value: object) -> datetime:
    """Read a time: UTC without a mark, with or without fractions, or ``/Date(ms+0000)/``.

    Raises ValueError for anything else, the platform's year 1 for "never" included.
    """
    written = text(value)
    wcf = _WCF.fullmatch(written)
    moment = from_millis(int(wcf.group(1))) if wcf else _iso(written)
    if moment.year < _FIRST_YEAR:
        message = "a time is the platform's sign for never"
        raise ValueError(message)
    return moment


def _iso(written: str) -> datetime:
    if len(written) < _SHORTEST_TIME:
        message = "a time is missing or unreadable"
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        message = "a time is unreadable"
        raise ValueError(message) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else utc(moment)


def written_time(moment: datetime) -> str:
    """Write an instant as the platform wants it: UTC, seconds, no mark (leadsquared.md 0.5)."""
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S")


def unchanged(
    task: Any,
    spelt: Mapping[str, str],
    known: Mapping[str, str],
    plain: Collection[str] = LEADSQUARED.plain_busy,
) -> bool:
    """Whether a task is plainly as it is known; False where that takes a closer look.

    Says of a task what `Reader.owner` and `Reader.fingerprint` would, at a fraction of the cost.
    ``spelt`` are the providers by their addresses as they were sent, ``plain`` the codes of a task
    that is certainly no busy time that was cancelled. A task that is known was readable, and inside
    the window.
    """
    try:
        stored = known.get(task.user_task_id)
        if stored is None or str(task.status_code) not in plain:
            return False
        provider = spelt[task.owner_email_address]
        spelling = f"{task.due_date}|{task.end_date}|{task.status_code}|{provider}"
        customer = "c" if task.related_entity_id else ""
        same = stored == f"{spelling}|{task.task_type.name}|{customer}"
    except (AttributeError, KeyError, TypeError):  # no object, a new spelling, a list as an id
        return False
    return same


@dataclass(frozen=True, slots=True)
class Reader:
    """Parses tasks of one system. ``owners`` maps `CalendarOf.address` to providers."""

    system: str
    clock: Clock
    owners: Mapping[str, str]
    busy_task_type: str
    key_field: str | None = None
    statuses: Statuses = LEADSQUARED

    def owner(self, task: Task, asked: Collection[str] = ()) -> str | None:
        """The task's provider, None where that user is not mapped.

        A task that names no owner is that of the only provider asked for. Raises ValueError where
        several were.
        """
        address = text(task.owner_email_address).casefold()
        if address:
            return self.owners.get(address)
        if len(asked) == 1:
            return next(iter(asked))
        message = "names no owner"
        raise ValueError(message)

    def type_name(self, task: Task) -> str:
        """The name of the task's type."""
        return text(task.task_type.name) if isinstance(task.task_type, TypeName) else ""

    def kind(self, task: Task) -> Kind:
        """The busy type is busy time unless a customer is in it; every other type is a meeting."""
        busy = self.type_name(task).casefold() == self.busy_task_type.strip().casefold()
        return Kind.BLOCK if busy and not _has_customer(task) else Kind.APPOINTMENT

    def status(self, task: Task) -> Status:
        """The status in syncd's words; a block is busy whether or not somebody completed it."""
        status = self.statuses.meant(said(task.status_code))
        busy_block = self.kind(task) is Kind.BLOCK and status.busy
        return Status.CONFIRMED if busy_block else status

    def is_free_block(self, task: Task) -> bool:
        """Whether this is a block that was cancelled: it takes no time, so it counts as absent."""
        return self.kind(task) is Kind.BLOCK and not self.status(task).busy

    def value(self, task: Task) -> Value:
        """Interval and status. Raises ValueError."""
        start, end = instant(task.due_date), instant(task.end_date)
        return read_value(start, end, self.status(task), self.clock.now())

    def fingerprint(self, task: Task, provider: str) -> str:
        """The fields that matter, as sent; of a customer only whether there is one."""
        start, end = text(task.due_date), text(task.end_date)
        status = self.statuses.spelt(said(task.status_code))
        customer = "c" if task.related_entity_id else ""
        return f"{start}|{end}|{status}|{provider}|{self.type_name(task)}|{customer}"

    def odd_status(self, task: Task, provider: str) -> Malformed | None:
        """What is to be reported of a task whose status is not known, None for others."""
        word = said(task.status_code)
        if not word or self.statuses.read(word) is not None:
            return None
        return Malformed(
            self.system,
            text(task.user_task_id),
            unknown_status(word),
            Topic.UNKNOWN_STATUS,
            provider,
        )

    def event(self, task: Task, provider: str) -> Event:
        """The task as an event. Raises Malformed."""
        known = text(task.user_task_id)
        try:
            value = self.value(task)
        except ValueError as error:
            raise Malformed(self.system, known, str(error)) from error
        return Event(
            self.system,
            provider,
            known,
            self.kind(task),
            value,
            person=_person(task),
            service=self.type_name(task) or None,
            key=find_key(task.description, self._field(task), task.name),
            updated_at=self._maybe(task.modified_on),
            owner=owner_of(task),
            tells_status=self.statuses.read(said(task.status_code)) is not None,
        )

    def _maybe(self, value: object) -> datetime | None:
        try:
            return read_update(instant(value), self.clock.now())
        except ValueError:
            return None

    def _field(self, task: Task) -> object:
        fields = task.custom_fields
        return fields.get(self.key_field) if isinstance(fields, dict) and self.key_field else None


def _has_customer(task: Task) -> bool:
    """Whether the task is related to a lead or an opportunity; 0 and a zero id mean to nothing."""
    related = text(task.related_entity_id).strip("0-")
    return bool(related) and number(task.related_entity) != 0


def _person(task: Task) -> str | None:
    """The lead's id. Opportunities have none of their own addresses (leadsquared.md 1.2)."""
    entity = number(task.related_entity)
    return text(task.related_entity_id) or None if entity in {None, _LEAD} else None
