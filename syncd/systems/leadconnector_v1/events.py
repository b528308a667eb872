"""Convert v1 rows to events: owner, kind, interval, status.

See docs/platforms/leadconnector-v1.md#listing-appointments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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
    read_update,
    read_value,
    resolve_wall_time,
    status_text,
    unknown_status_message,
    utc,
)
from syncd.model.all_day import BUSY
from syncd.model.statuses import LEADCONNECTOR
from syncd.systems import all_day
from syncd.systems.contact_addresses import customer_mark
from syncd.systems.dst_notes import dst_note
from syncd.systems.epoch_times import parse_epoch
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector_v1.wire import Appointment, contact_id
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.model import Statuses
    from syncd.model.all_day import AllDayRule
    from syncd.systems.leadconnector_v1.account import CalendarMapping

_SERIES = f"|series {UNNAMED_SERIES}"
"""The end of the fingerprint of an instance."""

_SHORTEST_TIME = len("2020-08-28T15:30")


def status_word(item: Appointment) -> str:
    """Return the status as sent: from the correct field, the misspelt one, or the coarse one."""
    return (
        status_text(item.appointment_status)
        or status_text(item.appoinment_status)
        or status_text(item.status)
    )


def _parse_clock_time(value: object) -> datetime:
    """Parse a time with or without UTC offset. Raises ValueError."""
    value = all_day.unwrap_time(value)
    if (moment := parse_epoch(value)) is not None:
        return moment
    spelling = text(value)
    if len(spelling) < _SHORTEST_TIME:
        message = "a time is missing or unreadable"
        raise ValueError(message)
    try:
        return datetime.fromisoformat(spelling)
    except ValueError:
        message = "a time is unreadable"
        raise ValueError(message) from None


def parse_time(value: object, zone_name: str) -> datetime:
    """Return a time in UTC; a time without offset is a wall time in ``zone_name``.

    Raises ValueError for an unreadable time, or if the time zone is needed and ''.
    """
    moment = _parse_clock_time(value)
    if moment.tzinfo is not None:
        return utc(moment)
    if not zone_name:
        message = "a time has no UTC offset, and the location's time zone is not known"
        raise ValueError(message)
    return resolve_wall_time(moment, zone_name).instant


def series(item: Appointment) -> str:
    """Return a placeholder as series id for an instance of a series; '' for a single meeting.

    v1 does not name the series: see docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    recurring = item.is_recurring is True or text(item.is_recurring).casefold() == "true"
    return UNNAMED_SERIES if recurring else ""


def needs_zone(item: Appointment) -> bool:
    """Return true if the times of a row depend on the location's time zone."""
    if is_all_day(item):
        return True
    if text(item.selected_timezone):
        return False
    try:
        return (
            _parse_clock_time(item.start_time).tzinfo is None
            or _parse_clock_time(item.end_time).tzinfo is None
        )
    except ValueError:
        return False


def is_all_day(item: Appointment) -> bool:
    """Return true for an all-day row: by its flag, or because its times are dates."""
    return all_day.flagged((item.is_full_day, item.is_all_day, item.all_day)) or all_day.is_dated(
        item.start_time, item.end_time
    )


def user_of(item: Appointment) -> str:
    """Return the id of the assigned user; '' for none."""
    return text(item.assigned_user_id) or text(item.user_id)


def calendars_of(item: Appointment) -> tuple[str, ...]:
    """Return all ids of a row's calendar, the most reliable one first."""
    ids = (item.calendar_id, item.calendar_service_id, item.calendar_provider_id)
    return tuple(id for id in map(text, ids) if id)


