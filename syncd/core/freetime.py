"""When a provider can be booked: spans laid over each other, and why systems differ.

Spans are UTC, start inclusive, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from syncd.model import FreeTime, Kind, Offer, Record, Window


class Why(StrEnum):
    """Why a system does not offer a time."""

    APPOINTMENT = "appointment"
    OUR_BLOCK = "block (syncd)"
    BLOCK = "block (hand)"
    OUTSIDE = "not offered"
    """Nothing that syncd sees closes it: opening hours, notice, or a calendar linked over there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A span that some systems offer and others do not; ``closed`` says why for each of these."""

    start: datetime
    end: datetime
    offered: tuple[str, ...]
    closed: tuple[tuple[str, Why], ...]

    @property
    def taken(self) -> bool:
        """Whether somebody is known to be busy then: it is offered although it is taken."""
        return any(why is not Why.OUTSIDE for _, why in self.closed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several systems offer of one provider, as far as all of them were asked (``window``)."""

    window: Window
    everywhere: tuple[Window, ...]
    differences: tuple[Difference, ...]


def joined(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Put together what touches or overlaps, for each seat; in order."""
    whole: dict[str, list[Offer]] = {}
    for offer in sorted(offers, key=lambda o: (o.start, o.end)):
        seat = whole.setdefault(offer.seat, [])
        if seat and offer.start <= seat[-1].end:
            seat[-1] = Offer(seat[-1].start, max(seat[-1].end, offer.end), offer.seat)
        elif offer.start < offer.end:
            seat.append(offer)
    found = [offer for offers in whole.values() for offer in offers]
    return tuple(sorted(found, key=lambda o: (o.start, o.end, o.seat)))


def compare(
    asked: Sequence[FreeTime], records: Iterable[Record], span: Window | None = None
) -> Comparison | None:
    """Lay what the systems offer over each other. None where no time was asked of all of them."""
    known = [free for free in asked if free.known]
    spans = [free.window for free in known] + ([span] if span else [])
    if not known:
        return None
    window = Window(max(s.start for s in spans), min(s.end for s in spans))
    if window.start >= window.end:
        return None
    busy: dict[str, list[Record]] = {free.system: [] for free in known}
    for record in records:
        value = record.observed
        if record.system in busy and value and value.busy and window.touches(value):
            busy[record.system].append(record)
    found: list[Difference] = []
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
                found[-1] = Difference(last.start, piece.end, offered, closed)
            else:
                found.append(Difference(piece.start, piece.end, offered, closed))
    return Comparison(window, tuple(everywhere), tuple(found))


def _add(spans: list[Window], piece: Window) -> None:
    if spans and spans[-1].end == piece.start:
        spans[-1] = Window(spans[-1].start, piece.end)
    else:
        spans.append(piece)


def _pieces(
    window: Window, known: Sequence[FreeTime], busy: Mapping[str, Sequence[Record]]
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


def _why(records: Iterable[Record], piece: Window) -> Why:
    here = [r for r in records if r.observed and piece.touches(r.observed)]
    if any(r.kind is Kind.APPOINTMENT for r in here):
        return Why.APPOINTMENT
    if any(r.mine for r in here):
        return Why.OUR_BLOCK
    return Why.BLOCK if here else Why.OUTSIDE
