"""Find double bookings: two meetings of one provider that overlap, in any of the systems.

Only appointments count: people on the platforms put blocks over meetings to close that time.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.merging.rules import Choice, Rules
from syncd.core.workspace import Workspace
from syncd.model import Booking, Claim, Conflict, ConflictKind, Kind, same_record

MAX_PAIRS = 5
"""An overlapping meeting is paired with at most this number of earlier meetings.

Thousands of meetings at one time are a fault of the platform, and to pair them all would take
minutes.
"""


@dataclass(frozen=True, slots=True)
class _Session:
    """Meetings that may take place together: a class, or a single meeting."""

    bookings: tuple[Booking, ...]

    @property
    def start(self) -> datetime:
        return self.bookings[0].agreed.start

    @property
    def end(self) -> datetime:
        return self.bookings[0].agreed.end


def double_bookings(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules, capacity: int
) -> list[Conflict]:
    """Return a conflict for each pair of meetings that overlap and are not over.

    ``capacity`` meetings of the provider may take place at once. A class counts as one meeting:
    meetings of one service at one time, as many as the service has seats. Meetings beyond these
    seats are paired with the first meeting of the class. In pairs with other meetings, the first
    meeting stands for the class.
    """
    conflicts: list[Conflict] = []
    sessions: list[_Session] = []
    for together, seats in _sessions_by_service(workspace, calendars):
        sessions.append(_Session(together[:seats]))
        unseated = [(together[0], extra) for extra in together[seats:]]
        conflicts += [_conflict(workspace, pair, rules) for pair in unseated if capacity == 1]
        sessions += [_Session((extra,)) for extra in together[seats:] if capacity > 1]
    pairs = (p for p in _overlapping(sessions, capacity) if not _is_one_record(workspace, *p))
    conflicts += [_conflict(workspace, pair, rules) for pair in pairs]
    return conflicts


def _is_one_record(workspace: Workspace, first: Booking, second: Booking) -> bool:
    """Return true if both bookings show the same event, because the first host changed."""
    return any(
        one.system == other.system and same_record(one.id, other.id)
        for one in workspace.present(first.id)
        for other in workspace.present(second.id)
    )


def held_bookings(conflicts: Iterable[Conflict]) -> set[str]:
    """Return the bookings of held conflicts; nothing is written until the operator resolves them.

    ``conflicts`` are double bookings.
    """
    return {booking for c in conflicts if c.held for booking in booking_pair(c)}


def booking_pair(conflict: Conflict) -> tuple[str, str]:
    """Return the ids of the two bookings of a double booking, the earlier opened one first."""
    first, _, second = conflict.subject.partition("+")
    return first, second


def _sessions_by_service(
    workspace: Workspace, calendars: Mapping[str, CalendarState]
) -> Iterator[tuple[tuple[Booking, ...], int]]:
    """Yield the meetings of each class with the seats of its service, and each other meeting alone.

    A class is the meetings of one service with several seats at exactly the same time.
    """
    groups: dict[tuple[object, ...], list[Booking]] = defaultdict(list)
    seats: dict[tuple[object, ...], int] = {}
    for booking in sorted(workspace.bookings.values(), key=_opening_order):
        if not (
            booking.kind is Kind.APPOINTMENT
            and booking.agreed.busy
            and booking.agreed.end > workspace.now
        ):
            continue
        key: tuple[object, ...] = (booking.id,)
        for record in workspace.present(booking.id):
            calendar = calendars.get(record.system)
            seat_count = calendar.seats.get(record.service or "", 1) if calendar else 1
            if seat_count > 1:
                key = (record.system, record.service, booking.agreed.interval)
                seats[key] = seat_count
                break
        groups[key].append(booking)
    for key, bookings in groups.items():
        yield tuple(bookings), seats.get(key, 1)


def _overlapping(sessions: Sequence[_Session], capacity: int) -> Iterator[tuple[Booking, Booking]]:
    """Yield the pairs that overlap, in the order of their start.

    A meeting that starts while ``capacity`` others take place is in at least one pair, and in at
    most ``MAX_PAIRS`` with earlier ones.
    """
    running: list[_Session] = []  # sorted by end
    for session in sorted(sessions, key=lambda s: (s.start, s.end, _opening_order(s.bookings[0]))):
        del running[: bisect_right(running, session.start, key=lambda s: s.end)]
        if len(running) >= capacity:
            for other in running[-MAX_PAIRS:]:
                first, second = sorted((other.bookings[0], session.bookings[0]), key=_opening_order)
                yield first, second
        insort(running, session, key=lambda s: s.end)


def _opening_order(booking: Booking) -> tuple[str, str]:
    return (booking.opened_at.isoformat() if booking.opened_at else "", booking.id)


def _conflict(workspace: Workspace, pair: tuple[Booking, Booking], rules: Rules) -> Conflict:
    first, second = pair
    records = [workspace.present(b.id)[:1] for b in pair]
    claims = tuple(
        Claim(r.system, r.id, b.agreed, r.observed_at)
        for b, shown in zip(pair, records, strict=True)
        for r in shown
    )
    rule = rules.effective_rule(ConflictKind.DOUBLE_BOOKED, {claim.system for claim in claims})
    return Conflict(
        kind=ConflictKind.DOUBLE_BOOKED,
        provider=first.provider,
        subject=f"{first.id}+{second.id}",
        claims=claims,
        inputs=inputs_digest(first.id, first.agreed.interval, second.id, second.agreed.interval),
        note="two meetings overlap",
        rule=str(rule),
        held=rule.choice is Choice.HOLD,
    )
