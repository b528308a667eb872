"""Events of which it is not proven whose they are, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from syncd.cli import render
from syncd.engine.report import UnknownOwners
from syncd.model import OwnerProof
from syncd.systems.port import CheckResult

Place = tuple[str, str]
"""(provider, system): one calendar."""

_NOTHING_FREED = "Nothing of this calendar is freed in the other systems until that is settled."


def message(unknown: UnknownOwners) -> str:
    """What is known: how many events of whom, where, and whose they are now."""
    if not unknown.events:
        return f"the user of {unknown.provider} is not in {unknown.system}'s list of users"
    events = f"{render.count(unknown.events, 'event')} of {unknown.provider} in {unknown.system}"
    one = unknown.events == 1
    if unknown.holders:
        now = f"now belong{'s' if one else ''} to {' and '.join(unknown.holders)}"
    elif unknown.owners or unknown.proof is not OwnerProof.USER_MISSING:
        now = f"now belong{'s' if one else ''} to a user that is not mapped"
    else:
        now = f"{'is' if one else 'are'} not shown any more"
    return f"{events} {now}{_REASONS[unknown.proof].format(**_names(unknown))}"


def remedy(unknown: UnknownOwners) -> str:
    """What a person can do about it."""
    return _REMEDIES[unknown.proof].format(**_names(unknown))


def lines(found: Iterable[UnknownOwners], corrected: Collection[Place] = ()) -> list[str]:
    """One paragraph for each calendar; those that are mapped to another user by now say so."""
    return [
        f"{_corrected(each)}. {_TO_SETTLE}"
        if (each.provider, each.system) in corrected
        else f"{message(each)}. {_NOTHING_FREED} {remedy(each)}"
        for each in found
    ]


def findings(
    found: Iterable[UnknownOwners], corrected: Collection[Place] = ()
) -> list[CheckResult]:
    """The findings of `syncd check`: an error where the configuration names a missing user."""
    return [_finding(each, corrected) for each in found]


def _finding(unknown: UnknownOwners, corrected: Collection[Place]) -> CheckResult:
    subject = f"{unknown.system}: {unknown.provider}"
    if (unknown.provider, unknown.system) in corrected:
        return CheckResult("warning", subject, _corrected(unknown), _TO_SETTLE)
    level = "error" if unknown.proof is OwnerProof.USER_MISSING else "warning"
    return CheckResult(level, subject, message(unknown), remedy(unknown))


def _corrected(unknown: UnknownOwners) -> str:
    """What is said where the configuration was changed since: the doubt is of the last read."""
    events = render.count(unknown.events, "event")
    return (
        f"when {unknown.system} was last read, it was in doubt whose {events} of "
        f"{unknown.provider} are; the configuration maps this calendar to something else now"
    )


def _names(unknown: UnknownOwners) -> dict[str, Any]:
    return {
        "provider": unknown.provider,
        "system": unknown.system,
        "ids": f" (id {', '.join(unknown.owners)})" if unknown.owners else "",
    }


_TO_SETTLE = (
    "The next full read settles it: `syncd resync`, or the daemon when it has the new "
    "configuration (systemctl reload syncd)"
)
_REASONS = {
    OwnerProof.USER_MISSING: ", and the user of {provider} is not in {system}'s list of users",
    OwnerProof.USERS_UNKNOWN: ", and {system}'s list of users is empty or cannot be read",
    OwnerProof.OWNER_UNKNOWN: ", and that user is not in {system}'s list of users",
    OwnerProof.HANDED_OVER: "",
    OwnerProof.DELETED: "",
}
_REMEDIES = {
    OwnerProof.USER_MISSING: (
        "If {provider}'s user has a new address or id{ids}, set it in [providers.{provider}."
        "calendars] {system} = {{ user = … }} (for LeadSquared the address), then run "
        "`syncd check`. If {provider} has left "
        "{system}, remove that line"
    ),
    OwnerProof.USERS_UNKNOWN: (
        "Let the key or token of [systems.{system}] read users, then run `syncd check`; or "
        "correct {system} of [providers.{provider}.calendars] if the user has a new address or id"
    ),
    OwnerProof.OWNER_UNKNOWN: (
        "Assign them to a user of {system}{ids}, or delete or cancel them there if they are off"
    ),
    OwnerProof.HANDED_OVER: "",
    OwnerProof.DELETED: "",
}
