"""What a cycle, and a whole run, tell about themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from syncd.engine.agreed_operations import AgreedOperations
from syncd.engine.run_exit import Remaining as Remaining  # noqa: PLC0414 - part of a report
from syncd.engine.run_exit import RunExit as RunExit  # noqa: PLC0414 - part of a report
from syncd.engine.run_exit import remaining_of_items as remaining_of_items  # noqa: PLC0414 - part of a report
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
from syncd.store.left_behind import LeftBehind
from syncd.systems.reported_lists import KNOWN_EVENTS


class SystemStatus(StrEnum):
    """One system in one cycle. Interrupted: syncd was told to end. Slow: others went on."""

    OK = "ok"
    DOWN = "down"
    UNAUTHORISED = "unauthorised"
    INTERRUPTED = "interrupted"
    SLOW = "slow"


_SILENT = {SystemStatus.DOWN, SystemStatus.UNAUTHORISED, SystemStatus.SLOW}
_OF_WRITES = frozenset({Remaining.WRITES, Remaining.UNMADE, Remaining.REMOVALS, Remaining.UNPROVEN})
"""What a dry run does not leave: it writes nothing, and makes one cycle."""


@dataclass(slots=True)
class SystemReport:
    """One system in a run; ``writing``: it was read, and did not take a write."""

    state: SystemStatus = SystemStatus.OK
    reads: int = 0
    writes: int = 0
    cause: str = ""
    writing: bool = False


@dataclass(frozen=True, slots=True)
class UnknownOwners:
    """A calendar with events of which it is not proven whose they are: nothing of it is freed.

    ``owners`` are the platform's ids of whoever has them now, ``holders`` the providers among them.
    """

    provider: str
    system: str
    proof: OwnerProof
    events: int
    owners: tuple[str, ...]
    holders: tuple[str, ...]
    since: datetime

    def to_json(self) -> dict[str, object]:
        """One entry of ``unknown_owners`` in JSON: its keys are stable."""
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
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read an entry that a daemon sent."""
        return cls(
            told["provider"],
            told["system"],
            OwnerProof(told["why"]),
            told["events"],
            tuple(told["owners"]),
            tuple(told["holders"]),
            datetime.fromisoformat(told["since"]),
        )


def unknown_owners(changes: Iterable[OwnerChange], now: datetime) -> list[UnknownOwners]:
    """Sum up by calendar what is unproven of events that are not over."""
    found: dict[tuple[str, str], list[OwnerChange]] = {}
    for change in changes:
        if not change.proven and change.value.end > now:
            found.setdefault((change.provider, change.system), []).append(change)
    return [
        UnknownOwners(
            provider,
            system,
            # What concerns the calendar's own user tells more than a single event's owner.
            min((c.proof for c in each), key=list(OwnerProof).index),
            len(each),
            tuple(sorted({c.owner for c in each} - {""})),
            tuple(sorted({c.holder for c in each} - {""})),
            min(c.since for c in each),
        )
        for (provider, system), each in sorted(found.items())
    ]


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of the guard: one calendar, or a whole system where ``provider`` is empty.

    ``run`` is what `resync --accept` takes; ``count`` is how many meetings vanished or moved.
    """

    system: str
    provider: str
    run: str
    count: int

    def __str__(self) -> str:
        """Name the place in a few words."""
        meetings = "1 meeting" if self.count == 1 else f"{self.count} meetings"
        where = f"{self.provider} in {self.system}" if self.provider else self.system
        return f"{where} ({meetings})"

    def to_json(self) -> dict[str, object]:
        """One entry of ``stopped`` in JSON: its keys are stable."""
        return {
            "system": self.system,
            "provider": self.provider or None,
            "run": self.run,
            "count": self.count,
        }


def ordered(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return waiting writes by system and time."""
    return sorted(waiting, key=_place)


