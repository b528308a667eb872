"""From a LeadSquared task to syncd's words, and times back again.

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
from syncd.systems.contact_addresses import person_mark
from syncd.systems.leadsquared.users import owner_of
from syncd.systems.leadsquared.wire import TypeName
from syncd.systems.lenient import number, text
from syncd.systems.port import Capabilities, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from syncd.model import Statuses
    from syncd.systems.leadsquared.wire import Task

LENGTH = timedelta(hours=1)
"""The length that is assumed of a task whose end is not known. Each task type has a default length,
but no documented answer shows it."""

_AT_ONCE = timedelta(seconds=2)

_NEVER = re.compile(r"0001-01-01\b.*|0?1/0?1/0001\b.*|/Date\(-62135596800000([+-]\d{4})?\)/")

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
    """Write an instant as the platform wants it: UTC, seconds, no mark.

    See docs/platforms/leadsquared.md#times.
    """
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S")


def unchanged(
    task: Any,
    spelt: Mapping[str, str],
    known: Mapping[str, str],
    plain: Collection[str] = LEADSQUARED.plain_busy,
) -> bool:
    """Whether a task is plainly as it is known; False where that takes a closer look.

    Says of a task what `Parser.owner` and `Parser.fingerprint` would, at a fraction of the cost.
    ``spelt`` are the providers by their addresses as they were sent, ``plain`` the codes of a task
    that is certainly no busy time that was cancelled. A task that is known was readable, and inside
    the window.
    """
    try:
        stored = known.get(task.user_task_id)
        if stored is None or str(task.status_code) not in plain:
            return False
        provider = spelt[task.owner_email_address or task.owner_id]
        spelling = f"{task.due_date}|{task.end_date}|{task.status_code}|{provider}"
        customer = person_mark(task.related_entity_id)
        same = stored == f"{spelling}|{task.task_type.name}|{customer}{_spelt(task)}"
    except (AttributeError, KeyError, TypeError):  # no object, a new spelling, a list as an id
        return False
    return same


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses tasks of one system. ``owners`` maps `CalendarMapping.address` to providers.

    ``address_of`` gives a user's address by id, '' where it is not known. Where ``able`` says that
    completing leaves the end alone, that of a completed task is believed.
    """

    system: str
    clock: Clock
    owners: Mapping[str, str]
    busy_task_type: str
    key_field: str | None = None
    statuses: Statuses = LEADSQUARED
    address_of: Callable[[str], str] = lambda _user: ""
    able: Callable[[], Capabilities] = Capabilities

    def owner(self, task: Task, asked: Collection[str] = (), holder: str = "") -> str | None:
        """The task's provider, None where that user is not mapped.

        A task that names its owner by id only is of the user with that id. If that user is not
        known, it is of the only provider ``asked`` for, whose list it was in; and a task that names
        no owner at all stays with its ``holder``. Raises ValueError where neither helps.
        """
        user = text(task.owner_id)
        address = text(task.owner_email_address).casefold() or self.address_of(user)
        if address:
            return self.owners.get(address)
        if len(asked) == 1:
            return next(iter(asked))
        if holder and not user:
            return holder
        message = "its owner is an id that no user has" if user else "names no owner"
        raise ValueError(message)

    def type_name(self, task: Task) -> str:
        """The name of the task's type, which comes with the whole type, or alone."""
        kind = task.task_type
        return text(kind.name if isinstance(kind, TypeName) else kind)

    def kind(self, task: Task) -> Kind:
        """The busy type is busy time unless a customer is in it; every other type is a meeting."""
        busy = self.type_name(task).casefold() == self.busy_task_type.strip().casefold()
        return Kind.BLOCK if busy and not _has_customer(task) else Kind.APPOINTMENT

    def status(self, task: Task) -> Status:
        """The status in syncd's words; a block is busy whether or not somebody completed it."""
        status = self.statuses.status_of(status_text(task.status_code))
        busy_block = self.kind(task) is Kind.BLOCK and status.busy
        return Status.CONFIRMED if busy_block else status

    def is_free_block(self, task: Task) -> bool:
        """Whether this is a block that was cancelled: it takes no time, so it counts as absent."""
        return self.kind(task) is Kind.BLOCK and not self.status(task).busy

    def value(self, task: Task) -> Value:
        """Interval and status, of an assumed length where no end is told. Raises ValueError."""
        start = instant(task.due_date)
        end = instant(task.end_date) if self.tells_end(task) else start + LENGTH
        return read_value(start, end, self.status(task), self.clock.now())

    def tells_end(self, task: Task) -> bool:
        """Whether the task's end is its own: that of a completed one may be when it was completed.

        An end that is no time is one that is told, and makes the task unreadable.
        """
        completed = LEADSQUARED.status_of(status_text(task.status_code)) is Status.SHOWED
        doubted = completed and self.able().completing_changes_end
        return has_end(task) and (not doubted or self._is_to_come(task))

    def ends_when_completed(self, task: Task) -> bool:
        """Whether a completed task shows the time of its completion as its end.

        So it does if it ends before it begins, or at the instant of its last change.
        """
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED or not has_end(
            task
        ):
            return False
        try:
            start, end = instant(task.due_date), instant(task.end_date)
        except ValueError:
            return False
        changed = self._maybe(task.modified_on)
        return end <= start or (changed is not None and abs(end - changed) <= _AT_ONCE)

    def _is_to_come(self, task: Task) -> bool:
        """Whether the task ends later than now and than its last change: nobody completed it then.

        The last change, where it is told, shows it by the platform's own times.
        """
        try:
            end = instant(task.end_date)
        except ValueError:
            return False
        changed = self._maybe(task.modified_on)
        return end > self.clock.now() and (changed is None or end > changed)

    def fingerprint(self, task: Task, provider: str) -> str:
        """The fields that matter, as sent; of a customer only a mark of its id."""
        start, end = text(task.due_date), text(task.end_date)
        status = self.statuses.fingerprint_text(status_text(task.status_code))
        customer = person_mark(text(task.related_entity_id))
        spelling = f"{start}|{end}|{status}|{provider}|{self.type_name(task)}|{customer}"
        spelling += _spelt(task)
        # Not as `unchanged` spells it: a task without an end is reported in each read.
        return spelling if has_end(task) else f"{spelling}|no end"

    def odd_status(self, task: Task, provider: str) -> UnreadableError | None:
        """What is to be reported of a task whose status is not known, None for others."""
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
        """The task as an event. Raises UnreadableError."""
        known = text(task.user_task_id)
        try:
            value = self.value(task)
        except ValueError as error:
            raise UnreadableError(self.system, known, str(error)) from error
        return Event(
            self.system,
            provider,
            known,
            self.kind(task),
            value,
            person=_person(task),
            service=self.type_name(task) or None,
            key=find_tag(task.description, self._field(task), task.name),
            updated_at=self._maybe(task.modified_on),
            created_at=self._maybe(task.created_on),
            owner=owner_of(task),
            series=series(task),
            shows_end=self.tells_end(task),
            shows_status=self.statuses.read(status_text(task.status_code)) is not None,
        )

    def _maybe(self, value: object) -> datetime | None:
        try:
            return read_update(instant(value), self.clock.now())
        except ValueError:
            return None

    def _field(self, task: Task) -> object:
        fields = task.custom_fields
        return fields.get(self.key_field) if isinstance(fields, dict) and self.key_field else None


