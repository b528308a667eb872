"""The rules per provider and kind of conflict, for `syncd check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.app import provider_rules
from syncd.cli import terminal
from syncd.config.settings import Settings
from syncd.core.merging.rules import CHOICES, Choice, EffectiveRule, explain
from syncd.model import ConflictKind

_MEANINGS: Mapping[tuple[ConflictKind, Choice], str] = {
    (ConflictKind.MOVED_APART, Choice.LATEST): "the newest change wins",
    (ConflictKind.MOVED_APART, Choice.PREFER): "the system that comes first in prefer wins",
    (ConflictKind.MOVED_AND_CANCELLED, Choice.CANCEL): "the meeting is cancelled",
    (ConflictKind.MOVED_AND_CANCELLED, Choice.MOVE): "the meeting takes place at the new time",
    (ConflictKind.TWIN_DELETED, Choice.CANCEL): "the meeting is cancelled",
    (ConflictKind.TWIN_DELETED, Choice.KEEP): "the meeting takes place as in the other system",
    (ConflictKind.BLOCK_EDITED, Choice.RESTORE): "syncd restores its block",
    (ConflictKind.BLOCK_EDITED, Choice.RESCHEDULE): "the meeting moves to the time of the block",
    (ConflictKind.BLOCK_EDITED, Choice.RELEASE): "the time of the block stays bookable in the "
    "calendar",
    (ConflictKind.SLOT_TAKEN, Choice.REVERT): "the meeting returns to its old time",
    (
        ConflictKind.SLOT_TAKEN,
        Choice.NEXT_FREE,
    ): "the meeting moves to the nearest time that is free everywhere",
    (ConflictKind.DOUBLE_BOOKED, Choice.REPORT): "both meetings are synced, and reported",
    (
        ConflictKind.DOUBLE_BOOKED,
        Choice.HOLD,
    ): "syncd writes to neither meeting until the operator decides",
}

_HELD = "syncd writes nothing until the operator decides"

_ALWAYS_HELD = {ConflictKind.QUARANTINED: "the platform rejected the write 3 times: " + _HELD}


def rules_json(settings: Settings) -> list[dict[str, Any]]:
    """Return the JSON of each rule that can apply, in the order in which the rules are tried."""
    return [
        {
            "provider": provider,
            "kind": str(kind),
            "system": system or None,
            "choice": str(rule.choice),
            "from": _from(rule),
        }
        for provider, rules in _explained(settings).items()
        for kind, system, rule in rules
    ]


def print_rules(settings: Settings) -> None:
    """Print a table for each group of providers with the same rules."""
    groups: dict[tuple[tuple[ConflictKind, str, EffectiveRule], ...], list[str]] = {}
    for provider, rules in _explained(settings).items():
        groups.setdefault(rules, []).append(provider)
    for rules, providers in groups.items():
        rows = []
        for number, (kind, system, rule) in enumerate(rules):
            first = number == 0 or rules[number - 1][0] is not kind
            where = f"if {system} is involved" if system else ("" if first else "otherwise")
            meaning = _MEANINGS.get((kind, rule.choice), _ALWAYS_HELD.get(kind, _HELD))
            rows.append(
                (str(kind) if first else "", where, f"{rule.choice}: {meaning}", _from(rule))
            )
        columns = ("conflict", "condition", "decision", "set in")
        terminal.table(f"rules of {', '.join(providers)}", columns, rows)


def _explained(
    settings: Settings,
) -> dict[str, tuple[tuple[ConflictKind, str, EffectiveRule], ...]]:
    return {
        name: tuple(
            (kind, system, rule)
            for kind in CHOICES
            for system, rule in explain(provider_rules(settings, name), kind, provider.calendars)
        )
        for name, provider in settings.providers.items()
    }


def _from(rule: EffectiveRule) -> str:
    if len(CHOICES[rule.kind]) == 1:
        return "always"
    return rule.place or f"rules.{rule.kind}"
