"""A scenario: what people do and what goes wrong, drawn from a seed, as data that can be shortened.

Steps name their targets by number, counted among what exists when they happen, so a step still has
a meaning when others are removed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from syncd.core.merging.rules import CHOICES
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate import draws
from syncd.lab.simulate.accounts import Knobs, draw_account
from syncd.lab.simulate.acts import (
    AT_THE_END,
    CONFIGURED,
    OPERATOR,
    OUTSIDE,
    SYSTEMS,
    TROUBLE,
    EventKind,
    SimEvent,
)
from syncd.lab.simulate.busy import ORDINARY, Busy, draw_busy, list_acts
from syncd.lab.simulate.drawn_faults import ALL, HOST, disk, shifted_rows, trouble
from syncd.lab.simulate.drawn_hosts import draw_hosts
from syncd.lab.simulate.drawn_waits import draw_waits
from syncd.lab.simulate.extra_draws import COMPLAINTS, acts, broken_rows, updates, with_more
from syncd.model import ConflictKind

__all__ = [
    "ALL",
    "CONFIGURED",
    "HOST",
    "OPERATOR",
    "OUTSIDE",
    "SYSTEMS",
    "TROUBLE",
    "EventKind",
    "Scenario",
    "SimEvent",
    "draw_scenario",
]

START_TIMES = (
    datetime(2027, 3, 27, 18, 0, tzinfo=UTC),  # Berlin changes to summer time in this night
    datetime(2027, 10, 30, 18, 0, tzinfo=UTC),  # and back to standard time in this one
    datetime(2027, 6, 14, 5, 0, tzinfo=UTC),
    datetime(2027, 12, 30, 20, 0, tzinfo=UTC),
)

_WEIGHTS = {
    EventKind.BOOK: 8,
    EventKind.TWIN: 3,
    EventKind.MOVE: 8,
    EventKind.CANCEL: 4,
    EventKind.DELETE: 3,
    EventKind.REASSIGN: 1,
    EventKind.BLOCK: 3,
    EventKind.MOVE_BLOCK: 2,
    EventKind.REMOVE_BLOCK: 2,
    EventKind.EDIT_OURS: 2,
    EventKind.REMOVE_OURS: 2,
    EventKind.RESYNC: 5,
}


_COMPANY = 0.35
"""How often another act happens close by."""

ONE_PAGE, SHORT_PAGE = 1000, 5


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole day: its start, and its steps in order.

    - ``page``: the most rows that LeadSquared lists.
    - ``rules``: the configured rules; ``override``: an exception to them.
    - ``replaces``: an update on v2 resets the fields that it leaves out.
    - ``before``: steps before the program first reads.
    - ``overlapping``: systems whose lists also show events that reach into the window.
    - ``hosts_listed``: v2 lists a meeting under each of its hosts.
    - ``owner_named``: v2 names the assigned user among the hosts.
    - ``series``: whether syncd writes to instances of a series on v2.
    - ``account``: knobs of the LeadSquared account.
    - ``busy``: the length of lists, and where they are cut.
    - ``buffers``: minutes that v2 keeps free before and after bookings, and blocks cover.
    - ``refuses_deleted``: v1 answers 400 for deleted events.
    - ``without_times``: systems whose rows do not say when they were created or changed.
    - ``facts``: sides of uncertain facts (`model.platform_facts`), by system and name.
    - ``measured``: those of them that a probe measured before the day begins.
    - ``damaging``: systems whose updates change more of an appointment than was sent.
    """

    seed: int
    start: datetime
    hours: float
    steps: tuple[SimEvent, ...]
    page: int = ONE_PAGE
    rules: tuple[tuple[str, str], ...] = ()
    override: tuple[tuple[str, str], ...] = ()
    replaces: bool = True
    before: tuple[SimEvent, ...] = ()
    overlapping: tuple[str, ...] = ()
    hosts_listed: bool = False
    owner_named: bool = True
    series: str = "hold"
    account: Knobs = ()
    busy: Busy = ORDINARY
    refuses_deleted: bool = False
    without_times: tuple[str, ...] = ()
    buffers: tuple[int, int] = (0, 0)
    facts: tuple[tuple[str, str, str], ...] = ()
    measured: tuple[tuple[str, str], ...] = ()
    damaging: tuple[str, ...] = ()

    @property
    def of_the_day(self) -> tuple[SimEvent, ...]:
        """The steps before everything is judged."""
        return tuple(step for step in self.steps if step.kind not in AT_THE_END)

    @property
    def choices(self) -> frozenset[str]:
        """Every rule choice of this day."""
        return frozenset(choice for _, choice in (*self.rules, *self.override))


