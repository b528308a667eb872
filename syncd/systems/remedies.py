"""What a person can do about a fault: the one place where faults become plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.port import (
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
    from syncd.systems.port import PlatformError


def advice(fault: PlatformError) -> str:
    """Say what happened, what syncd does about it and what a person can do."""
    cause, remedy = cause_and_remedy(fault)
    return f"{fault.system} {cause}. {remedy}"


def cause_and_remedy(fault: PlatformError) -> tuple[str, str]:
    """Say what the system does, in the platform's words too, and what can be done."""
    if isinstance(fault, StoppingError):
        return "was not asked: syncd is ending", "Run the command again."
    what, then = _words(fault)
    return f"{what} ({fault.detail})" if fault.detail else what, then


def _words(fault: PlatformError) -> tuple[str, str]:
    """Say what the system does, and what follows from it."""
    section = f"[systems.{fault.system}]"
    match fault:
        case UnauthorizedError(status=410):
            words = (
                "has switched off the API that this system uses",
                (
                    "Move it to the platform's current API; for LeadConnector v1 see "
                    "docs/moving-to-v2.md. syncd asks again by itself, seldom; until then nothing "
                    f"is written to {fault.system}."
                ),
            )
        case UnauthorizedError():
            words = (
                "does not accept the secret, its rights or its location",
                (
                    "Renew the secret or grant the missing right on the platform; `syncd check` "
                    "says whether that helped. syncd asks again by itself: seldom, and at once "
                    f"when the secret changed. Until then nothing is written to {fault.system}."
                ),
            )
        case RateLimitedError():
            words = (
                f"allows no more calls for {_span(fault.wait)}",
                (
                    "syncd waits by itself. If this happens often, poll less often, or let other "
                    "programs use less of the account."
                ),
            )
        case RejectedError(why=RejectionReason.GONE):
            words = (
                "has no such record any more",
                "The next cycle looks at it anew; there is nothing to do.",
            )
        case RejectedError(why=RejectionReason.SLOT_TAKEN):
            words = (
                "refuses that time",
                "Choose another with `syncd conflicts resolve`, or set slot_taken in [rules].",
            )
        case RejectedError():
            words = (
                f"refuses {fault.call or 'the call'}",
                (
                    f"Repeating cannot help: compare {section} and the calendars mapped to it with "
                    "what `syncd check` says."
                ),
            )
        case UnknownOutcomeError():
            words = (
                f"gave no trustworthy answer to {fault.call or 'a write'}",
                "syncd reads before it writes again; there is nothing to do.",
            )
        case IncompleteReadError():
            words = (
                "answered only in part, or oddly",
                (
                    "What arrived is used, nothing is taken for deleted, and the next cycle reads "
                    "again."
                ),
            )
        case RetryableError(status=None):
            words = (
                "cannot be reached",
                (
                    "syncd tries again with every cycle. If it lasts, check the network and "
                    f"base_url of {section}."
                ),
            )
        case _:
            words = (
                f"is in trouble: {fault.call or 'a call'} answered {fault.status}",
                (
                    "syncd tries again with every cycle. If it lasts, look at the platform's "
                    "status page."
                ),
            )
    return words


def _span(seconds: float) -> str:
    """Say how long, in the largest unit that still means something."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
