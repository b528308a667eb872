"""From a v1 row to syncd's words: whose it is, what it is, when it is.

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
from syncd.systems.contact_addresses import person_mark
from syncd.systems.dst_notes import dst_note
from syncd.systems.epoch_times import parse_epoch
from syncd.systems.leadconnector_v1.wire import Appointment, contact_id
from syncd.systems.lenient import text
from syncd.systems.port import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.model import Statuses
    from syncd.model.all_day import AllDayRule
    from syncd.systems.leadconnector_v1.account import CalendarMapping

_SERIES = f"|series {UNNAMED_SERIES}"
"""What the fingerprint of an instance ends with."""

_SHORTEST_TIME = len("2020-08-28T15:30")


def status_word(item: Appointment) -> str:
    """The live status as sent: the correct field, else the misspelt one, else the coarse one."""
    return (
        status_text(item.appointment_status)
        or status_text(item.appoinment_status)
        or status_text(item.status)
    )


def _parse_clock_time(value: object) -> datetime:
    """A time as sent, aware or not. Raises ValueError."""
    value = all_day.unwrap_time(value)
    if (moment := parse_epoch(value)) is not None:
        return moment
    written = text(value)
    if len(written) < _SHORTEST_TIME:
        message = "a time is missing or unreadable"
        raise ValueError(message)
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        message = "a time is unreadable"
        raise ValueError(message) from None


def parse_time(value: object, zone_name: str) -> datetime:
    """An ISO 8601 time as an instant; one without offset is a wall clock in that zone.

    Raises ValueError for an unreadable time, and for a bare one where no zone is known.
    """
    moment = _parse_clock_time(value)
    if moment.tzinfo is not None:
        return utc(moment)
    if not zone_name:
        message = "a time has no offset, and no zone is known"
        raise ValueError(message)
    return resolve_wall_time(moment, zone_name).instant


def series(item: Appointment) -> str:
    """Say of an instance of a series that it is one: v1 names no master.

    See docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    recurring = item.is_recurring is True or text(item.is_recurring).casefold() == "true"
    return UNNAMED_SERIES if recurring else ""


def needs_zone(item: Appointment) -> bool:
    """Whether only the location's zone can tell when the row is."""
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
    """Whether a row takes whole days: it says so, or its times are dates."""
    return all_day.flagged((item.is_full_day, item.is_all_day, item.all_day)) or all_day.is_dated(
        item.start_time, item.end_time
    )


def user_of(item: Appointment) -> str:
    """The user whose time it takes."""
    return text(item.assigned_user_id) or text(item.user_id)


def calendars_of(item: Appointment) -> tuple[str, ...]:
    """Every id under which the row's calendar is known, the one to trust first."""
    ids = (item.calendar_id, item.calendar_service_id, item.calendar_provider_id)
    return tuple(known for known in map(text, ids) if known)


@dataclass(frozen=True, slots=True)
class CalendarOwners:
    """Which provider a row belongs to: by user, else by calendar, else by team."""

    users: Mapping[str, str]
    calendars: Mapping[str, str]
    named: frozenset[str]
    """Providers that a user id names: rows of their calendar that name another are not theirs."""
    shared: frozenset[str] = frozenset()
    """Calendars and teams that several providers are mapped to."""

    @classmethod
    def of(cls, calendars: Mapping[str, CalendarMapping]) -> CalendarOwners:
        """Index a mapping; an id that several providers share decides nothing."""
        places: dict[str, str] = {}
        shared: set[str] = set()
        for provider, calendar in calendars.items():
            place = calendar.calendar or ("" if calendar.user else calendar.team)
            if not place:
                continue
            if place in places:
                shared.add(place)
            places[place] = provider
        return cls(
            {c.user: provider for provider, c in calendars.items() if c.user},
            {place: provider for place, provider in places.items() if place not in shared},
            frozenset(provider for provider, c in calendars.items() if c.user),
            frozenset(shared),
        )

    def owner(self, item: Appointment, asked: Collection[str] = ()) -> str | None:
        """The row's provider, None for nobody's that is mapped.

        ``asked`` are the providers whose list call brought the row: if there is only one, a row
        that names neither user nor calendar is theirs. Raises ValueError where it cannot be told.
        """
        user = user_of(item)
        if user in self.users:
            return self.users[user]
        places = calendars_of(item)
        for place in places:
            provider = self.calendars.get(place)
            if provider is not None and not (user and provider in self.named):
                return provider
        if user or places:
            return None
        if len(asked) == 1:
            return next(iter(asked))
        message = "names neither user nor calendar"
        raise ValueError(message)


