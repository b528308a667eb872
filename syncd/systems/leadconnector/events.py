"""From a v2 row to syncd's words: when it is, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.model import Clock, Event, Kind, Status, Value, find_key, read_update, read_value
from syncd.systems.leadconnector.hosts import user_of
from syncd.systems.leadconnector.times import instant
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.loose import text
from syncd.systems.port import Malformed
from syncd.systems.walls import wall_note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from syncd.systems.leadconnector.hosts import Owners
    from syncd.systems.leadconnector.wire import Item, Wrote

STATUSES = {
    "": Status.CONFIRMED,
    "new": Status.NEW,
    "confirmed": Status.CONFIRMED,
    "booked": Status.CONFIRMED,
    "active": Status.CONFIRMED,
    "showed": Status.SHOWED,
    "completed": Status.SHOWED,
    "cancelled": Status.CANCELLED,
    "noshow": Status.NOSHOW,
    "no_show": Status.NOSHOW,
    "invalid": Status.INVALID,
}
"""The status words of v2 (leadconnector-v2.md 1.4, 1.8)."""

_PLAIN = frozenset(STATUSES) - {""}

_BLOCK = "block"
"""What a block's fingerprint has for a status, so that a block never reads like a meeting."""


def status_word(item: Appointment | Wrote) -> str:
    """Return the status as sent: the correct field, else the misspelt one."""
    return (text(item.appointment_status) or text(item.appoinment_status)).lower()


def is_busy(item: Appointment) -> bool:
    """Whether a meeting takes its time; one with a word that is not known does."""
    return STATUSES.get(status_word(item), Status.CONFIRMED).busy


def is_deleted(item: Item) -> bool:
    """Whether the platform shows the record only to say that it is gone."""
    return item.deleted is True or item.deleted == "true"


def is_over(item: Item, before: datetime, zone: str) -> bool:
    """Whether a record surely ended by then; one with an unreadable end did not."""
    try:
        return instant(item.end_time, zone) <= before
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Reader:
    """Parses rows of one system; ``zone`` is the location's ('' while unknown)."""

    system: str
    clock: Clock
    zone: str = ""

    def event(self, item: Item, provider: str) -> Event:
        """Parse a row. Raises Malformed. A status never seen counts as confirmed, so as busy."""
        known = text(item.id)
        try:
            value = self.value(item)
        except ValueError as error:
            raise Malformed(self.system, known, str(error)) from error
        told = True
        match item:
            case Appointment():
                told = bool(status_word(item)) and status_word(item) in STATUSES
                kind, person, key = Kind.APPOINTMENT, text(item.contact_id) or None, None
            case Block():
                kind, person, key = Kind.BLOCK, None, find_key(item.title)
        return Event(
            self.system,
            provider,
            known,
            kind,
            value,
            person=person,
            service=text(item.calendar_id) or None,
            key=key,
            updated_at=self._maybe(item.date_updated),
            odd=wall_note(self.zone, item.start_time, item.end_time),
            owner=user_of(item),
            tells_status=told,
        )

    def value(self, item: Item | Wrote) -> Value:
        """Read interval and status. Raises ValueError."""
        start, end = instant(item.start_time, self.zone), instant(item.end_time, self.zone)
        word = "" if isinstance(item, Block) else status_word(item)
        status = STATUSES.get(word, Status.CONFIRMED)
        return read_value(start, end, status, self.clock.now())

    def _maybe(self, value: object) -> datetime | None:
        try:
            return read_update(instant(value, self.zone or "UTC"), self.clock.now())
        except ValueError:
            return None


def unchanged(item: Any, owners: Owners, wanted: Collection[str], known: Mapping[str, str]) -> bool:
    """Whether a row is plainly as it is known; False where that takes a closer look.

    Says of a row what `Owners.owner` and `fingerprint` would, at a third of the cost, and gives up
    on whatever is spelt oddly, and on a meeting with a further host that is mapped.
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
            if word not in _PLAIN:
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
    except (AttributeError, TypeError):  # no object at all, or a list where an id should be
        return False
    return stored == spelt and provider in wanted


def fingerprint(item: Item, provider: str, further: Iterable[str] = ()) -> str:
    """Spell the fields that matter, as they came; ``further`` are the events derived from it."""
    word = status_word(item) if isinstance(item, Appointment) else _BLOCK
    return "|".join((f"{item.start_time}|{item.end_time}|{word}|{provider}", *further))
