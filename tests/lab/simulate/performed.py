"""Count the days on which an act was really performed: a drawn act may find no target.

Only days that can still add something are played: each act must be performed on as many of all days
as `rarity` asks for, and most acts are performed more often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import TROUBLE, EventKind, Scenario, SimEvent
from tests.lab.simulate.rarity import OF, OFTEN

Played = Callable[[Scenario], Collection[str]]
"""Play a day, and return the names of what was performed on it."""

_NAMES: Mapping[EventKind, str] = {
    EventKind.STATE_LOST: "state lost",
    EventKind.STATE_RESTORED: "state restored",
    EventKind.CRASH: "crash",
    EventKind.HOST_CLOCK: "host-clock",
}
"""The names under which troubles of the program itself are counted."""

PERFORMED = frozenset(map(str, frozenset(EventKind) - TROUBLE)) | {*_NAMES.values()}
"""Everything that is counted. Faults of the platforms and of the state are counted as drawn."""


def play_acts(scenario: Scenario) -> frozenset[str]:
    """Play only the day, without the time after it."""
    return names_in(play(scenario, only_acts=True))


def play_whole(scenario: Scenario) -> frozenset[str]:
    """Play a day to its end, which may have a cleanup."""
    return names_in(play(scenario))


AFTERWARDS = frozenset({str(EventKind.CLEAN_UP)})
"""What is performed when the day is over."""


def names_in(outcome: RunResult) -> frozenset[str]:
    """Return the names of what was performed on a day."""
    counts = outcome.acts + outcome.commands + outcome.faults
    return frozenset(counts) & PERFORMED


def drawn_in(scenario: Scenario) -> Iterator[str]:
    """Yield the names of what a day may perform."""
    yield from (name_of(step) for step in (*scenario.before, *scenario.steps))


def name_of(step: SimEvent) -> str:
    """Return the name under which a step is counted."""
    return _NAMES.get(step.kind, str(step.kind))


def too_rarely_performed(
    stories: Sequence[Scenario], played: Played = play_acts, kinds: Collection[str] = PERFORMED
) -> dict[str, int]:
    """Return the kinds that were performed on too few of these days, with their numbers."""
    remaining = {
        scenario.seed: frozenset(drawn_in(scenario)).intersection(kinds) for scenario in stories
    }
    days = {scenario.seed: scenario for scenario in stories}
    least = -(-OFTEN * len(stories) // OF)
    counts = Counter[str](dict.fromkeys(kinds, 0))
    hopeless: dict[str, int] = {}
    while True:
        may = Counter(name for names in remaining.values() for name in names)
        lacking = {name for name in kinds if counts[name] < least}
        hopeless |= {name: counts[name] for name in lacking if counts[name] + may[name] < least}
        wanted = sorted(lacking - hopeless.keys(), key=lambda name: (may[name], name))
        if not wanted:
            return hopeless
        # The rarest kind first, on the day that may add most.
        able = [seed for seed, names in remaining.items() if wanted[0] in names]
        seed = max(able, key=lambda seed: len(remaining[seed].intersection(wanted)))
        del remaining[seed]
        counts.update(frozenset(played(days[seed])).intersection(kinds))
