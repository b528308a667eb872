"""Caps of lists: which lengths are suspicious, and how to ask for less. Pure; no I/O.

Some platforms end a list silently after so many rows. Nothing in the answer shows it, so a length
that is typical of a cap is checked by asking for both halves of the span (`capped_lists`):

=====================  ====================================================================
the halves show        what follows
=====================  ====================================================================
more rows              the list is capped at that length: remembered, and asked for in parts
the same rows          this list is whole, but it may be exactly as long as the cap. It is
                       asked for in two parts until an answer has more rows, or the list has
                       another length: one call more, and no row is ever out of sight
fewer rows             the platform contradicts itself: nothing is proven, nothing learned
=====================  ====================================================================

An answer with more rows proves that there is no cap at that length; only that is remembered as "no
cap", for all lists of that kind. (The same rows do not prove it: a list that grows past its cap
has exactly as many rows as the cap at some time.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.model import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Kind

SUSPICIOUS = frozenset({100, 150, 200, 250, 500, 1000})
"""Lengths at which platforms were seen, or are likely, to end a list."""

PAGES = SUSPICIOUS | {10, 20, 25, 50}
"""Lengths at which a platform may end a page, whatever was asked for."""

SMALL = min(SUSPICIOUS) // 2
"""A list of fewer rows ended by itself: no cap is that small."""

SHORTEST = timedelta(minutes=15)
"""A span is split no further than this."""

MAX_EXTRA = 8
"""Calls that checking may add to one list in one cycle."""

MAX_PARTS = 64
"""Calls that one list is planned for."""


@dataclass(frozen=True, slots=True)
class KnownCap:
    """What is known of one kind of list. ``cap``: the rows it ends after, None if none is known.

    ``lengths`` are the suspicious ones. ``clear`` is the greatest of them that is no cap, as a
    longer answer was seen.
    """

    cap: int | None = None
    clear: int = 0
    lengths: frozenset[int] = SUSPICIOUS

    def is_suspicious(self, rows: int) -> bool:
        """Whether a list of so many rows may have been cut."""
        return rows == self.cap or (rows > self.clear and rows in self.lengths)

    def after(self, rows: int) -> KnownCap:
        """Learn from an answer with so many different rows."""
        clear = max((length for length in self.lengths if length < rows), default=0)
        if self.cap is not None and rows > self.cap:
            return replace(self, cap=None, clear=max(self.clear, clear))
        return self if clear <= self.clear else replace(self, clear=clear)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list's span that was asked for by one call, and how many rows it showed.

    ``whole``: it showed all that there are.
    """

    span: Window
    rows: float
    whole: bool = True


def halves(span: Window) -> tuple[Window, Window] | None:
    """Cut a span in the middle; None if it is too short for that."""
    length = span.end - span.start
    if length <= SHORTEST:
        return None
    middle = _apart(span.start + length / 2)
    return Window(span.start, middle), Window(middle, span.end)


def planned(span: Window, parts: Sequence[Part], known: KnownCap) -> list[Window]:
    """Cut a span so that no piece is expected to be as long as its list's cap: the fewest pieces.

    ``parts`` are those of the last read of this list, in order; without any it is not cut.
    """
    most = _most(parts, known)
    if most is None:
        return [span]
    pieces: list[Window] = []
    expected = 0.0
    for part in _even(_fitted(span, parts), most):
        if pieces and expected + part.rows <= most:
            pieces[-1] = Window(pieces[-1].start, part.span.end)
            expected += part.rows
        else:
            pieces.append(part.span)
            expected = part.rows
    if len(pieces) <= MAX_PARTS:
        return pieces or [span]
    rest = Window(pieces[MAX_PARTS - 1].start, span.end)
    return [*pieces[: MAX_PARTS - 1], rest]


def _most(parts: Sequence[Part], known: KnownCap) -> int | None:
    """How many rows a piece may be expected to have; None where it need not be cut."""
    if not parts:
        return None
    if known.cap is not None:
        return max(1, (known.cap - 1) // 2)
    rows = round(sum(part.rows for part in parts))
    return rows - 1 if known.is_suspicious(rows) else None


def _fitted(span: Window, parts: Iterable[Part]) -> list[Part]:
    """Cut the parts of an earlier read to the span, and let the outermost reach its ends."""
    found: list[Part] = []
    for part in parts:
        start, end = max(part.span.start, span.start), min(part.span.end, span.end)
        if start < end:
            share = (end - start) / (part.span.end - part.span.start)
            found.append(Part(Window(start, end), part.rows * share, part.whole))
    if found:
        found[0] = replace(found[0], span=Window(span.start, found[0].span.end))
        found[-1] = replace(found[-1], span=Window(found[-1].span.start, span.end))
    return found


def _even(parts: Iterable[Part], most: int) -> Iterable[Part]:
    """Divide the parts that are too long; one that was cut has at least twice its rows."""
    for part in parts:
        rows = part.rows if part.whole else 2 * part.rows + most
        length = part.span.end - part.span.start
        count = min(int(-(-rows // most)), int(length / SHORTEST), MAX_PARTS)
        if count <= 1:
            yield replace(part, rows=rows)
            continue
        cuts = [_apart(part.span.start + number * length / count) for number in range(1, count)]
        for start, end in pairwise((part.span.start, *cuts, part.span.end)):
            yield Part(Window(start, end), rows / count)


def _apart(moment: datetime) -> datetime:
    """Cut between whole minutes: events start at these, and would be in both pieces."""
    return moment.replace(second=30, microsecond=0)


def proven(
    window: Window, holes: Mapping[Kind, Iterable[Window]]
) -> list[tuple[Window, frozenset[Kind]]]:
    """What the lists of each kind prove of a window: spans, and the kinds that are whole there."""
    spans: dict[Window, set[Kind]] = {}
    for kind, gaps in holes.items():
        for span in outside(window, gaps):
            spans.setdefault(span, set()).add(kind)
    return [(span, frozenset(kinds)) for span, kinds in spans.items()]


def outside(window: Window, holes: Iterable[Window]) -> list[Window]:
    """What is left of a window without these holes, in order."""
    left: list[Window] = []
    start = window.start
    for hole in sorted(holes, key=lambda hole: hole.start):
        if hole.start > start:
            left.append(Window(start, min(hole.start, window.end)))
        start = max(start, hole.end)
        if start >= window.end:
            return left
    return [*left, Window(start, window.end)]
