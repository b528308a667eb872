"""Blocks of ours in calendars that are no longer configured.

Such calendars are no longer read, so the blocks are shown as of the last read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncd.model.former_calendars import is_former, provider_of_former

OUR_BLOCKS_SQL = """
    SELECT COALESCE(
               NULLIF(event.provider, ''),
               (SELECT min(intent.provider) FROM intent
                WHERE intent.system = event.system AND intent.event = event.id
                  AND intent.action = 'create-block' AND intent.state = 'done'),
               ''
           ) AS provider,
           event.system AS system, count(*) AS blocks,
           min(event.starts) AS first, max(event.ends) AS last
    FROM event
    WHERE event.mine AND NOT event.retired AND event.ends > :now
    GROUP BY 1, 2
    ORDER BY 1, 2
"""
"""Count our blocks that are not over, by calendar.

The provider of a calendar that was removed from the configuration is only in the journal.
"""

FOUND_MAPPING = "found"
"""The mapping of a discovered calendar: it is synced although no configuration names it."""


class RemovedPart(StrEnum):
    """What is no longer configured. FORMER: the provider has another calendar in the system now."""

    PROVIDER = "provider"
    CALENDAR = "calendar"
    SYSTEM = "system"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The blocks in one calendar that is no longer configured; blocks that are over do not count.

    ``first`` is the start of the earliest block, ``last`` the end of the latest block.
    """

    provider: str
    system: str
    removed: RemovedPart
    blocks: int
    first: datetime
    last: datetime

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``left_behind`` in JSON. The keys are stable."""
        first, last = (t.isoformat().replace("+00:00", "Z") for t in (self.first, self.last))
        return {
            "provider": self.provider or None,
            "system": self.system,
            "gone": str(self.removed),
            "blocks": self.blocks,
            "first": first,
            "last": last,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> LeftBehind:
        """Parse an entry that `to_json` made, as a daemon sends it."""
        first, last = (datetime.fromisoformat(entry[name]) for name in ("first", "last"))
        provider, system, blocks = entry["provider"] or "", entry["system"], entry["blocks"]
        return cls(provider, system, RemovedPart(entry["gone"]), blocks, first, last)


def left_behind(
    our_blocks: Iterable[Mapping[str, Any]],
    mapping: Mapping[str, Collection[str]],
    systems: Collection[str],
    found: Collection[tuple[str, str]] = (),
) -> Iterator[LeftBehind]:
    """Yield the calendars of the rows of `OUR_BLOCKS_SQL` that are no longer configured.

    ``mapping`` gives the systems of each provider, ``systems`` the configured systems, and
    ``found`` the discovered calendars (`FOUND_MAPPING`).
    """
    for row in our_blocks:
        provider, system = row["provider"], row["system"]
        removed = removed_part(provider, system, mapping, systems)
        if removed is not None and (provider, system) not in found:
            first, last = (datetime.fromisoformat(row[name]) for name in ("first", "last"))
            yield LeftBehind(provider, system, removed, row["blocks"], first, last)


def removed_part(
    provider: str, system: str, mapping: Mapping[str, Collection[str]], systems: Collection[str]
) -> RemovedPart | None:
    """Return which part of a calendar is no longer configured, or None if all of it is."""
    if system not in systems:
        return RemovedPart.SYSTEM
    if is_former(provider) and provider_of_former(provider) in mapping:
        return RemovedPart.FORMER
    if provider not in mapping:
        return RemovedPart.PROVIDER
    return None if system in mapping[provider] else RemovedPart.CALENDAR
