"""What policy may say, and which of it applies: `[rules]` with its overrides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import product

from syncd.core.free_intervals import FreeSearch
from syncd.model import Availability, ConflictKind


class Choice(StrEnum):
    """What policy may say (docs/design.md#policy)."""

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
"""For each kind what may be chosen, the default first. With one choice there is nothing to set."""


_NEAR = FreeSearch()


@dataclass(frozen=True, slots=True)
class EffectiveRule:
    """One rule as it applies: the choice, and the override that it comes from ('' for none)."""

    kind: ConflictKind
    choice: Choice
    place: str = ""

    def __str__(self) -> str:
        """The rule's name in history, in messages and in the queue."""
        return f"{self.kind} = {self.choice}" + (f" ({self.place})" if self.place else "")


@dataclass(frozen=True, slots=True)
class Override:
    """An exception: for these kinds, where one of these systems is involved (none named: any)."""

    choice: Choice
    kinds: frozenset[ConflictKind]
    systems: frozenset[str] = frozenset()
    place: str = ""

    def applies(self, kind: ConflictKind, involved: Collection[str]) -> bool:
        """Whether it speaks of such a conflict."""
        return kind in self.kinds and (not self.systems or not self.systems.isdisjoint(involved))


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy table of one provider, with the tie-break order of systems.

    ``overrides`` are those that speak of this provider: the first that applies wins.
    ``uncertainty`` is how far two corrected update times must lie apart to be told apart;
    ``search`` is where next-free looks.
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
    search: FreeSearch = _NEAR

    def rank(self, system: str) -> tuple[int, str]:
        """Place of a system in the tie-break: named ones first, then by name."""
        place = self.prefer.index(system) if system in self.prefer else len(self.prefer)
        return (place, system)

    def effective_rule(self, kind: ConflictKind, involved: Collection[str]) -> EffectiveRule:
        """The rule for a conflict of that kind in which these systems are involved."""
        for override in self.overrides:
            if override.applies(kind, involved):
                return EffectiveRule(kind, override.choice, override.place)
        return EffectiveRule(kind, self._general(kind))

    def with_availability(self, asked: Iterable[Availability]) -> Rules:
        """The same rules, where next-free knows what the systems offer."""
        return replace(self, search=replace(self.search, asked=tuple(asked)))

    @property
    def looks_for_free_time(self) -> bool:
        """Whether next-free may apply."""
        choices = {self.slot_taken, *(override.choice for override in self.overrides)}
        return Choice.NEXT_FREE in choices

    def _general(self, kind: ConflictKind) -> Choice:
        said: Choice = getattr(self, kind) if len(CHOICES[kind]) > 1 else CHOICES[kind][0]
        return said


def explain(
    rules: Rules, kind: ConflictKind, systems: Collection[str]
) -> list[tuple[str, EffectiveRule]]:
    """What happens to a kind of conflict: (the system that must be involved, '' for any), in order.

    What comes after a rule for any system never applies, and is left out.
    """
    found: list[tuple[str, EffectiveRule]] = []
    for override in rules.overrides:
        named = sorted(override.systems & set(systems))
        if kind in override.kinds and (named or not override.systems):
            law = EffectiveRule(kind, override.choice, override.place)
            found += [(system, law) for system in named or [""]]
            if not override.systems:
                return found
    return [*found, ("", replace(rules, overrides=()).effective_rule(kind, ()))]


def all_rules(prefer: tuple[str, ...]) -> Iterator[Rules]:
    """Every table without overrides: what a simulator or a test draws from."""
    tables = product(*(choices for choices in CHOICES.values() if len(choices) > 1))
    for apart, cancelled, twin, edited, taken, double in tables:
        yield Rules(prefer, apart, cancelled, edited, taken, double, twin)


def all_overrides(systems: Collection[str]) -> Iterator[Override]:
    """Every exception for one kind, in one system or in any."""
    for kind, choices in CHOICES.items():
        for choice in choices if len(choices) > 1 else ():
            for system in (None, *sorted(systems)):
                where = frozenset() if system is None else frozenset({system})
                place = f"{kind} in {system or 'any system'}"
                yield Override(choice, frozenset({kind}), where, place)
