"""A person's answer to a held conflict: a resync of that provider in which the answer counts.

Everything is read first. If an input of the conflict has changed since the person looked, the
answer does not count, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from syncd.core.reconcile import Decision, reconcile_with_answer
from syncd.core.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.engine import guard
from syncd.engine.decision_input import build_input
from syncd.engine.report import Report, RunExit
from syncd.model import ConflictKind, HeldConflict, utc
from syncd.store import Store

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


class ResolutionOutcome(StrEnum):
    """What became of an answer."""

    RESOLVED = "resolved"
    REFUSED = "refused"
    """It was decided, and a system refused to have it written: that is held now."""
    CHANGED = "changed"
    GONE = "gone"
    UNANSWERED = "unanswered"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class ResolutionReport:
    """The run in which an answer was to count, and whether it did."""

    conflict: str
    answer: Resolution
    ending: ResolutionOutcome
    report: Report

    @property
    def code(self) -> int:
        """The exit code: held still is 3, written in part is 4."""
        written = 4 if self.report.exit is RunExit.UNANSWERED and not self.report.dry_run else 0
        return {
            ResolutionOutcome.RESOLVED: written,
            ResolutionOutcome.GONE: 0,
            ResolutionOutcome.REFUSED: 3,
            ResolutionOutcome.CHANGED: 3,
            ResolutionOutcome.UNANSWERED: 4,
            ResolutionOutcome.GUARDED: 5,
        }[self.ending]

    def to_json(self) -> dict[str, object]:
        """The object of `conflicts resolve --json`: its keys are stable."""
        return {
            "conflict": self.conflict,
            "answer": str(self.answer),
            "ending": str(self.ending),
            "resync": self.report.to_json(),
        }


class ResolvingEngine(Protocol):
    """What is needed of an engine."""

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
        """Bring everything into step."""
        ...

    async def refresh_resources(self) -> None:
        """Learn which calendars of rooms are kept in sync besides those of ``mapping``."""
        ...


def to_arguments(conflict: str, answer: Resolution) -> dict[str, str | None]:
    """An answer as it goes through the daemon's door."""
    return {
        "conflict": conflict,
        "way": str(answer.kind),
        "system": answer.system,
        "event": answer.event,
        "at": None if answer.at is None else answer.at.isoformat(),
    }


def resolution_of(arguments: Mapping[str, Any]) -> Resolution:
    """The answer that came through the door. Raises ValueError."""
    known = {"conflict", "way", "system", "event", "at"}
    unknown = sorted(name for name, said in arguments.items() if said and name not in known)
    if unknown:
        message = f"an answer has no {', '.join(unknown)}"
        raise ValueError(message)
    at = arguments.get("at")
    return Resolution(
        ResolutionKind(str(arguments.get("way"))),
        str(arguments.get("system") or ""),
        str(arguments.get("event") or ""),
        None if at is None else utc(datetime.fromisoformat(str(at))),
    )


async def resolve(
    engine: ResolvingEngine,
    conflict: str,
    answer: Resolution,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _text: None,
) -> ResolutionReport:
    """Run the resync in which the answer counts. Raises InvalidResolutionError."""
    held = next((h for h in engine.store.find_conflicts(conflict) if h.id == conflict), None)
    if held is None or held.closed_at is not None:
        reason = "there is no such conflict" if held is None else f"it is closed: {held.outcome}"
        raise InvalidResolutionError(reason, "See `syncd conflicts`.")
    await _check_mapped(engine, held.conflict.provider)
    engine.answers[conflict] = answer
    try:
        report = await engine.resync(
            providers=[held.conflict.provider], dry_run=dry_run, progress=progress
        )
    finally:
        counted = engine.answers.pop(conflict, None) is None
    return ResolutionReport(
        conflict, answer, _ending(engine, held, report, counted=counted), report
    )


async def _check_mapped(engine: ResolvingEngine, provider: str) -> None:
    """See that a provider can be decided on: what was held of it outlives its line in the file."""
    if provider not in engine.mapping:
        await engine.refresh_resources()
    if provider not in engine.mapping:
        raise InvalidResolutionError(
            f"{provider} is not in the configuration any more, so nothing can be decided of it",
            "Put it back under [providers], then run this again (a running daemon reads the file "
            "when it is reloaded). Until then nothing is written to its calendars.",
        )


def preview(engine: Engine, held: HeldConflict, answer: Resolution) -> Decision | None:
    """What would be written if nothing has changed since the last read; None if that is unknown.

    Asks no system: all are taken to answer. What a pause holds back would not be written. Raises
    Unfit.
    """
    provider = held.conflict.provider
    if provider not in engine.mapping:
        return None  # A calendar of rooms, of which only a read can tell; or mapped no more.
    state = engine.store.state(provider)
    case = build_input(engine, provider, state, {}, guard.still(engine), held.run)
    answering = {
        system: replace(
            calendar, trusted=True, blocked=calendar.blocked if calendar.held_back else None
        )
        for system, calendar in case.calendars.items()
    }
    case = replace(case, calendars=answering)
    decision, counted = reconcile_with_answer(state, case, engine.ids.row, {held.id: answer})
    return decision if counted else None


def _ending(
    engine: ResolvingEngine, held: HeldConflict, report: Report, *, counted: bool
) -> ResolutionOutcome:
    still = engine.store.open_conflicts(held.conflict.provider)
    about = {(claim.system, claim.event) for claim in held.conflict.claims}
    if counted:
        new = (h.conflict for h in still if h.run == report.run and h.conflict.held)
        refused = any((c.system, c.event) in about for conflict in new for c in conflict.claims)
        return ResolutionOutcome.REFUSED if refused else ResolutionOutcome.RESOLVED
    stopped = guard.events_of(h.conflict for h in still if h.conflict.kind is ConflictKind.GUARD)
    if stopped & about:
        return ResolutionOutcome.GUARDED
    if not report.answered:
        return ResolutionOutcome.UNANSWERED
    return (
        ResolutionOutcome.CHANGED
        if replacement(held, still) is not None
        else ResolutionOutcome.GONE
    )


def replacement(held: HeldConflict, still: Sequence[HeldConflict]) -> HeldConflict | None:
    """The open conflict that has taken the place of another; it may be of another kind."""
    about = [h for h in still if h.conflict.subject == held.conflict.subject]
    alike = [h for h in about if h.conflict.kind is held.conflict.kind]
    return next(iter(alike + about), None)
