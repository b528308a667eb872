"""The measured facts of one account, and the safe side of each fact that was not measured.

`model.platform_facts` lists the facts. A measured value is used until a response of the platform
contradicts it. From then on the safe side is used, and only a probe can measure the fact again: an
ordinary read cannot. A contradicted value stays stored, with the prefix `CONTRADICTED`.
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
"""The prefix of a contradicted value; the fact's date is that of the contradicting response."""

REMEASURE_AFTER = timedelta(days=90)
"""`check` warns about facts that were measured longer ago."""

_FOR_EVER = timedelta(days=36_500)
"""A measured fact does not expire."""

LIST_CAP, _CAP_PREFIXES = "list_cap", ("cap ", "no cap ")
"""The fact about the caps of lists is stored per kind of list, under names with these prefixes."""

_NAMES = frozenset(row.name for row in PLATFORM_FACTS)


class Side(StrEnum):
    """Where the value in use of a fact comes from."""

    SAFE = "safe"
    """The fact was not measured: the safe side is assumed."""
    MEASURED = "measured"
    CONTRADICTED = "contradicted"
    """The fact was measured and contradicted since: the safe side is assumed."""


@dataclass(frozen=True, slots=True)
class FactStatus:
    """One fact of one account: its definition ``row``, the ``value`` in use, and its ``side``.

    ``at`` is when the fact was measured or contradicted; None if it was never measured.
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

    ``platform`` is the account's `PlatformKind`; '' for a system that is derived from another one
    and has no facts of its own. ``facts`` stores the measured values by fact name.
    """

    platform: str
    facts: FactStore

    def value(self, name: str) -> str:
        """Return the measured value of a fact; the safe side if it is not measured or contradicted.

        Raises KeyError for an unknown fact; so do `is_yes`, `safe` and `side`.
        """
        stored = self.facts.get(name, _FOR_EVER)
        is_valid = stored and not stored.startswith(CONTRADICTED)
        return stored if is_valid else platform_fact(self.platform, name).safe

    def is_yes(self, name: str) -> bool:
        """Return whether the value in use of a yes-or-no fact is "yes". Raises KeyError."""
        return self.value(name) == YES

    def safe(self, name: str) -> str:
        """Return the safe side of a fact, whatever was measured. Raises KeyError."""
        return platform_fact(self.platform, name).safe

    def side(self, name: str) -> Side:
        """Return where the value in use comes from. Raises KeyError for an unknown fact."""
        platform_fact(self.platform, name)
        return _side(self.facts.get(name, _FOR_EVER))

    def at(self, name: str) -> datetime | None:
        """Return when a fact was measured or contradicted; None if neither happened."""
        stored = self.facts.stored(name)
        return None if stored is None or self.side(name) is Side.SAFE else stored.at

    def note(self, name: str, value: str) -> None:
        """Store a value that a probe measured, with the current time. Raises KeyError if unknown.

        A contradiction of the fact is cleared, so only a probe or a command of the operator may
        call this; ordinary reads call `record_read`.
        """
        platform_fact(self.platform, name)
        self.facts.put(name, value)

    def record_read(self, name: str, value: str) -> None:
        """Store a value that an ordinary read measured; keep a contradicted fact as it is.

        Raises KeyError for an unknown fact.
        """
        if self.side(name) is not Side.CONTRADICTED:
            self.note(name, value)

    def contradict(self, name: str, *measured: str) -> bool:
        """Reset a fact to its safe side because a response contradicts the measured value.

        ``measured`` are the values that the response contradicts; without any, it contradicts every
        value. Nothing changes if the fact was not measured, has another value, equals its safe
        side, or does not exist on this platform. Returns whether the fact was reset. Raises
        KeyError for a name that no platform has.
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
        """Forget all measured and contradicted facts of the account; return their names.

        Used when everything is to be measured again. The caps of lists are kept: ordinary reads
        find them, and they expire after 30 days.
        """
        names = [each.name for each in self.statuses() if each.side is not Side.SAFE]
        names = [name for name in names if name != LIST_CAP]
        for name in names:
            self.facts.put(name, "")
        return names

    def statuses(self) -> Sequence[FactStatus]:
        """Return the status of every fact of the platform, in the order of `PLATFORM_FACTS`."""
        return fact_statuses(self.platform, self.facts.all())


def fact_statuses(platform: str, facts: Iterable[Fact]) -> Sequence[FactStatus]:
    """Return the status of every fact of a platform. ``facts`` are those stored for one system."""
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
    """Return the status of those stored facts whose measured value was contradicted."""
    statuses = fact_statuses(platform, [f for f in facts if f.value.startswith(CONTRADICTED)])
    return [each for each in statuses if each.side is Side.CONTRADICTED]


def _cap_status(row: PlatformFact, facts: Iterable[Fact]) -> FactStatus:
    """Combine all caps of lists that reads have found (`capped_lists`) into one status."""
    caps = [f for f in facts if f.value and f.name.startswith(_CAP_PREFIXES)]
    if not caps:
        return FactStatus(row, row.safe)
    values = sorted(f"{f.name} {f.value}" for f in caps)
    return FactStatus(row, "; ".join(values), Side.MEASURED, max(f.at for f in caps))


def _side(stored: str) -> Side:
    if not stored:
        return Side.SAFE
    return Side.CONTRADICTED if stored.startswith(CONTRADICTED) else Side.MEASURED
