"""One read of one system: what it works with, and what it brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from syncd.engine.owners import Owners
from syncd.engine.probes import PROBES, Probes
from syncd.engine.report import Health
from syncd.model import Changes, Clock, Coverage, Id, Intent, Window
from syncd.store.store import Store
from syncd.systems.port import AuthLost, Snapshot, System, SystemFault, Unproven


@dataclass(slots=True)
class Observation:
    """What one read of one system brought. ``touched`` are the events with news, by provider.

    ``lively`` counts their news, echoes of what syncd wrote left out. ``without_user`` are the
    providers whose calendar was never read whole, as the system has no such user. ``gone``
    counts the events that the system says are gone while no whole list proves it.
    """

    system: str
    state: Health = Health.OK
    cause: str = ""
    asked_at: datetime | None = None
    coverage: Sequence[Coverage] = ()
    unproven: Sequence[Unproven] = ()
    touched: dict[str, set[Id]] = field(default_factory=dict)
    news: int = 0
    lively: Counter[str] = field(default_factory=Counter)
    suspected: int = 0
    gone: int = 0
    remarks: list[str] = field(default_factory=list)
    fault: SystemFault | None = None
    units: Mapping[str, int] = field(default_factory=dict)
    without_user: AbstractSet[str] = frozenset()

    @property
    def arrived(self) -> list[Coverage]:
        """Where every row of a calendar arrived, also where some of them have no usable id."""
        at = self.asked_at
        if at is None:
            return [*self.coverage]
        more = [each for each in self.unproven if not each.lacking]
        as_read = [Coverage(self.system, e.provider, e.kinds, e.window, at) for e in more]
        return [*self.coverage, *as_read]

    def touch(self, provider: str, event: str) -> None:
        """Note that an event is news to a provider."""
        self.touched.setdefault(provider, set()).add((self.system, event))

    def fail(self, fault: SystemFault) -> None:
        """Note that the system did not answer as it should."""
        self.fault = fault
        self.state = Health.UNAUTHORISED if isinstance(fault, AuthLost) else Health.DOWN
        self.cause = str(fault)


@dataclass(slots=True)
class Read:
    """One read while it is worked on. ``changes`` is stored at its end, all at once.

    ``asked_at`` is when the lists were asked for: nothing in them is younger. ``left`` is how many
    events may still be asked for by id in it.
    """

    system: System
    store: Store
    clock: Clock
    window: Window
    intents: Sequence[Intent]
    owners: Owners
    seen: Observation
    asked_at: datetime
    probes: Probes
    left: int = PROBES
    snapshot: Snapshot = field(init=False)
    changes: Changes = field(init=False)
