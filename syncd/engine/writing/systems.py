"""Make the writes of a cycle, in all systems in parallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count as count_from

from syncd.core.propagation import write_order
from syncd.engine.context import Context
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import Report
from syncd.engine.writing.context import WriteContext, WriteResult
from syncd.engine.writing.writer import execute
from syncd.model import Coverage, Operation, Waiting
from syncd.systems.errors import StoppingError


async def write_systems(
    ctx: Context,
    operations: Sequence[Operation],
    observed: Mapping[str, Observation],
    context: WriteContext,
    report: Report,
    progress: Callable[[str], None] = lambda _text: None,
) -> list[Waiting]:
    """Make the writes and count them in the report; return those that wait for their system.

    ``observed`` are the cycle's reads: a fault of a write is added to the observation of its
    system. ``progress`` shows how many writes are done. Raises no PlatformError.
    """
    if operations:
        context = _counting(context, len(operations), progress)
    by_system: dict[str, list[Operation]] = {}
    for operation in operations:
        by_system.setdefault(operation.system, []).append(operation)
    systems = {name: ctx.systems[name] for name in sorted(by_system)}
    results_by_system = await ctx.tasks.write(
        systems,
        lambda s: execute(s, by_system[s.name], _read(observed.get(s.name)), context),
    )
    results = [result for result in results_by_system.values() if result is not None]
    for name, result in results_by_system.items():
        if result is None:
            ctx.dirty.mark_whole(o.provider for o in by_system[name])
            observed[name].mark_slow("it has not answered a write yet")
        else:
            _note_fault(result, observed[name])
            count_writes(ctx, name, result, report)
    waiting = [each for result in results for each in result.unmade]
    report.unmade = _unmade(ctx, operations, results, waiting)
    return waiting


def _counting(context: WriteContext, total: int, progress: Callable[[str], None]) -> WriteContext:
    """Return a context that counts the writes and shows them as progress."""
    done = count_from(0)
    progress(f"writing: {next(done)} of {total} done")

    def count_write(operation: Operation, what: str) -> None:
        progress(f"writing: {next(done)} of {total} done")
        context.on_write(operation, what)

    return replace(context, on_write=count_write)


def _unmade(
    ctx: Context,
    operations: Sequence[Operation],
    results: Sequence[WriteResult],
    waiting: Sequence[Waiting],
) -> int:
    """Count the operations that were not made, have no open intent, and do not wait."""
    known = {write_order.operation_key(o) for each in results for o in (*each.done, *each.queued)}
    known |= {write_order.operation_key(i.operation) for i in ctx.store.pending_intents()}
    known |= {write_order.operation_key(each.operation) for each in waiting}
    return sum(write_order.operation_key(o) not in known for o in operations)


def _note_fault(result: WriteResult, observation: Observation) -> None:
    if result.fault is not None and not isinstance(result.fault, StoppingError):
        observation.fail_write(result.fault)


def count_writes(ctx: Context, system: str, result: WriteResult, report: Report) -> None:
    """Count the writes of one system in the report, and mark their providers as dirty.

    So the next cycle decides on these providers again.
    """
    report.operations.update(o.action for o in (*result.done, *result.queued))
    report.failures += result.failures
    report.remarks += result.remarks
    if result.elsewhere:
        ctx.lookups(system).other_owner |= result.elsewhere
    # Providers with writes are decided on until nothing is left. Other changes are marked below.
    wrote = {o.provider for o in (*result.skipped, *result.queued, *result.done)}
    ctx.dirty.mark_whole(p for p in wrote if not ctx.dirty.due(p))
    for record in result.news:
        if record.provider in ctx.mapping:
            ctx.dirty.mark({record.provider: [(record.system, record.id)]})


def _read(observation: Observation | None) -> list[Coverage]:
    """Return the coverage of an observation; each is read at the time of the request."""
    if observation is None or observation.asked_at is None:
        return []
    return [replace(c, read_at=observation.asked_at) for c in observation.coverage]
