"""Find the configured rule for a conflict: `[rules]` and its overrides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import product

from syncd.core.availability.free import FreeSearch
from syncd.model import Availability, ConflictKind


class Choice(StrEnum):
    """The choices that a rule may have (docs/design.md#policy)."""

    LATEST = "latest"
    PREFER = "prefer"
    CANCEL = "cancel"
    KEEP = "keep"
    MOVE = "move"
    RESTORE = "restore"
    RESCHEDULE = "reschedule"
    RELEASE = "release"
    REVERT = "revert"
    NEXT_FREE = "next-free"
    REPORT = "report"
    HOLD = "hold"


CHOICES: Mapping[ConflictKind, tuple[Choice, ...]] = {
    ConflictKind.MOVED_APART: (Choice.LATEST, Choice.PREFER, Choice.HOLD),
    ConflictKind.MOVED_AND_CANCELLED: (Choice.CANCEL, Choice.MOVE, Choice.HOLD),
    ConflictKind.TWIN_DELETED: (Choice.CANCEL, Choice.KEEP, Choice.HOLD),
    ConflictKind.BLOCK_EDITED: (Choice.RESTORE, Choice.RESCHEDULE, Choice.RELEASE),
    ConflictKind.SLOT_TAKEN: (Choice.HOLD, Choice.REVERT, Choice.NEXT_FREE),
    ConflictKind.DOUBLE_BOOKED: (Choice.REPORT, Choice.HOLD),
    ConflictKind.AMBIGUOUS: (Choice.HOLD,),
    ConflictKind.CANNOT_CANCEL: (Choice.HOLD,),
    ConflictKind.QUARANTINED: (Choice.HOLD,),
    ConflictKind.GUARD: (Choice.HOLD,),
}
"""The possible choices for each kind of conflict, the default first.

A kind with one choice cannot be configured.
"""


_DEFAULT_SEARCH = FreeSearch()


@dataclass(frozen=True, slots=True)
class EffectiveRule:
    """The choice that applies to a kind of conflict.

    ``place`` is the place of the override in the configuration; '' if no override applies.
    """

    kind: ConflictKind
    choice: Choice
    place: str = ""

    def __str__(self) -> str:
        """Return the rule as history, messages and the conflict queue show it."""
        return f"{self.kind} = {self.choice}" + (f" ({self.place})" if self.place else "")


@dataclass(frozen=True, slots=True)
class Override:
    """An exception to the rules.

    It applies to conflicts of ``kinds`` that involve one of ``systems``, or any system if
    ``systems`` is empty. ``place`` names the override in messages.
    """

    choice: Choice
    kinds: frozenset[ConflictKind]
    systems: frozenset[str] = frozenset()
    place: str = ""

    def applies(self, kind: ConflictKind, involved: Collection[str]) -> bool:
        """Return true if the override is for this kind and one of these systems."""
        return kind in self.kinds and (not self.systems or not self.systems.isdisjoint(involved))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one provider, and the order of systems that breaks ties.

    - ``prefer``: the names of systems, the most preferred first.
    - ``overrides``: the overrides for this provider; the first override that applies wins.
    - ``uncertainty``: update times that differ by at most this, after skew correction, count as
      equal.
    - ``search``: where ``next-free`` looks for a free time.
    """

    prefer: tuple[str, ...] = ()
    moved_apart: Choice = Choice.LATEST
    moved_and_cancelled: Choice = Choice.CANCEL
    block_edited: Choice = Choice.RESTORE
    slot_taken: Choice = Choice.HOLD
    double_booked: Choice = Choice.REPORT
    twin_deleted: Choice = Choice.CANCEL
    overrides: tuple[Override, ...] = ()
    uncertainty: timedelta = timedelta(seconds=5)
    search: FreeSearch = _DEFAULT_SEARCH

    def rank(self, system: str) -> tuple[int, str]:
        """Return the sort key of a system: its place in ``prefer``, then all others by name."""
        place = self.prefer.index(system) if system in self.prefer else len(self.prefer)
        return (place, system)

    def effective_rule(self, kind: ConflictKind, involved: Collection[str]) -> EffectiveRule:
        """Return the rule for a conflict of this kind that involves these systems."""
        for override in self.overrides:
            if override.applies(kind, involved):
                return EffectiveRule(kind, override.choice, override.place)
        return EffectiveRule(kind, self._default_choice(kind))

    def with_availability(self, asked: Iterable[Availability]) -> Rules:
        """Return these rules with the free slots of systems among which ``next-free`` chooses."""
        return replace(self, search=replace(self.search, asked=tuple(asked)))

    @property
    def looks_for_free_time(self) -> bool:
        """True if the rule or an override is ``next-free``, so that free slots must be read."""
        choices = {self.slot_taken, *(override.choice for override in self.overrides)}
        return Choice.NEXT_FREE in choices

    def _default_choice(self, kind: ConflictKind) -> Choice:
        choice: Choice = getattr(self, kind) if len(CHOICES[kind]) > 1 else CHOICES[kind][0]
        return choice


def explain(
    rules: Rules, kind: ConflictKind, systems: Collection[str]
) -> list[tuple[str, EffectiveRule]]:
    """List the rules for a kind of conflict in order, each with the system that must be involved.

    ``systems`` are the provider's systems. In the result, '' means any system. Rules that come
    after a rule for any system never apply and are left out.
    """
    rows: list[tuple[str, EffectiveRule]] = []
    for override in rules.overrides:
        named = sorted(override.systems & set(systems))
        if kind in override.kinds and (named or not override.systems):
            rule = EffectiveRule(kind, override.choice, override.place)
            rows += [(system, rule) for system in named or [""]]
            if not override.systems:
                return rows
    return [*rows, ("", replace(rules, overrides=()).effective_rule(kind, ()))]


def all_rules(prefer: tuple[str, ...]) -> Iterator[Rules]:
    """Yield every table of rules without overrides, for the simulator and tests."""
    tables = product(*(choices for choices in CHOICES.values() if len(choices) > 1))
    for apart, cancelled, twin, edited, taken, double in tables:
        yield Rules(prefer, apart, cancelled, edited, taken, double, twin)


def all_overrides(systems: Collection[str]) -> Iterator[Override]:
    """Yield every override for one kind of conflict, in one system or in any."""
    for kind, choices in CHOICES.items():
        for choice in choices if len(choices) > 1 else ():
            for system in (None, *sorted(systems)):
                where = frozenset() if system is None else frozenset({system})
                place = f"{kind} in {system or 'any system'}"
                yield Override(choice, frozenset({kind}), where, place)
