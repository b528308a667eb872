"""Resolve a held conflict by a resync of its provider in which the operator's resolution applies.

The systems are read first. If an input of the conflict has changed since the operator saw the
conflict, the resolution does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.decision import Decision
from syncd.core.reconcile import reconcile_with_answer
from syncd.engine.context import Context
from syncd.engine.deciding import guard
from syncd.engine.deciding.decision_input import build_input
from syncd.engine.report.run_report import Report, RunExit
from syncd.model import ConflictKind, StoredConflict, utc
from syncd.store import Store


class ResolutionOutcome(StrEnum):
    """What became of a conflict after the operator gave a resolution.

    RESOLVED: the resolution applied. CHANGED: another conflict replaced the conflict. GONE: there
    is no conflict any more. UNANSWERED: a system did not respond. GUARDED: the guard stopped its
    events.
    """

    RESOLVED = "resolved"
    REFUSED = "refused"
    """A system refused the write that followed; a new conflict is held."""
    CHANGED = "changed"
    GONE = "gone"
    UNANSWERED = "unanswered"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class ResolutionReport:
    """The result of `conflicts resolve`: the resolution, its outcome, and the report of the run.

    ``conflict`` is the conflict's id, ``answer`` the operator's resolution.
    """

    conflict: str
    answer: Resolution
    outcome: ResolutionOutcome
    report: Report

    @property
    def code(self) -> int:
        """Return the exit code: 3 if a conflict is still held, 4 if writes are left."""
        written = 4 if self.report.exit is RunExit.UNANSWERED and not self.report.dry_run else 0
        return {
            ResolutionOutcome.RESOLVED: written,
            ResolutionOutcome.GONE: 0,
            ResolutionOutcome.REFUSED: 3,
            ResolutionOutcome.CHANGED: 3,
            ResolutionOutcome.UNANSWERED: 4,
            ResolutionOutcome.GUARDED: 5,
        }[self.outcome]

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of `conflicts resolve --json`. The keys are stable."""
        return {
            "conflict": self.conflict,
            "answer": str(self.answer),
            "ending": str(self.outcome),
            "resync": self.report.to_json(),
        }


class ResolvingEngine(Protocol):
    """The part of the engine that `resolve_conflict` uses.

    ``answers`` are the resolutions that the next decision applies, by conflict id.
    """

    store: Store
    mapping: Mapping[str, Sequence[str]]
    answers: dict[str, Resolution]

    async def resync(
        self,
        *,
        providers: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[str], None] = ...,
    ) -> Report:
        """Run cycles over the whole window until nothing is left to do."""
        ...

    async def refresh_resources(self) -> None:
        """Look up the calendars that rooms block, and add them to ``mapping``."""
        ...


def to_arguments(conflict: str, answer: Resolution) -> dict[str, str | None]:
    """Return a resolution as JSON arguments of a request to the daemon; ``at`` is ISO 8601."""
    return {
        "conflict": conflict,
        "way": str(answer.kind),
        "system": answer.system,
        "event": answer.event,
        "at": None if answer.at is None else answer.at.isoformat(),
    }


def resolution_from_arguments(arguments: Mapping[str, Any]) -> Resolution:
    """Parse a resolution from the arguments of a request. Raises ValueError."""
    known = {"conflict", "way", "system", "event", "at"}
    unknown = sorted(name for name, value in arguments.items() if value and name not in known)
    if unknown:
        message = f"unknown argument: {', '.join(unknown)}"
        raise ValueError(message)
    at = arguments.get("at")
    return Resolution(
        ResolutionKind(str(arguments.get("way"))),
        str(arguments.get("system") or ""),
        str(arguments.get("event") or ""),
        None if at is None else utc(datetime.fromisoformat(str(at))),
    )


