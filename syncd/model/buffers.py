"""Buffers: the time that a platform keeps free before and after each booking of a calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.model.types import Value

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Buffer:
    """The time before and after each booking in which a calendar offers no slots."""

    before: timedelta = _NONE
    after: timedelta = _NONE

    def __bool__(self) -> bool:
        """Return true if there is a buffer before or after."""
        return bool(self.before or self.after)

    def expand(self, value: Value) -> Value:
        """Return the value with the buffers added: the time that such a booking takes."""
        return replace(value, start=value.start - self.before, end=value.end + self.after)

    def shrink(self, value: Value) -> Value:
        """Return the value with the buffers removed.

        A value that is shorter than the buffers is returned unchanged.
        """
        start, end = value.start + self.before, value.end - self.after
        return replace(value, start=start, end=end) if start < end else value

    def widest(self, other: Buffer) -> Buffer:
        """Return a buffer with the longer time of both on each side."""
        return Buffer(max(self.before, other.before), max(self.after, other.after))


NO_BUFFER = Buffer()
