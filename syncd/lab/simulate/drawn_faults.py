"""Draw faults of the platforms, of the host, of the state, and of its disk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.acts import DISK, SYSTEMS, EventKind, SimEvent


@dataclass(frozen=True, slots=True)
class _Draw:
    """How one kind of fault is drawn: the number of requests that it hits, and its seconds."""

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
    # The lists of v2 and v1 carry no count: a row missing from every read of two cycles is gone for
    # any reader. A row missing once must do no harm.
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
STATE = ("disk-full", "locked")
HOST = frozenset({"host-clock", "state", "crash"})
_APART = (FaultKind.SHIFT_ROWS, FaultKind.ODD_ANSWER, FaultKind.RESET_FIELDS)
_MORE = frozenset({*map(str, _APART), "disk"})
ALL = frozenset(map(str, _FAULTS)) | _MORE | HOST
"""The names that `--faults` takes."""


_NEW_DISK = 0.15


def disk(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, a database that is lost or replaced by an older one."""
    if random.random() >= _NEW_DISK:
        return []
    kind = random.choice(sorted(DISK))
    return [SimEvent(round(random.uniform(0.2, 0.8) * span, 1), kind, slot=random.randrange(2))]


def shifted_rows(random: Random, span: float) -> SimEvent:
    """Draw rows that change their page while LeadSquared's list is read."""
    drawn = _SHIFTED_ROWS
    return SimEvent(
        round(random.uniform(0.1, 0.9) * span, 1),
        EventKind.FAULT,
        "crm",
        fault=str(FaultKind.SHIFT_ROWS),
        times=random.randint(*drawn.times),
        spelling=random.choice(drawn.spellings),
    )


def trouble(
    random: Random, span: float, faults: Collection[str], near: list[float]
) -> list[SimEvent]:
    """Draw up to eight faults, most of them shortly before an act of people."""
    kinds = [kind for kind in _FAULTS if kind in faults]
    steps: list[SimEvent] = []
    for _ in range(random.randint(0, 8)):
        # A fault shortly before an act does the most harm.
        at = random.choice(near) - random.uniform(0, 60) if near else random.uniform(0, span)
        at = round(max(0.0, at), 1)
        chosen = random.choice([*kinds, *sorted(HOST & set(faults))] or [""])
        system = random.choice(SYSTEMS)
        if chosen in _FAULTS:
            drawn = _FAULTS[FaultKind(chosen)]
            steps.append(
                SimEvent(
                    at,
                    EventKind.FAULT,
                    system,
                    fault=str(chosen),
                    times=random.randint(*drawn.times),
                    seconds=round(random.uniform(*drawn.seconds), 1),
                    spelling=random.choice(drawn.spellings),
                )
            )
        elif chosen == "crash":
            steps.append(SimEvent(at, EventKind.CRASH, number=random.randint(1, 25)))
        elif chosen == "state":
            times = random.randint(1, 4)
            steps.append(SimEvent(at, EventKind.STATE_FAULT, fault=STATE[int(at) % 2], times=times))
        elif chosen == "host-clock":
            jump = random.choice((-3600.0, -120.0, 90.0, 1800.0))
            steps.append(SimEvent(at, EventKind.HOST_CLOCK, seconds=jump))
    return steps
