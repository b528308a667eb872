"""Events of which it is not proven whose they are, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncd.cli import words
from syncd.engine.report import UnknownOwners
from syncd.model import OwnerProof
from syncd.systems.port import Finding

_NOTHING_FREED = "Nothing of this calendar is freed in the other systems until that is settled."


def message(unknown: UnknownOwners) -> str:
    """What is known: how many events of whom, where, and whose they are now."""
    events = f"{words.count(unknown.events, 'event')} of {unknown.provider} in {unknown.system}"
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


def lines(found: Iterable[UnknownOwners]) -> list[str]:
    """One paragraph for each calendar."""
    return [f"{message(each)}. {_NOTHING_FREED} {remedy(each)}" for each in found]


def findings(found: Iterable[UnknownOwners]) -> list[Finding]:
    """The findings of `syncd check`: an error where the configuration names a missing user."""
    return [
        Finding(
            "error" if each.proof is OwnerProof.USER_MISSING else "warning",
            f"{each.system}: {each.provider}",
            message(each),
            remedy(each),
        )
        for each in found
    ]


def _names(unknown: UnknownOwners) -> dict[str, Any]:
    return {
        "provider": unknown.provider,
        "system": unknown.system,
        "ids": f" (id {', '.join(unknown.owners)})" if unknown.owners else "",
    }


_REASONS = {
    OwnerProof.USER_MISSING: ", and the user of {provider} is not in {system}'s list of users",
    OwnerProof.USERS_UNKNOWN: ", and {system}'s list of users is empty or cannot be read",
    OwnerProof.OWNER_UNKNOWN: ", and that user is not in {system}'s list of users",
    OwnerProof.HANDED_OVER: "",
}
_REMEDIES = {
    OwnerProof.USER_MISSING: (
        "If {provider}'s user has a new address or id{ids}, set it in [providers.{provider}."
        "calendars] {system} = {{ user = … }}, then run `syncd check`. If {provider} has left "
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
}