@dataclass(frozen=True, slots=True)
class CalendarOwners:
    """Maps rows to providers: by user, otherwise by calendar, otherwise by team."""

    users: Mapping[str, str]
    calendars: Mapping[str, str]
    named: frozenset[str]
    """Providers mapped by a user id: a row on their calendar with another user is not theirs."""
    shared: frozenset[str] = frozenset()
    """Calendars and teams that several providers share."""

    @classmethod
    def of(cls, calendars: Mapping[str, CalendarMapping]) -> CalendarOwners:
        """Build the index. An id that several providers share belongs to none of them."""
        calendar_ids: dict[str, str] = {}
        shared: set[str] = set()
        for provider, mapping in calendars.items():
            id = mapping.calendar or ("" if mapping.user else mapping.team)
            if not id:
                continue
            if id in calendar_ids:
                shared.add(id)
            calendar_ids[id] = provider
        return cls(
            {m.user: provider for provider, m in calendars.items() if m.user},
            {id: provider for id, provider in calendar_ids.items() if id not in shared},
            frozenset(provider for provider, m in calendars.items() if m.user),
            frozenset(shared),
        )

    def owner(self, item: Appointment, asked: Collection[str] = ()) -> str | None:
        """Return the row's provider; None if its user or calendar is not mapped.

        ``asked`` are the providers whose list contained the row. If it is only one, a row without
        user and calendar belongs to that provider; if there are several, ValueError is raised.
        """
        user = user_of(item)
        if user in self.users:
            return self.users[user]
        calendar_ids = calendars_of(item)
        for calendar_id in calendar_ids:
            provider = self.calendars.get(calendar_id)
            if provider is not None and not (user and provider in self.named):
                return provider
        if user or calendar_ids:
            return None
        if len(asked) == 1:
            return next(iter(asked))
        message = "the event names neither a user nor a calendar"
        raise ValueError(message)


def unowned(item: Appointment, owners: CalendarOwners) -> tuple[Topic, str, str] | None:
    """Explain why a row on a mapped calendar has no provider; None if it is to be ignored.

    Returns topic, reason and the calendar's provider, which is '' if it has none or several.
    """
    user, calendar_ids = user_of(item), calendars_of(item)
    if not user:
        if owners.shared.isdisjoint(calendar_ids):
            return None
        return (Topic.UNASSIGNED, "no user is assigned yet, so the meeting blocks no time", "")
    provider = next((owners.calendars[p] for p in calendar_ids if p in owners.calendars), "")
    if not provider and owners.shared.isdisjoint(calendar_ids):
        return None
    reason = f"user {user} is mapped to no provider, so the meeting blocks no time"
    return (Topic.UNMAPPED_OWNER, reason, provider)


