"""Bound the memory of decoded responses, and the rows of a read.

The size of a body is no measure of its memory: an empty row has 3 bytes in JSON and 160 in memory.
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
"""Bytes of memory that one decoded response may take, by the estimate of `weight`."""

MAX_ROWS = 20_000
"""Rows of one list; no calendar has as many events in the time of one read."""

MAX_READ_ROWS = 50_000
"""Rows of all lists of one read."""

MAX_HELD = 24 * 1024 * 1024
"""Bytes of memory that the responses of one read may take by the estimate, and again as measured.

Answers beyond the estimated bytes are measured, which is slow; usual lists take a third of the
estimate.
"""

_WEIGHED_FROM = 512 * 1024
"""Bytes up to which a body takes less than `MAX_WEIGHT`, whatever it contains."""

_USUAL_TO = 64 * 1024
_OBJECT, _LIST, _KEY, _VALUE = 176, 72, 120, 60
"""The most bytes of memory that an object, a list, a key and a value take."""

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'{[":,'))
"""All bytes except those that show the number of JSON values."""

_USUAL = 6
"""The usual ratio of the estimate to the size of a body."""


class TooLargeError(ValueError):
    """A response that exceeds a bound on memory or rows."""


@dataclass(slots=True)
class MemoryBudget:
    """The rows and bytes of memory that one read may still use."""

    rows: int = MAX_READ_ROWS
    estimated: int = MAX_HELD
    measured: int = MAX_HELD

    def take(self, estimate: int, response: object) -> None:
        """Count a decoded response; ``estimate`` is its memory in bytes. Raises TooLargeError."""
        self.rows -= _rows(response)
        if self.rows < 0:
            raise TooLargeError(f"the lists of one read have more than {MAX_READ_ROWS} rows")
        if estimate <= self.estimated:
            self.estimated -= estimate
            return
        self.measured -= _measured(response)
        if self.measured < 0:
            raise TooLargeError("the lists of one read take too much memory")


_BUDGET: ContextVar[MemoryBudget | None] = ContextVar("budget", default=None)


@contextmanager
def one_read() -> Iterator[None]:
    """Bound the memory of all calls in the block as one read; a nested read shares the budget."""
    token = _BUDGET.set(_BUDGET.get() or MemoryBudget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def weight(body: bytes) -> int:
    """Return an upper estimate of the bytes of memory that a decoded body takes."""
    # Counting in a whole body takes as long as decoding it, so all other bytes are removed first.
    # A text with one colon may count as a key; a text with several, such as a time, does not.
    structure = body.translate(None, _NOT_STRUCTURE)
    keys = structure.count(b'":') - structure.count(b':"::')
    return len(body) + _containers(structure) + keys * _KEY + structure.count(b",") * _VALUE


def _quick_weight(body: bytes) -> int:
    """Return a rougher estimate for short bodies, without counting all values."""
    usual = len(body) * _USUAL
    return usual if len(body) <= _USUAL_TO else max(usual, _containers(body))


def _containers(body: bytes) -> int:
    return body.count(b"{") * _OBJECT + body.count(b"[") * _LIST


def expect_small(body: bytes) -> int:
    """Return the estimated bytes of memory of a body, before it is decoded.

    Raises TooLargeError if it would take too much.
    """
    if len(body) <= _WEIGHED_FROM:
        return _quick_weight(body)
    estimate = weight(body)
    if estimate > MAX_WEIGHT:
        raise TooLargeError("the decoded response would take too much memory")
    return estimate


def expect_room(estimate: int, response: object) -> None:
    """Check a decoded response against the bounds of a list and of a read.

    ``estimate`` is its memory in bytes. Raises TooLargeError.
    """
    expect_rows(_rows(response))
    budget = _BUDGET.get()
    if budget is not None:
        budget.take(estimate, response)


def expect_rows(count: int) -> None:
    """Raise TooLargeError if a list has too many rows."""
    if count > MAX_ROWS:
        raise TooLargeError(f"the list has more than {MAX_ROWS} rows")


def _rows(response: object) -> int:
    if isinstance(response, list):
        return len(response)
    if isinstance(response, msgspec.Struct):
        lists = (getattr(response, name) for name in response.__struct_fields__)
        return max((len(each) for each in lists if isinstance(each, list)), default=0)
    return 0


def _measured(response: object) -> int:
    """Return the bytes of memory of a decoded response; most of a body is never decoded."""
    total, pending = 0, [response]
    while pending:
        each = pending.pop()
        total += sys.getsizeof(each) + 8
        match each:
            case list():
                pending += each
            case dict():
                pending += each
                pending += each.values()
            case msgspec.Struct():
                pending += [getattr(each, name) for name in each.__struct_fields__]
    return total
