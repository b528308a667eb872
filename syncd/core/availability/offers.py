"""Compare the free slots that several systems offer for one provider; used by `syncd slots`.

Intervals are UTC, with an inclusive start and an exclusive end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.model import Availability, Kind, Offer, TrackedEvent, Window
from syncd.model.intervals import join_windows, sweep


class ClosedReason(StrEnum):
    """Why a system does not offer a time."""

    APPOINTMENT = "appointment"
    OUR_BLOCK = "block (syncd)"
    BLOCK = "block (hand)"
    OUTSIDE = "not offered"
    """No event that syncd reads: opening hours, notice, or a calendar linked on the platform."""


@dataclass(frozen=True, slots=True)
class OfferDifference:
    """A span that some systems offer and others do not.

    ``offered``: the names of the systems that offer the span. ``closed``: each other system, with
    the reason why that system does not offer the span.
    """

    start: datetime
    end: datetime
    offered: tuple[str, ...]
    closed: tuple[tuple[str, ClosedReason], ...]

    @property
    def taken(self) -> bool:
        """True if a closed system has an event there, so the others offer a time that is taken."""
        return any(why is not ClosedReason.OUTSIDE for _, why in self.closed)


@dataclass(frozen=True, slots=True)
class OfferComparison:
    """What several systems offer for one provider, within ``window``.

    All these systems were asked for that window. ``everywhere``: the spans that all offer.
    """

    window: Window
    everywhere: tuple[Window, ...]
    differences: tuple[OfferDifference, ...]


def joined(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Join offers of the same calendar that touch or overlap; return them in order."""
    by_calendar: dict[str, list[Window]] = defaultdict(list)
    for offer in offers:
        if offer.start < offer.end:
            by_calendar[offer.calendar_id].append(offer)
    all_offers = [
        Offer(span.start, span.end, calendar)
        for calendar, spans in by_calendar.items()
        for span in join_windows(spans)
    ]
    return tuple(sorted(all_offers, key=lambda o: (o.start, o.end, o.calendar_id)))


def compare_offers(
    asked: Sequence[Availability], records: Iterable[TrackedEvent], span: Window | None = None
) -> OfferComparison | None:
    """Compare what the systems offer; None if no window was asked of all systems.

    - ``asked``: the free slots of each system, as last read.
    - ``records``: the known events of the provider; these explain why a time is closed.
    - ``span``: compare only this window; None: all that every system was asked for.
    """
    known = [free for free in asked if free.known]
    spans = [free.window for free in known] + ([span] if span else [])
    if not known:
        return None
    window = Window(max(s.start for s in spans), min(s.end for s in spans))
    if window.start >= window.end:
        return None
    busy: dict[str, list[TrackedEvent]] = {free.system: [] for free in known}
    for record in records:
        value = record.observed
        if record.system in busy and value and value.busy and window.overlaps(value):
            busy[record.system].append(record)

    def offered_and_closed(start: datetime) -> _Offered:
        offered = tuple(f.system for f in known if _is_open(f.offers, start))
        closed = tuple(
            (f.system, _closed_reason(busy[f.system], start))
            for f in known
            if f.system not in offered
        )
        return offered, closed

    pieces = sweep(_boundaries(window, known, busy), offered_and_closed)
    return OfferComparison(
        window,
        tuple(Window(start, end) for start, end, (_, closed) in pieces if not closed),
        tuple(
            OfferDifference(start, end, offered, closed)
            for start, end, (offered, closed) in pieces
            if offered and closed
        ),
    )


_Offered = tuple[tuple[str, ...], tuple[tuple[str, ClosedReason], ...]]
"""The systems that offer a span, and the others with their reasons."""


def _boundaries(
    window: Window, known: Sequence[Availability], busy: Mapping[str, Sequence[TrackedEvent]]
) -> Iterator[datetime]:
    """Yield every start and end of the window, of an offer or of an event, within the window."""
    yield from (window.start, window.end)
    offers = [(offer.start, offer.end) for free in known for offer in free.offers]
    events = [r.observed.interval for records in busy.values() for r in records if r.observed]
    for interval in (*offers, *events):
        yield from (edge for edge in interval if edge in window)


def _is_open(offers: Iterable[Offer], at: datetime) -> bool:
    return any(at in offer for offer in offers)


def _closed_reason(records: Iterable[TrackedEvent], at: datetime) -> ClosedReason:
    here = [r for r in records if r.observed and r.observed.start <= at < r.observed.end]
    if any(r.kind is Kind.APPOINTMENT for r in here):
        return ClosedReason.APPOINTMENT
    if any(r.created_by_us for r in here):
        return ClosedReason.OUR_BLOCK
    return ClosedReason.BLOCK if here else ClosedReason.OUTSIDE
