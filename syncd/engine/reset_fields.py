"""What an update reset besides what it was to change, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from syncd.model import Operation
from syncd.systems.port import Done

if TYPE_CHECKING:
    from syncd.engine.writer import WriteResult

log = structlog.get_logger(__name__)

RESET = "the update reset"


def reset_words(reply: Done) -> str:
    """Say in the history what a write did, and what it reset besides."""
    said = ["done"]
    if reply.restored:
        said.append(f"{RESET} {', '.join(reply.restored)}, which was put back")
    if reply.lost:
        said.append(f"{RESET} {', '.join(reply.lost)}, which could not be put back")
    return "; ".join(said)


def report_reset(
    system: str, operations: Sequence[Operation], reply: Done, result: WriteResult
) -> None:
    """Tell of fields that an update reset; those that could not be put back are a failure."""
    if not (reply.restored or reply.lost):
        return
    event = operations[0].event or ""
    log.warning(
        "update reset fields",
        system=system,
        event_id=event,
        restored=list(reply.restored),
        lost=list(reply.lost),
    )
    words = f"{system} {event}: {reset_words(reply)}"
    if reply.lost:
        result.failures.append(words)
    else:
        result.remarks.append(words)
