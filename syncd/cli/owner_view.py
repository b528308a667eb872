"""Text about calendars whose events have an unproven owner."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from syncd.cli import render
from syncd.engine.report.run_report import UnknownOwners
from syncd.model import OwnerProof
from syncd.systems.port import CheckResult

_Calendar = tuple[str, str]
"""(provider, system)."""

_NOTHING_FREED = "syncd frees no time of this calendar in other systems until it knows the owner."


def owner_message(unknown: UnknownOwners) -> str:
    """Describe the events of a calendar whose owner is in doubt, and the owner they have now."""
    if not unknown.events:
        return f"the user of {unknown.provider} is not in {unknown.system}'s list of users"
    events = f"{render.count(unknown.events, 'event')} of {unknown.provider} in {unknown.system}"
    one = unknown.events == 1
    if unknown.holders:
        state = f"now belong{'s' if one else ''} to {' and '.join(unknown.holders)}"
    elif unknown.owners or unknown.proof is not OwnerProof.USER_MISSING:
        state = f"now belong{'s' if one else ''} to a user who is not mapped"
    else:
        state = f"{'is' if one else 'are'} no longer shown"
    return f"{events} {state}{_REASONS[unknown.proof].format(**_names(unknown))}"


def owner_remedy(unknown: UnknownOwners) -> str:
    """Return what the operator can do about an unknown owner."""
    return _REMEDIES[unknown.proof].format(**_names(unknown))


def owner_lines(
    owners: Iterable[UnknownOwners], corrected: Collection[_Calendar] = ()
) -> list[str]:
    """Return a paragraph per calendar; ``corrected`` ones were mapped anew since the last read."""
    return [
        f"{_corrected(each)}. {_NEXT_READ}"
        if (each.provider, each.system) in corrected
        else f"{owner_message(each)}. {_NOTHING_FREED} {owner_remedy(each)}"
        for each in owners
    ]


def owner_findings(
    owners: Iterable[UnknownOwners], corrected: Collection[_Calendar] = ()
) -> list[CheckResult]:
    """Return the results of `syncd check`: errors where a configured user is missing."""
    return [_finding(each, corrected) for each in owners]


def _finding(unknown: UnknownOwners, corrected: Collection[_Calendar]) -> CheckResult:
    subject = f"{unknown.system}: {unknown.provider}"
    if (unknown.provider, unknown.system) in corrected:
        return CheckResult("warning", subject, _corrected(unknown), _NEXT_READ)
    level = "error" if unknown.proof is OwnerProof.USER_MISSING else "warning"
    return CheckResult(level, subject, owner_message(unknown), owner_remedy(unknown))


def _corrected(unknown: UnknownOwners) -> str:
    """Describe a doubt of the last read, after the mapping was changed."""
    events = render.count(unknown.events, "event")
    return (
        f"at the last read of {unknown.system}, the owner of {events} of {unknown.provider} was "
        f"unknown; the configuration has since mapped this calendar to another user"
    )


def _names(unknown: UnknownOwners) -> dict[str, Any]:
    return {
        "provider": unknown.provider,
        "system": unknown.system,
        "ids": f" (id {', '.join(unknown.owners)})" if unknown.owners else "",
    }


_NEXT_READ = (
    "The next full read checks it again: run `syncd resync`, or reload the daemon "
    "(systemctl reload syncd)"
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
        "If the user of {provider} has a new address or id{ids}, set it in [providers.{provider}."
        "calendars] {system} = {{ user = … }} (for LeadSquared: the address), then run "
        "`syncd check`. If {provider} has left {system}, remove that line"
    ),
    OwnerProof.USERS_UNKNOWN: (
        "Allow the key or token of [systems.{system}] to read users, then run `syncd check`; or "
        "correct {system} in [providers.{provider}.calendars] if the user has a new address or id"
    ),
    OwnerProof.OWNER_UNKNOWN: (
        "Assign them to a user of {system}{ids}, or cancel or delete them there if the meetings "
        "do not take place"
    ),
    OwnerProof.HANDED_OVER: "",
    OwnerProof.DELETED: "",
}
