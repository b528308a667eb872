"""A story: what people do and what goes wrong, drawn from a seed, as data that can be cut shorter.

Steps name their targets by number, counted among what is there when they happen, so that a step
still means something when others were taken out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from syncd.core.rules import CHOICES
from syncd.model import ConflictKind
from syncd.sandbox.faults import FaultKind
from syncd.simulate import draws
from syncd.simulate.accounts import Knobs, draw_account
from syncd.simulate.acts import DISK, OPERATOR, OUTSIDE, SYSTEMS, TROUBLE, Step, What
from syncd.simulate.busy import ORDINARY, Busy, draw_busy, list_acts
from syncd.simulate.drawn_buffers import draw_buffers
from syncd.simulate.drawn_cancelling import draw_cancelling
from syncd.simulate.drawn_hosts import draw_hosts
from syncd.simulate.drawn_limits import draw_limits
from syncd.simulate.drawn_marks import draw_marks
from syncd.simulate.drawn_rebookings import draw_rebookings, draw_untold
from syncd.simulate.drawn_series import draw_series
from syncd.simulate.drawn_stops import with_stops
from syncd.simulate.drawn_twins import with_twins
from syncd.simulate.drawn_waits import draw_waits

__all__ = [
    "ALL",
    "HOST",
    "OPERATOR",
    "OUTSIDE",
    "SYSTEMS",
    "TROUBLE",
    "Step",
    "Story",
    "What",
    "draw",
]

DAYS = (
    datetime(2027, 3, 27, 18, 0, tzinfo=UTC),  # the clocks of Berlin go forward in the night
    datetime(2027, 10, 30, 18, 0, tzinfo=UTC),  # and back
    datetime(2027, 6, 14, 5, 0, tzinfo=UTC),
    datetime(2027, 12, 30, 20, 0, tzinfo=UTC),
)

_WEIGHTS = {
    What.BOOK: 8,
    What.TWIN: 3,
    What.MOVE: 8,
    What.CANCEL: 4,
    What.DELETE: 3,
    What.REASSIGN: 1,
    What.BLOCK: 3,
    What.MOVE_BLOCK: 2,
    What.REMOVE_BLOCK: 2,
    What.EDIT_OURS: 2,
    What.REMOVE_OURS: 2,
    What.RESYNC: 5,
}


ONE_PAGE, SHORT_PAGE = 1000, 5


@dataclass(frozen=True, slots=True)
class Story:
    """A whole day: where it begins, what happens, in order.

    ``page`` is how many rows LeadSquared lists at most, ``rules`` what the configuration says, and
    ``override`` an exception to them. ``replaces``: an update on v2 resets what it leaves out.
    ``before`` happens before the program first reads; the lists of the systems ``overlapping`` show
    what reaches into the time asked for, too.
    ``hosts_listed``: v2 lists a meeting under each of its hosts, and ``owner_named``: it names the
    assigned user among them.
    ``series`` says whether syncd writes to instances of a series on v2.
    ``account`` says what kind of LeadSquared account there is.
    ``busy`` says how long lists are, and where they end.
    ``buffers`` are minutes that v2 keeps free before and after bookings, and blocks cover.
    ``refuses_deleted``: v1 answers 400 for what was deleted. The rows of systems that are
    ``untold`` do not say when they were made or changed.
    """

    seed: int
    start: datetime
    hours: float
    steps: tuple[Step, ...]
    page: int = ONE_PAGE
    rules: tuple[tuple[str, str], ...] = ()
    override: tuple[tuple[str, str], ...] = ()
    replaces: bool = True
    before: tuple[Step, ...] = ()
    overlapping: tuple[str, ...] = ()
    hosts_listed: bool = False
    owner_named: bool = True
    series: str = "hold"
    account: Knobs = ()
    busy: Busy = ORDINARY
    refuses_deleted: bool = False
    untold: tuple[str, ...] = ()
    buffers: tuple[int, int] = (0, 0)

    @property
    def choices(self) -> frozenset[str]:
        """Every choice that policy has on this day."""
        return frozenset(choice for _, choice in (*self.rules, *self.override))


@dataclass(frozen=True, slots=True)
class _Draw:
    """How one kind of fault is drawn: how many requests it hits, and its seconds."""

    times: tuple[int, int] = (1, 3)
    seconds: tuple[float, float] = (0.0, 0.0)
    spellings: tuple[str, ...] = ("",)


_FAULTS: dict[FaultKind, _Draw] = {
    FaultKind.LAG: _Draw((5, 60), (1, 9)),
    FaultKind.LOSE_BEFORE: _Draw(),
    FaultKind.LOSE_AFTER: _Draw(),
    FaultKind.RESET_BODY: _Draw(),
    FaultKind.ERROR: _Draw((1, 30), spellings=("", "empty")),
    FaultKind.UNAUTHORISED: _Draw((5, 40)),
    FaultKind.EMPTY: _Draw((1, 12)),
    # The lists of v2 and v1 tell no count: what is missing in every read of two cycles is gone for
    # any reader. What is missing once must do no harm.
    FaultKind.SHORT_PAGE: _Draw((1, 3)),
    FaultKind.DUPLICATE_ROWS: _Draw((1, 20)),
    FaultKind.RATE_LIMITED: _Draw((1, 6), spellings=("", "429", "403", "200")),
    FaultKind.SLOW: _Draw((1, 5), (1, 15)),
    FaultKind.SLOW_JOBS: _Draw((1, 5), (5, 900)),
    FaultKind.FAIL_JOBS: _Draw((1, 2)),
    FaultKind.ROUNDING: _Draw((5, 40), (300, 300)),
    FaultKind.STRIP_KEYS: _Draw((3, 30)),
    FaultKind.CLOCK_SKEW: _Draw((50, 400), (-240, 240)),
    FaultKind.NEW_ID_ON_MOVE: _Draw((1, 3)),
}
_SHIFTED_ROWS = _Draw((1, 6), spellings=("", "again"))
_COMPANY = 0.35
"""How often something else happens close by."""

STATE = ("disk-full", "locked")
HOST = frozenset({"host-clock", "state", "crash"})
_APART = (FaultKind.SHIFT_ROWS, FaultKind.ODD_ANSWER, FaultKind.RESET_FIELDS)
_MORE = frozenset({*map(str, _APART), "disk"})
ALL = frozenset(map(str, _FAULTS)) | _MORE | HOST
"""The names that `--faults` takes."""


def draw(
    seed: int, hours: float = 24.0, faults: Collection[str] = ALL, *, complaints: bool = True
) -> Story:
    """Draw a story from a seed; the same seed gives the same story.

    Without ``complaints`` the day is as it was before acts known from complaints were added.
    """
    random = Random(f"story {seed}")  # noqa: S311 - chance that can be repeated, not a secret
    steps: list[Step] = []
    span = hours * 3600
    for _ in range(random.randint(4, 16)):
        what = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        step = Step(
            round(random.uniform(0.02, 0.9) * span, 1),
            what,
            random.choice(SYSTEMS),
            random.randrange(1000),
            random.randrange(1000),
        )
        steps.append(step)
        if random.random() < _COMPANY:
            # Trouble comes in company: somebody else does something close by.
            steps.append(
                Step(
                    round(step.at + random.choice((0.5, 30.0, 300.0, 1500.0)), 1),
                    random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
                    random.choice(SYSTEMS),
                    random.choice((step.number, random.randrange(1000))),
                    random.randrange(1000),
                )
            )
    steps += _trouble(random, span, faults, [step.at for step in steps])
    start = random.choice(DAYS)
    # Drawn apart, so that what was added later leaves the days of older seeds as they were.
    apart = Random(f"accidents {seed}")  # noqa: S311
    page = apart.choice((ONE_PAGE, ONE_PAGE, SHORT_PAGE))
    if page < ONE_PAGE and FaultKind.SHIFT_ROWS in faults:
        steps.append(_shifted_rows(apart, span))
    if apart.random() < _ACCIDENTS:
        steps += _accident(apart, span)
    rules = tuple((kind, apart.choice(choices)) for kind, choices in _RULES.items())
    policies = Random(f"policies {seed}")  # noqa: S311
    override: tuple[tuple[str, str], ...] = ()
    if policies.random() < _POLICIES:
        rules += tuple((kind, policies.choice(choices)) for kind, choices in _MORE_RULES.items())
        override = _override(policies) if policies.random() < _POLICIES else ()
        steps += _operator(policies, span)
    replaces = True
    if complaints:
        steps += _acts(Random(f"complaints {seed}"), span, COMPLAINTS, 3)  # noqa: S311
        steps += _disk(Random(f"disk {seed}"), span) if "disk" in faults else []  # noqa: S311
    if complaints and FaultKind.ODD_ANSWER in faults:
        near = [step.at for step in steps if step.what in OUTSIDE]
        steps += draws.odd_answers(Random(f"odd answers {seed}"), span, near)  # noqa: S311
    if complaints:
        updates = Random(f"updates {seed}")  # noqa: S311
        replaces = updates.random() < _REPLACES
        steps += _updates(updates, span, faults)
        steps += _broken_rows(Random(f"broken rows {seed}"), span)  # noqa: S311
    hosts = Random(f"hosts {seed}")  # noqa: S311
    knobs = (hosts.choice((True, False)), hosts.choice((True, False)))
    drawn = draw_hosts(hosts, span) if complaints else []
    steps += [Step(d.at, What(d.what), d.system, d.number, d.slot) for d in drawn]
    account: Knobs = ()
    if complaints:
        facts = Random(f"leadsquared {seed}")  # noqa: S311
        account = draw_account(facts, steps)
        steps += _completed(facts, span)
        steps += draws.words(Random(f"words {seed}"), span)  # noqa: S311
    busy = draw_busy(lists := Random(f"list caps {seed}")) if complaints else ORDINARY  # noqa: S311
    steps += (*list_acts(lists, busy, span), *draw_waits(seed, span, faults)) if complaints else ()
    day = Story(seed, start, hours, tuple(sorted(steps)), page, rules, override, replaces)
    day = replace(day, hosts_listed=knobs[0], owner_named=knobs[1], account=account, busy=busy)
    return _with_more(day, faults) if complaints else day


def _with_more(day: Story, faults: Collection[str]) -> Story:
    """Add what is drawn from random streams of its own."""
    for add in (
        _with_leaves,
        _with_series,
        _with_concealed,
        with_twins,
        _with_cancelling,
        _with_marks,
        with_stops,
    ):
        day = add(day)
    return _with_limits(day, faults)


def _with_marks(day: Story) -> Story:
    """Add what the operator acknowledges."""
    drawn = draw_marks(Random(f"marks {day.seed}"), day.hours * 3600)  # noqa: S311
    marks = [Step(d.at, What(d.what), d.system, d.number, d.slot) for d in drawn]
    return replace(day, steps=tuple(sorted((*day.steps, *marks))))


def _with_cancelling(day: Story) -> Story:
    """Add the bulk cancel of LeadSquared, and meetings that are called off elsewhere."""
    knobs, steps = draw_cancelling(Random(f"cancelling {day.seed}"), day.hours * 3600)  # noqa: S311
    every = tuple(sorted((*day.steps, *steps)))
    return replace(day, account=(*day.account, *knobs), steps=every)


def _with_limits(day: Story, faults: Collection[str]) -> Story:
    """Draw gateways that allow fewer calls, and deaths after that."""
    drawn = draw_limits(Random(f"limits {day.seed}"), day.hours * 3600)  # noqa: S311
    steps = [s for s in drawn if s.what is not What.CRASH or "crash" in faults]
    return replace(day, steps=tuple(sorted((*day.steps, *steps))))


def _with_series(day: Story) -> Story:
    """Add what happens to a recurring appointment, and whether its instances are written to."""
    random = Random(f"series {day.seed}")  # noqa: S311
    series = random.choice(("hold", "write"))
    steps = (*day.steps, *draw_series(random, day.hours * 3600))
    return replace(day, series=series, steps=tuple(sorted(steps)))


def _completed(random: Random, span: float) -> list[Step]:
    """On some days people complete up to two meetings in LeadSquared."""
    ats = [random.uniform(0.2, 0.95) * span for _ in range(random.choice((0, 0, 1, 2)))]
    return [Step(round(at, 1), What.COMPLETE, "crm", random.randrange(1000)) for at in ats]


_POLICIES = 0.5

_REPLACES = 0.7

_CONCEALED, _CONCEALING = 0.3, (What.HIDE_LIST, What.REFUSE_ID)
"""How often v1 answers 400 for deleted events; acts by which platforms conceal events."""

COMPLAINTS: tuple[What, ...] = (
    What.NULL_DATE,
    What.FOR_EVER,
    What.CUT_TEXT,
    What.COPY_OURS,
    What.COPY_TO_MEETING,
    What.PASTE_TAG,
    What.RENAME_USER,
    What.HIDE_USERS,
    What.STATUS,
    What.TWIN_AS,
    What.MOVE_TWINNED,
)
BROKEN_ROWS: tuple[What, ...] = (What.NO_END, What.NO_ID, What.NO_OWNER, What.NO_OBJECT)
"""Acts of people and platforms that are known from public complaints about sync tools."""


def _acts(random: Random, span: float, whats: Sequence[What], most: int) -> list[Step]:
    """Draw up to so many acts of these kinds."""
    return [
        Step(
            round(random.uniform(0.05, 0.9) * span, 1),
            random.choice(whats),
            random.choice(SYSTEMS),
            random.randrange(1000),
            random.randrange(1000),
        )
        for _ in range(random.randint(0, most))
    ]


def _broken_rows(random: Random, span: float) -> list[Step]:
    """On some days rows of a platform lack something, for a while or until all is repaired."""
    whats = random.choices(BROKEN_ROWS, k=random.choice((0, 0, 1, 2)))
    whats += [What.REPAIR_ROWS] * (len(whats) and random.randrange(2))
    system = random.choice(SYSTEMS)
    return [
        Step(round(random.uniform(0.05, 0.9) * span, 1), what, system, random.randrange(1000))
        for what in whats
    ]


_NEW_DISK = 0.15


def _disk(random: Random, span: float) -> list[Step]:
    """On some days the database is lost, or replaced by an older one; its other files stay."""
    if random.random() >= _NEW_DISK:
        return []
    what = random.choice(sorted(DISK))
    return [Step(round(random.uniform(0.2, 0.8) * span, 1), what, slot=random.randrange(2))]


def _updates(random: Random, span: float, faults: Collection[str]) -> list[Step]:
    """A meeting of v2 that is new, or over, is moved in another system; its status may be reset."""
    if random.random() >= _TWINS:
        return []
    at = round(random.uniform(0.05, 0.6) * span, 1)
    moved = round(at + random.uniform(0.05, 0.3) * span, 1)
    number, slot = random.randrange(1000), random.randrange(1000)
    elsewhere = random.choice(("crm", "legacy"))
    steps = [
        Step(at, What.TWIN_AS, "clinic", number, slot),
        Step(moved, What.MOVE_TWINNED, elsewhere, number, random.randrange(1000)),
    ]
    if random.random() < _RESETS and FaultKind.RESET_FIELDS in faults:
        fault = str(FaultKind.RESET_FIELDS)
        steps.append(Step(moved, What.FAULT, "clinic", fault=fault, spelling="status"))
    return steps


_TWINS, _RESETS = 0.5, 0.4


def _with_concealed(day: Story) -> Story:
    """Draw what platforms show in one way and not in the other."""
    random = Random(f"concealed {day.seed}")  # noqa: S311
    refuses = random.random() < _CONCEALED
    steps = _acts(random, day.hours * 3600, _CONCEALING, 1)
    day = replace(day, steps=tuple(sorted((*day.steps, *steps))), refuses_deleted=refuses)
    return _with_rebookings(replace(day, buffers=draw_buffers(day.seed, day.choices)))


def _with_rebookings(day: Story) -> Story:
    """Draw who cancels and books anew, and which platforms tell no times."""
    random = Random(f"rebookings {day.seed}")  # noqa: S311
    steps = (*day.steps, *draw_rebookings(random, day.hours * 3600, day.steps))
    return replace(day, steps=tuple(sorted(steps)), untold=draw_untold(random))


def _with_leaves(day: Story) -> Story:
    """Draw, on most days, leaves of weeks, and changes to them while they run."""
    random = Random(f"leaves {day.seed}")  # noqa: S311
    whats = (What.LEAVE, What.CHANGE_LEAVE, What.CHANGE_LEAVE, What.END_LEAVE)
    drawn = _acts(random, day.hours * 3600, COMPLAINTS, 3)
    steps = [replace(step, what=random.choice(whats)) for step in drawn]
    some = tuple(system for system in SYSTEMS if random.random() < _RESETS)
    before = tuple(replace(step, at=0.0, what=What.LEAVE) for step in steps[:2])
    return replace(day, steps=tuple(sorted((*day.steps, *steps))), before=before, overlapping=some)


def _override(random: Random) -> tuple[tuple[str, str], ...]:
    kind = random.choice([*_RULES, *_MORE_RULES])
    choice = random.choice(sorted({*_RULES.get(kind, ()), *_MORE_RULES.get(kind, ())}))
    system = random.choice(("", *SYSTEMS))
    return (("kind", kind), ("choice", choice), *([("system", system)] if system else []))


def _operator(random: Random, span: float) -> list[Step]:
    """Somebody looks into the queue now and then, and may take back a run."""
    whats = [What.RESOLVE] * random.randint(0, 3) + [What.UNDO] * random.choice((0, 0, 1))
    return [
        Step(
            round(random.uniform(0.2, 0.95) * span, 1),
            what,
            number=random.randrange(1000),
            slot=random.randrange(1000),
        )
        for what in whats
    ]


_ACCIDENTS = 0.3
_RULES = {
    "moved_apart": ("latest", "latest", "prefer", "hold"),
    "moved_and_cancelled": ("cancel", "cancel", "move", "hold"),
}


_MORE_RULES = {
    str(kind): tuple(map(str, CHOICES[kind]))
    for kind in (ConflictKind.BLOCK_EDITED, ConflictKind.SLOT_TAKEN, ConflictKind.DOUBLE_BOOKED)
}


def _accident(random: Random, span: float) -> list[Step]:
    """A full calendar is wiped or shifted at once; a person accepts, undoes it, or neither."""
    system, number = random.choice(SYSTEMS), random.randrange(1000)

    def step(low: float, high: float, what: What, *, slot: int = 0, times: int = 1) -> Step:
        at = round(random.uniform(low, high) * span, 1)
        return Step(at, what, system, number, slot, times=times)

    size, slot = random.choice((4, 7, 12, 20, 28)), random.randrange(1, 12)
    steps = [step(0.02, 0.2, What.FILL, slot=slot, times=size)]
    if random.choice((True, False)):
        # Another calendar fills up in the same minute: many blocks are to be made at once.
        other = replace(steps[0], system=random.choice(SYSTEMS), number=number + 1)
        steps.append(other)
    turn = random.randrange(2)
    steps.append(step(0.3, 0.5, random.choice((What.WIPE, What.SHIFT)), slot=turn))
    after = random.choice((What.ACCEPT, What.ACCEPT, What.SHIFT, None))
    if after is not None:
        steps.append(step(0.55, 0.8, after, slot=1 - turn))
    if random.choice((True, False)):
        steps.append(replace(steps[-1], at=round(steps[-1].at + 30, 1), what=What.RESYNC))
    return steps


def _shifted_rows(random: Random, span: float) -> Step:
    drawn = _SHIFTED_ROWS
    return Step(
        round(random.uniform(0.1, 0.9) * span, 1),
        What.FAULT,
        "crm",
        fault=str(FaultKind.SHIFT_ROWS),
        times=random.randint(*drawn.times),
        spelling=random.choice(drawn.spellings),
    )


def _trouble(random: Random, span: float, faults: Collection[str], near: list[float]) -> list[Step]:
    kinds = [kind for kind in _FAULTS if kind in faults]
    steps: list[Step] = []
    for _ in range(random.randint(0, 8)):
        # Mostly just before somebody does something: that is when it hurts.
        at = random.choice(near) - random.uniform(0, 60) if near else random.uniform(0, span)
        at = round(max(0.0, at), 1)
        chosen = random.choice([*kinds, *sorted(HOST & set(faults))] or [""])
        system = random.choice(SYSTEMS)
        if chosen in _FAULTS:
            drawn = _FAULTS[FaultKind(chosen)]
            steps.append(
                Step(
                    at,
                    What.FAULT,
                    system,
                    fault=str(chosen),
                    times=random.randint(*drawn.times),
                    seconds=round(random.uniform(*drawn.seconds), 1),
                    spelling=random.choice(drawn.spellings),
                )
            )
        elif chosen == "crash":
            steps.append(Step(at, What.CRASH, number=random.randint(1, 25)))
        elif chosen == "state":
            times = random.randint(1, 4)
            steps.append(Step(at, What.STATE_FAULT, fault=STATE[int(at) % 2], times=times))
        elif chosen == "host-clock":
            jump = random.choice((-3600.0, -120.0, 90.0, 1800.0))
            steps.append(Step(at, What.HOST_CLOCK, seconds=jump))
    return steps