def unchanged(
    item: Any,
    owners: CalendarOwners,
    known: Mapping[str, str],
    holds: Collection[str] = (),
    plain: Collection[str] = LEADCONNECTOR.plain_busy,
) -> bool:
    """Return true if a row certainly equals its stored state; false if it must be parsed.

    Used for every list row: it repeats `CalendarOwners.owner` and `Parser.fingerprint` at a
    fraction of the cost, and returns false for unusual values and possibly cancelled blocks.
    ``known`` maps ids to fingerprints, ``holds`` are the hold contacts. ``plain`` are the status
    words that may be compared as text. A row with a known fingerprint was readable and inside the
    window.
    """
    try:
        stored = known.get(item.id)
        if stored is None:
            return False
        provider = owners.users.get(item.assigned_user_id or item.user_id)
        if provider is None:
            provider = owners.calendars.get(item.calendar_id)
            if provider in owners.named:
                return False
        word = item.appointment_status
        if word is None:
            word = item.status if item.appoinment_status is None else item.appoinment_status
        zone = item.selected_timezone or ""
        kind_and_customer = f"{_kind(item, holds)}|{customer_mark(contact_id(item))}"
        fingerprint = (
            f"{item.start_time}|{item.end_time}|{zone}|{word}|{provider}|{kind_and_customer}"
        )
        if series(item):
            fingerprint += _SERIES
        certain = word in plain and provider is not None
    except (AttributeError, TypeError):  # Not an object, or a list instead of an id.
        return False
    return certain and stored == fingerprint


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses the rows of one system. ``zone`` is the location's time zone ('' while unknown).

    With holds, a booking of one of the contacts ``holds`` is a block. Any other contact is a
    customer, whatever the texts of the booking contain.
    """

    system: str
    clock: Clock
    owners: CalendarOwners
    zone: str = ""
    holds: frozenset[str] = field(default=frozenset(), repr=False)
    statuses: Statuses = LEADCONNECTOR
    all_day: Mapping[str, AllDayRule] = field(default_factory=dict)
    title: str = ""

    def kind(self, item: Appointment) -> Kind:
        """Return the kind: a block has no contact, or a hold contact."""
        return _kind(item, self.holds)

    def key(self, item: Appointment) -> str | None:
        """Return syncd's tag: from a block's title, or from the notes of a booking."""
        return find_tag(item.title, item.notes, item.calendar_notes)

    def value(self, item: Appointment) -> Value:
        """Parse interval and status; a busy block is always confirmed. Raises ValueError."""
        zone_name = text(item.selected_timezone) or self.zone

        def read(value: object) -> datetime:
            return parse_time(value, zone_name)

        if is_all_day(item):
            start, end = all_day.all_day_span(
                item.start_time, item.end_time, self.zone or zone_name, read
            )
        else:
            start, end = read(item.start_time), read(item.end_time)
        status = self.statuses.status_of(status_word(item))
        if self.kind(item) is Kind.BLOCK and status.busy:
            status = Status.CONFIRMED
        return read_value(start, end, status, self.clock.now())

    def is_free_block(self, item: Appointment, provider: str) -> bool:
        """Return true for a block that blocks no time, so that it counts as absent.

        Such a block was cancelled, or it is all-day and the all-day rule blocks nothing.
        """
        if self.kind(item) is not Kind.BLOCK:
            return False
        if not self.statuses.status_of(status_word(item)).busy:
            return True
        try:
            return self._busy_part(item, self.value(item), provider) is None
        except ValueError:
            return False

    def _busy_part(self, item: Appointment, value: Value, provider: str) -> Value | None:
        """Return the busy time of an event, None for none; the all-day rule applies to blocks."""
        rule = self.all_day.get(provider, BUSY)
        if rule is BUSY or not is_all_day(item) or self.kind(item) is not Kind.BLOCK:
            return value
        if all_day.may_be_ours(item.title, self.title, item.start_time, item.end_time):
            return value
        return all_day.apply_all_day_rule(value, rule, self.zone)

    def unknown_status(self, item: object, provider: str) -> UnreadableError | None:
        """Return the report about a row with an unknown status; None for other rows."""
        word = status_word(item) if isinstance(item, Appointment) else ""
        if not isinstance(item, Appointment) or not word or self.statuses.read(word) is not None:
            return None
        return UnreadableError(
            self.system, text(item.id), unknown_status_message(word), Topic.UNKNOWN_STATUS, provider
        )

    def fingerprint(self, item: Appointment, provider: str) -> str:
        """Return the fingerprint of a row: the fields that matter, joined as sent.

        It includes the time zone if the row's times have no UTC offset.
        """
        start, end, zone = text(item.start_time), text(item.end_time), text(item.selected_timezone)
        word = self.statuses.fingerprint_text(status_word(item))
        kind_and_customer = f"{self.kind(item)}|{customer_mark(contact_id(item))}"
        fingerprint = f"{start}|{end}|{zone}|{word}|{provider}|{kind_and_customer}"
        fingerprint += _SERIES if series(item) else ""
        return (
            f"{fingerprint}|{self._days_taken(item, provider)}" if is_all_day(item) else fingerprint
        )

    def _days_taken(self, item: Appointment, provider: str) -> str:
        try:
            return all_day.closed_time_text(self._busy_part(item, self.value(item), provider))
        except ValueError:
            return "unreadable"

    def event(self, item: Appointment, provider: str) -> Event:
        """Parse a row. Raises UnreadableError."""
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
        kind = self.kind(item)
        calendar_ids = calendars_of(item)
        return Event(
            self.system,
            provider,
            id,
            kind,
            value,
            customer=contact_id(item) or None if kind is Kind.APPOINTMENT else None,
            service=calendar_ids[0] if calendar_ids else None,
            key=self.key(item),
            updated_at=self._optional_time(item.updated_at),
            created_at=self._optional_time(item.created_at),
            owner=user_of(item),
            series=series(item) if kind is Kind.APPOINTMENT else "",
            shows_status=self.statuses.read(status_word(item)) is not None,
            assumption=""
            if is_all_day(item)
            else dst_note(
                text(item.selected_timezone) or self.zone, item.start_time, item.end_time
            ),
        )

    def _optional_time(self, value: object) -> datetime | None:
        try:
            return read_update(parse_time(value, "UTC"), self.clock.now())
        except ValueError:
            return None


def _kind(item: Appointment, holds: Collection[str]) -> Kind:
    contact = contact_id(item)
    if contact in holds or not (contact or item.contact):
        return Kind.BLOCK
    return Kind.APPOINTMENT
