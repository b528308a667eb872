"""Bounds on what is decoded: how much memory one answer takes, and how many rows a read keeps.

A body is a bad measure of that: a row without fields has three bytes on the wire and 160 in memory.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WEIGHT = 64 * 1024 * 1024
"""Bytes of memory that one decoded answer may take, by a cautious estimate (`weight`)."""

MAX_ROWS = 20_000
"""Rows of one list: no calendar has as many events in the time of one read."""

MAX_READ_ROWS = 50_000
"""Rows of all lists of one read."""

MAX_HELD = 24 * 1024 * 1024
"""Bytes of memory that the answers of one read may take by the estimate, and as many beyond it.

Those beyond are measured, which takes longer, and finds a third of the estimate in usual lists.
"""

_WEIGHED_FROM = 512 * 1024
"""Shorter bodies take less than `MAX_WEIGHT`, whatever they hold."""

_USUAL_TO = 64 * 1024
_OBJECT, _LIST, _KEY, _VALUE = 176, 72, 120, 60
"""Bytes that an object, a list, the key of an object and a value take at most, if they are kept."""

_FLESH = bytes(set(range(256)) - set(b'{[":,'))
"""All but what tells how many values there are."""

_USUAL = 6
"""How many times its own size the estimate of a usual body is."""


class TooLargeError(ValueError):
    """An answer that would take more memory, or has more rows, than any that a platform sends."""


@dataclass(slots=True)
class MemoryBudget:
    """What one read of a system may still keep."""

    rows: int = MAX_READ_ROWS
    estimated: int = MAX_HELD
    measured: int = MAX_HELD

    def take(self, weighs: int, found: object) -> None:
        """Count a decoded answer of this estimate. Raises TooLargeError."""
        self.rows -= _rows(found)
        if self.rows < 0:
            raise TooLargeError(f"the lists of one read have more than {MAX_READ_ROWS} rows")
        if weighs <= self.estimated:
            self.estimated -= weighs
            return
        self.measured -= _measured(found)
        if self.measured < 0:
            raise TooLargeError("the lists of one read take more memory than any calendars do")


_ROOM: ContextVar[MemoryBudget | None] = ContextVar("room", default=None)


@contextmanager
def one_read() -> Iterator[None]:
    """Bound what all calls of a read keep together; a read inside of it is a part of it."""
    token = _ROOM.set(_ROOM.get() or MemoryBudget())
    try:
        yield
    finally:
        _ROOM.reset(token)


def weight(body: bytes) -> int:
    """Estimate how many bytes of memory a decoded body takes, never too few."""
    # In one pass: each count of a whole body takes as long as decoding it. A text with one colon
    # may count as a key, and one with several, such as a time, does not: no colon follows on the
    # colon behind a key.
    bones = body.translate(None, _FLESH)
    keys = bones.count(b'":') - bones.count(b':"::')
    return len(body) + _containers(bones) + keys * _KEY + bones.count(b",") * _VALUE


def _quick_weight(body: bytes) -> int:
    """Estimate the same of a shorter body: counting its values would take as long as decoding."""
    usual = len(body) * _USUAL
    return usual if len(body) <= _USUAL_TO else max(usual, _containers(body))


def _containers(body: bytes) -> int:
    return body.count(b"{") * _OBJECT + body.count(b"[") * _LIST


def expect_small(body: bytes) -> int:
    """Refuse a body before it is decoded; return what it weighs by an estimate.

    Raises TooLargeError.
    """
    if len(body) <= _WEIGHED_FROM:
        return _quick_weight(body)
    weighs = weight(body)
    if weighs > MAX_WEIGHT:
        raise TooLargeError("it would take more memory than any list of a platform does")
    return weighs


def expect_room(weighs: int, found: object) -> None:
    """Count what was decoded against the bounds of a list and of a read. Raises TooLargeError."""
    expect_rows(_rows(found))
    room = _ROOM.get()
    if room is not None:
        room.take(weighs, found)


def expect_rows(count: int) -> None:
    """Refuse a list that is too long. Raises TooLargeError."""
    if count > MAX_ROWS:
        raise TooLargeError(f"the list has more than {MAX_ROWS} rows")


def _rows(found: object) -> int:
    if isinstance(found, list):
        return len(found)
    if isinstance(found, msgspec.Struct):
        lists = (getattr(found, name) for name in found.__struct_fields__)
        return max((len(each) for each in lists if isinstance(each, list)), default=0)
    return 0


def _measured(found: object) -> int:
    """Measure what is kept of an answer: most of a body is never decoded."""
    total, left = 0, [found]
    while left:
        each = left.pop()
        total += sys.getsizeof(each) + 8
        match each:
            case list():
                left += each
            case dict():
                left += each
                left += each.values()
            case msgspec.Struct():
                left += [getattr(each, name) for name in each.__struct_fields__]
    return total