def series(task: Task) -> str:
    """The id of the recurring task of which this is one; '' for a single one.

    The names of the fields are assumed: no recording of a recurring task was found.
    """
    named = text(task.recurrence_id)
    if named.strip("0-"):
        return named
    recurring = task.is_recurring is True or text(task.is_recurring).casefold() in {"true", "1"}
    return UNNAMED_SERIES if recurring else ""


def _spelt(task: Task) -> str:
    """What a fingerprint says of a row's series: nothing of a single task."""
    if task.recurrence_id or task.is_recurring:
        return f"|series {found}" if (found := series(task)) else ""
    return ""


def has_end(task: Task) -> bool:
    """Whether the task has an end at all; the year 1 is the platform's sign for none."""
    end = text(task.end_date)
    return bool(end) and not _NEVER.fullmatch(end)


def _has_customer(task: Task) -> bool:
    """Whether the task is related to a lead or an opportunity; 0 and a zero id mean to nothing."""
    related = text(task.related_entity_id).strip("0-")
    return bool(related) and number(task.related_entity) != 0


def _person(task: Task) -> str | None:
    """The lead's id. Opportunities have none of their own addresses.

    See docs/platforms/leadsquared.md#task-fields.
    """
    entity = number(task.related_entity)
    return text(task.related_entity_id) or None if entity in {None, _LEAD} else None
