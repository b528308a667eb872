"""Run cycles: one for a poll, as many as needed for a resync. One cycle at a time per state."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine.context import Context
from syncd.engine.cycle import cycle
from syncd.engine.reading.running_events import Depth
from syncd.engine.report.progress import Progress, with_waits
from syncd.engine.report.run_record import save_run
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.engine.report.update import add_remark
from syncd.engine.resync_end import MAX_CYCLES, ResyncEnd
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.model import Window


async def resync(
    ctx: Context,
    *,
    window: Window | None = None,
    providers: Sequence[str] | None = None,
    accept: str | None = None,
    dry_run: bool = False,
    exactly: ApprovedOperations | None = None,
    progress: Progress = lambda _text: None,
) -> Report:
    """Run cycles until `engine.resync_end` says that the resync ends; return the report.

    ``window`` None: the far window. ``accept``: a run whose guard stops the operator accepts.
    ``exactly``: the plan to apply; the run ends at once if its decisions differ from the plan.
    """
    ctx.dirty.mark_whole(providers or ctx.mapping)
    report = Report(run=ctx.ids.row(), dry_run=dry_run, exactly=exactly)
    _begin_lookups(ctx)
    try:
        with with_waits(ctx.stopping, progress) as on_progress:
            await _converge(ctx, report, window, providers, accept, on_progress)
    finally:
        for probes in ctx.probes.values():
            probes.end_run()
        if ctx.patient:
            await ctx.tasks.drain()
    report.interrupted = ctx.stopping.is_set() and not report.converged
    for each in report.systems.values():
        if report.interrupted and each.state is SystemStatus.SLOW:
            each.state = SystemStatus.INTERRUPTED  # The wait for it was cut short.
    add_remark(report, accept)
    save_run(ctx, report, "resync")
    return report


async def _converge(
    ctx: Context,
    report: Report,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    progress: Progress,
) -> None:
    """Run cycles over the window until another cycle would change nothing."""
    ending = ResyncEnd(ctx.clock, ctx.stopping, progress, patient=ctx.patient)
    while True:
        error = ctx.clock_error
        whole = window or ctx.window(near=False)
        await cycle(ctx, whole, report, providers, accept, progress, depth=Depth.RESYNC)
        over = report.dry_run or ctx.stopping.is_set()
        if ctx.clock_error != error and not over and report.cycles < MAX_CYCLES:
            _begin_lookups(ctx)
            continue  # The window was computed with the wrong clock.
        refused = report.exactly is not None and not report.exactly.matched
        if refused and not report.refused:
            return
        unconfirmed = ctx.has_unconfirmed(report)
        if not await ending.continues(report, ctx.tasks, unconfirmed=unconfirmed):
            return
        if report.dry_run or refused:
            ctx.dirty.mark_whole(providers or ctx.mapping)  # Nothing was written.


def _begin_lookups(ctx: Context) -> None:
    """Allow one lookup by id of each unlisted event in this run."""
    for name in ctx.systems:
        ctx.lookups(name).begin_run()


async def poll(
    ctx: Context, *, near: bool, providers: Sequence[str] | None = None, late: bool = False
) -> Report:
    """Run one cycle for the daemon; if ``late``, only for providers that late reads changed."""
    report = Report(run=ctx.ids.row())
    depth = Depth.NEAR if near else Depth.FAR
    if late:
        changed = {p for seen in ctx.tasks.late_reads() for p in seen.changed_ids}
        providers = [p for p in ctx.mapping if p in changed or ctx.dirty.due(p)]
    await cycle(ctx, ctx.window(near=near), report, providers, depth=depth, follows=late)
    save_run(ctx, report, "near" if near else "far")
    return report
