"""Convert v2 rows to events: interval, status, kind, tag and owner."""

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
from syncd.systems.contact_addresses import customer_mark
from syncd.systems.dst_notes import dst_note
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector import series
from syncd.systems.leadconnector.hosts import user_of
from syncd.systems.leadconnector.times import may_lack_offset, parse_time
from syncd.systems.leadconnector.wire import Appointment, Block, WriteResponse
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from syncd.model import Statuses
    from syncd.model.all_day import AllDayRule
    from syncd.systems.leadconnector.hosts import CalendarOwners
    from syncd.systems.leadconnector.wire import Item

_BLOCK = "block"
"""The status in the fingerprint of a block, so that it never equals that of a meeting."""


def status_word(item: Appointment | WriteResponse) -> str:
    """Return the status as sent, from the correctly spelt field or the misspelt one."""
    return status_text(item.appointment_status) or status_text(item.appoinment_status)


def is_deleted(item: Item) -> bool:
    """Return true if the record is marked as deleted."""
    return item.deleted is True or item.deleted == "true"


def is_all_day(item: Item) -> bool:
    """Return true for an all-day record: by its flag, or because its times are dates."""
    return all_day.flagged((item.is_full_day, item.is_all_day, item.all_day)) or all_day.is_dated(
        item.start_time, item.end_time
    )


def needs_zone(item: Item) -> bool:
    """Return true if the times of a record depend on the location's time zone."""
    marked = item.is_full_day or item.is_all_day or item.all_day
    return bool(marked) or may_lack_offset(item.start_time) or may_lack_offset(item.end_time)


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses the rows of one system.

    ``zone`` is the location's time zone ('' while unknown), ``all_day`` the all-day rule by
    provider, ``title`` the title of syncd's blocks.
    """

    system: str
    clock: Clock
    zone: str = ""
    statuses: Statuses = LEADCONNECTOR
    all_day: Mapping[str, AllDayRule] = field(default_factory=dict)
    title: str = ""

    def event(self, item: Item, provider: str) -> Event:
        """Convert a row to an event. An unknown status counts as busy. Raises UnreadableError."""
        id = text(item.id)
        try:
            value = self._busy_part(item, self.value(item), provider)
        except ValueError as error:
            began = self._optional_time(item.start_time)
            raise UnreadableError(self.system, id, str(error), began=began) from error
        if value is None:
            raise UnreadableError(
                self.system, id, "this all-day event blocks no time under the all-day rule"
            )
        shows_status, created_at = True, None
        match item:
            case Appointment():
                created_at = self._optional_time(item.date_added)
                shows_status = self.statuses.read(status_word(item)) is not None
                kind, customer, tag = Kind.APPOINTMENT, text(item.contact_id) or None, None
            case Block():
                kind, customer, tag = Kind.BLOCK, None, find_tag(item.title)
        return Event(
            self.system,
            provider,
            id,
            kind,
            value,
            customer=customer,
            service=text(item.calendar_id) or None,
            key=tag,
            updated_at=self._optional_time(item.date_updated),
            created_at=created_at,
            assumption=""
            if is_all_day(item)
            else dst_note(self.zone, item.start_time, item.end_time),
            owner=user_of(item),
            shows_status=shows_status,
            series=series.series(item),
            original_start=series.original_start(item),
        )

    def value(self, item: Item | WriteResponse) -> Value:
        """Return interval and status; an all-day event takes whole days. Raises ValueError."""
        if not isinstance(item, WriteResponse) and is_all_day(item):
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
        """Return true for an all-day event that blocks no time by the all-day rule."""
        if not is_all_day(item):
            return False
        try:
            return self._busy_part(item, self.value(item), provider) is None
        except ValueError:
            return False

    def _busy_part(self, item: Item, value: Value, provider: str) -> Value | None:
        """Return the busy time of an event, None for none.

        The all-day rule applies to all-day events without a contact.
        """
        rule = self.all_day.get(provider, BUSY)
        if rule is BUSY or not is_all_day(item) or self._takes_whole_days(item):
            return value
        return all_day.apply_all_day_rule(value, rule, self.zone)

    def _takes_whole_days(self, item: Item) -> bool:
        if isinstance(item, Appointment):
            return bool(text(item.contact_id))
        return all_day.may_be_ours(item.title, self.title, item.start_time, item.end_time)

    def _instant(self, value: object) -> datetime:
        return parse_time(value, self.zone)

    def is_over(self, item: Item, before: datetime) -> bool:
        """Return true if a record certainly ended by ``before``; false if its end is unreadable."""
        try:
            end = self.value(item).end if is_all_day(item) else self._instant(item.end_time)
        except ValueError:
            return False
        return end <= before

    def unknown_status(self, item: Item, event: str, provider: str) -> UnreadableError | None:
        """Return the report about a row with an unknown status; None for other rows."""
        word = status_word(item) if isinstance(item, Appointment) else ""
        if not word or self.statuses.read(word) is not None:
            return None
        return UnreadableError(
            self.system, event, unknown_status_message(word), Topic.UNKNOWN_STATUS, provider
        )

    def is_busy(self, item: Appointment) -> bool:
        """Return true if an appointment takes its time, also with an unknown status."""
        return self.statuses.status_of(status_word(item)).busy

    def fingerprint(self, item: Item, provider: str, derived_ids: Iterable[str] = ()) -> str:
        """Return the fingerprint of a row: the fields that matter, joined as sent.

        ``derived_ids`` are the ids of the events derived from the row.
        """
        word = (
            self.statuses.fingerprint_text(status_word(item))
            if isinstance(item, Appointment)
            else _BLOCK
        )
        fingerprint = f"{item.start_time}|{item.end_time}|{word}|{provider}"
        if isinstance(item, Appointment):
            fingerprint += f"|{customer_mark(text(item.contact_id))}{series.fingerprint_part(item)}"
        days = (self._days_taken(item, provider),) if is_all_day(item) else ()
        return "|".join((fingerprint, *days, *derived_ids))

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
    """Return true if a row certainly equals its stored state; false if it must be parsed.

    Used for every list row: it repeats `CalendarOwners.owner` and `Parser.fingerprint` at a third
    of the cost, and returns false for unusual values and for meetings with a further mapped host.
    ``wanted`` are the providers to read, ``known`` maps ids to fingerprints, and ``plain`` are the
    status words that may be compared as text.
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
        fingerprint = f"{item.start_time}|{item.end_time}|{word}|{provider}"
        if word is not _BLOCK:
            fingerprint += f"|{customer_mark(item.contact_id)}{series.fingerprint_part(item)}"
    except (AttributeError, TypeError):  # Not an object, or a list instead of an id.
        return False
    return stored == fingerprint and provider in wanted
