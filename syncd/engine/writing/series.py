"""Write to one instance of a series, and check that the other instances keep their values.

It is unknown whether a platform changes one instance or all of them. So where the configuration
allows writes to instances, the neighbours of the target are read before and after each write. If a
neighbour changed, all instances are compared with their last known values, and changed instances
are written back. After that, syncd writes to no instance in this system until the operator releases
the series again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import structlog

from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.context import WriteContext, WriteResult
from syncd.engine.writing.first_writes import (
    INSTANCE_WRITES,
    clear_first_write,
    log_series_damage,
    note_fact,
)
from syncd.model import Action, Changes, Kind, Operation, TrackedEvent, Value, series_of
from syncd.model.platform_facts import NO, YES
from syncd.store.queries.series import siblings
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, UnknownOutcomeError
from syncd.systems.lookup_results import Found
from syncd.systems.port import Account, System

log = structlog.get_logger(__name__)

_FORMER_STOP = "series_writes"
"""The fact in which versions before 0.1.0 stored that a write to one instance changed others."""

PUT_BACK = "puts back what a write to another instance changed"

CarryOut = Callable[[Sequence[Sequence[Operation]]], Awaitable[None]]
"""Makes these calls, each with its operations, with journal entries."""


def may_write_series(system: Account) -> bool:
    """Return true if syncd may write to instances of series in this system."""
    stopped = system.facts.value(INSTANCE_WRITES) == NO
    return system.capabilities.series_writes and not stopped


def migrate_series_stops(systems: Iterable[System], store: Store) -> None:
    """Convert the stops of older versions, and end the stops of systems whose series are held.

    To allow writes again after a stop, the operator first holds the series of the system and then
    releases them.
    """
    for system in systems:
        if system.facts.value(_FORMER_STOP):
            note_fact(system, store, INSTANCE_WRITES, NO)
            note_fact(system, store, _FORMER_STOP, "")
        if system.capabilities.series_waits and system.facts.value(INSTANCE_WRITES) == NO:
            note_fact(system, store, INSTANCE_WRITES, "")


def unwritable_instances(
    system: Account, operations: Sequence[Operation], context: WriteContext
) -> set[str]:
    """Return the targets that must not be written to, as a write may change their whole series.

    Targets are given by id. Empty while the side effects of an earlier write are put back.
    """
    instances = [] if context.repairs else _instances(system, operations, context.store)
    return {r.id for r in instances} if instances and not may_write_series(system) else set()


def _instances(
    system: Account, operations: Iterable[Operation], store: Store
) -> list[TrackedEvent]:
    """Return the targets of writes to appointments that are instances of a series."""
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
    context: WriteContext,
    result: WriteResult,
    write: Callable[[], Awaitable[None]],
    carry_out: CarryOut,
) -> None:
    """Make one call (``write``), and compare the neighbours of its target before and after.

    ``carry_out`` makes the writes that restore changed instances; ``result`` gets the remarks.
    Raises PlatformError. Any error except UnknownOutcomeError means that nothing was written.
    """
    check = await SiblingCheck.before(system, operations, context)
    try:
        with supervised(system.name, "writing", UnknownOutcomeError):
            await write()
    except UnknownOutcomeError:
        await check.compare(carry_out, result)
        raise
    await check.compare(carry_out, result)


@dataclass(slots=True)
class SiblingCheck:
    """The values of the neighbours of an instance, just before the instance is written to.

    ``shown`` has the record and the value of each neighbour, by id. ``target`` is None if the write
    is not to an instance of a series; then nothing is compared.
    """

    system: System
    context: WriteContext
    target: TrackedEvent | None = None
    shown: dict[str, tuple[TrackedEvent, Value]] = field(default_factory=dict)

    @classmethod
    async def before(
        cls, system: System, operations: Sequence[Operation], context: WriteContext
    ) -> Self:
        """Read the neighbours (one earlier, one later) if the target is an instance of a series."""
        check = cls(system, context)
        instances = [] if context.repairs else _instances(system, operations, context.store)
        check.target = next(iter(instances), None)
        if check.target is None or check.target.observed is None:
            return check
        start = check.target.observed.start
        others = siblings(context.store, check.target)
        earlier = [r for r in others if r.observed and r.observed.start <= start][-1:]
        later = [r for r in others if r.observed and r.observed.start > start][:1]
        for record in (*earlier, *later):
            value = await check._read(record)
            if value is not None:
                check.shown[record.id] = (record, value)
        return check

    async def compare(self, carry_out: CarryOut, result: WriteResult) -> None:
        """Read the neighbours after the write; restore all instances that the write changed."""
        for record, value in self.shown.values():
            now = await self._read(record)
            if now is not None and now != value:
                await self._put_back(carry_out, result)
                return
        known = self.system.facts.value(INSTANCE_WRITES) == YES
        if self.shown and self.target is not None and not known:
            now = await self._read(self.target)
            if now is not None and now != self.target.observed:
                note_fact(self.system, self.context.store, INSTANCE_WRITES, YES)

    async def _put_back(self, carry_out: CarryOut, result: WriteResult) -> None:
        store = self.context.store
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
            self._accept(record, now)
        log.warning(
            "a write to one instance changed its series",
            system=self.system.name,
            event_id=self.target.id,
            changed=len(changed),
        )
        operations = [_back(store, record, former, now) for record, former, now in changed]
        await carry_out([[operation] for operation in operations])
        # The writes that restore the others may have reset the target as well.
        shown = await self._read(self.target)
        if shown is not None and shown == self.target.observed:
            self._accept(self.target, shown)
        # The first write may be undone: the target was reset.
        clear_first_write(self.system, store)
        target = self.target
        log_series_damage(self.system, target.id, target.provider, len(changed), self.context)
        result.remarks.append(
            f"{self.system.name} {self.target.id}: the write to this instance changed "
            f"{len(changed)} other instances of its series, which syncd restored; syncd writes to "
            f"no further instances in {self.system.name}"
        )

    def _accept(self, record: TrackedEvent, shown: Value) -> None:
        """Store a value that our own write caused, so that it does not count as a change.

        The replicas of the instance are marked as not synced, so that the value is corrected.
        """
        store = self.context.store
        accepted = replace(
            record,
            observed=shown,
            observed_at=self.context.clock.now(),
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
        """Return the current value of an instance; None if it cannot be read."""
        try:
            sighting = await self.system.read_one(record.ref, record.observed)
        except PlatformError as fault:
            log.info(
                "instance of a series could not be read",
                system=record.system,
                event_id=record.id,
                why=str(fault),
            )
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
