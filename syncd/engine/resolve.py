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

from syncd.core.answer import Answer, Unfit, Way
from syncd.core.decide import Decision, decide_answered
from syncd.engine import brake
from syncd.engine.case import case_of
from syncd.engine.report import Exit, Report
from syncd.model import ConflictKind, HeldConflict, utc
from syncd.store import Store

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


class Ending(StrEnum):
    """What became of an answer."""

    RESOLVED = "resolved"
    REFUSED = "refused"
    """It was decided, and a system refused to have it written: that is held now."""
    CHANGED = "changed"
    GONE = "gone"
    UNANSWERED = "unanswered"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The run in which an answer was to count, and whether it did."""

    conflict: str
    answer: Answer
    ending: Ending
    report: Report

    @property
    def code(self) -> int:
        """The exit code: held still is 3, written in part is 4."""
        written = 4 if self.report.exit is Exit.UNANSWERED and not self.report.dry_run else 0
        return {
            Ending.RESOLVED: written,
            Ending.GONE: 0,
            Ending.REFUSED: 3,
            Ending.CHANGED: 3,
            Ending.UNANSWERED: 4,
            Ending.GUARDED: 5,
        }[self.ending]

    def to_json(self) -> dict[str, object]:
        """The object of `conflicts resolve --json`: its keys are stable."""
        return {
            "conflict": self.conflict,
            "answer": str(self.answer),
            "ending": str(self.ending),
            "resync": self.report.to_json(),
        }


class Answering(Protocol):
    """What is needed of an engine."""

    store: Store
    mapping: Mapping[str, Sequence[str]]
    answers: dict[str, Answer]

    async def resync(
        self,
        *,
        providers: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[str], None] = ...,
    ) -> Report:
        """Bring everything into step."""
        ...

    async def learn(self) -> None:
        """Learn which calendars of rooms are kept in sync besides those of ``mapping``."""
        ...


def to_arguments(conflict: str, answer: Answer) -> dict[str, str | None]:
    """An answer as it goes through the daemon's door."""
    return {
        "conflict": conflict,
        "way": str(answer.way),
        "system": answer.system,
        "event": answer.event,
        "at": None if answer.at is None else answer.at.isoformat(),
    }


def answer_of(arguments: Mapping[str, Any]) -> Answer:
    """The answer that came through the door. Raises ValueError."""
    known = {"conflict", "way", "system", "event", "at"}
    unknown = sorted(name for name, said in arguments.items() if said and name not in known)
    if unknown:
        message = f"an answer has no {', '.join(unknown)}"
        raise ValueError(message)
    at = arguments.get("at")
    return Answer(
        Way(str(arguments.get("way"))),
        str(arguments.get("system") or ""),
        str(arguments.get("event") or ""),
        None if at is None else utc(datetime.fromisoformat(str(at))),
    )


async def resolve(
    engine: Answering,
    conflict: str,
    answer: Answer,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _text: None,
) -> Resolved:
    """Run the resync in which the answer counts. Raises Unfit."""
    held = next((h for h in engine.store.conflict(conflict) if h.id == conflict), None)
    if held is None or held.closed_at is not None:
        reason = "there is no such conflict" if held is None else f"it is closed: {held.outcome}"
        raise Unfit(reason, "See `syncd conflicts`.")
    await _check_mapped(engine, held.conflict.provider)
    engine.answers[conflict] = answer
    try:
        report = await engine.resync(
            providers=[held.conflict.provider], dry_run=dry_run, progress=progress
        )
    finally:
        counted = engine.answers.pop(conflict, None) is None
    return Resolved(conflict, answer, _ending(engine, held, report, counted=counted), report)


async def _check_mapped(engine: Answering, provider: str) -> None:
    """See that a provider can be decided on: what was held of it outlives its line in the file."""
    if provider not in engine.mapping:
        await engine.learn()
    if provider not in engine.mapping:
        raise Unfit(
            f"{provider} is not in the configuration any more, so nothing can be decided of it",
            "Put it back under [providers], then run this again (a running daemon reads the file "
            "when it is reloaded). Until then nothing is written to its calendars.",
        )


def foresee(engine: Engine, held: HeldConflict, answer: Answer) -> Decision | None:
    """What would be written if nothing has changed since the last read; None if that is unknown.

    Asks no system: all are taken to answer. What a pause holds back would not be written. Raises
    Unfit.
    """
    provider = held.conflict.provider
    if provider not in engine.mapping:
        return None  # A calendar of rooms, of which only a read can tell; or mapped no more.
    state = engine.store.state(provider)
    case = case_of(engine, provider, state, {}, brake.still(engine), held.run)
    answering = {
        system: replace(
            calendar, believed=True, blocked=calendar.blocked if calendar.held_back else None
        )
        for system, calendar in case.calendars.items()
    }
    case = replace(case, calendars=answering)
    decision, counted = decide_answered(state, case, engine.ids.row, {held.id: answer})
    return decision if counted else None


def _ending(engine: Answering, held: HeldConflict, report: Report, *, counted: bool) -> Ending:
    still = engine.store.open_conflicts(held.conflict.provider)
    about = {(claim.system, claim.event) for claim in held.conflict.claims}
    if counted:
        new = (h.conflict for h in still if h.run == report.run and h.conflict.held)
        refused = any((c.system, c.event) in about for conflict in new for c in conflict.claims)
        return Ending.REFUSED if refused else Ending.RESOLVED
    stopped = brake.events_of(h.conflict for h in still if h.conflict.kind is ConflictKind.GUARD)
    if stopped & about:
        return Ending.GUARDED
    if not report.answered:
        return Ending.UNANSWERED
    return Ending.CHANGED if successor(held, still) is not None else Ending.GONE


def successor(held: HeldConflict, still: Sequence[HeldConflict]) -> HeldConflict | None:
    """The open conflict that has taken the place of another; it may be of another kind."""
    about = [h for h in still if h.conflict.subject == held.conflict.subject]
    alike = [h for h in about if h.conflict.kind is held.conflict.kind]
    return next(iter(alike + about), None)
