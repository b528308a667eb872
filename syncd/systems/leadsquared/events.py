"""Convert LeadSquared tasks to events, and times to and from the platform's format.

See docs/platforms/leadsquared.md#task-fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.model import (
    UNNAMED_SERIES,
    Clock,
    Event,
    Kind,
    Status,
    Topic,
    Value,
    find_tag,
    from_millis,
    read_update,
    read_value,
    status_text,
    unknown_status_message,
    utc,
)
from syncd.model.statuses import LEADSQUARED
from syncd.systems.contact_addresses import customer_mark
from syncd.systems.errors import UnreadableError
from syncd.systems.leadsquared.users import owner_of
from syncd.systems.leadsquared.wire import TypeName
from syncd.systems.lenient import number, text
from syncd.systems.port import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from syncd.model import Statuses
    from syncd.systems.leadsquared.wire import Task

ASSUMED_LENGTH = timedelta(hours=1)
"""The assumed length of a task without an end. Each task type has a default length, but no
documented response shows it."""

_AT_ONCE = timedelta(seconds=2)

NULL_DATE = re.compile(r"0001-01-01\b.*|0?1/0?1/0001\b.*|/Date\(-62135596800000([+-]\d{4})?\)/")
"""Matches the null date of .NET, which a response may show for an end that is not set."""

_WCF = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_FIRST_YEAR = 1970
_SHORTEST_TIME = len("2022-07-25 10:30")
_LEAD = 1


def parse_time(value: object) -> datetime:
    """Parse a time: UTC without an offset, with or without fractions, or ``/Date(ms+0000)/``.

    Raises ValueError for anything else, also for the year 1, by which the platform means "never".
    """
    written = text(value)
    wcf = _WCF.fullmatch(written)
    moment = from_millis(int(wcf.group(1))) if wcf else _parse_iso(written)
    if moment.year < _FIRST_YEAR:
        message = 'a time has the value by which LeadSquared means "never"'
        raise ValueError(message)
    return moment


def _parse_iso(written: str) -> datetime:
    if len(written) < _SHORTEST_TIME:
        message = "a time is missing or unreadable"
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        message = "a time is unreadable"
        raise ValueError(message) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else utc(moment)


def is_unchanged(
    task: Any,
    providers: Mapping[str, str],
    known: Mapping[str, str],
    plain: Collection[str] = LEADSQUARED.plain_busy,
) -> bool:
    """Return whether a task surely has a known fingerprint; False if a full comparison is needed.

    Used for every list row: the result agrees with `Parser.owner` and `Parser.fingerprint`, at a
    fraction of the CPU time. ``providers`` maps owner addresses and ids, as sent, to providers.
    ``known`` maps ids to fingerprints. ``plain`` are the status codes of tasks that certainly are
    busy time. A task with a known fingerprint was readable and inside the window.
    """
    try:
        stored = known.get(task.user_task_id)
        if stored is None or str(task.status_code) not in plain:
            return False
        provider = providers[task.owner_email_address or task.owner_id]
        fields = f"{task.due_date}|{task.end_date}|{task.status_code}|{provider}"
        customer = customer_mark(task.related_entity_id)
        same = stored == f"{fields}|{task.task_type.name}|{customer}{_series_field(task)}"
    except (AttributeError, KeyError, TypeError):  # no object, an unknown owner, a list as an id
        return False
    return same


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses the tasks of one system. ``owners`` maps `CalendarMapping.address` to providers.

    ``address_of`` returns a user's e-mail address by id, '' if unknown. ``capabilities`` returns
    the account's capabilities, such as whether completing a task changes its end.
    """

    system: str
    clock: Clock
    owners: Mapping[str, str]
    busy_task_type: str
    key_field: str | None = None
    statuses: Statuses = LEADSQUARED
    address_of: Callable[[str], str] = lambda _user: ""
    capabilities: Callable[[], Capabilities] = Capabilities

    def owner(self, task: Task, requested: Collection[str] = (), known: str = "") -> str | None:
        """Return the task's provider; None if its user is not mapped.

        The user is found by e-mail address, else by id. If neither finds a user, the provider is
        the only one of ``requested``, the providers whose list contained the task; else, if the
        task names no owner at all, it is ``known``, the stored provider. Otherwise ValueError is
        raised.
        """
        user = text(task.owner_id)
        address = text(task.owner_email_address).casefold() or self.address_of(user)
        if address:
            return self.owners.get(address)
        if len(requested) == 1:
            return next(iter(requested))
        if known and not user:
            return known
        message = "no user has the id of the task's owner" if user else "the task has no owner"
        raise ValueError(message)

    def type_name(self, task: Task) -> str:
        """Return the name of the task's type; the platform sends an object or a text."""
        kind = task.task_type
        return text(kind.name if isinstance(kind, TypeName) else kind)

    def kind(self, task: Task) -> Kind:
        """Return BLOCK for a task of the busy type without a customer, else APPOINTMENT."""
        busy = self.type_name(task).casefold() == self.busy_task_type.strip().casefold()
        return Kind.BLOCK if busy and not _has_customer(task) else Kind.APPOINTMENT

    def status(self, task: Task) -> Status:
        """Return the status; a block that somebody completed is still confirmed."""
        status = self.statuses.status_of(status_text(task.status_code))
        busy_block = self.kind(task) is Kind.BLOCK and status.busy
        return Status.CONFIRMED if busy_block else status

    def is_free_block(self, task: Task) -> bool:
        """Return whether this is a cancelled block, which blocks no time and counts as absent."""
        return self.kind(task) is Kind.BLOCK and not self.status(task).busy

    def value(self, task: Task) -> Value:
        """Return interval and status; a missing end is assumed. Raises ValueError."""
        start = parse_time(task.due_date)
        end = parse_time(task.end_date) if self.has_own_end(task) else start + ASSUMED_LENGTH
        return read_value(start, end, self.status(task), self.clock.now())

    def has_own_end(self, task: Task) -> bool:
        """Return whether the task's end is its own, and not the time of its completion.

        An end that cannot be parsed counts as the task's own, so that the task is reported as
        unreadable.
        """
        completed = LEADSQUARED.status_of(status_text(task.status_code)) is Status.SHOWED
        doubtful = completed and self.capabilities().completing_changes_end
        return has_end(task) and (not doubtful or self._ends_later(task))

    def ends_when_completed(self, task: Task) -> bool:
        """Return whether the end of a completed task surely is the time of its completion.

        That is so if the end is before the start, or at the time of the last change.
        """
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED or not has_end(
            task
        ):
            return False
        try:
            start, end = parse_time(task.due_date), parse_time(task.end_date)
        except ValueError:
            return False
        changed = self._update_time(task.modified_on)
        return end <= start or (changed is not None and abs(end - changed) <= _AT_ONCE)

    def _ends_later(self, task: Task) -> bool:
        """Return whether the end is after now and after the last change, so no completion set it.

        The platform sends both times by its own clock.
        """
        try:
            end = parse_time(task.end_date)
        except ValueError:
            return False
        changed = self._update_time(task.modified_on)
        return end > self.clock.now() and (changed is None or end > changed)

    def fingerprint(self, task: Task, provider: str) -> str:
        """Return the fields that matter, as sent; of a customer only a checksum of the id."""
        start, end = text(task.due_date), text(task.end_date)
        status = self.statuses.fingerprint_text(status_text(task.status_code))
        customer = customer_mark(text(task.related_entity_id))
        fields = f"{start}|{end}|{status}|{provider}|{self.type_name(task)}|{customer}"
        fields += _series_field(task)
        # Must differ from `is_unchanged`: a task without an end is reported in each read.
        return fields if has_end(task) else f"{fields}|no end"

    def odd_status(self, task: Task, provider: str) -> UnreadableError | None:
        """Return the report about a task with an unknown status; None for other tasks."""
        word = status_text(task.status_code)
        if not word or self.statuses.read(word) is not None:
            return None
        return UnreadableError(
            self.system,
            text(task.user_task_id),
            unknown_status_message(word),
            Topic.UNKNOWN_STATUS,
            provider,
        )

    def event(self, task: Task, provider: str) -> Event:
        """Convert the task to an event. Raises UnreadableError."""
        task_id = text(task.user_task_id)
        try:
            value = self.value(task)
        except ValueError as error:
            raise UnreadableError(self.system, task_id, str(error)) from error
        return Event(
            self.system,
            provider,
            task_id,
            self.kind(task),
            value,
            customer=_customer(task),
            service=self.type_name(task) or None,
            key=find_tag(task.description, self._field(task), task.name),
            updated_at=self._update_time(task.modified_on),
            created_at=self._update_time(task.created_on),
            owner=owner_of(task),
            series=series(task),
            shows_end=self.has_own_end(task),
            shows_status=self.statuses.read(status_text(task.status_code)) is not None,
        )

    def _update_time(self, value: object) -> datetime | None:
        try:
            return read_update(parse_time(value), self.clock.now())
        except ValueError:
            return None

    def _field(self, task: Task) -> object:
        fields = task.custom_fields
        return fields.get(self.key_field) if isinstance(fields, dict) and self.key_field else None


