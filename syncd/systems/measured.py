"""The measured facts of one account, with the safe side for all that were not measured.

`model.platform_facts` lists the facts. A measured value is used until an answer of the platform
contradicts it. Then the safe side is used, and only a probe can measure the fact again, no ordinary
read. A contradicted value is stored with the prefix `CONTRADICTED`.
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
"""The prefix of a contradicted value; the fact's date is that of the contradicting answer."""

REMEASURE_AFTER = timedelta(days=90)
"""`check` warns about facts that were measured longer ago."""

_FOR_EVER = timedelta(days=36_500)
"""A measured fact does not expire."""

LIST_CAP, _CAP_PREFIXES = "list_cap", ("cap ", "no cap ")
"""The fact about the caps of lists is stored per kind of list, under names with these prefixes."""

_NAMES = frozenset(row.name for row in PLATFORM_FACTS)


class Side(StrEnum):
    """The origin of the value of a fact."""

    SAFE = "safe"
    """The fact was not measured: the safe side is assumed."""
    MEASURED = "measured"
    CONTRADICTED = "contradicted"
    """The fact was measured and contradicted since: the safe side is assumed."""


@dataclass(frozen=True, slots=True)
class FactStatus:
    """One fact of one account: its row in the table of facts, and the value in use.

    ``at`` is when it was measured or contradicted; None if neither happened.
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
    """The facts of one account (`model.platform_facts`), with the values in use.

    ``platform`` is the type of the system, '' for derived systems that have no facts of their own.
    ``facts`` stores the measured values under the names of the facts.
    """

    platform: str
    facts: FactStore

    def value(self, name: str) -> str:
        """Return the measured value of a fact, or its safe side. Raises KeyError."""
        stored = self.facts.get(name, _FOR_EVER)
        is_valid = stored and not stored.startswith(CONTRADICTED)
        return stored if is_valid else platform_fact(self.platform, name).safe

    def is_yes(self, name: str) -> bool:
        """Return whether the value of a yes-or-no fact is "yes". Raises KeyError."""
        return self.value(name) == YES

    def safe(self, name: str) -> str:
        """Return the safe side of a fact. Raises KeyError."""
        return platform_fact(self.platform, name).safe

    def side(self, name: str) -> Side:
        """Return the origin of the value of a fact. Raises KeyError for an unknown fact."""
        platform_fact(self.platform, name)
        return _side(self.facts.get(name, _FOR_EVER))

    def at(self, name: str) -> datetime | None:
        """Return when a fact was measured or contradicted; None if neither happened."""
        stored = self.facts.stored(name)
        return None if stored is None or self.side(name) is Side.SAFE else stored.at

    def note(self, name: str, value: str) -> None:
        """Store the result of a probe, dated now. Raises KeyError for an unknown fact.

        This clears a contradiction, so only a probe or a person's command may call it.
        """
        platform_fact(self.platform, name)
        self.facts.put(name, value)

    def record_read(self, name: str, value: str) -> None:
        """Store a value that an ordinary read measured, unless the fact was contradicted before.

        Raises KeyError for an unknown fact.
        """
        if self.side(name) is not Side.CONTRADICTED:
            self.note(name, value)

    def contradict(self, name: str, *measured: str) -> bool:
        """Reset a fact to its safe side because an answer contradicts the measured value.

        ``measured`` are the values that the answer contradicts; none means any value. Nothing
        changes if the fact was not measured, has another value, equals its safe side, or does not
        exist on this platform. Return whether the fact was reset. Raises KeyError for a name that
        no platform has.
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
        """Forget all measured and contradicted facts; return their names.

        The caps of lists are kept: reads find them, and they expire by themselves.
        """
        names = [each.name for each in self.statuses() if each.side is not Side.SAFE]
        names = [name for name in names if name != LIST_CAP]
        for name in names:
            self.facts.put(name, "")
        return names

    def statuses(self) -> Sequence[FactStatus]:
        """Return the status of every fact of the platform, in the order of the table."""
        return fact_statuses(self.platform, self.facts.all())


def fact_statuses(platform: str, facts: Iterable[Fact]) -> Sequence[FactStatus]:
    """Return the status of every fact of a platform, given the stored ``facts`` of one system."""
    stored = {fact.name: fact for fact in facts}
    statuses: list[FactStatus] = []
    for row in platform_facts(platform):
        if row.name == LIST_CAP:
            statuses.append(_cap_status(row, stored.values()))
            continue
        fact = stored.get(row.name)
        side = _side(fact.value if fact else "")
        if fact is None or side is Side.SAFE:
            statuses.append(FactStatus(row, row.safe))
        else:
            value = row.safe if side is Side.CONTRADICTED else fact.value
            statuses.append(FactStatus(row, value, side, fact.at))
    return statuses


def contradicted_facts(platform: str, facts: Iterable[Fact]) -> Sequence[FactStatus]:
    """Return the status of the stored facts that were contradicted."""
    statuses = fact_statuses(platform, [f for f in facts if f.value.startswith(CONTRADICTED)])
    return [each for each in statuses if each.side is Side.CONTRADICTED]


def _cap_status(row: PlatformFact, facts: Iterable[Fact]) -> FactStatus:
    """Return the caps of lists that reads have found (`capped_lists`) as one status."""
    caps = [f for f in facts if f.value and f.name.startswith(_CAP_PREFIXES)]
    if not caps:
        return FactStatus(row, row.safe)
    values = sorted(f"{f.name} {f.value}" for f in caps)
    return FactStatus(row, "; ".join(values), Side.MEASURED, max(f.at for f in caps))


def _side(stored: str) -> Side:
    if not stored:
        return Side.SAFE
    return Side.CONTRADICTED if stored.startswith(CONTRADICTED) else Side.MEASURED
