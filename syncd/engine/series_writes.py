"""Writes to an instance of a series, and whether they leave the others what they were.

Nothing is known about whether a platform changes one instance or all of them, so where a person
lets such writes be made, the neighbours are read before and after each. If any changed, all are
compared with what was last read; what they were is written back, and no further instance is
written to in that system until a person begins anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import structlog

from syncd.engine.first_writes import INSTANCE_WRITES, forget_first, log_series_damage, note_fact
from syncd.engine.supervise import supervised
from syncd.model import Action, Changes, Kind, Operation, TrackedEvent, Value, series_of
from syncd.model.platform_facts import NO, YES
from syncd.store.series import siblings
from syncd.store.store import Store
from syncd.systems.port import Found, PlatformError, System, UnknownOutcomeError

if TYPE_CHECKING:
    from syncd.engine.writer import WriteContext, WriteResult

log = structlog.get_logger(__name__)

_FORMER_STOP = "series_writes"
"""The fact by which versions before 0.1.0 noted that a write to one instance changed others."""

PUT_BACK = "puts back what a write to another instance changed"

CarryOut = Callable[[Sequence[Sequence[Operation]]], Awaitable[None]]
"""Makes calls of one operation each, through the journal."""


def may_write_series(system: System) -> bool:
    """Whether instances of series may be written to."""
    stopped = system.facts.value(INSTANCE_WRITES) == NO
    return system.capabilities.series_writes and not stopped


def take_up_stops(systems: Iterable[System], store: Store) -> None:
    """Once: take over a stop of an older version; where nothing is written, a stop is forgotten.

    So a person who holds the series of a system, and releases them again, begins anew.
    """
    for system in systems:
        if system.facts.value(_FORMER_STOP):
            note_fact(system, store, INSTANCE_WRITES, NO)
            note_fact(system, store, _FORMER_STOP, "")
        if system.capabilities.series_held and system.facts.value(INSTANCE_WRITES) == NO:
            note_fact(system, store, INSTANCE_WRITES, "")


def held_instances(system: System, operations: Sequence[Operation], desk: WriteContext) -> set[str]:
    """The targets that are not to be written to, as that may touch their whole series."""
    found = [] if desk.repairs else _instances(system, operations, desk.store)
    return {r.id for r in found} if found and not may_write_series(system) else set()


def _instances(system: System, operations: Iterable[Operation], store: Store) -> list[TrackedEvent]:
    """The targets of writes to appointments that are instances of a series."""
    targets = {o.event for o in operations if o.kind is Kind.APPOINTMENT and o.event is not None}
    if not targets:
        return []
    return [
        r
        for r in store.records(system.name, sorted(targets))
        if series_of(r) and not r.created_by_us
    ]


async def write_and_compare(
    system: System,
    operations: Sequence[Operation],
    desk: WriteContext,
    result: WriteResult,
    write: Callable[[], Awaitable[None]],
    carry_out: CarryOut,
) -> None:
    """Make one call, and compare the instances beside its target before and after.

    Raises PlatformError; all but Ambiguous mean that nothing happened.
    """
    watch = await SiblingCheck.before(system, operations, desk)
    try:
        with supervised(system.name, "writing", UnknownOutcomeError):
            await write()
    except UnknownOutcomeError:
        await watch.compare(carry_out, result)
        raise
    await watch.compare(carry_out, result)


@dataclass(slots=True)
class SiblingCheck:
    """The neighbours of an instance that is about to be written to, as they were just before."""

    system: System
    desk: WriteContext
    target: TrackedEvent | None = None
    shown: dict[str, tuple[TrackedEvent, Value]] = field(default_factory=dict)

    @classmethod
    async def before(
        cls, system: System, operations: Sequence[Operation], desk: WriteContext
    ) -> Self:
        """Read the instance before and the one after the target, if it is an instance."""
        watch = cls(system, desk)
        found = [] if desk.repairs else _instances(system, operations, desk.store)
        watch.target = next(iter(found), None)
        if watch.target is None or watch.target.observed is None:
            return watch
        start = watch.target.observed.start
        others = siblings(desk.store, watch.target)
        earlier = [r for r in others if r.observed and r.observed.start <= start][-1:]
        later = [r for r in others if r.observed and r.observed.start > start][:1]
        for record in (*earlier, *later):
            value = await watch._read(record)
            if value is not None:
                watch.shown[record.id] = (record, value)
        return watch

    async def compare(self, carry_out: CarryOut, result: WriteResult) -> None:
        """Compare after the write; put back what it changed besides."""
        for record, value in self.shown.values():
            now = await self._read(record)
            if now is not None and now != value:
                await self._put_back(carry_out, result)
                return
        known = self.system.facts.value(INSTANCE_WRITES) == YES
        if self.shown and self.target is not None and not known:
            now = await self._read(self.target)
            if now is not None and now != self.target.observed:
                note_fact(self.system, self.desk.store, INSTANCE_WRITES, YES)

    async def _put_back(self, carry_out: CarryOut, result: WriteResult) -> None:
        store = self.desk.store
        if self.target is None:
            return
        note_fact(self.system, store, INSTANCE_WRITES, NO)
        changed: list[tuple[TrackedEvent, Value, Value]] = []
        for record in siblings(store, self.target):
            _, former = self.shown.get(record.id, (record, record.observed))
            now = await self._read(record)
            if now is not None and former is not None and now != former:
                changed.append((record, former, now))
        for record, _, now in changed:
            self._not_told(record, now)
        log.warning(
            "a write to one instance changed its series",
            system=self.system.name,
            event_id=self.target.id,
            changed=len(changed),
        )
        operations = [_back(store, record, former, now) for record, former, now in changed]
        await carry_out([[operation] for operation in operations])
        # What was written back may have taken the target along: then it is as it was, too.
        shown = await self._read(self.target)
        if shown is not None and shown == self.target.observed:
            self._not_told(self.target, shown)
        forget_first(self.system, store)  # The target may have been put back, too.
        where = self.target
        log_series_damage(self.system, where.id, where.provider, len(changed), self.desk)
        result.remarks.append(
            f"{self.system.name} {self.target.id}: the write to this instance of a series changed "
            f"{len(changed)} others, which were written back; no more instances are written to "
            "there"
        )

    def _not_told(self, record: TrackedEvent, shown: Value) -> None:
        """Store what an instance shows by our own doing: no news, and still to be told."""
        store = self.desk.store
        accepted = replace(
            record,
            observed=shown,
            observed_at=self.desk.clock.now(),
            base=shown,
            fingerprint="",
            end_accepted=False,
            written=None,
            written_at=None,
            before_write=None,
        )
        links = [
            replace(link, synced_revision=-1) for link in store.links(record.system, record.id)
        ]
        store.apply(Changes(records=[accepted], replicas=links))

    async def _read(self, record: TrackedEvent) -> Value | None:
        """What an instance shows now; None where that is not to be found out."""
        try:
            sighting = await self.system.read_one(record.ref, record.observed)
        except PlatformError as fault:
            log.info("instance not read", system=record.system, event_id=record.id, why=str(fault))
            return None
        if not isinstance(sighting, Found):
            return None
        return sighting.event.with_status_of(record.observed).value


def _back(store: Store, record: TrackedEvent, former: Value, now: Value) -> Operation:
    moved = former.interval != now.interval
    return Operation(
        action=Action.MOVE_APPOINTMENT if moved else Action.SET_STATUS,
        system=record.system,
        provider=record.provider,
        kind=record.kind,
        event=record.id,
        before=now,
        after=former,
        bookings=tuple(sorted(link.booking for link in store.links(record.system, record.id))),
        reason=PUT_BACK,
    )