def series(task: Task) -> str:
    """Return the id of the series of which the task is an instance; '' for a single task.

    The field names are assumptions: no recorded response with a recurring task is known.
    """
    series_id = text(task.recurrence_id)
    if series_id.strip("0-"):
        return series_id
    recurring = task.is_recurring is True or text(task.is_recurring).casefold() in {"true", "1"}
    return UNNAMED_SERIES if recurring else ""


def _series_field(task: Task) -> str:
    """Return the series for a fingerprint; '' for a single task."""
    if task.recurrence_id or task.is_recurring:
        return f"|series {series_id}" if (series_id := series(task)) else ""
    return ""


def has_end(task: Task) -> bool:
    """Return whether the task has an end; the year 1 means that it has none."""
    end = text(task.end_date)
    return bool(end) and not NULL_DATE.fullmatch(end)


def _has_customer(task: Task) -> bool:
    """Return whether the task belongs to a lead or an opportunity; 0 or a zero id means none."""
    related = text(task.related_entity_id).strip("0-")
    return bool(related) and number(task.related_entity) != 0


def _customer(task: Task) -> str | None:
    """Return the lead's id; None for opportunities, which have no addresses.

    See docs/platforms/leadsquared.md#task-fields.
    """
    entity = number(task.related_entity)
    return text(task.related_entity_id) or None if entity in {None, _LEAD} else None
