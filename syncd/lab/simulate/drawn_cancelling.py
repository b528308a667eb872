"""Draw whether LeadSquared cancels on a day, what its path answers, and cancelled twins."""

from __future__ import annotations

from random import Random

from syncd.lab.simulate.accounts import Knobs
from syncd.lab.simulate.acts import EventKind, SimEvent

CANCELS = 0.5
_PATHS = ("Task.svc/BulkCancelAppointments", "Task.svc/Appointments/Cancel")
_ANSWERS = ("", "", "", "bare", "odd", "nothing", "html", "error", "forbidden", "unknown")


def draw_cancelling(random: Random, span: float) -> tuple[Knobs, list[SimEvent]]:
    """Draw the knobs of the bulk cancel, and twins that are cancelled in another system.

    syncd is configured to cancel if the path is a knob. The maximum number of rows of a bulk call
    is drawn separately: a call above it is divided, as is one that is refused for a missing task.
    """
    if random.random() >= CANCELS:
        return (), []
    knobs: Knobs = (
        ("cancel_path", random.choice(_PATHS)),
        ("cancel_answer", random.choice(_ANSWERS)),
        ("most_bulk_rows", random.choice((2, 100, 1000))),
        ("refuses_unknown_rows", random.choice((True, False))),
    )
    steps: list[SimEvent] = []
    for _ in range(random.randint(1, 3)):
        at = round(random.uniform(0.05, 0.6) * span, 1)
        number, slot = random.randrange(1000), random.randrange(1000)
        other = random.choice(("clinic", "legacy"))
        off = round(at + random.uniform(0.05, 0.3) * span, 1)
        steps += [
            SimEvent(at, EventKind.BOOK, other, number, slot),
            SimEvent(round(at + 5, 1), EventKind.TWIN_AS, "crm", number, slot),
            SimEvent(off, EventKind.CANCEL_TWINNED, other, number, slot),
        ]
    return knobs, steps