async def resolve_conflict(
    engine: ResolvingEngine,
    conflict: str,
    answer: Resolution,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _text: None,
) -> ResolutionReport:
    """Run a resync in which a resolution applies to a held conflict; return the result.

    ``conflict`` is its id. Raises InvalidResolutionError if the conflict is unknown or closed, if
    its provider was removed from the configuration, or if the resolution does not fit the conflict.
    """
    held = next((h for h in engine.store.find_conflicts(conflict) if h.id == conflict), None)
    if held is None or held.closed_at is not None:
        reason = (
            f"no conflict has the id {conflict}"
            if held is None
            else f"conflict {conflict} is closed: {held.outcome}"
        )
        raise InvalidResolutionError(reason, "`syncd conflicts` lists the open conflicts.")
    await _check_mapped(engine, held.conflict.provider)
    engine.answers[conflict] = answer
    try:
        report = await engine.resync(
            providers=[held.conflict.provider], dry_run=dry_run, progress=progress
        )
    finally:
        applied = engine.answers.pop(conflict, None) is None
    return ResolutionReport(
        conflict, answer, _outcome(engine, held, report, applied=applied), report
    )


async def _check_mapped(engine: ResolvingEngine, provider: str) -> None:
    """Raise InvalidResolutionError if the provider was removed from the configuration."""
    if provider not in engine.mapping:
        await engine.refresh_resources()
    if provider not in engine.mapping:
        raise InvalidResolutionError(
            f"{provider} is no longer in the configuration, so its conflicts cannot be resolved",
            "Put it back under [providers], reload the daemon if it is running, and run this "
            "again. Until then nothing is written to its calendars.",
        )


def preview(ctx: Context, held: StoredConflict, answer: Resolution) -> Decision | None:
    """Return the decision that a resolution would lead to, by the stored state; makes no call.

    Shown to the operator before the resolution. All systems are assumed to respond. Writes that a
    pause holds back are left out. Returns None if the decision cannot be known without a read.
    Raises InvalidResolutionError.
    """
    provider = held.conflict.provider
    if provider not in ctx.mapping:
        return None  # Its calendar is blocked by rooms (known only after a read), or not mapped.
    state = ctx.store.state(provider)
    inputs = build_input(ctx, provider, state, {}, guard.current_stops(ctx), held.run)
    answering = {
        system: replace(
            calendar, trusted=True, blocked=calendar.blocked if calendar.held_back else None
        )
        for system, calendar in inputs.calendars.items()
    }
    inputs = replace(inputs, calendars=answering)
    decision, applied = reconcile_with_answer(state, inputs, ctx.ids.row, {held.id: answer})
    return decision if applied else None


def _outcome(
    engine: ResolvingEngine, held: StoredConflict, report: Report, *, applied: bool
) -> ResolutionOutcome:
    open_conflicts = engine.store.open_conflicts(held.conflict.provider)
    claimed = {(claim.system, claim.event) for claim in held.conflict.claims}
    if applied:
        new = (h.conflict for h in open_conflicts if h.run == report.run and h.conflict.held)
        refused = any((c.system, c.event) in claimed for conflict in new for c in conflict.claims)
        return ResolutionOutcome.REFUSED if refused else ResolutionOutcome.RESOLVED
    stopped = guard.events_of(
        h.conflict for h in open_conflicts if h.conflict.kind is ConflictKind.GUARD
    )
    if stopped & claimed:
        return ResolutionOutcome.GUARDED
    if not report.answered:
        return ResolutionOutcome.UNANSWERED
    return (
        ResolutionOutcome.CHANGED
        if replacement(held, open_conflicts) is not None
        else ResolutionOutcome.GONE
    )


def replacement(
    held: StoredConflict, open_conflicts: Sequence[StoredConflict]
) -> StoredConflict | None:
    """Return the open conflict that replaced a held one: of the same kind if possible, or None."""
    same_subject = [h for h in open_conflicts if h.conflict.subject == held.conflict.subject]
    same_kind = [h for h in same_subject if h.conflict.kind is held.conflict.kind]
    return next(iter(same_kind + same_subject), None)
