"""Undo the writes of a run: read the systems, plan, and write with journal entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core import undo as plan
from syncd.core.reconcile import reconcile
from syncd.engine.cleanup.left_behind import unreachable_blocks
from syncd.engine.context import Context
from syncd.engine.deciding import guard
from syncd.engine.deciding.decision_input import build_input
from syncd.engine.reading.running_events import Depth
from syncd.engine.reading.systems import read_systems
from syncd.engine.report.run_record import save_run
from syncd.engine.report.run_report import Report, RunExit, SystemStatus
from syncd.engine.report.update import update_report
from syncd.engine.writing.systems import write_systems
from syncd.model import (
    Changes,
    HistoryEntry,
    Intent,
    IntentState,
    Operation,
    ProviderState,
    UndoSuppression,
)
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.store.queries.left_behind import LeftBehind
from syncd.store.repository.journal import intents_of, intents_since
from syncd.store.store import Store

PAUSES = (0.3, 0.6, 1.0, 2.0, 5.0, 10.0)
"""Seconds between two reads that wait for a platform to carry out queued writes."""

_NEWS = {"seen", "changed", "agreed"}


class NothingToUndoError(Exception):
    """The run is unknown, or there is no write of the run to undo."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Store the reason, and the remedy: what the operator can do."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(slots=True)
