"""Which rule decides what, for each provider and kind of conflict: a part of `syncd check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.app import provider_rules
from syncd.cli import terminal
from syncd.config.settings import Settings
from syncd.core.rules import CHOICES, Choice, EffectiveRule, explain
from syncd.model import ConflictKind

_MEANS: Mapping[tuple[ConflictKind, Choice], str] = {
    (ConflictKind.MOVED_APART, Choice.LATEST): "the newest change wins",
    (ConflictKind.MOVED_APART, Choice.PREFER): "the system that comes first in prefer wins",
    (ConflictKind.MOVED_AND_CANCELLED, Choice.CANCEL): "the meeting is off",
    (ConflictKind.MOVED_AND_CANCELLED, Choice.MOVE): "it takes place at the new time",
    (ConflictKind.TWIN_DELETED, Choice.CANCEL): "the meeting is off",
    (ConflictKind.TWIN_DELETED, Choice.KEEP): "it takes place as the other system has it",
    (ConflictKind.BLOCK_EDITED, Choice.RESTORE): "our block is put back",
    (ConflictKind.BLOCK_EDITED, Choice.RESCHEDULE): "the meeting follows our moved block",
    (ConflictKind.BLOCK_EDITED, Choice.RELEASE): "that calendar stays open",
    (ConflictKind.SLOT_TAKEN, Choice.REVERT): "the meeting goes back to where it was",
    (ConflictKind.SLOT_TAKEN, Choice.NEXT_FREE): "it goes to the nearest time free in all systems",
    (ConflictKind.DOUBLE_BOOKED, Choice.REPORT): "told; both are carried on",
    (ConflictKind.DOUBLE_BOOKED, Choice.HOLD): "neither is written to until a person decides",
}

_HELD = "nothing is written until a person decides"

_RENAMED = {ConflictKind.QUARANTINED: "refused for good 3 times: " + _HELD}


def rules_json(settings: Settings) -> list[dict[str, Any]]:
    """Each rule that can apply, by provider and kind, in the order in which they are tried."""
    return [
        {
            "provider": provider,
            "kind": str(kind),
            "system": system or None,
            "choice": str(law.choice),
            "from": _from(law),
        }
        for provider, settled in _explained(settings).items()
        for kind, system, law in settled
    ]


def print_rules(settings: Settings) -> None:
    """Print one table for all providers to which the same applies."""
    alike: dict[tuple[tuple[ConflictKind, str, EffectiveRule], ...], list[str]] = {}
    for provider, settled in _explained(settings).items():
        alike.setdefault(settled, []).append(provider)
    for settled, providers in alike.items():
        rows = []
        for number, (kind, system, law) in enumerate(settled):
            first = number == 0 or settled[number - 1][0] is not kind
            where = f"if {system} is involved" if system else ("" if first else "otherwise")
            means = _MEANS.get((kind, law.choice), _RENAMED.get(kind, _HELD))
            rows.append((str(kind) if first else "", where, f"{law.choice}: {means}", _from(law)))
        columns = ("when it is", "", "then", "because of")
        terminal.table(f"rules of {', '.join(providers)}", columns, rows)


def _explained(
    settings: Settings,
) -> dict[str, tuple[tuple[ConflictKind, str, EffectiveRule], ...]]:
    return {
        name: tuple(
            (kind, system, law)
            for kind in CHOICES
            for system, law in explain(provider_rules(settings, name), kind, provider.calendars)
        )
        for name, provider in settings.providers.items()
    }


def _from(law: EffectiveRule) -> str:
    if len(CHOICES[law.kind]) == 1:
        return "always"
    return law.place or f"rules.{law.kind}"
