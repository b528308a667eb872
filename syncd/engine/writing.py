"""Carry out the operations of a cycle, in all systems at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count as count_from
from typing import TYPE_CHECKING

from syncd.core import plan
from syncd.engine.execute import Desk, Written, execute
from syncd.engine.observation import Observation
from syncd.engine.probes import Probes
from syncd.engine.report import Report
from syncd.model import Coverage, Operation, Waiting
from syncd.systems.port import Interrupted

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


async def write(
    engine: Engine,
    operations: Sequence[Operation],
    observed: Mapping[str, Observation],
    desk: Desk,
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
    found = await engine.lanes.write(
        systems,
        lambda s: execute(s, by_system[s.name], _read(observed.get(s.name)), desk),
    )
    results = [written for written in found.values() if written is not None]
    for name, written in found.items():
        if written is None:
            engine.agenda.add(o.provider for o in by_system[name])
            observed[name].late("a write has not been answered yet")
        else:
            _note_fault(written, observed[name])
            count(engine, name, written, report)
    waiting = [each for written in results for each in written.unmade]
    report.unmade = _unmade(engine, operations, results, waiting)
    return waiting


def _counting(desk: Desk, total: int, progress: Callable[[str], None]) -> Desk:
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
    results: Sequence[Written],
    waiting: Sequence[Waiting],
) -> int:
    """Count operations that were not made, are not open in the journal, and do not wait."""
    known = {plan.name(o) for each in results for o in (*each.done, *each.queued)}
    known |= {plan.name(i.operation) for i in engine.store.pending_intents()}
    known |= {plan.name(each.operation) for each in waiting}
    return sum(plan.name(o) not in known for o in operations)


def _note_fault(written: Written, observation: Observation) -> None:
    if written.fault is not None and not isinstance(written.fault, Interrupted):
        observation.fail_write(written.fault)


def count(engine: Engine, system: str, written: Written, report: Report) -> None:
    """Count what was written, and have everybody it concerns decided on again."""
    report.operations.update(o.action for o in (*written.done, *written.queued))
    report.failures += written.failures
    report.remarks += written.remarks
    if written.elsewhere:
        engine.probes.setdefault(system, Probes()).elsewhere |= written.elsewhere
    # Whoever was decided on is due until nothing is left to do; what persons wrote is news.
    wrote = {o.provider for o in (*written.left, *written.queued, *written.done)}
    engine.agenda.add(p for p in wrote if not engine.agenda.due(p))
    for record in written.news:
        if record.provider in engine.mapping:
            engine.agenda.touch({record.provider: [(record.system, record.id)]})


def _read(observation: Observation | None) -> list[Coverage]:
    """Return what was read of a system, as of when the read was asked for."""
    if observation is None or observation.asked_at is None:
        return []
    return [replace(c, read_at=observation.asked_at) for c in observation.coverage]