def draw_scenario(
    seed: int, hours: float = 24.0, faults: Collection[str] = ALL, *, complaints: bool = True
) -> Scenario:
    """Draw a scenario from a seed; the same seed gives the same scenario.

    Without ``complaints`` the day is as it was before acts known from complaints were added.
    """
    random = Random(f"story {seed}")  # noqa: S311 - chance that can be repeated, not a secret
    steps: list[SimEvent] = []
    span = hours * 3600
    for _ in range(random.randint(4, 16)):
        what = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        step = SimEvent(
            round(random.uniform(0.02, 0.9) * span, 1),
            what,
            random.choice(SYSTEMS),
            random.randrange(1000),
            random.randrange(1000),
        )
        steps.append(step)
        if random.random() < _COMPANY:
            # Another act happens close by: races need company.
            steps.append(
                SimEvent(
                    round(step.at + random.choice((0.5, 30.0, 300.0, 1500.0)), 1),
                    random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
                    random.choice(SYSTEMS),
                    random.choice((step.number, random.randrange(1000))),
                    random.randrange(1000),
                )
            )
    steps += trouble(random, span, faults, [step.at for step in steps])
    start = random.choice(START_TIMES)
    # From a stream of its own, so that later additions leave the days of older seeds unchanged.
    later = Random(f"accidents {seed}")  # noqa: S311
    page = later.choice((ONE_PAGE, ONE_PAGE, SHORT_PAGE))
    if page < ONE_PAGE and FaultKind.SHIFT_ROWS in faults:
        steps.append(shifted_rows(later, span))
    if later.random() < _MASS_EDITS:
        steps += _draw_mass_edit(later, span)
    rules = tuple((kind, later.choice(choices)) for kind, choices in RULES.items())
    policies = Random(f"policies {seed}")  # noqa: S311
    override: tuple[tuple[str, str], ...] = ()
    if policies.random() < _POLICIES:
        rules += tuple((kind, policies.choice(choices)) for kind, choices in MORE_RULES.items())
        override = _override(policies) if policies.random() < _POLICIES else ()
        steps += _operator(policies, span)
    replaces = True
    if complaints:
        steps += acts(Random(f"complaints {seed}"), span, COMPLAINTS, 3)  # noqa: S311
        steps += disk(Random(f"disk {seed}"), span) if "disk" in faults else []  # noqa: S311
    if complaints and FaultKind.ODD_ANSWER in faults:
        near = [step.at for step in steps if step.kind in OUTSIDE]
        steps += draws.odd_responses(Random(f"odd answers {seed}"), span, near)  # noqa: S311
    if complaints:
        resets = Random(f"updates {seed}")  # noqa: S311
        replaces = resets.random() < _REPLACES
        steps += updates(resets, span, faults)
        steps += broken_rows(Random(f"broken rows {seed}"), span)  # noqa: S311
    hosts = Random(f"hosts {seed}")  # noqa: S311
    knobs = (hosts.choice((True, False)), hosts.choice((True, False)))
    drawn = draw_hosts(hosts, span) if complaints else []
    steps += [SimEvent(d.at, EventKind(d.what), d.system, d.number, d.slot) for d in drawn]
    account: Knobs = ()
    if complaints:
        facts = Random(f"leadsquared {seed}")  # noqa: S311
        account = draw_account(facts, steps)
        steps += _completed(facts, span)
        steps += draws.words(Random(f"words {seed}"), span)  # noqa: S311
    busy = draw_busy(lists := Random(f"list caps {seed}")) if complaints else ORDINARY  # noqa: S311
    steps += (*list_acts(lists, busy, span), *draw_waits(seed, span, faults)) if complaints else ()
    scenario = Scenario(seed, start, hours, tuple(sorted(steps)), page, rules, override, replaces)
    scenario = replace(
        scenario, hosts_listed=knobs[0], owner_named=knobs[1], account=account, busy=busy
    )
    return with_more(scenario, faults) if complaints else scenario