def unowned(item: Appointment, owners: CalendarOwners) -> tuple[Topic, str, str] | None:
    """Return why a row on a mapped calendar is nobody's, and whose calendar it is, if one's."""
    user, places = user_of(item), calendars_of(item)
    if not user:
        if owners.shared.isdisjoint(places):
            return None
        return (Topic.UNASSIGNED, "nobody is assigned to it yet: it closes no time", "")
    provider = next((owners.calendars[p] for p in places if p in owners.calendars), "")
    if not provider and owners.shared.isdisjoint(places):
        return None
    reason = f"its host {user} is nobody in [providers]: it closes no time"
    return (Topic.UNMAPPED_OWNER, reason, provider)


def unchanged(
    item: Any,
    owners: CalendarOwners,
    known: Mapping[str, str],
    holds: Collection[str] = (),
    plain: Collection[str] = LEADCONNECTOR.plain_busy,
) -> bool:
    """Whether a row is plainly as it is known; False where that takes a closer look.

    Says of a row what `CalendarOwners.owner` and `Parser.fingerprint` would, at a fraction of the
    cost, and gives up on whatever is spelt oddly, and on what may be a block that was cancelled. A
    row that is known was readable, and inside the window. ``plain`` are the words that need no such
    look.
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
        whose = f"{_kind(item, holds)}|{person_mark(contact_id(item))}"
        spelt = f"{item.start_time}|{item.end_time}|{zone}|{word}|{provider}|{whose}"
        if series(item):
            spelt += _SERIES
        certain = word in plain and provider is not None
    except (AttributeError, TypeError):  # no object at all, or a list where an id should be
        return False
    return certain and stored == spelt


@dataclass(frozen=True, slots=True)
class Parser:
    """Parses rows of one system. ``zone`` is the location's ('' while unknown).

    Where busy time is booked as a hold, a booking for one of the contacts ``holds`` is a block. Any
    other contact is a customer, whatever the text of the booking bears.
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
        """A block has no customer, or only the one that holds are booked for."""
        return _kind(item, self.holds)

    def key(self, item: Appointment) -> str | None:
        """The mark of syncd: in a block's title, or in the notes that a booking was made with."""
        return find_tag(item.title, item.notes, item.calendar_notes)

    def value(self, item: Appointment) -> Value:
        """Interval and status. Raises ValueError. A block knows only busy and free."""
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
        """Whether this is a block that takes no time, so that it counts as absent.

        It was cancelled, or it lasts all day and is to close nothing.
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
        """What of its time an event takes: for an all-day block, by policy."""
        rule = self.all_day.get(provider, BUSY)
        if rule is BUSY or not is_all_day(item) or self.kind(item) is not Kind.BLOCK:
            return value
        if all_day.may_be_ours(item.title, self.title, item.start_time, item.end_time):
            return value
        return all_day.apply_rule(value, rule, self.zone)

    def unknown_status(self, item: object, provider: str) -> UnreadableError | None:
        """What is to be reported of a row whose status is not known, None for others."""
        word = status_word(item) if isinstance(item, Appointment) else ""
        if not isinstance(item, Appointment) or not word or self.statuses.read(word) is not None:
            return None
        return UnreadableError(
            self.system, text(item.id), unknown_status_message(word), Topic.UNKNOWN_STATUS, provider
        )

    def fingerprint(self, item: Appointment, provider: str) -> str:
        """The fields that matter, as sent; the zone among them, for times without offset."""
        start, end, zone = text(item.start_time), text(item.end_time), text(item.selected_timezone)
        word = self.statuses.fingerprint_text(status_word(item))
        whose = f"{self.kind(item)}|{person_mark(contact_id(item))}"
        spelt = f"{start}|{end}|{zone}|{word}|{provider}|{whose}"
        spelt += _SERIES if series(item) else ""
        return f"{spelt}|{self._days_taken(item, provider)}" if is_all_day(item) else spelt

    def _days_taken(self, item: Appointment, provider: str) -> str:
        try:
            return all_day.closed_time_text(self._busy_part(item, self.value(item), provider))
        except ValueError:
            return "unreadable"

    def event(self, item: Appointment, provider: str) -> Event:
        """The row as an event. Raises UnreadableError."""
        known = text(item.id)
        try:
            value = self._busy_part(item, self.value(item), provider)
        except ValueError as error:
            began = self._optional_time(item.start_time)
            raise UnreadableError(self.system, known, str(error), began=began) from error
        if value is None:
            raise UnreadableError(self.system, known, "it lasts all day, and is to close nothing")
        kind = self.kind(item)
        places = calendars_of(item)
        return Event(
            self.system,
            provider,
            known,
            kind,
            value,
            person=contact_id(item) or None if kind is Kind.APPOINTMENT else None,
            service=places[0] if places else None,
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
