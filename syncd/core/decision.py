"""What a decision on one provider needs, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.availability.exposure import RequiredBlocks
from syncd.core.conflicts.resolution import (
    NO_DIRECTIVE,
    Directive,
)
from syncd.core.inputs import CalendarState
from syncd.core.matching.customers import (
    CustomerComparison,
)
from syncd.core.matching.match import CustomerIndex
from syncd.core.matching.rebooked import NearCycle
from syncd.core.merging.rules import Rules
from syncd.core.ownership.blocks import (
    NO_OWNERSHIP,
    Ownership,
)
from syncd.model import (
    Changes,
    Conflict,
    Operation,
    TrackedEvent,
    Waiting,
    WaitReason,
)


@dataclass(frozen=True, slots=True)
class DecisionInput:
    """What a decision is given besides the state of its provider.

    - ``horizon``: the start of the whole window; earlier bookings are archived.
    - ``guards``: the guard's conflicts of this provider.
    - ``failures``: permanent failures so far, by operation key.
    - ``ownership``: what is known about the tagged blocks that are not ours.
    - ``capacity``: how many meetings the provider may have at one time. For equipment, that is the
      number of pieces that work.
    - ``directive``: the operator's resolution of one conflict.
    - ``near``: how often the near window is read; None if that is not known.
    - ``may_overlap``: do not look for double bookings; true for calendars that only resources
      block, as meetings there may overlap.
    - ``why_not_freed``: why writes that free time wait, also in a writable calendar, or None.
    """

    calendars: Mapping[str, CalendarState]
    rules: Rules
    now: datetime
    horizon: datetime
    run: str
    customers: CustomerIndex = field(default_factory=dict)
    guards: Sequence[Conflict] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    ownership: Ownership = NO_OWNERSHIP
    capacity: int = 1
    directive: Directive = NO_DIRECTIVE
    near: NearCycle | None = None
    may_overlap: bool = False
    why_not_freed: WaitReason | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one provider.

    - ``changes``: the rows to store.
    - ``operations``: the writes to make now, in no particular order.
    - ``conflicts``: all present conflicts, held or decided by a rule.
    - ``exposures``: how many intervals still lack a block.
    - ``wanted``: the intervals that each calendar should block, by system.
    - ``unmatched``: how many appointments wait because their customer is not looked up yet.
    - ``adopted``: the events that became ours.
    - ``waiting``: the writes that are wanted and cannot be made now.
    - ``compared``: the meetings whose customers were compared again.
    """

    changes: Changes
    operations: tuple[Operation, ...]
    conflicts: tuple[Conflict, ...]
    exposures: int
    wanted: RequiredBlocks = field(default_factory=dict)
    unmatched: int = 0
    adopted: tuple[TrackedEvent, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    compared: tuple[CustomerComparison, ...] = ()
