"""Put back what a run wrote: looked at anew, planned, and written through the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from syncd.core import undo as plan
from syncd.core.reconcile import reconcile
from syncd.engine import guard
from syncd.engine.decision_input import build_input
from syncd.engine.left_behind import unreachable_blocks
from syncd.engine.read_systems import read_systems
from syncd.engine.report import Report, RunExit, SystemStatus
from syncd.engine.report_update import update_report
from syncd.engine.running_events import Depth
from syncd.engine.write_systems import write_systems
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
from syncd.store.journal import intents_of, intents_since
from syncd.store.left_behind import LeftBehind
from syncd.store.store import Store

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

PAUSES = (0.3, 0.6, 1.0, 2.0, 5.0, 10.0)
"""Seconds between two looks for what a platform was asked to do and does later."""

_NEWS = {"seen", "changed", "agreed"}


class NothingToUndoError(Exception):
    """There is nothing that could be put back; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say why, and what to ask instead."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(slots=True)
class UndoReport:
    """What was put back of a run, what was left as it is and why. ``report`` is of the new run.

    ``unwritten`` counts the operations that were not carried out, or not confirmed yet.
    ``out_of_reach`` is what the run wrote where the configuration maps nothing any more.
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
        """How it ended: CONFLICTS where something was left, which a person has to look at."""
        answered = all(s.state is SystemStatus.OK for s in self.report.systems.values())
        if not answered or self.unwritten:
            return RunExit.UNANSWERED
        return RunExit.CONFLICTS if self.skipped or self.out_of_reach else RunExit.DONE

    def to_json(self) -> dict[str, object]:
        """The object of `undo --json`: that of the new run, and what became of each booking."""
        told = self.report.to_json()
        return {
            "undoes": self.run,
            **{key: told[key] for key in ("run", "systems", "operations")},
            "bookings": sorted({w.booking for w in self.suppressions}),
            "left": [{"booking": left.booking or None, "why": left.why} for left in self.skipped],
            "left_behind": [each.to_json() for each in self.out_of_reach],
            "unwritten": self.unwritten,
            "done": self.exit is RunExit.DONE,
        }


async def undo(
    engine: Engine,
    run: str,
    *,
    booking: str | None,
    dry_run: bool,
    progress: Callable[[str], None],
) -> UndoReport:
    """Put back what a run wrote, for each booking that nobody has touched since.

    The systems are read first. Raises NothingToUndoError when there is no such run, or it wrote
    nothing (of that booking).
    """
    if engine.pauses.observe:
        raise NothingToUndoError(OBSERVE_REASON, OBSERVE_REMEDY)
    engine.pauses.renew()
    intents = _written(engine.store, run, booking)
    engine.tasks.waits_for_all = True
    await engine.refresh_resources()
    chosen = sorted({i.operation.provider for i in intents} & engine.mapping.keys())
    undone = UndoReport(run, Report(run=engine.ids.row(), dry_run=dry_run))
    undone.out_of_reach = unreachable_blocks(engine, intents)
    report, window = undone.report, engine.window(near=False)
    report.cycles = 1
    desk = engine.write_context(report)
    before = {name: system.traffic for name, system in engine.systems.items()}
    # What is read here is stored, and no news to the next read: whoever decides next looks at all.
    engine.dirty.mark_whole(chosen)
    observed = await read_systems(
        engine, window, report, chosen, desk, progress, Depth.RESYNC, by_id=True
    )
    held = guard.still(engine)
    for provider in chosen:
        state = engine.store.state(provider)
        case = build_input(engine, provider, state, observed, held, report.run)
        mine = [i for i in intents if i.operation.provider == provider]
        planned = plan.plan_undo(
            state,
            case.calendars,
            _past(engine.store, run, mine),
            case.now,
            only=booking,
            by=report.run,
        )
        undone.operations += planned.operations
        undone.suppressions += planned.suppressions
        undone.skipped += planned.skipped
        undone.notes += _notes(state, planned, run, report.run, case.now)
    if dry_run:
        report.planned = undone.operations
    else:
        # The waivers first: after a crash between, what stands is left alone, not written anew.
        engine.store.apply(Changes(undo_suppressions=undone.suppressions, history=undone.notes))
        await write_systems(engine, undone.operations, observed, desk, report, progress)
        await update_report(engine, report, observed, before)
        before = {name: system.traffic for name, system in engine.systems.items()}
        for pause in PAUSES:
            if not engine.has_open(report):
                break
            progress("waiting for a platform to confirm")
            if not await engine.stopping.pause(engine.clock, pause):
                break
            observed |= await read_systems(
                engine,
                window,
                report,
                chosen,
                desk,
                progress,
                Depth.RESYNC,
                by_id=False,
            )
        done = [i for i in intents_of(engine.store, report.run) if i.state is IntentState.DONE]
        undone.unwritten = len(undone.operations) - len(done)
    for provider in chosen:
        state = engine.store.state(provider)
        case = build_input(engine, provider, state, observed, held, report.run)
        # Decided only to learn what should be closed now; nothing of it is stored.
        engine.exposure_tracker.update(provider, reconcile(state, case, engine.ids.row).wanted)
    await update_report(engine, report, observed, before)
    engine.save_run(report, "undo")
    return undone


def _written(store: Store, run: str, booking: str | None) -> list[Intent]:
    intents = intents_of(store, run)
    if not intents:
        if store.run(run) is None:
            remedy = "`syncd history` names the run of each write."
            raise NothingToUndoError(f"there is no run {run!r}", remedy)
        raise NothingToUndoError(f"run {run} wrote nothing", "There is nothing to put back.")
    mine = [i for i in intents if booking is None or booking in i.operation.bookings]
    if not mine:
        remedy = f"`syncd history --run {run}` lists what it wrote."
        raise NothingToUndoError(f"run {run} wrote nothing of booking {booking}", remedy)
    # All writes of the events that it wrote of this booking, whomever else they served.
    events = {(i.operation.system, i.operation.event) for i in mine}
    return [i for i in intents if (i.operation.system, i.operation.event) in events]


def _past(store: Store, run: str, intents: Sequence[Intent]) -> plan.RunHistory:
    """What came after the run: writes of later runs, and what was seen of its bookings."""
    provider = intents[0].operation.provider
    last = max(i.opened_at for i in intents)
    later = [i for i in intents_since(store, provider, last) if i.run != run and _counts(i)]
    news: dict[str, str] = {}
    for booking in sorted({b for i in intents for b in i.operation.bookings}):
        for note in store.history(booking=booking):
            if note.run == run:
                break
            if note.what in _NEWS:
                where = f" in {note.system}" if note.system else ""
                news[booking] = f"it was changed{where} since (run {note.run})"
    return plan.RunHistory(run, intents, later, news)


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
            system=waiver.system,
            before=revised[booking].agreed,
            rule=f"undo of run {run}",
            detail="left as it is there until the booking changes",
        )
        for waiver in planned.suppressions
        for booking in [waiver.booking]
    ]
