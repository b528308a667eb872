"""What each calendar should close, kept between two cycles: in bytes, for there is much of it.

As objects it is a third of a kilobyte for each booking and calendar, and the garbage collector's
work; it is looked at when a provider has news, or was asked for free slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from syncd.core.exposure import RequiredBlocks

_MOST_PARTS = 16

_Lines = dict[str, list[tuple[datetime, datetime, tuple[str, ...]]]]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Lines).decode


@dataclass(slots=True)
class PackedBlocks:
    """By provider, what was last decided: on the whole, and since then on parts of it."""

    _whole: dict[str, bytes] = field(default_factory=dict)
    _parts: dict[str, list[tuple[AbstractSet[str], RequiredBlocks]]] = field(default_factory=dict)

    def __contains__(self, provider: str) -> bool:
        """Whether anything is known of the provider."""
        return provider in self._whole

    def put(self, provider: str, wanted: RequiredBlocks) -> None:
        """Take over what was decided on the whole of a provider."""
        self._parts.pop(provider, None)
        self._whole[provider] = _pack(
            {
                system: [(*interval, tuple(who)) for interval, who in intervals.items()]
                for system, intervals in wanted.items()
            }
        )

    def put_part(self, provider: str, bookings: AbstractSet[str], wanted: RequiredBlocks) -> None:
        """Take over what was decided on some bookings, in the place of what they wanted before."""
        parts = self._parts.setdefault(provider, [])
        parts.append((bookings, wanted))
        if len(parts) >= _MOST_PARTS:
            self.put(provider, self.of(provider))

    def of(self, provider: str) -> RequiredBlocks:
        """All that a provider's calendars should close. Raises KeyError if nothing is known."""
        found = {
            system: {(start, end): who for start, end, who in lines}
            for system, lines in _unpack(self._whole[provider]).items()
        }
        for bookings, wanted in self._parts.get(provider, ()):
            for system, intervals in wanted.items():
                kept = _without(found.get(system, {}), bookings)
                for interval, who in intervals.items():
                    kept[interval] = (*kept.get(interval, ()), *who)
                found[system] = kept
        return found

    def of_some(self, provider: str, bookings: AbstractSet[str]) -> RequiredBlocks:
        """What they should close for these bookings. Raises KeyError if nothing is known."""
        parts = self._parts.get(provider)
        # Mostly it was decided on these a moment ago: then nothing need be unpacked.
        last = parts[-1][1] if parts and bookings <= parts[-1][0] else self.of(provider)
        return {
            system: {span: who for span, who in intervals.items() if not bookings.isdisjoint(who)}
            for system, intervals in last.items()
        }


def _without(
    intervals: Mapping[tuple[datetime, datetime], tuple[str, ...]], bookings: AbstractSet[str]
) -> dict[tuple[datetime, datetime], tuple[str, ...]]:
    """What is to be closed for others than these bookings."""
    kept = ((span, tuple([b for b in who if b not in bookings])) for span, who in intervals.items())
    return {span: left for span, left in kept if left}