def _completed(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, up to two meetings that people complete in LeadSquared."""
    ats = [random.uniform(0.2, 0.95) * span for _ in range(random.choice((0, 0, 1, 2)))]
    return [SimEvent(round(at, 1), EventKind.COMPLETE, "crm", random.randrange(1000)) for at in ats]


_POLICIES = 0.5

_REPLACES = 0.7


def _override(random: Random) -> tuple[tuple[str, str], ...]:
    kind = random.choice([*RULES, *MORE_RULES])
    choice = random.choice(sorted({*RULES.get(kind, ()), *MORE_RULES.get(kind, ())}))
    system = random.choice(("", *SYSTEMS))
    return (("kind", kind), ("choice", choice), *([("system", system)] if system else []))


def _operator(random: Random, span: float) -> list[SimEvent]:
    """Draw some answers to conflicts, and sometimes an undo of a run."""
    kinds = [EventKind.RESOLVE] * random.randint(0, 3) + [EventKind.UNDO] * random.choice((0, 0, 1))
    return [
        SimEvent(
            round(random.uniform(0.2, 0.95) * span, 1),
            kind,
            number=random.randrange(1000),
            slot=random.randrange(1000),
        )
        for kind in kinds
    ]


_MASS_EDITS = 0.3
RULES = {
    "moved_apart": ("latest", "latest", "prefer", "hold"),
    "moved_and_cancelled": ("cancel", "cancel", "move", "hold"),
}


MORE_RULES = {
    str(kind): tuple(map(str, CHOICES[kind]))
    for kind in (ConflictKind.BLOCK_EDITED, ConflictKind.SLOT_TAKEN, ConflictKind.DOUBLE_BOOKED)
}


def _draw_mass_edit(random: Random, span: float) -> list[SimEvent]:
    """Draw a full calendar that is wiped or shifted, and often accepted or reverted."""
    system, number = random.choice(SYSTEMS), random.randrange(1000)

    def step(
        low: float, high: float, kind: EventKind, *, slot: int = 0, times: int = 1
    ) -> SimEvent:
        at = round(random.uniform(low, high) * span, 1)
        return SimEvent(at, kind, system, number, slot, times=times)

    size, slot = random.choice((4, 7, 12, 20, 28)), random.randrange(1, 12)
    steps = [step(0.02, 0.2, EventKind.FILL, slot=slot, times=size)]
    if random.choice((True, False)):
        # Another calendar fills up in the same minute, so many blocks must be made at once.
        other = replace(steps[0], system=random.choice(SYSTEMS), number=number + 1)
        steps.append(other)
    turn = random.randrange(2)
    steps.append(step(0.3, 0.5, random.choice((EventKind.WIPE, EventKind.SHIFT)), slot=turn))
    after = random.choice((EventKind.ACCEPT, EventKind.ACCEPT, EventKind.SHIFT, None))
    if after is not None:
        steps.append(step(0.55, 0.8, after, slot=1 - turn))
    if random.choice((True, False)):
        steps.append(replace(steps[-1], at=round(steps[-1].at + 30, 1), kind=EventKind.RESYNC))
    return steps