def _place(waiting: Waiting) -> tuple[str, str, str, str, str]:
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
    """One entry of ``waiting`` in JSON: its keys are stable."""
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
    """A run: what happened, what is left. ``job`` is what asked for it; it took ``seconds``.

    ``planned`` are the writes that the last cycle decided on, ``unmade`` counts those of them that
    were neither made nor wait. ``external_changes`` counts the news of each provider. ``items`` are
    the reported records and lists that are open, ``gone`` counts events that are gone by id while
    no whole list proves it, ``unshown`` the known ones of each system that its lists should show
    and do not. ``suspected`` events may be settled by another look, not before ``recheck_at``.
    ``refused`` are the systems that allow no more calls, and for how many seconds; ``covered`` is
    how many minutes of each list are proven.
    ``listed`` names the guard's conflicts behind ``stopped``; ``accepted`` counts changes that a
    person let pass in this run.
    ``double_bookings`` counts all pairs, ``doubles_open`` those that are neither held nor
    acknowledged; ``acknowledged`` is how many items and pairs a person has acknowledged.
    ``left_behind`` are blocks where the configuration maps nothing any more: as a person chose
    that, they are named, and count as nothing that is left to do. None: they were not counted.
    ``held_back`` are the writes that a person does not want now, as something is ``paused``, or as
    the configuration has syncd ``observe``: they count as nothing that is left to do, either.
    ``exactly`` is the plan that the run carries out, if it does.
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
    external_changes: Counter[str] = field(default_factory=Counter)
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
    exactly: AgreedOperations | None = None
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
        """How many records cannot be understood, acknowledged ones too."""
        return sum(item.record_count for item in self.items if item.topic is Topic.UNREADABLE)

    @property
    def shortened(self) -> list[ReportedItem]:
        """The lists from which rows are missing, or may be."""
        return [item for item in self.items if item.topic is Topic.LIST]

    @property
    def cut(self) -> bool:
        """Whether a list ends before all of it was shown, and is read in parts."""
        return any(item.event != KNOWN_EVENTS for item in self.shortened)

    @property
    def whole(self) -> bool:
        """Whether every system answered with all that it was asked for.

        A list that is not whole, and that a person knows of, is no reason to alert anybody.
        """
        known = all(item.acknowledged_at is not None for item in self.shortened)
        return self.answered and not self.unknown and known

    @property
    def answered(self) -> bool:
        """Whether every system answered."""
        return all(system.state is SystemStatus.OK for system in self.systems.values())

    @property
    def converged(self) -> bool:
        """Whether nothing is left to do: all was read, nothing planned, nothing unconfirmed."""
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
        """How many writes of the last cycle were not made, and do not wait.

        A run that still wrote in its last cycle, and was not interrupted, has more to do.
        """
        if self.unmade or self.interrupted or self.pending or self.waiting or self.held_back:
            return self.unmade
        return len(self.planned)

    @property
    def left(self) -> dict[Remaining, int]:
        """Count what is left, by kind; what is not left is not named.

        What a person must decide on or look at is counted once: a held double booking is a
        conflict, and a conflict of the guard is a stop.
        """
        found = {
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
        counted = {kind: found[kind] for kind in Remaining if found.get(kind)}
        if self.dry_run:
            return {kind: n for kind, n in counted.items() if kind not in _OF_WRITES}
        return counted

    @property
    def exit(self) -> RunExit:
        """How the run ended."""
        return RunExit.of(self.left)

    def to_json(self, *, most_waiting: int | None = None) -> dict[str, object]:
        """The object of `resync --json` (docs/design.md#json): its keys are stable.

        A dry run counts the operations that it would make. At most ``most_waiting`` of the waiting
        writes are listed.
        """
        counted = Counter(o.action for o in self.planned) if self.dry_run else self.operations
        counts = Counter(item.topic for item in self.items)
        left = self.left
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
            "waiting": [waiting_json(each) for each in self.waiting[:most_waiting]],
            "clock_error_seconds": round(self.clock_error.total_seconds()),
            "unreadable": self.unreadable,
            "not_shown": dict(sorted(self.unshown.items())),
            "reported": {str(topic): counts[topic] for topic in Topic},
            "acknowledged": self.acknowledged,
            "mode": "observe" if self.observe else "sync",
            "paused": [each.to_json() for each in self.paused],
            "held_back": [waiting_json(each) for each in self.held_back[:most_waiting]],
            "left_behind": [each.to_json() for each in self.left_behind or ()],
            "left": {str(kind): left.get(kind, 0) for kind in Remaining},
            "converged": self.converged,
        }
