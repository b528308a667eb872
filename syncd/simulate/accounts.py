"""What kind of LeadSquared account a day has: facts that no document tells, drawn at random."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

from syncd.sandbox.faults import FaultKind

if TYPE_CHECKING:
    from syncd.simulate.scenario import SimEvent

Knobs = tuple[tuple[str, object], ...]
"""Knobs of `sandbox.leadsquared.facts.AccountFacts` and their values."""

_MOSTLY = (True, True, False)
_ZONES = ("", "UTC", "Pacific/Kiritimati", "Etc/GMT+12")


def draw_account(random: Random, steps: Collection[SimEvent]) -> Knobs:
    """Draw an account.

    Rows carry ends, and completing leaves them alone, on days on which nobody could know a length
    any more: when the state is lost, when tags are stripped, when a moved record has a new id.
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
