"""Pause and unpause systems, providers and calendars, on a command of the operator.

Each pause is stored, logged, and added to the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from syncd.model import HistoryEntry
from syncd.model.pauses import Pause
from syncd.model.request_limits import MAX_TEXT
from syncd.store.queries.pauses import end_pauses, pauses, save_pauses
from syncd.store.store import Store

log = structlog.get_logger(__name__)

PAUSED, UNPAUSED = "paused", "unpaused"


class UnpauseError(ValueError):
    """A target that the operator wants to unpause is not paused."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Store the reason, and the remedy: what the operator can do."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class PauseTarget:
    """The target of a pause: a system, a provider, or one calendar if both names are set.

    A name that is not set is ''.
    """

    system: str
    provider: str

    def __str__(self) -> str:
        """Return the same text as `Pause.id`."""
        return "/".join(name for name in (self.provider, self.system) if name)


def targets_to_arguments(targets: Iterable[PauseTarget]) -> list[dict[str, str]]:
    """Return the targets as JSON arguments of a request to the daemon."""
    return [{"system": each.system, "provider": each.provider} for each in targets]


def targets_from_arguments(arguments: object) -> list[PauseTarget]:
    """Parse the targets of a request. Raises ValueError if the arguments are malformed."""
    if not isinstance(arguments, list) or not arguments:
        raise ValueError("the request names no target")
    targets: list[PauseTarget] = []
    for each in arguments:
        names = [each.get("system"), each.get("provider")] if isinstance(each, Mapping) else [None]
        if not all(isinstance(n, str) and len(n) <= MAX_TEXT for n in names) or not any(names):
            raise ValueError("each target must name a system or a provider")
        targets.append(PauseTarget(*names))
    return targets


def add_pauses(
    store: Store, targets: Sequence[PauseTarget], author: str, reason: str, now: datetime
) -> list[Pause]:
    """Pause these targets; return the pause of each target.

    ``author`` and ``reason`` come from the command. A target that is already paused keeps the time
    and author of its pause.
    """
    wanted = [Pause(each.system, each.provider, now, author, reason) for each in targets]
    for new in save_pauses(store, *wanted, notes=[_note(p, PAUSED, author, now) for p in wanted]):
        log.info("paused", kind=new.kind, id=new.id, who=author)
    known = {(p.system, p.provider): p for p in pauses(store)}
    return [known[p.system, p.provider] for p in wanted]


def pauses_of(store: Store, targets: Sequence[PauseTarget]) -> list[Pause]:
    """Return the pause of each target. Raises UnpauseError if a target is not paused."""
    known = {(p.system, p.provider): p for p in pauses(store)}
    for place in targets:
        if (place.system, place.provider) not in known:
            names = ", ".join(f"{p.kind} {p.id}" for p in known.values())
            remedy = f"Paused: {names}." if names else "Nothing is paused."
            raise UnpauseError(f"{place} is not paused", remedy)
    return [known[p.system, p.provider] for p in targets]


def remove_pauses(
    store: Store, targets: Sequence[PauseTarget], author: str, now: datetime
) -> list[Pause]:
    """End the pauses of these targets, and return the ended pauses.

    ``author`` is who gave the command. Raises UnpauseError, before any pause is ended, if a target
    is not paused.
    """
    ended = pauses_of(store, targets)
    end_pauses(store, ended, notes=[_note(p, UNPAUSED, author, now) for p in ended])
    for each in ended:
        log.info("unpaused", kind=each.kind, id=each.id, who=author)
    return ended


def _note(pause: Pause, what: str, author: str, now: datetime) -> HistoryEntry:
    detail = f"by {author}" if author else ""
    return HistoryEntry(now, "", pause.provider, what, system=pause.system, detail=detail)


def pauses_json(listed: Iterable[Pause]) -> dict[str, Any]:
    """Return the JSON object of `pause --json` and `unpause --json`. The keys are stable."""
    return {"paused": [each.to_json() for each in listed]}
