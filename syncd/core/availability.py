"""When a provider can be booked: spans laid over each other, and why systems differ.

Spans are UTC, start inclusive, end exclusive.
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
    """Nothing that syncd sees closes it: opening hours, notice, or a calendar linked over there."""


@dataclass(frozen=True, slots=True)
class OfferDifference:
    """A span that some systems offer and others do not; ``closed`` says why for each of these."""

    start: datetime
    end: datetime
    offered: tuple[str, ...]
    closed: tuple[tuple[str, ClosedReason], ...]

    @property
    def taken(self) -> bool:
        """Whether somebody is known to be busy then: it is offered although it is taken."""
        return any(why is not ClosedReason.OUTSIDE for _, why in self.closed)


@dataclass(frozen=True, slots=True)
class OfferComparison:
    """What several systems offer of one provider, as far as all of them were asked (``window``)."""

    window: Window
    everywhere: tuple[Window, ...]
    differences: tuple[OfferDifference, ...]


def joined(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Put together what touches or overlaps, for each seat; in order."""
    whole: dict[str, list[Offer]] = {}
    for offer in sorted(offers, key=lambda o: (o.start, o.end)):
        seat = whole.setdefault(offer.calendar_id, [])
        if seat and offer.start <= seat[-1].end:
            seat[-1] = Offer(seat[-1].start, max(seat[-1].end, offer.end), offer.calendar_id)
        elif offer.start < offer.end:
            seat.append(offer)
    found = [offer for offers in whole.values() for offer in offers]
    return tuple(sorted(found, key=lambda o: (o.start, o.end, o.calendar_id)))


def compare_offers(
    asked: Sequence[Availability], records: Iterable[TrackedEvent], span: Window | None = None
) -> OfferComparison | None:
    """Lay what the systems offer over each other. None where no time was asked of all of them."""
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
    found: list[OfferDifference] = []
    everywhere: list[Window] = []
    for piece in _pieces(window, known, busy):
        offered = tuple(f.system for f in known if _holds(f.offers, piece))
        closed = tuple(
            (f.system, _why(busy[f.system], piece)) for f in known if f.system not in offered
        )
        if not closed:
            _add(everywhere, piece)
        elif offered:
            last = found[-1] if found else None
            if last and (last.end, last.offered, last.closed) == (piece.start, offered, closed):
                found[-1] = OfferDifference(last.start, piece.end, offered, closed)
            else:
                found.append(OfferDifference(piece.start, piece.end, offered, closed))
    return OfferComparison(window, tuple(everywhere), tuple(found))


def _add(spans: list[Window], piece: Window) -> None:
    if spans and spans[-1].end == piece.start:
        spans[-1] = Window(spans[-1].start, piece.end)
    else:
        spans.append(piece)


def _pieces(
    window: Window, known: Sequence[Availability], busy: Mapping[str, Sequence[TrackedEvent]]
) -> list[Window]:
    """Cut the window wherever an offer or an event begins or ends."""
    cuts = {window.start, window.end}
    for free in known:
        for offer in free.offers:
            cuts |= {offer.start, offer.end}
    for records in busy.values():
        for record in records:
            if record.observed is not None:
                cuts |= set(record.observed.interval)
    ordered = sorted(cut for cut in cuts if window.start <= cut <= window.end)
    return [Window(a, b) for a, b in pairwise(ordered)]


def _holds(offers: Iterable[Offer], piece: Window) -> bool:
    return any(offer.start <= piece.start and piece.end <= offer.end for offer in offers)


def _why(records: Iterable[TrackedEvent], piece: Window) -> ClosedReason:
    here = [r for r in records if r.observed and piece.overlaps(r.observed)]
    if any(r.kind is Kind.APPOINTMENT for r in here):
        return ClosedReason.APPOINTMENT
    if any(r.created_by_us for r in here):
        return ClosedReason.OUR_BLOCK
    return ClosedReason.BLOCK if here else ClosedReason.OUTSIDE
