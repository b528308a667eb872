"""What an engine is told once: how to decide, how far to look, and where new names come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.inputs import GuardLimits
from syncd.core.rules import Rules
from syncd.model import ConflictKind


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """What the configuration says of deciding: rules per provider, the guard's limits, spans.

    ``read_only`` holds the calendars, (provider, system), that are never written to; ``capacity``
    is how many meetings a provider may have at one time, where that is more than one. History is
    kept in full for ``keep``. A resync finds what began up to ``longest`` before the window; the
    near window is read every ``near_every``, the whole one every ``far_every``. ``places`` tells
    where the configuration says the rule for a kind of conflict. ``resources`` gives the system in
    which a provider is a room or equipment that others need. ``clocks`` names the platform whose
    clock the answers of a system show. ``observe``: nothing is written to any system.
    """

    rules: Mapping[str, Rules]
    limits: GuardLimits = field(default_factory=GuardLimits)
    past: timedelta = timedelta(days=1)
    future: timedelta = timedelta(days=60)
    ahead: timedelta = timedelta(days=2)
    read_only: frozenset[tuple[str, str]] = frozenset()
    capacity: Mapping[str, int] = field(default_factory=dict)
    near_every: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(days=60)
    far_every: timedelta = timedelta(minutes=15)
    slots_every: timedelta = timedelta(minutes=15)
    keep: timedelta = timedelta(days=180)
    places: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)
    clocks: Mapping[str, str] = field(default_factory=dict)
    observe: bool = False

    def place_of(self, rule: str) -> str:
        """Where the configuration says the rule of that name; empty for a rule of syncd's own."""
        kind, _, choice = rule.partition(" = ")
        kind = "block_edited" if rule == "restore" else kind
        if kind not in set(ConflictKind):
            return ""
        if choice.endswith(")"):
            override = choice[choice.index("(") + 1 : -1]
            return self.places.get(override, override)
        return self.places.get(kind, "by default")


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new names come from: rows' ids, and the keys that blocks carry."""

    row: Callable[[], str]
    key: Callable[[], str]
