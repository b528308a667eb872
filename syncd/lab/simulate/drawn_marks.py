"""Draw when the operator acknowledges reported items."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

_ACKNOWLEDGES = 0.4


class OperatorAct(NamedTuple):
    """One act: when, what and where. ``number`` picks the target, ``slot`` a time."""

    at: float
    what: str
    system: str
    number: int
    slot: int


def draw_marks(random: Random, span: float) -> Sequence[OperatorAct]:
    """Draw, on some days, two meetings that overlap, and up to three acknowledgements."""
    if random.random() >= _ACKNOWLEDGES:
        return ()
    number, slot = random.randrange(1000), random.randrange(1000)
    where = random.sample(("clinic", "crm", "legacy"), 2)
    first = round(random.uniform(0.05, 0.3) * span, 1)
    acts = [OperatorAct(first, "book", where[0], number, slot)]
    acts.append(OperatorAct(first + 0.5, "book", where[1], number, slot + 1))
    ats = sorted(random.uniform(0.3, 0.95) for _ in range(random.randint(1, 3)))
    return [
        *acts,
        *(
            OperatorAct(round(at * span, 1), "acknowledge", "", random.randrange(1000), 0)
            for at in ats
        ),
    ]
