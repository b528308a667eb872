"""The basic values: events, operations and conflicts, with the terms of docs/glossary.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """The kind of an event: an appointment with a customer, or a block of busy time."""

    APPOINTMENT = "appointment"
    BLOCK = "block"


class Status(StrEnum):
    """The status of a meeting, in the words that all platforms share."""

    NEW = "new"
    CONFIRMED = "confirmed"
    SHOWED = "showed"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    INVALID = "invalid"

    @property
    def busy(self) -> bool:
        """Return true if this status takes the provider's time (docs/design.md#ends)."""
        return self not in _FREE


_FREE = frozenset({Status.CANCELLED, Status.NOSHOW, Status.INVALID})


@dataclass(frozen=True, slots=True)
class Value:
    """The part of a meeting that syncd keeps in sync: interval (UTC, end exclusive) and status."""

    start: datetime
    end: datetime
    status: Status = Status.CONFIRMED

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """Return start and end."""
        return (self.start, self.end)

    @property
    def busy(self) -> bool:
        """Return true if the value takes the provider's time."""
        return self.status.busy

    def overlaps(self, other: Value) -> bool:
        """Return true if the two intervals overlap. Intervals that only touch do not."""
        return self.start < other.end and other.start < self.end

    def cancelled(self) -> Value:
        """Return the same interval with status cancelled, which is also what a deletion means."""
        return replace(self, status=Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Window:
    """A time window (UTC), start inclusive, end exclusive."""

    start: datetime
    end: datetime

    def contains(self, value: Value) -> bool:
        """Return true if the whole interval of a value lies inside."""
        return self.start <= value.start and value.end <= self.end

    def overlaps(self, other: Value | Window) -> bool:
        """Return true if a part of the other interval lies inside."""
        return other.start < self.end and self.start < other.end

    def covered_by(self, windows: Iterable[Window]) -> bool:
        """Return true if other windows together cover this one without a gap."""
        covered_until = self.start
        for window in sorted(windows, key=lambda w: w.start):
            if window.start > covered_until:
                return False
            covered_until = max(covered_until, window.end)
        return covered_until >= self.end

    def from_earlier(self, by: timedelta) -> Window:
        """Return the same window with its start moved back."""
        return Window(self.start - by, self.end)

    def __contains__(self, instant: datetime) -> bool:
        """Return true if the instant lies inside."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Offer(Window):
    """A free interval in which a system offers a provider for booking.

    ``calendar_id`` is the platform's id of the calendar that offers it, or '' if there is only one.
    """

    calendar_id: str = ""


UNNAMED_SERIES = "?"
"""The ``series`` of an instance whose master id the platform does not show."""

Id = tuple[str, str]
"""(system, event id)."""


@dataclass(frozen=True, slots=True)
class EventRef:
    """A reference to one event: all that its system needs to find it."""

    system: str
    provider: str
    id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Event:
    """One event, parsed from a platform's row.

    - ``customer``, ``service``: the platform's ids (a contact or lead; a calendar or task type).
    - ``key``: the syncd tag in the texts of the event, if any.
    - ``updated_at``, ``created_at``: times of the platform's own clock, only comparable with times
      of the same platform. None if the platform does not show them.
    - ``assumption``: what was assumed to read its times, such as an offset in a clock gap, or ''.
    - ``owner``: the platform's id of the user who owns the event ('' for none); ``provider`` is ''
      if that user is not mapped.
    - ``shows_status``: false if the row has no status or an unknown one; the status in ``value`` is
      then a guess.
    - ``series``: the platform's id of the recurring event ('' for a single event, `UNNAMED_SERIES`
      if the id is not shown); ``original_start``: the start that the series planned, if shown.
    - ``shows_end``: false if the row has no usable end; the length in ``value`` is then assumed.
    """

    system: str
    provider: str
    id: str
    kind: Kind
    value: Value
    customer: str | None = None
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
        """Return the event with its known status if the row shows none.

        So a guessed status does not count as a change. The guess (confirmed) stays if the meeting
        was cancelled before, because it may take place again.
        """
        if self.shows_status or known is None or not known.busy:
            return self
        return replace(self, value=replace(self.value, status=known.status))

    def with_end_of(self, *known: Value | None) -> Event:
        """Return the event with its known end if the row shows none.

        The end is that of the first known value with the same start. If there is none, the event
        was moved, and it keeps the length of the last known value.
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
        """Return the reference to this event."""
        return EventRef(self.system, self.provider, self.id, self.kind)


class Role(StrEnum):
    """The role of an event in a booking (docs/glossary.md#the-domain).

    RELEASED is a block of ours that somebody on the platform moved or removed. The rule
    ``block_edited = "release"`` accepts this until the booking changes.
    """

    ORIGIN = "origin"
    TWIN = "twin"
    BLOCK = "block"
    RELEASED = "released"

    @property
    def is_meeting(self) -> bool:
        """Return true if the event is the meeting itself, not a block for it."""
        return self in {Role.ORIGIN, Role.TWIN}


class Action(StrEnum):
    """The five kinds of writes that syncd makes."""

    REMOVE_BLOCK = "remove-block"
    SET_STATUS = "set-status"
    MOVE_APPOINTMENT = "move-appointment"
    MOVE_BLOCK = "move-block"
    CREATE_BLOCK = "create-block"


@dataclass(frozen=True, slots=True)
class Operation:
    """One planned write: its target, the value before and after, and the reason.

    ``event`` is None for a create. ``before`` is the value on which the decision is based,
    ``after`` the wanted value (None for a removal). ``bookings`` are the ids of the bookings that
    the write serves. ``key`` is the tag of the block.
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
        """Return the reference to the target. Raises ValueError for a create, which has none."""
        if self.event is None:
            message = f"{self.action} has no target yet"
            raise ValueError(message)
        return EventRef(self.system, self.provider, self.event, self.kind)


class ConflictKind(StrEnum):
    """The kind of a conflict: why the operator may have to decide (docs/design.md#policy)."""

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
    """One side of a conflict: the value that a system shows, and since when."""

    system: str
    event: str | None
    value: Value | None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contradiction between systems, with all its values.

    ``subject`` is a booking id or a calendar. ``inputs`` is a digest of the inputs of the decision:
    the conflict is only evaluated again when it changes. ``rule`` is the rule that applied, with
    its place in the configuration. If ``held`` is false, the conflict is only reported and nothing
    waits for it.
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
    """A customer's e-mail addresses and phone numbers.

    They stay in memory: they are never printed, logged or stored.
    """

    emails: tuple[str, ...] = field(default=(), repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The window and kinds for which a read of a calendar was complete.

    ``whole`` is true if the read covered the whole configured window.
    """

    system: str
    provider: str
    kinds: frozenset[Kind]
    window: Window
    read_at: datetime
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Unproven:
    """The window and kinds for which a read of a calendar did not prove to be complete.

    If ``incomplete`` is true, rows are missing or may be missing. Otherwise all rows arrived, but
    some have no usable id.
    """

    provider: str
    kinds: frozenset[Kind]
    window: Window
    incomplete: bool = False
