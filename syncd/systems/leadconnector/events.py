"""From a v2 row to syncd's words: when it is, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncd.model import (
    Clock,
    Event,
    Kind,
    Status,
    Topic,
    Value,
    find_tag,
    read_update,
    read_value,
    status_text,
    unknown_status_message,
)
from syncd.model.all_day import BUSY
from syncd.model.statuses import LEADCONNECTOR
from syncd.systems import all_day
from syncd.systems.contact_addresses import person_mark
from syncd.systems.dst_notes import dst_note
from syncd.systems.leadconnector import series
from syncd.systems.leadconnector.hosts import user_of
from syncd.systems.leadconnector.times import may_lack_offset, parse_time
from syncd.systems.leadconnector.wire import Appointment, Block, WriteAnswer
from syncd.systems.lenient import text
from syncd.systems.port import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from syncd.model import Statuses
    from syncd.model.all_day import AllDayRule
    from syncd.systems.leadconnector.hosts import CalendarOwners
    from syncd.systems.leadconnector.wire import Item

_BLOCK = "block"
"""What a block's fingerprint has for a status, so that a block never reads like a meeting."""


def status_word(item: Appointment | WriteAnswer) -> str:
    """Return the status as sent: the correct field, else the misspelt one."""
    return status_text(item.appointment_status) or status_text(item.appoinment_status)


def is_deleted(item: Item) -> bool:
    """Whether the platform shows the record only to say that it is gone."""
    return item.deleted is True or item.deleted == "true"


def is_all_day(item: Item) -> bool:
    """Whether a record takes whole days: it says so, or its times are dates."""
    return all_day.flagged((item.is_full_day, item.is_all_day, item.all_day)) or all_day.is_dated(
        item.start_time, item.end_time
    )


