"""Add to a scenario what is drawn from random streams of its own.

So later additions leave the days of older seeds unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent
from syncd.lab.simulate.drawn_buffers import draw_buffers
from syncd.lab.simulate.drawn_cancelling import draw_cancelling
from syncd.lab.simulate.drawn_changes import with_changes
from syncd.lab.simulate.drawn_cleanup import with_cleanup
from syncd.lab.simulate.drawn_errands import with_errands
from syncd.lab.simulate.drawn_facts import with_facts
from syncd.lab.simulate.drawn_far import with_far_meetings
from syncd.lab.simulate.drawn_limits import draw_limits
from syncd.lab.simulate.drawn_marks import draw_marks
from syncd.lab.simulate.drawn_paces import draw_paces
from syncd.lab.simulate.drawn_pauses import with_pauses
from syncd.lab.simulate.drawn_rebookings import draw_rebookings, draw_without_times
from syncd.lab.simulate.drawn_series import draw_series
from syncd.lab.simulate.drawn_slow import with_slow
from syncd.lab.simulate.drawn_stops import with_early_clearing, with_stops
from syncd.lab.simulate.drawn_twins import with_twins
from syncd.lab.simulate.first_writes import with_damage

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_CONCEALED, _CONCEALING = 0.3, (EventKind.HIDE_LIST, EventKind.REFUSE_ID)
"""How often v1 answers 400 for deleted events; the acts by which platforms conceal events."""

COMPLAINTS: tuple[EventKind, ...] = (
    EventKind.NULL_DATE,
    EventKind.FOR_EVER,
    EventKind.CUT_TEXT,
    EventKind.COPY_OURS,
    EventKind.COPY_TO_MEETING,
    EventKind.PASTE_TAG,
    EventKind.RENAME_USER,
    EventKind.HIDE_USERS,
    EventKind.STATUS,
    EventKind.TWIN_AS,
    EventKind.MOVE_TWINNED,
)
"""Acts of people and platforms that are known from public complaints about sync tools."""

BROKEN_ROWS: tuple[EventKind, ...] = (
    EventKind.NO_END,
    EventKind.NO_ID,
    EventKind.NO_OWNER,
    EventKind.NO_OBJECT,
)
"""What a row of a platform may lack."""

_TWINS, _RESETS = 0.5, 0.4


def with_more(scenario: Scenario, faults: Collection[str]) -> Scenario:
    """Add everything that is drawn from random streams of its own."""
    for add in (
        _with_leaves,
        _with_series,
        _with_concealed,
        with_twins,
        _with_cancelling,
        _with_marks,
        with_stops,
        with_damage,
        with_far_meetings,
        with_changes,
        with_pauses,
        with_errands,
    ):
        scenario = add(scenario)
    more = with_early_clearing(with_facts(with_slow(_with_limits(scenario, faults), faults)))
    return with_cleanup(more, faults)


def _with_marks(scenario: Scenario) -> Scenario:
    """Add acknowledgements by the operator."""
    drawn = draw_marks(Random(f"marks {scenario.seed}"), scenario.hours * 3600)  # noqa: S311
    marks = [SimEvent(d.at, EventKind(d.what), d.system, d.number, d.slot) for d in drawn]
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *marks))))


def _with_cancelling(scenario: Scenario) -> Scenario:
    """Add the bulk cancel of LeadSquared, and meetings that are cancelled elsewhere."""
    knobs, steps = draw_cancelling(Random(f"cancelling {scenario.seed}"), scenario.hours * 3600)  # noqa: S311
    every = tuple(sorted((*scenario.steps, *steps)))
    return replace(scenario, account=(*scenario.account, *knobs), steps=every)


def _with_limits(scenario: Scenario, faults: Collection[str]) -> Scenario:
    """Add gateways with lower limits, later crashes, and accounts that allow very few calls."""
    drawn = draw_limits(Random(f"limits {scenario.seed}"), scenario.hours * 3600)  # noqa: S311
    steps = [s for s in drawn if s.kind is not EventKind.CRASH or "crash" in faults]
    tight = draw_paces(Random(f"paces {scenario.seed}"), scenario.hours * 3600)  # noqa: S311
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps, *tight))))


def _with_series(scenario: Scenario) -> Scenario:
    """Add a recurring appointment, and whether syncd writes to its instances."""
    random = Random(f"series {scenario.seed}")  # noqa: S311
    series = random.choice(("hold", "write"))
    steps = (*scenario.steps, *draw_series(random, scenario.hours * 3600))
    return replace(scenario, series=series, steps=tuple(sorted(steps)))


def acts(random: Random, span: float, kinds: Sequence[EventKind], most: int) -> list[SimEvent]:
    """Draw up to ``most`` acts of these kinds."""
    return [
        SimEvent(
            round(random.uniform(0.05, 0.9) * span, 1),
            random.choice(kinds),
            random.choice(SYSTEMS),
            random.randrange(1000),
            random.randrange(1000),
        )
        for _ in range(random.randint(0, most))
    ]


def _with_concealed(scenario: Scenario) -> Scenario:
    """Add events that platforms show by list or by id only."""
    random = Random(f"concealed {scenario.seed}")  # noqa: S311
    refuses = random.random() < _CONCEALED
    steps = acts(random, scenario.hours * 3600, _CONCEALING, 1)
    scenario = replace(
        scenario, steps=tuple(sorted((*scenario.steps, *steps))), refuses_deleted=refuses
    )
    return _with_rebookings(
        replace(scenario, buffers=draw_buffers(scenario.seed, scenario.choices))
    )


def _with_rebookings(scenario: Scenario) -> Scenario:
    """Add clients who cancel and rebook, and platforms whose rows carry no times of change."""
    random = Random(f"rebookings {scenario.seed}")  # noqa: S311
    steps = (*scenario.steps, *draw_rebookings(random, scenario.hours * 3600, scenario.steps))
    return replace(scenario, steps=tuple(sorted(steps)), without_times=draw_without_times(random))


def _with_leaves(scenario: Scenario) -> Scenario:
    """Add, on most days, leaves of weeks, and changes to them while they run."""
    random = Random(f"leaves {scenario.seed}")  # noqa: S311
    kinds = (EventKind.LEAVE, EventKind.CHANGE_LEAVE, EventKind.CHANGE_LEAVE, EventKind.END_LEAVE)
    drawn = acts(random, scenario.hours * 3600, COMPLAINTS, 3)
    steps = [replace(step, kind=random.choice(kinds)) for step in drawn]
    resetting = tuple(system for system in SYSTEMS if random.random() < _RESETS)
    before = tuple(replace(step, at=0.0, kind=EventKind.LEAVE) for step in steps[:2])
    return replace(
        scenario,
        steps=tuple(sorted((*scenario.steps, *steps))),
        before=before,
        overlapping=resetting,
    )


def broken_rows(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, rows that lack something, for a while or until all are repaired."""
    kinds = random.choices(BROKEN_ROWS, k=random.choice((0, 0, 1, 2)))
    kinds += [EventKind.REPAIR_ROWS] * (len(kinds) and random.randrange(2))
    system = random.choice(SYSTEMS)
    return [
        SimEvent(round(random.uniform(0.05, 0.9) * span, 1), kind, system, random.randrange(1000))
        for kind in kinds
    ]


def updates(random: Random, span: float, faults: Collection[str]) -> list[SimEvent]:
    """Draw moves elsewhere of v2 meetings that are new or over: the status may be reset."""
    if random.random() >= _TWINS:
        return []
    at = round(random.uniform(0.05, 0.6) * span, 1)
    moved = round(at + random.uniform(0.05, 0.3) * span, 1)
    number, slot = random.randrange(1000), random.randrange(1000)
    elsewhere = random.choice(("crm", "legacy"))
    steps = [
        SimEvent(at, EventKind.TWIN_AS, "clinic", number, slot),
        SimEvent(moved, EventKind.MOVE_TWINNED, elsewhere, number, random.randrange(1000)),
    ]
    if random.random() < _RESETS and FaultKind.RESET_FIELDS in faults:
        fault = str(FaultKind.RESET_FIELDS)
        steps.append(SimEvent(moved, EventKind.FAULT, "clinic", fault=fault, spelling="status"))
    return steps
