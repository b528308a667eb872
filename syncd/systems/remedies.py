"""Turn a fault into a message for the operator: the cause and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import (
    IncompleteReadError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    StoppingError,
    UnauthorizedError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from syncd.systems.errors import PlatformError


def advice(fault: PlatformError) -> str:
    """Return what happened, what syncd does about it, and what the operator can do."""
    cause, remedy = cause_and_remedy(fault)
    return f"{fault.system} {cause}. {remedy}"


def cause_and_remedy(fault: PlatformError) -> tuple[str, str]:
    """Return the cause and the remedy of a fault.

    The cause is a predicate whose subject is the system, with the platform's text.
    """
    if isinstance(fault, StoppingError):
        return "was not called: syncd is stopping", "Run the command again."
    cause, remedy = _words(fault)
    return f"{cause} ({fault.detail})" if fault.detail else cause, remedy


def _words(fault: PlatformError) -> tuple[str, str]:
    section = f"[systems.{fault.system}]"
    match fault:
        case UnauthorizedError(status=410):
            words = (
                "has switched off the API that this system uses",
                (
                    "Move the system to the platform's current API; for LeadConnector v1, see "
                    "docs/moving-to-v2.md. syncd retries automatically, at long intervals; until "
                    f"then, nothing is written to {fault.system}."
                ),
            )
        case UnauthorizedError():
            words = (
                (
                    "rejects the secret, which is wrong, lacks a permission or belongs to another "
                    "location"
                ),
                (
                    "Renew the secret or grant the missing permission on the platform, and verify "
                    "it with `syncd check`. syncd retries automatically: at long intervals, and at "
                    "once when the secret changes. Until then, nothing is written to "
                    f"{fault.system}."
                ),
            )
        case RateLimitedError():
            words = (
                f"allows no more calls for {_span(fault.wait)}",
                (
                    "syncd waits automatically. If this happens often, increase the polling "
                    "intervals, or reduce the calls of other programs to this account."
                ),
            )
        case RejectedError(why=RejectionReason.GONE):
            words = (
                "no longer has this event",
                "The next cycle reads the event again; no action is needed.",
            )
        case RejectedError(why=RejectionReason.SLOT_TAKEN):
            words = (
                "refuses this time: the slot is not free",
                "Choose another time with `syncd conflicts resolve`, or set slot_taken in [rules].",
            )
        case RejectedError():
            words = (
                f"refuses {fault.call or 'the call'}",
                (
                    f"A retry cannot help: compare {section} and the calendars mapped to it with "
                    "the output of `syncd check`."
                ),
            )
        case UnknownOutcomeError():
            words = (
                f"did not confirm {fault.call or 'a write'}, so the outcome is unknown",
                "syncd reads before it writes again; no action is needed.",
            )
        case IncompleteReadError():
            words = (
                "sent an incomplete or malformed response",
                (
                    "syncd uses the received data, treats nothing as deleted, and reads again in "
                    "the next cycle."
                ),
            )
        case RetryableError(status=None):
            words = (
                "cannot be reached",
                (
                    "syncd retries in every cycle. If this persists, check the network and "
                    f"base_url of {section}."
                ),
            )
        case _:
            words = (
                f"has a problem: {fault.call or 'a call'} returned HTTP {fault.status}",
                (
                    "syncd retries in every cycle. If this persists, look at the platform's "
                    "status page."
                ),
            )
    return words


def _span(seconds: float) -> str:
    """Format a duration, in the largest unit of which it has at least two."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
