"""Handle a cleanup request to the control socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from syncd.core.ownership.cleanup import CleanupScope
from syncd.daemon.control_socket import RequestRejectedError
from syncd.engine.cleanup.abandoned_system import abandon_system
from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.policy import IdSource
from syncd.engine.report.progress import Progress
from syncd.model import Clock
from syncd.store import Store

log = structlog.get_logger(__name__)

CLEANUP_ARGUMENTS = frozenset(
    {"system", "provider", "chosen", "by_tag", "who", "give_up", "dry_run"}
)


class CleanupEngine(Protocol):
    """The part of an engine that a cleanup needs."""

    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    ids: IdSource

    async def cleanup(
        self, wanted: CleanupSpec, *, progress: Callable[[str], None] = ...
    ) -> CleanupReport:
        """Remove blocks that syncd created, as ``wanted`` says, and return what was removed."""
        ...


TextReader = Callable[[Mapping[str, Any], str], str | None]
"""Returns the text argument with a name, or None if the request has none."""


async def run_cleanup(
    engine: CleanupEngine, arguments: Mapping[str, Any], text: TextReader, progress: Progress
) -> tuple[Mapping[str, object], int]:
    """Run a cleanup, or give a system up; return the JSON and the exit code.

    Raises RequestRejectedError.
    """
    give_up, who = text(arguments, "give_up"), text(arguments, "who") or ""
    if give_up is not None:
        return give_up_system(engine, give_up, who), 0
    report = await engine.cleanup(cleanup_request(arguments, text), progress=progress)
    log.info("cleaned up", run=report.run, ended=str(report.exit), who=who)
    return report.to_json(), report.exit.code


def cleanup_request(arguments: Mapping[str, Any], text: TextReader) -> CleanupSpec:
    """Return which blocks to clean up, parsed from the arguments of a request.

    ``text`` reads one text argument. Raises RequestRejectedError.
    """
    chosen = arguments.get("chosen") or []
    if not isinstance(chosen, list) or not all(_is_event(each) for each in chosen):
        raise RequestRejectedError(
            "chosen is not a list of (system, id) pairs",
            "Send the system and the id of each event.",
        )
    return CleanupSpec(
        CleanupScope(text(arguments, "system") or "", text(arguments, "provider") or ""),
        frozenset((system, event) for system, event in chosen),
        arguments.get("by_tag") is True,
        text(arguments, "who") or "",
        arguments.get("dry_run") is True,
    )


def give_up_system(engine: CleanupEngine, system: str, who: str) -> Mapping[str, object]:
    """Give up a system that the running daemon does not use. Raises RequestRejectedError."""
    if any(system in systems for systems in engine.mapping.values()):
        raise RequestRejectedError(
            f"the running daemon still syncs {system}, so syncd does not give up its blocks",
            "Remove the system from the configuration, and reload or restart the daemon first.",
        )
    return abandon_system(engine.store, system, who, engine.clock.now(), engine.ids).to_json()


def _is_event(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(x, str) for x in value)  # noqa: PLR2004
