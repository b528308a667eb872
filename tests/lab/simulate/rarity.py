"""Everything that a scenario may contain, each with a test for it: acts, faults, facts.

Add an entry to `WAYS` for each new thing that scenarios draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

from syncd.lab.simulate.drawn_faults import ALL, HOST, STATE
from syncd.lab.simulate.scenario import ONE_PAGE, SYSTEMS, EventKind, Scenario, draw_scenario


class Way(NamedTuple):
    """Something that a scenario may contain, with a test for it."""

    name: str
    holds: Callable[[Scenario], bool]


def _act(kind: EventKind, scenario: Scenario) -> bool:
    return any(step.kind is kind for step in (*scenario.before, *scenario.steps))


def _fault(name: str, scenario: Scenario) -> bool:
    faults = (EventKind.FAULT, EventKind.STATE_FAULT)
    return any(step.fault == name for step in scenario.steps if step.kind in faults)


def _knob(name: str, value: object, scenario: Scenario) -> bool:
    # Later knobs replace earlier ones.
    args = dict(scenario.account)
    return name in args and args[name] == value


def _rule(kind: str, choice: str, scenario: Scenario) -> bool:
    return (kind, choice) in scenario.rules


def _overlaps(system: str, scenario: Scenario) -> bool:
    return system in scenario.overlapping


def _says_when(system: str, scenario: Scenario) -> bool:
    return system not in scenario.without_times


def _never_says_when(system: str, scenario: Scenario) -> bool:
    return system in scenario.without_times


def _ways() -> Iterator[Way]:
    yield from (Way(f"act {what}", partial(_act, what)) for what in EventKind)
    for fault in (*sorted(ALL - HOST - {"disk"}), *STATE):
        yield Way(f"fault {fault}", partial(_fault, fault))
    for system in SYSTEMS:
        yield Way(f"{system} lists what overlaps", partial(_overlaps, system))
        yield Way(f"{system} says when", partial(_says_when, system))
        yield Way(f"{system} does not say when", partial(_never_says_when, system))
    for knob, values in _ACCOUNT.items():
        for value in values:
            yield Way(f"crm {knob} {value or 'none'}", partial(_knob, knob, value))
    for kind, choices in _RULES.items():
        for choice in choices:
            yield Way(f"rule {kind} {choice}", partial(_rule, kind, choice))


_BOTH = (True, False)
_ACCOUNT: dict[str, tuple[object, ...]] = {
    "rows_carry_owner": _BOTH,
    "rows_carry_end": _BOTH,
    "completing_changes_end": _BOTH,
    "lists_cancelled": _BOTH,
    "date_zone": ("", "UTC", "Pacific/Kiritimati", "Etc/GMT+12"),
    "most_bulk_rows": (2, 100, 1000),
    "slot_names": (("StartTime", "EndTime"), ("From", "To")),
    "cancel_answer": ("", "bare", "odd", "nothing", "html", "error", "forbidden", "unknown"),
    "refuses_unknown_rows": _BOTH,
}
_RULES = {
    "moved_apart": ("latest", "prefer", "hold"),
    "moved_and_cancelled": ("cancel", "move", "hold"),
    "block_edited": ("restore", "reschedule", "release"),
    "slot_taken": ("hold", "revert", "next-free"),
    "double_booked": ("report", "hold"),
    "twin_deleted": ("cancel", "keep", "hold"),
}

WAYS: tuple[Way, ...] = (
    *_ways(),
    Way("short pages", lambda day: day.page != ONE_PAGE),
    Way("updates replace", lambda day: day.replaces),
    Way("updates merge", lambda day: not day.replaces),
    Way("meetings are listed for each host", lambda day: day.hosts_listed),
    Way("meetings are listed once", lambda day: not day.hosts_listed),
    Way("the assigned user is among the hosts", lambda day: day.owner_named),
    Way("the assigned user is not among the hosts", lambda day: not day.owner_named),
    Way("instances are written to", lambda day: day.series == "write"),
    Way("instances are held", lambda day: day.series == "hold"),
    Way("v1 answers 400 for what was deleted", lambda day: day.refuses_deleted),
    Way("v1 answers 404 for what was deleted", lambda day: not day.refuses_deleted),
    Way("v2 answers a block by its id", lambda day: day.busy.by_id),
    Way("v2 does not answer a block by its id", lambda day: not day.busy.by_id),
    Way("long lists keep their first rows", lambda day: _keeps(day, "first")),
    Way("long lists keep their last rows", lambda day: _keeps(day, "last")),
    Way("long lists keep any rows", lambda day: _keeps(day, "any")),
    Way("a cap comes late", lambda day: bool(day.busy.rows) and day.busy.late),
    Way("buffers", lambda day: any(day.buffers)),
    Way("exceptions to rules", lambda day: bool(day.override)),
)


OFTEN, OF = 5, 300
"""Each must be in at least this many of this many scenarios."""


@cache
def stories(number: int = OF) -> tuple[Scenario, ...]:
    """Draw the first scenarios, once for all tests of a process."""
    return tuple(draw_scenario(seed) for seed in range(number))


def too_rare(ways: Sequence[Way], drawn: Sequence[Scenario]) -> dict[str, int]:
    """Return what too few of these scenarios contain, with their numbers."""
    counts = {name: sum(holds(scenario) for scenario in drawn) for name, holds in ways}
    return {name: number for name, number in counts.items() if number * OF < OFTEN * len(drawn)}


def _keeps(scenario: Scenario, which: str) -> bool:
    return bool(scenario.busy.rows) and scenario.busy.keeps == which
