"""Keep the required blocks of each calendar in memory between two cycles, packed as bytes.

As objects, the blocks would take a third of a kilobyte for each booking and calendar, and slow down
the garbage collector. The blocks are needed only when a provider has changes, or when free slots
are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from syncd.core.availability.exposure import RequiredBlocks

_MOST_PARTS = 16

_Lines = dict[str, list[tuple[datetime, datetime, tuple[str, ...]]]]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Lines).decode


@dataclass(slots=True)
class PackedBlocks:
    """The required blocks of each provider, from the last decisions.

    They combine the last decision on the whole provider and the later decisions on some bookings.
    """

    _whole: dict[str, bytes] = field(default_factory=dict)
    _parts: dict[str, list[tuple[AbstractSet[str], RequiredBlocks]]] = field(default_factory=dict)

    def __contains__(self, provider: str) -> bool:
        """Return true if this process has decided on the provider."""
        return provider in self._whole

    def put(self, provider: str, wanted: RequiredBlocks) -> None:
        """Store the required blocks after a decision on all bookings of a provider."""
        self._parts.pop(provider, None)
        self._whole[provider] = _pack(
            {
                system: [(*interval, tuple(ids)) for interval, ids in intervals.items()]
                for system, intervals in wanted.items()
            }
        )

    def put_part(self, provider: str, bookings: AbstractSet[str], wanted: RequiredBlocks) -> None:
        """Store the blocks of a decision on these bookings, and drop their former blocks."""
        parts = self._parts.setdefault(provider, [])
        parts.append((bookings, wanted))
        if len(parts) >= _MOST_PARTS:
            self.put(provider, self.of(provider))

    def of(self, provider: str) -> RequiredBlocks:
        """Return all required blocks of a provider. Raises KeyError before a decision on it."""
        blocks = {
            system: {(start, end): ids for start, end, ids in lines}
            for system, lines in _unpack(self._whole[provider]).items()
        }
        for bookings, wanted in self._parts.get(provider, ()):
            for system, intervals in wanted.items():
                remaining = _without(blocks.get(system, {}), bookings)
                for interval, ids in intervals.items():
                    remaining[interval] = (*remaining.get(interval, ()), *ids)
                blocks[system] = remaining
        return blocks

    def of_some(self, provider: str, bookings: AbstractSet[str]) -> RequiredBlocks:
        """Return the required blocks of these bookings. Raises KeyError if `of` does."""
        parts = self._parts.get(provider)
        # Usually the last partial decision was about these bookings; then nothing is unpacked.
        last = parts[-1][1] if parts and bookings <= parts[-1][0] else self.of(provider)
        return {
            system: {span: ids for span, ids in intervals.items() if not bookings.isdisjoint(ids)}
            for system, intervals in last.items()
        }


def _without(
    intervals: Mapping[tuple[datetime, datetime], tuple[str, ...]], bookings: AbstractSet[str]
) -> dict[tuple[datetime, datetime], tuple[str, ...]]:
    """Return the intervals without these bookings; intervals that no booking needs are dropped."""
    remaining = (
        (span, tuple([b for b in ids if b not in bookings])) for span, ids in intervals.items()
    )
    return {span: bookings_left for span, bookings_left in remaining if bookings_left}