def needs_zone(item: Item) -> bool:
    """Whether only the location's zone can tell when a record is."""
    marked = item.is_full_day or item.is_all_day or item.all_day
    return bool(marked) or may_lack_offset(item.start_time) or may_lack_offset(item.end_time)


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses rows of one system; ``zone`` is the location's ('' while unknown).

    ``all_day`` says by provider what all-day events close, ``title`` what blocks of syncd's show.
    """

    system: str
    clock: Clock
    zone: str = ""
    statuses: Statuses = LEADCONNECTOR
    all_day: Mapping[str, AllDayRule] = field(default_factory=dict)
    title: str = ""

    def event(self, item: Item, provider: str) -> Event:
        """Parse a row. Raises UnreadableError. A status that is not known takes the time."""
        known = text(item.id)
        try:
            value = self._busy_part(item, self.value(item), provider)
        except ValueError as error:
            began = self._optional_time(item.start_time)
            raise UnreadableError(self.system, known, str(error), began=began) from error
        if value is None:
            raise UnreadableError(self.system, known, "it lasts all day, and is to close nothing")
        told, made = True, None
        match item:
            case Appointment():
                made = self._optional_time(item.date_added)
                told = self.statuses.read(status_word(item)) is not None
                kind, person, key = Kind.APPOINTMENT, text(item.contact_id) or None, None
            case Block():
                kind, person, key = Kind.BLOCK, None, find_tag(item.title)
        return Event(
            self.system,
            provider,
            known,
            kind,
            value,
            person=person,
            service=text(item.calendar_id) or None,
            key=key,
            updated_at=self._optional_time(item.date_updated),
            created_at=made,
            assumption=""
            if is_all_day(item)
            else dst_note(self.zone, item.start_time, item.end_time),
            owner=user_of(item),
            shows_status=told,
            series=series.series(item),
            original_start=series.original_start(item),
        )

    def value(self, item: Item | WriteAnswer) -> Value:
        """Read interval and status; whole days of an all-day event. Raises ValueError."""
        if not isinstance(item, WriteAnswer) and is_all_day(item):
            start, end = all_day.all_day_span(
                item.start_time, item.end_time, self.zone, self._instant
            )
        else:
            start, end = self._instant(item.start_time), self._instant(item.end_time)
        status = Status.CONFIRMED
        if not isinstance(item, Block):
            status = self.statuses.status_of(status_word(item))
        return read_value(start, end, status, self.clock.now())

    def takes_no_time(self, item: Item, provider: str) -> bool:
        """Whether an event is to close nothing, as it lasts all day."""
        if not is_all_day(item):
            return False
        try:
            return self._busy_part(item, self.value(item), provider) is None
        except ValueError:
            return False

    def _busy_part(self, item: Item, value: Value, provider: str) -> Value | None:
        """What of its time an event takes: for an all-day event without a customer, by policy."""
        rule = self.all_day.get(provider, BUSY)
        if rule is BUSY or not is_all_day(item) or self._is_exempt(item):
            return value
        return all_day.apply_rule(value, rule, self.zone)

    def _is_exempt(self, item: Item) -> bool:
        if isinstance(item, Appointment):
            return bool(text(item.contact_id))
        return all_day.may_be_ours(item.title, self.title, item.start_time, item.end_time)

    def _instant(self, value: object) -> datetime:
        return parse_time(value, self.zone)

    def is_over(self, item: Item, before: datetime) -> bool:
        """Whether a record surely ended by then; one with an unreadable end did not."""
        try:
            end = self.value(item).end if is_all_day(item) else self._instant(item.end_time)
        except ValueError:
            return False
        return end <= before

    def unknown_status(self, item: Item, event: str, provider: str) -> UnreadableError | None:
        """Return what is to be reported of a row whose status is not known, None for others."""
        word = status_word(item) if isinstance(item, Appointment) else ""
        if not word or self.statuses.read(word) is not None:
            return None
        return UnreadableError(
            self.system, event, unknown_status_message(word), Topic.UNKNOWN_STATUS, provider
        )

    def is_busy(self, item: Appointment) -> bool:
        """Whether a meeting takes its time; one with a word that is not known does."""
        return self.statuses.status_of(status_word(item)).busy

    def fingerprint(self, item: Item, provider: str, further_hosts: Iterable[str] = ()) -> str:
        """Spell the fields that matter, as they came; ``further`` are events derived from it."""
        word = (
            self.statuses.fingerprint_text(status_word(item))
            if isinstance(item, Appointment)
            else _BLOCK
        )
        spelt = f"{item.start_time}|{item.end_time}|{word}|{provider}"
        if isinstance(item, Appointment):
            spelt += f"|{person_mark(text(item.contact_id))}{series.spelt(item)}"
        days = (self._days_taken(item, provider),) if is_all_day(item) else ()
        return "|".join((spelt, *days, *further_hosts))

    def _days_taken(self, item: Item, provider: str) -> str:
        try:
            return all_day.closed_time_text(self._busy_part(item, self.value(item), provider))
        except ValueError:
            return "unreadable"

    def _optional_time(self, value: object) -> datetime | None:
        try:
            return read_update(parse_time(value, self.zone or "UTC"), self.clock.now())
        except ValueError:
            return None


def unchanged(
    item: Any,
    owners: CalendarOwners,
    wanted: Collection[str],
    known: Mapping[str, str],
    plain: Collection[str] = LEADCONNECTOR.plain,
) -> bool:
    """Whether a row is plainly as it is known; False where that takes a closer look.

    Says of a row what `CalendarOwners.owner` and `Parser.fingerprint` would, at a third of the
    cost, and gives up on whatever is spelt oddly, and on a meeting with a further host that is
    mapped. ``plain`` are the status words that need no such look.
    """
    try:
        stored = known.get(item.id)
        if stored is None or item.deleted:
            return False
        user = item.assigned_user_id
        provider = owners.users.get(user)
        if type(item) is Block:
            word = _BLOCK
        else:
            word = item.appointment_status
            if word is None:
                word = item.appoinment_status
            if word not in plain:
                return False
            users = item.users
            if users and (
                type(users) is not list or any(u != user and u in owners.users for u in users)
            ):
                return False
            if provider is None and not users:
                provider = owners.calendars.get(item.calendar_id)
                if provider in owners.named:
                    return False
        spelt = f"{item.start_time}|{item.end_time}|{word}|{provider}"
        if word is not _BLOCK:
            spelt += f"|{person_mark(item.contact_id)}{series.spelt(item)}"
    except (AttributeError, TypeError):  # no object at all, or a list where an id should be
        return False
    return stored == spelt and provider in wanted
