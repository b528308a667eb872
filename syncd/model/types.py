"""Values, events, operations, conflicts: the words of docs/glossary.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What an event is: somebody's meeting, or busy time with no customer."""

    APPOINTMENT = "appointment"
    BLOCK = "block"


class Status(StrEnum):
    """The state of a meeting, in the words that the three platforms share."""

    NEW = "new"
    CONFIRMED = "confirmed"
    SHOWED = "showed"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    INVALID = "invalid"

    @property
    def busy(self) -> bool:
        """Whether the provider's time is taken (docs/design.md#ends)."""
        return self not in _FREE


_FREE = frozenset({Status.CANCELLED, Status.NOSHOW, Status.INVALID})


@dataclass(frozen=True, slots=True)
class Value:
    """What syncd keeps equal of a meeting: interval (UTC, end exclusive) and status."""

    start: datetime
    end: datetime
    status: Status = Status.CONFIRMED

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """Start and end."""
        return (self.start, self.end)

    @property
    def busy(self) -> bool:
        """Whether the interval is taken."""
        return self.status.busy

    def overlaps(self, other: Value) -> bool:
        """Whether the two intervals share an instant; touching ends do not."""
        return self.start < other.end and other.start < self.end

    def cancelled(self) -> Value:
        """The same interval, cancelled: what a proven deletion means."""
        return replace(self, status=Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that is read, UTC, start inclusive, end exclusive."""

    start: datetime
    end: datetime

    def contains(self, value: Value) -> bool:
        """Whether the whole interval lies inside."""
        return self.start <= value.start and value.end <= self.end

    def overlaps(self, value: Value) -> bool:
        """Whether any part of the interval lies inside."""
        return value.start < self.end and self.start < value.end

    def covered_by(self, windows: Iterable[Window]) -> bool:
        """Whether windows that may touch or overlap leave no gap in this one."""
        reached = self.start
        for window in sorted(windows, key=lambda w: w.start):
            if window.start > reached:
                return False
            reached = max(reached, window.end)
        return reached >= self.end

    def from_earlier(self, by: timedelta) -> Window:
        """The same window with an earlier start."""
        return Window(self.start - by, self.end)

    def __contains__(self, instant: datetime) -> bool:
        """Whether the instant lies inside."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Offer(Window):
    """A span that a system offers for booking a provider.

    ``calendar_id`` is the platform's id of the calendar that offers it, empty where there is only
    one.
    """

    calendar_id: str = ""


UNNAMED_SERIES = "?"
"""The series of an instance whose master id the platform does not show."""

Id = tuple[str, str]
"""(system, event id)."""


@dataclass(frozen=True, slots=True)
class EventRef:
    """Enough to name one event to its system."""

    system: str
    provider: str
    id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a system showed it, parsed.

    ``person`` and ``service`` are the platform's opaque ids (a contact or lead; a calendar or
    type). ``key`` is the syncd marker found on it, if any. ``updated_at`` and ``created_at`` are of
    that platform's own clock and compare only with times of the same platform, None where it does
    not tell them. ``assumption`` says what had to be
    decided to read its times, if anything. ``owner`` is the platform's id of the user whose event
    it is ('' for nobody); ``provider`` is '' where that user is not mapped. Without
    ``shows_status`` the row has no status, or a word that is not known, and ``value`` a guess.
    ``series`` is the platform's id of the recurring event of which this is an instance ('' for a
    single event, `UNNAMED_SERIES` where only the fact is shown); ``original_start`` is where its
    series put it, if the platform shows that.
    Without ``shows_end`` the row has no end, or one that means something else, and the length in
    ``value`` is assumed.
    """

    system: str
    provider: str
    id: str
    kind: Kind
    value: Value
    person: str | None = None
    service: str | None = None
    key: str | None = None
    updated_at: datetime | None = None
    assumption: str = ""
    owner: str = ""
    shows_status: bool = True
    series: str = ""
    original_start: datetime | None = None
    shows_end: bool = True
    created_at: datetime | None = None

    def with_status_of(self, known: Value | None) -> Event:
        """The event with the status that it is known to have, where its row does not tell one.

        A guess is no news, and is written nowhere. Where a meeting was off, it may be on again.
        """
        if self.shows_status or known is None or not known.busy:
            return self
        return replace(self, value=replace(self.value, status=known.status))

    def with_end_of(self, *known: Value | None) -> Event:
        """The event with the end that it is known to have, where its row does not tell one.

        Of the ``known`` values the first that begins with the event counts; where none does, the
        event was moved, and keeps the length of the last one.
        """
        values = [value for value in known if value is not None]
        if self.shows_end or not values:
            return self
        start = self.value.start
        moved = start + (values[-1].end - values[-1].start)
        end = next((value.end for value in values if value.start == start), moved)
        return replace(self, value=replace(self.value, end=end))

    @property
    def ref(self) -> EventRef:
        """The name of this event."""
        return EventRef(self.system, self.provider, self.id, self.kind)


class Role(StrEnum):
    """What an event is to a booking (docs/glossary.md#the-domain).

    RELEASED: a block of syncd's that a person moved or removed, and that is let be by the rule
    ``block_edited = "release"`` for as long as the booking stays where it is.
    """

    ORIGIN = "origin"
    TWIN = "twin"
    BLOCK = "block"
    RELEASED = "released"

    @property
    def is_meeting(self) -> bool:
        """Whether the event is the meeting itself, and not a block for it."""
        return self in {Role.ORIGIN, Role.TWIN}


class Action(StrEnum):
    """The five things that syncd ever writes."""

    REMOVE_BLOCK = "remove-block"
    SET_STATUS = "set-status"
    MOVE_APPOINTMENT = "move-appointment"
    MOVE_BLOCK = "move-block"
    CREATE_BLOCK = "create-block"


@dataclass(frozen=True, slots=True)
class Operation:
    """One write that a plan wants: target, value before and after, cause.

    ``event`` is None for a create; ``before`` is the value that the decision was made on, ``after``
    the value wanted (None for a removal). ``bookings`` are those that the write serves.
    """

    action: Action
    system: str
    provider: str
    kind: Kind
    event: str | None
    before: Value | None
    after: Value | None
    bookings: tuple[str, ...] = ()
    key: str | None = None
    reason: str = ""

    @property
    def ref(self) -> EventRef:
        """The target; a create has none and raises ValueError."""
        if self.event is None:
            message = f"{self.action} has no target yet"
            raise ValueError(message)
        return EventRef(self.system, self.provider, self.event, self.kind)


class ConflictKind(StrEnum):
    """Why a person may have to decide (docs/design.md#policy)."""

    MOVED_APART = "moved_apart"
    MOVED_AND_CANCELLED = "moved_and_cancelled"
    TWIN_DELETED = "twin_deleted"
    BLOCK_EDITED = "block_edited"
    SLOT_TAKEN = "slot_taken"
    DOUBLE_BOOKED = "double_booked"
    AMBIGUOUS = "ambiguous"
    CANNOT_CANCEL = "cannot_cancel"
    QUARANTINED = "quarantined"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Claim:
    """One side of a conflict: what a system says, since when."""

    system: str
    event: str | None
    value: Value | None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contradiction, with every value. ``subject`` is a booking id, or a calendar.

    ``inputs`` is a digest of what was decided on: only when it differs is it looked at anew.
    ``rule`` is what policy said, with its place. Not ``held``: told, and nothing waits for it.
    """

    kind: ConflictKind
    provider: str
    subject: str
    claims: tuple[Claim, ...]
    inputs: str
    note: str = ""
    rule: str = ""
    held: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """A customer's addresses, held in memory only: never printed, logged or stored."""

    emails: tuple[str, ...] = field(default=(), repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one read proved to be complete: these kinds of one calendar's events, in this window.

    ``whole``: it was a read of the whole window, and all of that is proven.
    """

    system: str
    provider: str
    kinds: frozenset[Kind]
    window: Window
    read_at: datetime
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Unproven:
    """What a read was told of these kinds of a calendar in this window, without proving it whole.

    ``incomplete``: rows are missing from it, or may be. Otherwise all rows arrived, and some of
    them have no usable id.
    """

    provider: str
    kinds: frozenset[Kind]
    window: Window
    incomplete: bool = False
