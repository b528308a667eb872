"""Store a run in the history."""

from __future__ import annotations

from syncd.engine.context import Context
from syncd.engine.deciding.guard_stops import LISTED
from syncd.engine.report.run_report import Report
from syncd.engine.writing.approved_operations import PLAN
from syncd.engine.writing.waiting import MAX_WAITING_IN_RUN


def save_run(ctx: Context, report: Report, kind: str) -> None:
    """Store the run in the history, unless nothing happened in the run or it is a dry run."""
    if report.dry_run:
        return
    quiet = not (report.news or report.operations or report.guarded or report.failures)
    now = ctx.clock.now()
    ctx.waiting.save(ctx.calendars(), now)
    ctx.held_back.save(ctx.calendars(), report.run, now)
    if kind != "resync" and quiet and report.answered:
        return
    ctx.store.start_run(report.run, kind, now)
    stored = {**report.to_json(max_waiting=MAX_WAITING_IN_RUN), LISTED: report.listed}
    if report.exactly is not None and report.exactly.matched:
        stored[PLAN] = report.exactly.plan
    ctx.store.finish_run(report.run, now, stored)
