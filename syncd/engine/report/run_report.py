"""The report of a run: what happened, and which work remains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from syncd.engine.report.run_exit import Remaining as Remaining  # noqa: PLC0414 - part of a report
from syncd.engine.report.run_exit import RunExit as RunExit  # noqa: PLC0414 - part of a report
from syncd.engine.report.run_exit import remaining_of_items as remaining_of_items  # noqa: PLC0414 - part of a report
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.model import (
    Action,
    Operation,
    OwnerChange,
    OwnerProof,
    ReportedItem,
    Topic,
    Waiting,
    utc,
)
from syncd.model.health import is_silent
from syncd.model.pauses import Pause
from syncd.store.queries.left_behind import LeftBehind
from syncd.systems.reported_lists import KNOWN_EVENTS


class SystemStatus(StrEnum):
    """The state of one system in a cycle.

    DOWN: no usable response. INTERRUPTED: syncd was stopping. SLOW: the cycle went on without the
    system. UNAUTHORISED: the platform rejected the credentials.
    """

    OK = "ok"
    DOWN = "down"
    UNAUTHORISED = "unauthorised"
    INTERRUPTED = "interrupted"
    SLOW = "slow"


_SILENT = {SystemStatus.DOWN, SystemStatus.UNAUTHORISED, SystemStatus.SLOW}
_OF_WRITES = frozenset({Remaining.WRITES, Remaining.UNMADE, Remaining.REMOVALS, Remaining.UNPROVEN})
"""Kinds of work that a dry run does not count: it writes nothing and makes one cycle."""


@dataclass(slots=True)
class SystemReport:
    """The calls to one system in a run. ``writing``: the read succeeded, and a write failed."""

    state: SystemStatus = SystemStatus.OK
    reads: int = 0
    writes: int = 0
    cause: str = ""
    writing: bool = False


@dataclass(frozen=True, slots=True)
class UnknownOwners:
    """A calendar with events whose owner is not proven; the time of these events is not freed.

    ``owners`` are the platform's ids of the current owners, ``holders`` the providers among them.
    ``proof`` says why the owner is unproven, ``events`` is the number of events.
    """

    provider: str
    system: str
    proof: OwnerProof
    events: int
    owners: tuple[str, ...]
    holders: tuple[str, ...]
    since: datetime

    def to_json(self) -> dict[str, object]:
        """Return this calendar's object in ``unknown_owners`` of the JSON. The keys are stable."""
        return {
            "provider": self.provider,
            "system": self.system,
            "why": str(self.proof),
            "events": self.events,
            "owners": list(self.owners),
            "holders": list(self.holders),
            "since": _instant(self.since),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Parse an object of `to_json` that the daemon sent."""
        return cls(
            data["provider"],
            data["system"],
            OwnerProof(data["why"]),
            data["events"],
            tuple(data["owners"]),
            tuple(data["holders"]),
            datetime.fromisoformat(data["since"]),
        )


def unknown_owners(changes: Iterable[OwnerChange], now: datetime) -> list[UnknownOwners]:
    """Group the unproven changes of owner by calendar, without events that ended before ``now``."""
    by_kind: dict[tuple[str, str], list[OwnerChange]] = {}
    for change in changes:
        if not change.proven and change.value.end > now:
            by_kind.setdefault((change.provider, change.system), []).append(change)
    return [
        UnknownOwners(
            provider,
            system,
            # A proof about the calendar's own user says more than one about a single event.
            min((c.proof for c in each), key=list(OwnerProof).index),
            len(each),
            tuple(sorted({c.owner for c in each} - {""})),
            tuple(sorted({c.holder for c in each} - {""})),
            min(c.since for c in each),
        )
        for (provider, system), each in sorted(by_kind.items())
    ]


@dataclass(frozen=True, slots=True)
class Stop:
    """A mass-change stop of one calendar, or of a whole system if ``provider`` is empty.

    ``run`` is the argument for `resync --accept`; ``count`` is the number of meetings that vanished
    or were rescheduled.
    """

    system: str
    provider: str
    run: str
    count: int

    def __str__(self) -> str:
        """Return where the guard stopped, with the number of meetings."""
        meetings = "1 meeting" if self.count == 1 else f"{self.count} meetings"
        where = f"{self.provider} in {self.system}" if self.provider else self.system
        return f"{where} ({meetings})"

    def to_json(self) -> dict[str, object]:
        """Return this stop's object in ``stopped`` of the JSON. The keys are stable."""
        return {
            "system": self.system,
            "provider": self.provider or None,
            "run": self.run,
            "count": self.count,
        }


def sort_waiting(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return waiting writes, sorted by system and time."""
    return sorted(waiting, key=_sort_key)


def _sort_key(waiting: Waiting) -> tuple[str, str, str, str, str]:
    operation = waiting.operation
    value = operation.after or operation.before
    when = value.start.isoformat() if value else ""
    return (
        operation.system,
        when,
        operation.provider,
        str(operation.action),
        operation.event or "",
    )


def waiting_json(waiting: Waiting) -> dict[str, str | None]:
    """Return a waiting write's object in ``waiting`` of the JSON. The keys are stable."""
    operation = waiting.operation
    value = operation.after or operation.before
    return {
        "system": operation.system,
        "provider": operation.provider,
        "event": operation.event,
        "action": str(operation.action),
        "why": str(waiting.why),
        "start": None if value is None else _instant(value.start),
        "end": None if value is None else _instant(value.end),
    }


def _instant(at: datetime) -> str:
    return utc(at).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Report:
    """The report of one run. It is updated after each cycle.

    - ``job``: the job that started the run; ``seconds``: its duration; ``cycles``: the number of
      cycles.
    - ``operations``: the number of writes made, by action; ``planned``: the writes that the last
      cycle decided on; ``unmade``: how many planned writes were neither made nor wait.
    - ``news``: the number of changes that were read.
    - ``conflicts``: held conflicts; ``exposures``: busy intervals that can still be booked.
    - ``stopped``: the stops of the guard; ``listed``: the ids of their conflicts; ``accepted``: the
      number of changes that the operator accepted in this run.
    - ``double_bookings``: all pairs; ``doubles_open``: those neither held nor acknowledged;
      ``acknowledged``: the number of items and pairs that the operator has acknowledged.
    - ``pending``: writes without an outcome; ``waiting``: writes that cannot be made now.
    - ``suspected``: events that need another read, not before ``recheck_at``.
    - ``items``: the open reported items; ``gone``: events that are gone by id while no complete
      list proves it; ``unshown``: by system, the known events that lists should show and do not.
    - ``refused``: systems that allow no more calls now, with the seconds to wait.
    - ``covered``: by list, the number of minutes that are proven complete.
    - ``left_behind``: blocks in calendars that are no longer mapped; None if not counted.
    - ``held_back``: writes that are not made because of a pause (``paused``) or observe mode
      (``observe``). They do not count as remaining work, nor do those in ``left_behind``: the
      operator chose that.
    - ``exactly``: the plan that the operator approved, if the run carries out a plan.
    """

    run: str
    job: str = ""
    seconds: float = 0.0
    cycles: int = 0
    systems: dict[str, SystemReport] = field(default_factory=dict)
    operations: Counter[Action] = field(default_factory=Counter)
    planned: list[Operation] = field(default_factory=list)
    unmade: int = 0
    news: int = 0
    conflicts: int = 0
    exposures: int = 0
    guarded: list[str] = field(default_factory=list)
    stopped: list[Stop] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    accepted: int = 0
    double_bookings: int = 0
    pending: int = 0
    suspected: int = 0
    waiting: list[Waiting] = field(default_factory=list)
    clock_error: timedelta = timedelta(0)
    settled: int = 0
    remarks: list[str] = field(default_factory=list)
    dry_run: bool = False
    exactly: ApprovedOperations | None = None
    failures: list[str] = field(default_factory=list)
    unknown: list[UnknownOwners] = field(default_factory=list)
    items: list[ReportedItem] = field(default_factory=list)
    gone: int = 0
    doubles_open: int = 0
    acknowledged: int = 0
    interrupted: bool = False
    left_behind: list[LeftBehind] | None = None
    held_back: list[Waiting] = field(default_factory=list)
    paused: list[Pause] = field(default_factory=list)
    observe: bool = False
    unshown: dict[str, int] = field(default_factory=dict)
    recheck_at: datetime | None = None
    refused: dict[str, float] = field(default_factory=dict)
    covered: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def unreadable(self) -> int:
        """Return the number of unreadable records, acknowledged ones included."""
        return sum(item.event_count for item in self.items if item.topic is Topic.UNREADABLE)

    @property
    def shortened(self) -> list[ReportedItem]:
        """Return the items of lists that are, or may be, incomplete."""
        return [item for item in self.items if item.topic is Topic.LIST]

    @property
    def cut(self) -> bool:
        """Return true if the platform cut a list at its cap, so that the list is read in parts."""
        return any(item.event != KNOWN_EVENTS for item in self.shortened)

    @property
    def whole(self) -> bool:
        """Return true if every system responded with complete lists and proven owners.

        Incomplete lists that the operator has acknowledged do not count.
        """
        known = all(item.acknowledged_at is not None for item in self.shortened)
        return self.answered and not self.unknown and known

    @property
    def answered(self) -> bool:
        """Return true if every system responded."""
        return all(system.state is SystemStatus.OK for system in self.systems.values())

    @property
    def converged(self) -> bool:
        """Return true if nothing is left to do: all is read, and no write is planned or open."""
        return (
            self.whole
            and not self.shortened
            and not self.planned
            and not self.pending
            and not self.suspected
            and not self.waiting
            and not self.held_back
            and not self.guarded
            and not self.gone
        )

    @property
    def _unmade(self) -> int:
        """Return how many writes of the last cycle were not made and do not wait.

        If the last cycle still planned writes and nothing else is open, only a further run shows
        whether they are needed, so all of them count.
        """
        if self.unmade or self.interrupted or self.pending or self.waiting or self.held_back:
            return self.unmade
        return len(self.planned)

    @property
    def remaining(self) -> dict[Remaining, int]:
        """Count the remaining work by kind; kinds with a count of 0 are left out.

        Nothing counts twice: a held double booking is a conflict, and a conflict of the guard is a
        stop.
        """
        by_kind = {
            Remaining.STOPPED: len(self.stopped) or len(self.guarded),
            Remaining.INTERRUPTED: int(self.interrupted),
            Remaining.SYSTEMS: sum(
                is_silent(answers=s.state not in _SILENT, writing=s.writing)
                for s in self.systems.values()
            ),
            Remaining.UNKNOWN_OWNERS: len(self.unknown),
            Remaining.WRITES: self.pending,
            Remaining.UNMADE: self._unmade,
            Remaining.WAITING: len(self.waiting),
            Remaining.REMOVALS: self.suspected,
            Remaining.UNPROVEN: self.gone,
            Remaining.CONFLICTS: self.conflicts - len(self.listed),
            Remaining.DOUBLE_BOOKINGS: self.doubles_open,
            Remaining.EXPOSURES: self.exposures,
            **remaining_of_items(self.items),
        }
        counted = {kind: by_kind[kind] for kind in Remaining if by_kind.get(kind)}
        if self.dry_run:
            return {kind: n for kind, n in counted.items() if kind not in _OF_WRITES}
        return counted

    @property
    def exit(self) -> RunExit:
        """Return how the run ended."""
        return RunExit.of(self.remaining)

    def to_json(self, *, max_waiting: int | None = None) -> dict[str, object]:
        """Return the JSON object of `resync --json` (docs/design.md#json). The keys are stable.

        A dry run counts the planned writes as operations. ``max_waiting`` limits how many waiting
        and held-back writes are listed; None: all are.
        """
        counted = Counter(o.action for o in self.planned) if self.dry_run else self.operations
        counts = Counter(item.topic for item in self.items)
        remaining = self.remaining
        return {
            "run": self.run,
            "cycles": self.cycles,
            "systems": {
                name: {
                    "state": str(s.state),
                    "reads": s.reads,
                    "writes": s.writes,
                    "cause": s.cause,
                }
                for name, s in sorted(self.systems.items())
            },
            "operations": {
                str(action): counted[action]
                for action in (
                    Action.CREATE_BLOCK,
                    Action.MOVE_BLOCK,
                    Action.REMOVE_BLOCK,
                    Action.MOVE_APPOINTMENT,
                    Action.SET_STATUS,
                )
            },
            "conflicts": self.conflicts,
            "double_bookings": self.double_bookings,
            "stopped": [each.to_json() for each in self.stopped],
            "exposures": self.exposures,
            "unknown_owners": [each.to_json() for each in self.unknown],
            "waiting": [waiting_json(each) for each in self.waiting[:max_waiting]],
            "clock_error_seconds": round(self.clock_error.total_seconds()),
            "unreadable": self.unreadable,
            "not_shown": dict(sorted(self.unshown.items())),
            "reported": {str(topic): counts[topic] for topic in Topic},
            "acknowledged": self.acknowledged,
            "mode": "observe" if self.observe else "sync",
            "paused": [each.to_json() for each in self.paused],
            "held_back": [waiting_json(each) for each in self.held_back[:max_waiting]],
            "left_behind": [each.to_json() for each in self.left_behind or ()],
            "left": {str(kind): remaining.get(kind, 0) for kind in Remaining},
            "converged": self.converged,
        }
