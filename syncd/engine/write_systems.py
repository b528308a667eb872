"""Carry out the operations of a cycle, in all systems at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count as count_from
from typing import TYPE_CHECKING

from syncd.core import write_order
from syncd.engine.absence_lookups import AbsenceLookups
from syncd.engine.observation import Observation
from syncd.engine.report import Report
from syncd.engine.writer import WriteContext, WriteResult, execute
from syncd.model import Coverage, Operation, Waiting
from syncd.systems.port import StoppingError

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


async def write_systems(
    engine: Engine,
    operations: Sequence[Operation],
    observed: Mapping[str, Observation],
    desk: WriteContext,
    report: Report,
    progress: Callable[[str], None] = lambda _text: None,
) -> list[Waiting]:
    """Carry out operations; the report counts them. Return those that wait for their system."""
    if operations:
        desk = _counting(desk, len(operations), progress)
    by_system: dict[str, list[Operation]] = {}
    for operation in operations:
        by_system.setdefault(operation.system, []).append(operation)
    systems = {name: engine.systems[name] for name in sorted(by_system)}
    found = await engine.tasks.write(
        systems,
        lambda s: execute(s, by_system[s.name], _read(observed.get(s.name)), desk),
    )
    results = [written for written in found.values() if written is not None]
    for name, written in found.items():
        if written is None:
            engine.dirty.mark_whole(o.provider for o in by_system[name])
            observed[name].late("a write has not been answered yet")
        else:
            _note_fault(written, observed[name])
            count_writes(engine, name, written, report)
    waiting = [each for written in results for each in written.unmade]
    report.unmade = _unmade(engine, operations, results, waiting)
    return waiting


def _counting(desk: WriteContext, total: int, progress: Callable[[str], None]) -> WriteContext:
    """Return a desk whose writes are counted, and told of one by one."""
    done = count_from(0)
    progress(f"writing: {next(done)} of {total} done")

    def hear(operation: Operation, what: str) -> None:
        progress(f"writing: {next(done)} of {total} done")
        desk.on_write(operation, what)

    return replace(desk, on_write=hear)


def _unmade(
    engine: Engine,
    operations: Sequence[Operation],
    results: Sequence[WriteResult],
    waiting: Sequence[Waiting],
) -> int:
    """Count operations that were not made, are not open in the journal, and do not wait."""
    known = {write_order.operation_key(o) for each in results for o in (*each.done, *each.queued)}
    known |= {write_order.operation_key(i.operation) for i in engine.store.pending_intents()}
    known |= {write_order.operation_key(each.operation) for each in waiting}
    return sum(write_order.operation_key(o) not in known for o in operations)


def _note_fault(written: WriteResult, observation: Observation) -> None:
    if written.fault is not None and not isinstance(written.fault, StoppingError):
        observation.fail_write(written.fault)


def count_writes(engine: Engine, system: str, written: WriteResult, report: Report) -> None:
    """Count what was written, and have everybody it concerns decided on again."""
    report.operations.update(o.action for o in (*written.done, *written.queued))
    report.failures += written.failures
    report.remarks += written.remarks
    if written.elsewhere:
        engine.probes.setdefault(system, AbsenceLookups()).other_owner |= written.elsewhere
    # Whoever was decided on is due until nothing is left to do; what persons wrote is news.
    wrote = {o.provider for o in (*written.skipped, *written.queued, *written.done)}
    engine.dirty.mark_whole(p for p in wrote if not engine.dirty.due(p))
    for record in written.news:
        if record.provider in engine.mapping:
            engine.dirty.mark({record.provider: [(record.system, record.id)]})


def _read(observation: Observation | None) -> list[Coverage]:
    """Return what was read of a system, as of when the read was asked for."""
    if observation is None or observation.asked_at is None:
        return []
    return [replace(c, read_at=observation.asked_at) for c in observation.coverage]
