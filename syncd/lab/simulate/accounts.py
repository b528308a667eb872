"""Draw the kind of LeadSquared account of a day: facts that no document states."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import SimEvent

Knobs = tuple[tuple[str, object], ...]
"""Knobs of `sandbox.leadsquared.facts.AccountFacts` and their values."""

_MOSTLY = (True, True, False)
_ZONES = ("", "UTC", "Pacific/Kiritimati", "Etc/GMT+12")


def draw_account(random: Random, steps: Collection[SimEvent]) -> Knobs:
    """Draw the sandbox knobs of an account.

    On days on which the length of a task cannot be known any more (the state is lost, tags are
    stripped, or a move gives a record a new id), rows carry an end and completing leaves it alone.
    """
    knowable = not any(step.kind in _LOSES or step.fault in _FORGETS for step in steps)
    drawn: Knobs = (
        ("rows_carry_owner", random.choice(_MOSTLY)),
        ("rows_carry_end", random.choice(_MOSTLY)),
        ("completing_changes_end", random.choice(_MOSTLY)),
        ("lists_cancelled", random.choice(_MOSTLY)),
        ("date_zone", random.choice(_ZONES)),
        ("most_bulk_rows", random.choice((100, 1000))),
        ("slot_names", random.choice((("StartTime", "EndTime"),) * 4 + (("From", "To"),))),
    )
    plain = {"rows_carry_end": True, "completing_changes_end": False}
    return drawn if knowable else tuple((key, plain.get(key, value)) for key, value in drawn)


_LOSES = frozenset({"state-lost", "state-restored"})
_FORGETS = frozenset({FaultKind.STRIP_KEYS, FaultKind.NEW_ID_ON_MOVE})