class UndoReport:
    """The result of an undo.

    - ``run``: the id of the run that was undone; ``report``: the report of the undo itself.
    - ``operations``: the writes that undo the run; ``unwritten``: how many of them were not made or
      not confirmed.
    - ``suppressions``: the bookings whose blocks syncd will not create again until they change.
    - ``skipped``: the bookings that were left as they are, with the reasons.
    - ``notes``: the history entries of the undo.
    - ``out_of_reach``: blocks of the run in calendars that are no longer mapped.
    """

    run: str
    report: Report
    operations: list[Operation] = field(default_factory=list)
    suppressions: list[UndoSuppression] = field(default_factory=list)
    skipped: list[plan.Skipped] = field(default_factory=list)
    notes: list[HistoryEntry] = field(default_factory=list)
    unwritten: int = 0
    out_of_reach: list[LeftBehind] = field(default_factory=list)

    @property
    def exit(self) -> RunExit:
        """Return how the undo ended: CONFLICTS if the operator must check something skipped."""
        answered = all(s.state is SystemStatus.OK for s in self.report.systems.values())
        if not answered or self.unwritten:
            return RunExit.UNANSWERED
        return RunExit.CONFLICTS if self.skipped or self.out_of_reach else RunExit.DONE

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of `undo --json`. The keys are stable."""
        data = self.report.to_json()
        return {
            "undoes": self.run,
            **{key: data[key] for key in ("run", "systems", "operations")},
            "bookings": sorted({w.booking for w in self.suppressions}),
            "left": [{"booking": skip.booking or None, "why": skip.why} for skip in self.skipped],
            "left_behind": [each.to_json() for each in self.out_of_reach],
            "unwritten": self.unwritten,
            "done": self.exit is RunExit.DONE,
        }


async def undo_run(
    ctx: Context,
    run: str,
    *,
    booking: str | None,
    dry_run: bool,
    progress: Callable[[str], None],
) -> UndoReport:
    """Undo the writes of a run, for each booking that nobody has changed since the run.

    ``booking`` restricts the undo to one booking (None: all); ``dry_run``: only plan, write
    nothing. The systems are read first. Raises NothingToUndoError if the run is unknown, if it
    wrote nothing (for that booking), or in observe mode.
    """
    if ctx.pauses.observe:
        raise NothingToUndoError(OBSERVE_REASON, OBSERVE_REMEDY)
    ctx.pauses.reload()
    intents = _written(ctx.store, run, booking)
    ctx.tasks.waits_for_all = True
    await ctx.refresh_resources()
    chosen = sorted({i.operation.provider for i in intents} & ctx.mapping.keys())
    result = UndoReport(run, Report(run=ctx.ids.row(), dry_run=dry_run))
    result.out_of_reach = unreachable_blocks(ctx, intents)
    report, window = result.report, ctx.window(near=False)
    report.cycles = 1
    context = ctx.write_context(report)
    before = {name: system.traffic for name, system in ctx.systems.items()}
    # The next read does not see these changes again, so the next decision must look at everything.
    ctx.dirty.mark_whole(chosen)
    observed = await read_systems(
        ctx, window, report, chosen, context, progress, Depth.RESYNC, by_id=True
    )
    guard_state = guard.current_stops(ctx)
    for provider in chosen:
        state = ctx.store.state(provider)
        inputs = build_input(ctx, provider, state, observed, guard_state, report.run)
        of_provider = [i for i in intents if i.operation.provider == provider]
        planned = plan.plan_undo(
            state,
            inputs.calendars,
            _past(ctx.store, run, of_provider),
            inputs.now,
            only=booking,
            by=report.run,
        )
        result.operations += planned.operations
        result.suppressions += planned.suppressions
        result.skipped += planned.skipped
        result.notes += _notes(state, planned, run, report.run, inputs.now)
    if dry_run:
        report.planned = result.operations
    else:
        # Store the suppressions first: after a crash, the next cycle does not repeat the writes.
        ctx.store.apply(Changes(undo_suppressions=result.suppressions, history=result.notes))
        await write_systems(ctx, result.operations, observed, context, report, progress)
        await update_report(ctx, report, observed, before)
        before = {name: system.traffic for name, system in ctx.systems.items()}
        for pause in PAUSES:
            if not ctx.has_unconfirmed(report):
                break
            progress("waiting for a platform to confirm writes")
            if not await ctx.stopping.pause(ctx.clock, pause):
                break
            observed |= await read_systems(
                ctx,
                window,
                report,
                chosen,
                context,
                progress,
                Depth.RESYNC,
                by_id=False,
            )
        done = [i for i in intents_of(ctx.store, report.run) if i.state is IntentState.DONE]
        result.unwritten = len(result.operations) - len(done)
    for provider in chosen:
        state = ctx.store.state(provider)
        inputs = build_input(ctx, provider, state, observed, guard_state, report.run)
        # Decide only to compute the required blocks, for the exposures; nothing is stored.
        ctx.exposure_tracker.update(provider, reconcile(state, inputs, ctx.ids.row).wanted)
    await update_report(ctx, report, observed, before)
    save_run(ctx, report, "undo")
    return result


def _written(store: Store, run: str, booking: str | None) -> list[Intent]:
    intents = intents_of(store, run)
    if not intents:
        if store.run(run) is None:
            remedy = "`syncd history` names the run of each write."
            raise NothingToUndoError(f"there is no run {run!r}", remedy)
        raise NothingToUndoError(f"run {run} wrote nothing", "There is nothing to undo.")
    of_booking = [i for i in intents if booking is None or booking in i.operation.bookings]
    if not of_booking:
        remedy = f"`syncd history --run {run}` lists what it wrote."
        raise NothingToUndoError(f"run {run} wrote nothing for booking {booking}", remedy)
    # Include all writes to the events of this booking, also those for other bookings.
    events = {(i.operation.system, i.operation.event) for i in of_booking}
    return [i for i in intents if (i.operation.system, i.operation.event) in events]


def _past(store: Store, run: str, intents: Sequence[Intent]) -> plan.RunHistory:
    """Return what happened after the run: later writes, and changes of its bookings."""
    provider = intents[0].operation.provider
    last = max(i.opened_at for i in intents)
    later = [i for i in intents_since(store, provider, last) if i.run != run and _counts(i)]
    changes_since: dict[str, str] = {}
    for booking in sorted({b for i in intents for b in i.operation.bookings}):
        for note in store.history(booking=booking):
            if note.run == run:
                break
            if note.what in _NEWS:
                where = f" in {note.system}" if note.system else ""
                changes_since[booking] = (
                    f"it was changed{where} after the run (seen in run {note.run})"
                )
    return plan.RunHistory(run, intents, later, changes_since)


def _counts(intent: Intent) -> bool:
    return intent.state is IntentState.DONE or intent.state.pending


def _notes(
    state: ProviderState, planned: plan.UndoPlan, run: str, by: str, at: datetime
) -> list[HistoryEntry]:
    revised = {b.id: b for b in state.bookings}
    return [
        HistoryEntry(
            at=at,
            run=by,
            provider=state.provider,
            what="undone",
            booking=booking,
            system=suppression.system,
            before=revised[booking].agreed,
            rule=f"undo of run {run}",
            detail="syncd does not write this again until the booking changes",
        )
        for suppression in planned.suppressions
        for booking in [suppression.booking]
    ]
