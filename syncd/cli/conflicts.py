"""`syncd conflicts`: what is held, both values, what each choice would write; and deciding it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from syncd.cli import render, terminal
from syncd.cli.inspect import open_state
from syncd.cli.lazy import LazyCommand
from syncd.cli.options import (
    ConfigOption,
    JsonOption,
    ProviderOption,
    UsageError,
    chosen,
    settings_of,
    zone_of,
)
from syncd.config.settings import Settings
from syncd.engine.report import Remaining, RunExit
from syncd.model import Acknowledgement, ConflictKind, HeldConflict
from syncd.model.summary import acknowledgement_of

if TYPE_CHECKING:
    from syncd.store import Store

_MOST_CLAIMS = 3

ConflictArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A conflict's id, or its begin.", show_default=False)
]

_COMMANDS = {
    "conflict_view:show": "Show one conflict: who says what since when, each choice with its "
    "writes, "
    "free times.",
    "resolve": "Decide a held conflict.",
}
"""As in `syncd.cli.main`; they need all that decides and writes, the list does not."""


class _Commands(TyperGroup):
    """The group with its commands, none of them imported yet."""

    def __init__(self, **attributes: Any) -> None:
        """Add them."""
        super().__init__(**attributes)
        for name, summary in _COMMANDS.items():
            self.add_command(LazyCommand(name, summary))


conflicts = typer.Typer(
    cls=_Commands,
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@conflicts.callback()
def listed(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the conflicts, with both values; or show one; or resolve it.

    Held conflicts wait for a person, and what they claim stays closed in all systems. One is
    decided anew as soon as one of its values changes in a system, and closes by itself when the
    systems agree. What is only told (double bookings, unless configured otherwise) is silenced by
    `syncd acknowledge`. Exit 3 when anything is held, or told and not acknowledged.
    """
    context.obj = config or context.obj
    if context.invoked_subcommand is not None:
        return
    from syncd.store.reported import acknowledgements_of  # noqa: PLC0415 - no help needs it

    settings = settings_of(context, config, secrets=False)
    chosen(settings, provider)
    store = open_state(settings)
    found, marks = store.open_conflicts(provider), acknowledgements_of(store)
    store.close()
    known = {held.id: acknowledgement_of(held, marks) for held in found}
    if as_json:
        terminal.print_json([conflict_json(held, known[held.id]) for held in found])
    elif not found:
        terminal.say("no conflicts")
    else:
        _print(settings, found, known)
    raise typer.Exit(RunExit.of(_left(held, known[held.id]) for held in found).code)


def _left(held: HeldConflict, known: Acknowledgement | None) -> Remaining:
    """What a conflict is counted as; one that a person knows of is only reported."""
    if held.conflict.held:
        return Remaining.CONFLICTS
    return Remaining.DOUBLE_BOOKINGS if known is None else Remaining.REPORTED


def _print(
    settings: Settings, found: list[HeldConflict], known: Mapping[str, Acknowledgement | None]
) -> None:
    for name in sorted({h.conflict.provider for h in found}):
        zone = zone_of(settings, name)
        rows = [
            (
                h.id,
                render.conflict(h.conflict.kind) + _how(h, known[h.id]),
                render.moment(h.opened_at, zone),
                _says(h, zone),
            )
            for h in found
            if h.conflict.provider == name
        ]
        columns = ("conflict", "kind", "since", "who says what")
        terminal.table(f"{name} · {zone.key}", columns, rows)
    for held in found:
        if held.conflict.kind is ConflictKind.GUARD:
            terminal.say(f"if these changes are right: syncd resync --accept {held.run}")
    if any(held.conflict.kind is not ConflictKind.GUARD for held in found):
        terminal.say("choices, and what each would write: syncd conflicts show ID")
    if any(not held.conflict.held and known[held.id] is None for held in found):
        terminal.say("to silence one that is told only: syncd acknowledge ID")


def the_conflict(settings: Settings, store: Store, start: str) -> HeldConflict:
    """The one open conflict whose id begins so, dismissed ones too. Raises UsageError."""
    found = store.find_conflicts(start)
    living = [held for held in found if held.closed_at is None]
    if len(living) == 1:
        return living[0]
    if len(living) > 1:
        ids = ", ".join(held.id for held in living)
        raise UsageError(f"several conflicts begin with {start!r}: {ids}", "Write more of the id.")
    if found:
        last = max(found, key=lambda held: held.closed_at or held.opened_at)
        outcome = render.local(last.outcome, zone_of(settings, last.conflict.provider))
        raise UsageError(
            f"conflict {last.id} is closed: {outcome}", "See what is open: syncd conflicts."
        )
    raise UsageError(f"there is no conflict {start!r}", "See what is open: syncd conflicts.")


def _how(held: HeldConflict, known: Acknowledgement | None) -> str:
    if held.conflict.held:
        return ""
    return "\n(told only)" if known is None else "\n(acknowledged)"


def _says(held: HeldConflict, zone: Any) -> str:
    claims = held.conflict.claims
    told = [f"{c.system}: {render.value(c.value, zone)}" for c in claims[:_MOST_CLAIMS]]
    more = [f"… and {len(claims) - _MOST_CLAIMS} more"] if len(claims) > _MOST_CLAIMS else []
    note = [held.conflict.note] if held.conflict.note else []
    return "\n".join(told + more + note)


def conflict_json(held: HeldConflict, known: Acknowledgement | None = None) -> dict[str, Any]:
    """A conflict as JSON; ``rule`` is what policy says of it, ``known`` its acknowledgement."""
    conflict = held.conflict
    return {
        "id": held.id,
        "kind": str(conflict.kind),
        "held": conflict.held,
        "provider": conflict.provider,
        "subject": conflict.subject,
        "opened_at": render.instant_json(held.opened_at),
        "run": held.run,
        "rule": conflict.rule,
        "note": conflict.note,
        "outcome": held.outcome,
        "acknowledged_at": render.instant_json(known.at if known else None),
        "claims": [
            {
                "system": claim.system,
                "event": claim.event,
                "value": render.value_json(claim.value),
                "seen_at": render.instant_json(claim.seen_at),
            }
            for claim in conflict.claims
        ],
    }
