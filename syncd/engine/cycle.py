"""Run one cycle: recover, read, decide, write, confirm, measure.

A provider stays due until nothing is left to do for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from syncd.engine.cleanup.left_behind import report_left_behind
from syncd.engine.clock_check import check_clock
from syncd.engine.context import Context
from syncd.engine.deciding.decide import Decisions, decide_due
from syncd.engine.reading import first_read
from syncd.engine.reading.observation import (
    Observation,
    ReadRequest,
    proven_coverage,
    whole_window_reads,
)
from syncd.engine.reading.running_events import Depth
from syncd.engine.reading.systems import read_systems
from syncd.engine.report.progress import Progress
from syncd.engine.report.reported_items import end_unmapped
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.engine.report.update import update_report
from syncd.engine.tasks.system_tasks import MIN_SYSTEMS
from syncd.engine.writing.approved_operations import filter_approved
from syncd.engine.writing.systems import write_systems
from syncd.model import Waiting, Window


async def cycle(
    ctx: Context,
    window: Window,
    report: Report,
    providers: Sequence[str] | None = None,
    accept: str | None = None,
    progress: Progress = lambda _text: None,
    *,
    depth: Depth = Depth.FAR,
    follows: bool = False,
) -> None:
    """Run one cycle over a window, and add its results to the report.

    ``providers``: those to sync; None: all. ``accept``: a run whose guard stops the operator
    accepts. ``follows``: use the results of late reads. Raises StateError and unexpected errors; a
    fault of a system only changes the report.
    """
    structlog.contextvars.bind_contextvars(run=report.run)
    chosen = await _begin(ctx, report, providers)
    full, before = ctx.is_full(window), {n: system.traffic for n, system in ctx.systems.items()}
    dropped = _update_first_reads(ctx, chosen, report, full=full)
    # Recover the writes without an outcome, and read.
    by_id, follows = depth is Depth.RESYNC and report.cycles == 1, follows or report.cycles > 1
    error, writing = ctx.clock_error, ctx.write_context(report)
    observed = await read_systems(
        ctx, window, report, chosen, writing, progress, depth, by_id=by_id, follows=follows
    )
    _note_reads(ctx, observed)
    if by_id:
        report.left_behind = report_left_behind(ctx)
    # Decide: for the providers of the configuration, then for the calendars that rooms block.
    progress("deciding")
    decisions = await decide_due(ctx, chosen, observed, report, accept, dropped)
    request = ReadRequest(
        window, (), ctx.policy.longest, error, near=depth is Depth.NEAR, full=full, by_id=by_id
    )
    decisions |= await _decide_for_rooms(ctx, chosen, observed, report, accept, request)
    # Write. The outcome of each write is confirmed by its response, or by the next read.
    report.planned, report.unmade = [o for d in decisions.values() for o in d.operations], 0
    operations = filter_approved(report.exactly, ctx.admit(report.planned))
    unmade: list[Waiting] = []
    if operations and not report.dry_run:
        unmade = await write_systems(ctx, operations, observed, writing, report, progress)
    _note_waiting(ctx, decisions, unmade, report)
    if not report.dry_run and report.exactly is None:
        await ctx.resources.link(ctx.systems, ctx.store, ctx.clock, ctx.tasks, ctx.pauses)
    # Measure.
    for span, seen in whole_window_reads(observed, ctx.clock_error):
        _note_first_reads(ctx, span, seen, report)
    await update_report(ctx, report, observed, before)


async def _begin(ctx: Context, report: Report, providers: Sequence[str] | None) -> list[str]:
    """Begin a cycle: return the providers to sync, with those that are synced with them."""
    waits = report.dry_run or (report.exactly is not None and ctx.patient)
    ctx.tasks.waits_for_all = waits or len(ctx.systems) < MIN_SYSTEMS
    ctx.tasks.patient = ctx.patient
    await ctx.refresh_resources()
    if ctx.pauses.reload():
        ctx.dirty.mark_whole(ctx.mapping)
    report.cycles += 1
    return ctx.with_dependents(providers or ctx.mapping)


def _update_first_reads(
    ctx: Context, chosen: Sequence[str], report: Report, *, full: bool
) -> set[str]:
    """Update which calendars need a first read; return the providers that lost a calendar."""
    dropped = ctx.read_progress.release_unmapped(chosen) if full else set()
    if full:
        names = {*ctx.systems, *(each.name for each in ctx.resources.blocks)}
        end_unmapped(ctx.store, names, ctx.clock.now())
    ctx.dirty.mark_whole(dropped | ctx.read_progress.restore_mapped(chosen))
    report.settled += len(dropped)  # Another cycle decides without the dropped events.
    return dropped


def _note_reads(ctx: Context, observed: Mapping[str, Observation]) -> None:
    check_clock(ctx, observed)
    for span, seen in whole_window_reads(observed, ctx.clock_error):
        ctx.read_progress.note_read(proven_coverage(seen), span)


async def _decide_for_rooms(
    ctx: Context,
    chosen: Sequence[str],
    observed: dict[str, Observation],
    report: Report,
    accept: str | None,
    request: ReadRequest,
) -> Decisions:
    """Decide on the calendars that rooms block: this follows from the rooms' own bookings.

    The observations of the rooms are added to ``observed``.
    """
    if not ctx.resources.blocks:
        return {}
    by_room, blocked = await ctx.resources.observe(ctx.store, ctx.clock, request.window, chosen)
    for each in by_room.values():
        each.request = replace(request, providers=tuple(blocked))
    observed |= by_room
    return await decide_due(ctx, blocked, observed, report, accept)


def _note_waiting(
    ctx: Context, decisions: Decisions, unmade: Sequence[Waiting], report: Report
) -> None:
    """Note which writes wait, and which are held back by a pause."""
    ctx.waiting.update(decisions, unmade)
    ctx.held_back.update(decisions, unmade)
    report.waiting = ctx.waiting.all(ctx.calendars())
    report.held_back = ctx.held_back.all(ctx.calendars())
    report.paused, report.observe = ctx.pauses.current, ctx.pauses.observe


def _note_first_reads(
    ctx: Context, span: Window, seen: Mapping[str, Observation], report: Report
) -> None:
    """Note which calendars are now known in full, and report unexplained blocks in them."""
    now = ctx.clock.now()
    completed = ctx.read_progress.complete(proven_coverage(seen), span, now)
    arrived = [c for o in seen.values() if o.state is SystemStatus.OK for c in o.arrived]
    report.settled += len(completed) + ctx.read_progress.note_arrived(arrived, span)
    for provider, system in completed:
        report.remarks += first_read.orphan_remarks(ctx.store, provider, system, now)
