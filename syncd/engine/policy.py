"""The settings of an engine (rules, windows, intervals), its source of ids, and what polls read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Rules
from syncd.engine.reading.running_events import Depth
from syncd.model import ConflictKind


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """The part of the configuration that decisions, reads and writes depend on.

    - ``rules``: the rules of each provider; ``places``: where the configuration states the rule for
      a kind of conflict.
    - ``limits``: the limits of the guard.
    - ``past``, ``future``: how far the whole window reaches before and after now; ``ahead``: how
      far the near window reaches after now.
    - ``near_every``, ``far_every``, ``slots_every``: the intervals of near reads, far reads and
      reads of free slots.
    - ``longest``: how long before the window an event may begin so that a resync still finds it.
    - ``keep``: how long the history is kept in full.
    - ``read_only``: the calendars, as (provider, system), that syncd never writes to.
    - ``capacity``: how many meetings a provider may have at one time, if more than one.
    - ``resources``: by provider that is a room or a piece of equipment, the system of the resource.
    - ``clocks``: the platform whose clock is in the responses of a system.
    - ``observe``: `mode = "observe"`: nothing is written to any system.
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
        """Return where the configuration states this rule; '' for a rule that is built into syncd.

        ``rule`` is the rule's text in the history, such as "KIND = CHOICE" or "KIND = CHOICE
        (OVERRIDE)".
        """
        kind, _, choice = rule.partition(" = ")
        kind = "block_edited" if rule == "restore" else kind
        if kind not in set(ConflictKind):
            return ""
        if choice.endswith(")"):
            override = choice[choice.index("(") + 1 : -1]
            return self.places.get(override, override)
        return self.places.get(kind, "by default")


@dataclass(frozen=True, slots=True)
class IdSource:
    """The source of new ids: ``row`` for rows of the database, ``key`` for the tags of blocks."""

    row: Callable[[], str]
    key: Callable[[], str]


class PollSelector(Protocol):
    """Chooses the providers that a poll of the daemon reads (see `daemon.poll_scheduler`)."""

    def __call__(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return those of the providers that are due in this system.

        ``depth`` is the depth of the poll. ``late``: the poll only uses the results of late reads.
        """
        ...


def select_all(system: str, depth: Depth, providers: Sequence[str], *, late: bool) -> Sequence[str]:
    """Return all providers. Used if no account has a tight rate limit."""
    del system, depth, late
    return providers
