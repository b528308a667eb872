"""Recognise caps of lists by suspicious lengths, and split spans to stay below them. Pure; no I/O.

Some platforms cut a list silently after a number of rows. Nothing in the response shows it, so a
length that is typical of a cap is checked by listing both halves of the span (`capped_lists`):

=====================  ====================================================================
the halves show        what follows
=====================  ====================================================================
more rows              the list is capped at that length: store the cap, and list in parts
the same rows          this list is complete, but may be exactly as long as the cap. It is
                       listed in two parts until a response has more rows, or the list has
                       another length: one more call, and no row is ever missed
fewer rows             the platform contradicts itself: nothing is proven, nothing is stored
=====================  ====================================================================

A response with more rows proves that there is no cap at that length. Only this is stored as "no
cap", for all lists of that kind. The same rows do not prove it: a list that grows past its cap has
exactly as many rows as the cap at some time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.model import Window
from syncd.model.intervals import uncovered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Kind

SUSPICIOUS = frozenset({100, 150, 200, 250, 500, 1000})
"""Lengths at which platforms cut lists, as seen, or are likely to."""

PAGE_LENGTHS = SUSPICIOUS | {10, 20, 25, 50}
"""Lengths at which a platform may end a page, whatever page size was requested."""

SMALL = min(SUSPICIOUS) // 2
"""A list of fewer rows is never cut: no cap is that small."""

SHORTEST = timedelta(minutes=15)
"""Spans up to this length are not split."""

MAX_EXTRA = 8
"""Calls that checking may add to one list per read."""

MAX_PARTS = 64
"""Calls that may be planned for one list."""


@dataclass(frozen=True, slots=True)
class KnownCap:
    """What is known about the cap of one kind of list: the number of rows at which it is cut.

    ``cap`` is None while no cap was found. ``lengths`` are the suspicious numbers of rows.
    ``clear`` is the greatest suspicious number that is no cap, because a longer list was seen.
    """

    cap: int | None = None
    clear: int = 0
    lengths: frozenset[int] = SUSPICIOUS

    def is_suspicious(self, rows: int) -> bool:
        """Return whether a list of so many rows may have been cut."""
        return rows == self.cap or (rows > self.clear and rows in self.lengths)

    def after(self, rows: int) -> KnownCap:
        """Return what is known after a response with so many different rows."""
        clear = max((length for length in self.lengths if length < rows), default=0)
        if self.cap is not None and rows > self.cap:
            return replace(self, cap=None, clear=max(self.clear, clear))
        return self if clear <= self.clear else replace(self, clear=clear)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list's span that was read by one call, and the number of its rows.

    ``whole``: no row of the part is missing.
    """

    span: Window
    rows: float
    whole: bool = True


def halves(span: Window) -> tuple[Window, Window] | None:
    """Split a span in the middle; return None if the halves would be too short."""
    length = span.end - span.start
    if length <= SHORTEST:
        return None
    middle = _between_minutes(span.start + length / 2)
    return Window(span.start, middle), Window(middle, span.end)


def planned(span: Window, parts: Sequence[Part], known: KnownCap) -> list[Window]:
    """Split a span into the fewest pieces that are each expected to stay below the cap.

    ``parts`` are the parts of the last read of this list, in order; without any, nothing is split.
    """
    limit = _rows_per_piece(parts, known)
    if limit is None:
        return [span]
    pieces: list[Window] = []
    expected = 0.0
    for part in _split_long(_fitted(span, parts), limit):
        if pieces and expected + part.rows <= limit:
            pieces[-1] = Window(pieces[-1].start, part.span.end)
            expected += part.rows
        else:
            pieces.append(part.span)
            expected = part.rows
    if len(pieces) <= MAX_PARTS:
        return pieces or [span]
    rest = Window(pieces[MAX_PARTS - 1].start, span.end)
    return [*pieces[: MAX_PARTS - 1], rest]


def _rows_per_piece(parts: Sequence[Part], known: KnownCap) -> int | None:
    """Return the rows that a piece may have; None if the span need not be split."""
    if not parts:
        return None
    if known.cap is not None:
        return max(1, (known.cap - 1) // 2)
    rows = round(sum(part.rows for part in parts))
    return rows - 1 if known.is_suspicious(rows) else None


def _fitted(span: Window, parts: Iterable[Part]) -> list[Part]:
    """Cut the parts of an earlier read to the span, and extend the outermost to its ends."""
    fitted: list[Part] = []
    for part in parts:
        start, end = max(part.span.start, span.start), min(part.span.end, span.end)
        if start < end:
            share = (end - start) / (part.span.end - part.span.start)
            fitted.append(Part(Window(start, end), part.rows * share, part.whole))
    if fitted:
        fitted[0] = replace(fitted[0], span=Window(span.start, fitted[0].span.end))
        fitted[-1] = replace(fitted[-1], span=Window(fitted[-1].span.start, span.end))
    return fitted


def _split_long(parts: Iterable[Part], limit: int) -> Iterable[Part]:
    """Split parts with too many rows; a part that was cut counts as having twice its rows."""
    for part in parts:
        rows = part.rows if part.whole else 2 * part.rows + limit
        length = part.span.end - part.span.start
        count = min(int(-(-rows // limit)), int(length / SHORTEST), MAX_PARTS)
        if count <= 1:
            yield replace(part, rows=rows)
            continue
        cuts = [
            _between_minutes(part.span.start + number * length / count)
            for number in range(1, count)
        ]
        for start, end in pairwise((part.span.start, *cuts, part.span.end)):
            yield Part(Window(start, end), rows / count)


def _between_minutes(moment: datetime) -> datetime:
    """Move a cut off the whole minute, so that no event starts exactly there.

    Such an event would be listed in both pieces.
    """
    return moment.replace(second=30, microsecond=0)


def proven_spans(
    window: Window, holes: Mapping[Kind, Iterable[Window]]
) -> list[tuple[Window, frozenset[Kind]]]:
    """Return the spans of a window that no list left open, each with the kinds proven in it.

    ``holes`` are, per kind, the windows in which lists may have missed events.
    """
    spans: dict[Window, set[Kind]] = {}
    for kind, holes_of_kind in holes.items():
        for span in uncovered(window, holes_of_kind):
            spans.setdefault(span, set()).add(kind)
    return [(span, frozenset(kinds)) for span, kinds in spans.items()]
