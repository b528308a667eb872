"""`syncd conflicts`: what is held, and which values contradict each other."""

from __future__ import annotations

from typing import Any

import typer

from syncd.cli import terminal, words
from syncd.cli.look import open_state
from syncd.cli.options import ConfigOption, JsonOption, ProviderOption, chosen, settings_of, zone_of
from syncd.model import ConflictKind, HeldConflict

_MOST_CLAIMS = 3


def conflicts(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the conflicts that are held, with both values. Exit 3 when there are any.

    A held conflict is decided anew as soon as one of its values changes in a system.
    """
    settings = settings_of(context, config, secrets=False)
    chosen(settings, provider)
    store = open_state(settings)
    found = store.open_conflicts(provider)
    store.close()
    if as_json:
        terminal.print_json([_json(held) for held in found])
    elif not found:
        terminal.say("no conflicts")
    else:
        for name in sorted({h.conflict.provider for h in found}):
            zone = zone_of(settings, name)
            rows = [
                (
                    h.id,
                    str(h.conflict.kind),
                    words.moment(h.opened_at, zone),
                    _says(h, zone),
                    h.conflict.note,
                )
                for h in found
                if h.conflict.provider == name
            ]
            columns = ("conflict", "kind", "since", "who says what", "")
            terminal.table(f"{name} · {zone.key}", columns, rows)
        for held in found:
            if held.conflict.kind is ConflictKind.GUARD:
                terminal.say(f"if the guard is wrong: syncd resync --accept {held.run}")
    raise typer.Exit(3 if found else 0)


def _says(held: HeldConflict, zone: Any) -> str:
    claims = held.conflict.claims
    told = [f"{c.system}: {words.value(c.value, zone)}" for c in claims[:_MOST_CLAIMS]]
    more = [f"… and {len(claims) - _MOST_CLAIMS} more"] if len(claims) > _MOST_CLAIMS else []
    return "\n".join(told + more)


def _json(held: HeldConflict) -> dict[str, Any]:
    conflict = held.conflict
    return {
        "id": held.id,
        "kind": str(conflict.kind),
        "provider": conflict.provider,
        "subject": conflict.subject,
        "opened_at": words.instant_json(held.opened_at),
        "run": held.run,
        "note": conflict.note,
        "claims": [
            {
                "system": claim.system,
                "event": claim.event,
                "value": words.value_json(claim.value),
                "seen_at": words.instant_json(claim.seen_at),
            }
            for claim in conflict.claims
        ],
    }
