"""Blocks that syncd made, and that stand where the configuration maps nothing any more.

Nobody reads those calendars, so this is how they were when they were read last.
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
"""Our blocks that are not over, by calendar. A calendar that was dropped is in the journal only."""

FOUND_MAPPING = "found"
"""The mapping of a calendar that no configuration names, and that is kept in sync all the same."""


class MissingFrom(StrEnum):
    """What left the configuration; FORMER: a provider has another calendar there by now."""

    PROVIDER = "provider"
    CALENDAR = "calendar"
    SYSTEM = "system"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The blocks of one calendar that left the configuration, and that are not over."""

    provider: str
    system: str
    gone: MissingFrom
    blocks: int
    first: datetime
    last: datetime

    def to_json(self) -> dict[str, object]:
        """One entry of ``left_behind`` in JSON: its keys are stable."""
        first, last = (t.isoformat().replace("+00:00", "Z") for t in (self.first, self.last))
        return {
            "provider": self.provider or None,
            "system": self.system,
            "gone": str(self.gone),
            "blocks": self.blocks,
            "first": first,
            "last": last,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> LeftBehind:
        """Read an entry that a daemon sent."""
        first, last = (datetime.fromisoformat(told[name]) for name in ("first", "last"))
        provider, system, blocks = told["provider"] or "", told["system"], told["blocks"]
        return cls(provider, system, MissingFrom(told["gone"]), blocks, first, last)


def left_behind(
    standing: Iterable[Mapping[str, Any]],
    mapping: Mapping[str, Collection[str]],
    systems: Collection[str],
    found: Collection[tuple[str, str]] = (),
) -> Iterator[LeftBehind]:
    """Choose, of the rows of `OUR_BLOCKS_SQL`, those that no configuration maps.

    ``mapping`` are the systems of each provider, ``found`` calendars as of `FOUND_MAPPING`.
    """
    for row in standing:
        provider, system = row["provider"], row["system"]
        gone = missing_from(provider, system, mapping, systems)
        if gone is not None and (provider, system) not in found:
            first, last = (datetime.fromisoformat(row[name]) for name in ("first", "last"))
            yield LeftBehind(provider, system, gone, row["blocks"], first, last)


def missing_from(
    provider: str, system: str, mapping: Mapping[str, Collection[str]], systems: Collection[str]
) -> MissingFrom | None:
    """Return what of a calendar is not in the configuration; None where all is."""
    if system not in systems:
        return MissingFrom.SYSTEM
    if is_former(provider) and provider_of_former(provider) in mapping:
        return MissingFrom.FORMER
    if provider not in mapping:
        return MissingFrom.PROVIDER
    return None if system in mapping[provider] else MissingFrom.CALENDAR
