"""Double bookings: two different meetings of one provider that overlap, in whichever systems.

Only appointments count: a block on top of a meeting is how people close their time by hand.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.rules import Choice, Rules
from syncd.core.workspace import Workspace
from syncd.model import Booking, Claim, Conflict, ConflictKind, Kind, same_record

MAX_PAIRS = 5
"""With how many earlier meetings one that overlaps them is paired: thousands at one time are a
fault of the platform, and would take minutes."""


@dataclass(frozen=True, slots=True)
class _Sitting:
    """The meetings that share one time by right: a class, or a single meeting."""

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
    """Every pair of meetings that overlap and are not over. ``capacity`` may take place at once.

    Meetings of one service at one time count as one, as far as the service has seats; what is too
    many for it is paired with the first. Of a class one meeting speaks for all.
    """
    found: list[Conflict] = []
    sittings: list[_Sitting] = []
    for together, seats in _together(workspace, calendars):
        sittings.append(_Sitting(together[:seats]))
        over = [(together[0], late) for late in together[seats:]]
        found += [_conflict(workspace, pair, rules) for pair in over if capacity == 1]
        sittings += [_Sitting((late,)) for late in together[seats:] if capacity > 1]
    pairs = (p for p in _overlapping(sittings, capacity) if not _is_one_record(workspace, *p))
    found += [_conflict(workspace, pair, rules) for pair in pairs]
    return found


def _is_one_record(workspace: Workspace, first: Booking, second: Booking) -> bool:
    """Whether both show one record: it has just become the first host's, or no longer is."""
    return any(
        one.system == other.system and same_record(one.id, other.id)
        for one in workspace.present(first.id)
        for other in workspace.present(second.id)
    )


def on_hold(conflicts: Iterable[Conflict]) -> set[str]:
    """The bookings whose appointments are not written to while a person has to decide."""
    return {booking for c in conflicts if c.held for booking in booking_pair(c)}


def booking_pair(conflict: Conflict) -> tuple[str, str]:
    """The two bookings, the one that was opened first before the other."""
    first, _, second = conflict.subject.partition("+")
    return first, second


def _together(
    workspace: Workspace, calendars: Mapping[str, CalendarState]
) -> Iterator[tuple[tuple[Booking, ...], int]]:
    """Meetings grouped by service and time where a service has several seats; others alone."""
    groups: dict[tuple[object, ...], list[Booking]] = defaultdict(list)
    seats: dict[tuple[object, ...], int] = {}
    for booking in sorted(workspace.bookings.values(), key=_age):
        if not (
            booking.kind is Kind.APPOINTMENT
            and booking.agreed.busy
            and booking.agreed.end > workspace.now
        ):
            continue
        key: tuple[object, ...] = (booking.id,)
        for record in workspace.present(booking.id):
            calendar = calendars.get(record.system)
            room = calendar.seats.get(record.service or "", 1) if calendar else 1
            if room > 1:
                key = (record.system, record.service, booking.agreed.interval)
                seats[key] = room
                break
        groups[key].append(booking)
    for key, bookings in groups.items():
        yield tuple(bookings), seats.get(key, 1)


def _overlapping(sittings: Sequence[_Sitting], capacity: int) -> Iterator[tuple[Booking, Booking]]:
    """Sweep by start: whoever begins while ``capacity`` others are going on is one too many.

    Each of those is in a pair, but in at most ``MAX_PAIRS`` with meetings that began before it.
    """
    going: list[_Sitting] = []  # those that end first stand first
    for sitting in sorted(sittings, key=lambda s: (s.start, s.end, _age(s.bookings[0]))):
        del going[: bisect_right(going, sitting.start, key=lambda s: s.end)]
        if len(going) >= capacity:
            for other in going[-MAX_PAIRS:]:
                first, second = sorted((other.bookings[0], sitting.bookings[0]), key=_age)
                yield first, second
        insort(going, sitting, key=lambda s: s.end)


def _age(booking: Booking) -> tuple[str, str]:
    return (booking.opened_at.isoformat() if booking.opened_at else "", booking.id)


def _conflict(workspace: Workspace, pair: tuple[Booking, Booking], rules: Rules) -> Conflict:
    first, second = pair
    records = [workspace.present(b.id)[:1] for b in pair]
    claims = tuple(
        Claim(r.system, r.id, b.agreed, r.observed_at)
        for b, shown in zip(pair, records, strict=True)
        for r in shown
    )
    law = rules.effective_rule(ConflictKind.DOUBLE_BOOKED, {claim.system for claim in claims})
    return Conflict(
        kind=ConflictKind.DOUBLE_BOOKED,
        provider=first.provider,
        subject=f"{first.id}+{second.id}",
        claims=claims,
        inputs=inputs_digest(first.id, first.agreed.interval, second.id, second.agreed.interval),
        note="two meetings overlap",
        rule=str(law),
        held=law.choice is Choice.HOLD,
    )
