"""What was measured of the uncertain facts of one account, with the safe side of all others.

The table of the facts is `model.platform_facts`. A measured value counts until an answer of the
platform contradicts it: then the safe side counts, and no ordinary read measures that fact again,
only a probe. A contradicted value is stored with `CONTRADICTED` before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.model.platform_facts import (
    PLATFORM_FACTS,
    YES,
    PlatformFact,
    platform_fact,
    platform_facts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from syncd.model import Fact
    from syncd.systems.facts import FactStore

CONTRADICTED = "!"
"""Stored before a value that an answer contradicted; the fact's date is that of the answer."""

MEASURED_ANEW = timedelta(days=90)
"""`check` warns of facts that were measured longer ago."""

_FOR_EVER = timedelta(days=36_500)
"""A measured fact counts until it is contradicted or forgotten; `check` asks for a new probe."""

LIST_CAP, CAPS = "list_cap", ("cap ", "no cap ")
"""The fact about the caps of lists is stored for each list, under names that begin so."""

_NAMES = frozenset(row.name for row in PLATFORM_FACTS)


class Side(StrEnum):
    """Where the value of a fact comes from."""

    SAFE = "safe"
    """Nothing was measured: the safe side is assumed."""
    MEASURED = "measured"
    CONTRADICTED = "contradicted"
    """It was measured, and an answer contradicted it since: the safe side is assumed."""


@dataclass(frozen=True, slots=True)
class FactStatus:
    """One fact of one account: its row of the table, and the value that counts.

    ``at`` is when it was measured, or contradicted; None where neither was done.
    """

    row: PlatformFact
    value: str
    side: Side = Side.SAFE
    at: datetime | None = None

    @property
    def name(self) -> str:
        """The fact's name."""
        return self.row.name


@dataclass(frozen=True, slots=True)
class MeasuredFacts:
    """The facts of one account (`model.platform_facts`) as they may be relied on.

    ``platform`` is the system's type, '' for what is derived from a system and has none of its own;
    ``facts`` holds what was measured, under the facts' names.
    """

    platform: str
    facts: FactStore

    def value(self, name: str) -> str:
        """Return the measured value of a fact, or its safe side. Raises KeyError."""
        stored = self.facts.get(name, _FOR_EVER)
        counts = stored and not stored.startswith(CONTRADICTED)
        return stored if counts else platform_fact(self.platform, name).safe

    def is_yes(self, name: str) -> bool:
        """Return whether a fact with the sides yes and no is "yes". Raises KeyError."""
        return self.value(name) == YES

    def safe(self, name: str) -> str:
        """Return the safe side of a fact. Raises KeyError."""
        return platform_fact(self.platform, name).safe

    def side(self, name: str) -> Side:
        """Return where the value of a fact comes from. Raises KeyError for an unknown fact."""
        platform_fact(self.platform, name)
        return _side(self.facts.get(name, _FOR_EVER))

    def at(self, name: str) -> datetime | None:
        """Return when a fact was measured or contradicted; None where neither was done."""
        stored = self.facts.stored(name)
        return None if stored is None or self.side(name) is Side.SAFE else stored.at

    def note(self, name: str, value: str) -> None:
        """Store what a probe measured, with its date. Raises KeyError for an unknown fact.

        This ends a contradiction: only a probe, or a person, may call it.
        """
        platform_fact(self.platform, name)
        self.facts.put(name, value)

    def record_read(self, name: str, value: str) -> None:
        """Store what an ordinary read measured, unless the fact was contradicted before.

        Raises KeyError for an unknown fact.
        """
        if self.side(name) is not Side.CONTRADICTED:
            self.note(name, value)

    def contradict(self, name: str, *measured: str) -> bool:
        """Drop a fact to its safe side, because an answer contradicts what was measured.

        ``measured`` are the values that the answer contradicts; none: whatever was measured.
        Nothing happens where the fact was not measured, has another value, is at its safe side, or
        is none of this platform. Returns whether the fact was dropped. Raises KeyError for a name
        that no platform has.
        """
        if name not in _NAMES:
            raise KeyError(name)
        stored = self.facts.get(name, _FOR_EVER)
        if _side(stored) is not Side.MEASURED or (measured and stored not in measured):
            return False
        if stored == platform_fact(self.platform, name).safe:
            return False
        self.facts.put(name, CONTRADICTED + stored)
        return True

    def forget(self) -> Sequence[str]:
        """Withdraw all that was measured and contradicted; return the names of those facts.

        The caps of lists stay, which reads find out and forget by themselves.
        """
        names = [each.name for each in self.standings() if each.side is not Side.SAFE]
        names = [name for name in names if name != LIST_CAP]
        for name in names:
            self.facts.put(name, "")
        return names

    def standings(self) -> Sequence[FactStatus]:
        """Return every fact of the platform, in the order of the table."""
        return standings(self.platform, self.facts.all())


def standings(platform: str, facts: Iterable[Fact]) -> Sequence[FactStatus]:
    """Return every fact of a platform as it stands, with the stored ``facts`` of one system."""
    stored = {fact.name: fact for fact in facts}
    found: list[FactStatus] = []
    for row in platform_facts(platform):
        if row.name == LIST_CAP:
            found.append(_caps(row, stored.values()))
            continue
        fact = stored.get(row.name)
        side = _side(fact.value if fact else "")
        if fact is None or side is Side.SAFE:
            found.append(FactStatus(row, row.safe))
        else:
            value = row.safe if side is Side.CONTRADICTED else fact.value
            found.append(FactStatus(row, value, side, fact.at))
    return found


def dropped(platform: str, facts: Iterable[Fact]) -> Sequence[FactStatus]:
    """Return those of the facts that were contradicted."""
    found = standings(platform, [f for f in facts if f.value.startswith(CONTRADICTED)])
    return [each for each in found if each.side is Side.CONTRADICTED]


def _caps(row: PlatformFact, facts: Iterable[Fact]) -> FactStatus:
    """Return what reads have found out about the caps of lists (`capped_lists`)."""
    caps = [f for f in facts if f.value and f.name.startswith(CAPS)]
    if not caps:
        return FactStatus(row, row.safe)
    told = sorted(f"{f.name} {f.value}" for f in caps)
    return FactStatus(row, "; ".join(told), Side.MEASURED, max(f.at for f in caps))


def _side(stored: str) -> Side:
    if not stored:
        return Side.SAFE
    return Side.CONTRADICTED if stored.startswith(CONTRADICTED) else Side.MEASURED
