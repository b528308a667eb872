"""Buffers: time that a platform keeps free around each booking of a calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.model.types import Value

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Buffer:
    """How long before and after each booking a calendar is not offered."""

    before: timedelta = _NONE
    after: timedelta = _NONE

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.before or self.after)

    def expand(self, value: Value) -> Value:
        """The time that a booking of this value closes, buffers included."""
        return replace(value, start=value.start - self.before, end=value.end + self.after)

    def shrink(self, value: Value) -> Value:
        """The booking whose time with its buffers is this; the value itself if it is too short."""
        start, end = value.start + self.before, value.end - self.after
        return replace(value, start=start, end=end) if start < end else value

    def widest(self, other: Buffer) -> Buffer:
        """The longer of both on each side."""
        return Buffer(max(self.before, other.before), max(self.after, other.after))


NO_BUFFER = Buffer()
