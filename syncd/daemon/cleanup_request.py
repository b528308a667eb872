"""What a cleanup through the daemon's door is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from syncd.core.cleanup import CleanupScope
from syncd.daemon.control_socket import Progress, RefusedError
from syncd.engine.abandoned_system import abandon_system
from syncd.engine.cleanup_in_engine import CleanupSpec
from syncd.engine.cleanup_report import CleanupReport
from syncd.engine.policy import IdSource
from syncd.model import Clock
from syncd.store import Store

log = structlog.get_logger(__name__)

KNOWN_OF_CLEANUP = frozenset(
    {"system", "provider", "chosen", "by_tag", "who", "give_up", "dry_run"}
)


class CleanupEngine(Protocol):
    """What a cleanup needs of an engine."""

    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    ids: IdSource

    async def cleanup(
        self, wanted: CleanupSpec, *, progress: Callable[[str], None] = ...
    ) -> CleanupReport:
        """Remove what syncd made."""
        ...


Text = Callable[[Mapping[str, Any], str], str | None]
"""Reads an argument that is a text."""


async def cleaned_up(
    engine: CleanupEngine, arguments: Mapping[str, Any], text: Text, progress: Progress
) -> tuple[Mapping[str, object], int]:
    """Carry out what was asked for: a cleanup, or to give a system up. Raises RefusedError."""
    give_up, who = text(arguments, "give_up"), text(arguments, "who") or ""
    if give_up is not None:
        return given_up(engine, give_up, who), 0
    cleaned = await engine.cleanup(cleanup_request(arguments, text), progress=progress)
    log.info("cleaned up", run=cleaned.run, ended=str(cleaned.exit), who=who)
    return cleaned.to_json(), cleaned.exit.code


def cleanup_request(arguments: Mapping[str, Any], text: Text) -> CleanupSpec:
    """Read what is to be cleaned up. Raises RefusedError."""
    chosen = arguments.get("chosen") or []
    if not isinstance(chosen, list) or not all(_is_event(each) for each in chosen):
        raise RefusedError("chosen is no list of events", "Send pairs of a system and an id.")
    return CleanupSpec(
        CleanupScope(text(arguments, "system") or "", text(arguments, "provider") or ""),
        frozenset((system, event) for system, event in chosen),
        arguments.get("by_tag") is True,
        text(arguments, "who") or "",
        arguments.get("dry_run") is True,
    )


def given_up(engine: CleanupEngine, system: str, who: str) -> Mapping[str, object]:
    """Give a system up that the running daemon does not work with. Raises RefusedError."""
    if any(system in systems for systems in engine.mapping.values()):
        raise RefusedError(
            f"the running daemon works with {system}",
            "Reload or restart it first, so that it reads the configuration without that system.",
        )
    return abandon_system(engine.store, system, who, engine.clock.now(), engine.ids).to_json()


def _is_event(said: object) -> bool:
    return isinstance(said, list) and len(said) == 2 and all(isinstance(x, str) for x in said)  # noqa: PLR2004
