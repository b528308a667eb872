"""What a person can do about a fault: the one place where faults become plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.port import (
    Ambiguous,
    AuthLost,
    Incomplete,
    RateLimited,
    Refusal,
    Rejected,
    Retryable,
)

if TYPE_CHECKING:
    from syncd.systems.port import SystemFault


def advice(fault: SystemFault) -> str:
    """Say what happened, what syncd does about it and what a person can do, in two sentences."""
    name, said = fault.system, f" ({fault.detail})" if fault.detail else ""
    match fault:
        case AuthLost():
            return (
                f"{name} no longer accepts the secret, its rights or its location{said}. "
                f"Renew the secret or grant the missing right on the platform, then run "
                f"`syncd check`; until then nothing is written to {name}."
            )
        case RateLimited():
            return (
                f"{name} allows no more calls for {_span(fault.wait)}{said}. syncd waits by "
                f"itself; if this happens often, poll less often or let other programs use less "
                f"of the account."
            )
        case Rejected(why=Refusal.GONE):
            return (
                f"{name} has no such record any more{said}. "
                f"The next cycle looks at it anew; there is nothing to do."
            )
        case Rejected(why=Refusal.SLOT_TAKEN):
            return (
                f"{name} refuses that time{said}. `syncd conflicts` shows the booking; choose a "
                f"time with `syncd conflicts resolve`, or set `slot_taken` in [rules]."
            )
        case Rejected():
            return (
                f"{name} refuses {fault.call or 'the call'}{said}. Repeating cannot help: compare "
                f"[systems.{name}] and the mapping of its calendars with `syncd check`."
            )
        case Ambiguous():
            return (
                f"{name} was sent {fault.call or 'a write'} and gave no trustworthy answer{said}. "
                f"syncd reads before it writes again; there is nothing to do."
            )
        case Incomplete():
            return (
                f"{name} answered only in part, or oddly{said}. What arrived is used, nothing is "
                f"taken for deleted, and the next cycle reads again."
            )
        case Retryable(status=None):
            return (
                f"{name} cannot be reached{said}. syncd tries again with every cycle; "
                f"if it lasts, check the network and base_url of [systems.{name}]."
            )
        case _:
            return (
                f"{name} is in trouble: {fault.call or 'a call'} answered {fault.status}{said}. "
                f"syncd tries again with every cycle; if it lasts, look at the platform's status "
                f"page."
            )


def _span(seconds: float) -> str:
    """Say how long, in the largest unit that keeps two digits of meaning."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
