"""Compare the free slots that several systems offer for one provider; used by `syncd slots`.

Intervals are UTC, with an inclusive start and an exclusive end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from syncd.model import Availability, Kind, Offer, TrackedEvent, Window


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
    by_calendar: dict[str, list[Offer]] = {}
    for offer in sorted(offers, key=lambda o: (o.start, o.end)):
        merged = by_calendar.setdefault(offer.calendar_id, [])
        if merged and offer.start <= merged[-1].end:
            merged[-1] = Offer(merged[-1].start, max(merged[-1].end, offer.end), offer.calendar_id)
        elif offer.start < offer.end:
            merged.append(offer)
    all_offers = [offer for offers in by_calendar.values() for offer in offers]
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
    differences: list[OfferDifference] = []
    everywhere: list[Window] = []
    for piece in _split_window(window, known, busy):
        offered = tuple(f.system for f in known if _covers(f.offers, piece))
        closed = tuple(
            (f.system, _closed_reason(busy[f.system], piece))
            for f in known
            if f.system not in offered
        )
        if not closed:
            _append_joined(everywhere, piece)
        elif offered:
            last = differences[-1] if differences else None
            if last and (last.end, last.offered, last.closed) == (piece.start, offered, closed):
                differences[-1] = OfferDifference(last.start, piece.end, offered, closed)
            else:
                differences.append(OfferDifference(piece.start, piece.end, offered, closed))
    return OfferComparison(window, tuple(everywhere), tuple(differences))


def _append_joined(spans: list[Window], piece: Window) -> None:
    if spans and spans[-1].end == piece.start:
        spans[-1] = Window(spans[-1].start, piece.end)
    else:
        spans.append(piece)


def _split_window(
    window: Window, known: Sequence[Availability], busy: Mapping[str, Sequence[TrackedEvent]]
) -> list[Window]:
    """Split the window at every start and end of an offer or an event."""
    boundaries = {window.start, window.end}
    for free in known:
        for offer in free.offers:
            boundaries |= {offer.start, offer.end}
    for records in busy.values():
        for record in records:
            if record.observed is not None:
                boundaries |= set(record.observed.interval)
    ordered = sorted(boundary for boundary in boundaries if window.start <= boundary <= window.end)
    return [Window(a, b) for a, b in pairwise(ordered)]


def _covers(offers: Iterable[Offer], piece: Window) -> bool:
    return any(offer.start <= piece.start and piece.end <= offer.end for offer in offers)


def _closed_reason(records: Iterable[TrackedEvent], piece: Window) -> ClosedReason:
    here = [r for r in records if r.observed and piece.overlaps(r.observed)]
    if any(r.kind is Kind.APPOINTMENT for r in here):
        return ClosedReason.APPOINTMENT
    if any(r.created_by_us for r in here):
        return ClosedReason.OUR_BLOCK
    return ClosedReason.BLOCK if here else ClosedReason.OUTSIDE
