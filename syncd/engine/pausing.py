"""Pause and unpause, as a person asks: stored, told in history, and logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from syncd.model import HistoryEntry
from syncd.model.pauses import Pause
from syncd.model.request_limits import MAX_TEXT
from syncd.store.pauses import end_pauses, pauses, save_pauses
from syncd.store.store import Store

log = structlog.get_logger(__name__)

PAUSED, UNPAUSED = "paused", "unpaused"


class UnpauseError(ValueError):
    """What a person named is not paused; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say why, and what to do instead."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be paused or unpaused: a system, a provider, or with both one calendar."""

    system: str
    provider: str

    def __str__(self) -> str:
        """Name it as `Pause.id` does."""
        return "/".join(name for name in (self.provider, self.system) if name)


def places_to(places: Iterable[Place]) -> list[dict[str, str]]:
    """Make the arguments of a request to the daemon."""
    return [{"system": each.system, "provider": each.provider} for each in places]


def places_of(asked: object) -> list[Place]:
    """Read the arguments of a request. Raises ValueError."""
    if not isinstance(asked, list) or not asked:
        raise ValueError("it is not said what")
    found: list[Place] = []
    for each in asked:
        names = [each.get("system"), each.get("provider")] if isinstance(each, Mapping) else [None]
        if not all(isinstance(n, str) and len(n) <= MAX_TEXT for n in names) or not any(names):
            raise ValueError("it is neither a system nor a provider")
        found.append(Place(*names))
    return found


def pause(
    store: Store, places: Sequence[Place], who: str, reason: str, now: datetime
) -> list[Pause]:
    """Pause these; return their pauses. One that is paused keeps its first time, and who it was."""
    wanted = [Pause(each.system, each.provider, now, who, reason) for each in places]
    for new in save_pauses(store, *wanted, notes=[_note(p, PAUSED, who, now) for p in wanted]):
        log.info("paused", kind=new.kind, id=new.id, who=who)
    known = {(p.system, p.provider): p for p in pauses(store)}
    return [known[p.system, p.provider] for p in wanted]


def paused_named(store: Store, places: Sequence[Place]) -> list[Pause]:
    """Return the pauses of these places. Raises UnpauseError."""
    known = {(p.system, p.provider): p for p in pauses(store)}
    for place in places:
        if (place.system, place.provider) not in known:
            names = ", ".join(f"{p.kind} {p.id}" for p in known.values())
            remedy = f"Paused are: {names}." if names else "Nothing is."
            raise UnpauseError(f"{place} is not paused", remedy)
    return [known[p.system, p.provider] for p in places]


def unpause(store: Store, places: Sequence[Place], who: str, now: datetime) -> list[Pause]:
    """End these pauses, and return them. Raises UnpauseError, before any is ended."""
    ended = paused_named(store, places)
    end_pauses(store, ended, notes=[_note(p, UNPAUSED, who, now) for p in ended])
    for each in ended:
        log.info("unpaused", kind=each.kind, id=each.id, who=who)
    return ended


def _note(pause: Pause, what: str, who: str, now: datetime) -> HistoryEntry:
    detail = f"by {who}" if who else ""
    return HistoryEntry(now, "", pause.provider, what, system=pause.system, detail=detail)


def paused_json(found: Iterable[Pause]) -> dict[str, Any]:
    """The object of `pause --json` and `unpause --json`: its keys are stable."""
    return {"paused": [each.to_json() for each in found]}
