"""Describe and report the fields that an update reset although it was not meant to change them."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from syncd.engine.writing.context import WriteResult
from syncd.model import Operation
from syncd.systems.replies import Done

log = structlog.get_logger(__name__)

RESET = "the update reset"


def describe_reset(reply: Done) -> str:
    """Return the history text of a completed write, with the fields that the write reset."""
    parts = ["done"]
    if reply.restored:
        parts.append(f"{RESET} {', '.join(reply.restored)}, which syncd put back")
    if reply.unrestored:
        parts.append(f"{RESET} {', '.join(reply.unrestored)}, which syncd could not put back")
    return "; ".join(parts)


def report_reset_fields(
    system: str, operations: Sequence[Operation], reply: Done, result: WriteResult
) -> None:
    """Log the fields that an update reset, and add them to ``result``.

    Fields that the adapter restored are a remark; fields that it could not restore are a failure.
    """
    if not (reply.restored or reply.unrestored):
        return
    event = operations[0].event or ""
    log.warning(
        "update reset fields",
        system=system,
        event_id=event,
        restored=list(reply.restored),
        lost=list(reply.unrestored),
    )
    message = f"{system} {event}: {describe_reset(reply)}"
    if reply.unrestored:
        result.failures.append(message)
    else:
        result.remarks.append(message)
