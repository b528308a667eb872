"""`syncd conflicts`: list the open conflicts; the group of `conflicts show` and `resolve`."""

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
    chosen_providers,
    settings_of,
    zone_of,
)
from syncd.config.settings import Settings
from syncd.engine.report.run_report import Remaining, RunExit
from syncd.model import Acknowledgement, ConflictKind, StoredConflict
from syncd.model.summary import acknowledgement_of

if TYPE_CHECKING:
    from syncd.store import Store

_MAX_CLAIMS = 3

ConflictArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The id of a conflict, or its first characters.", show_default=False
    ),
]

_COMMANDS = {
    "conflict_view:show": "Show one conflict with its values, choices and free times.",
    "resolve": "Decide a held conflict.",
}
"""The subcommands, in the form of `syncd.cli.main`.

They are imported on demand: they need the engine, which the list of conflicts does not need.
"""


class _Commands(TyperGroup):
    """The command group, which imports a subcommand when it is called."""

    def __init__(self, **attributes: Any) -> None:
        """Add the subcommands without importing them."""
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
def list_conflicts(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the open conflicts with all values; show or resolve one.

    A held conflict waits for the operator, and its times stay blocked in all systems. syncd decides
    again when one of its values changes in a system, and closes the conflict when the systems
    agree. Conflicts that are only reported (double bookings, unless configured otherwise) can be
    silenced with `syncd acknowledge`. Exit: 3 if a conflict is held, or reported and not
    acknowledged.
    """
    context.obj = config or context.obj
    if context.invoked_subcommand is not None:
        return
    from syncd.store.queries.reported import acknowledgements_of  # noqa: PLC0415 - no help needs it

    settings = settings_of(context, config, secrets=False)
    chosen_providers(settings, provider)
    store = open_state(settings)
    open_conflicts, marks = store.open_conflicts(provider), acknowledgements_of(store)
    store.close()
    known = {held.id: acknowledgement_of(held, marks) for held in open_conflicts}
    if as_json:
        terminal.print_json([conflict_json(held, known[held.id]) for held in open_conflicts])
    elif not open_conflicts:
        terminal.say("no conflicts")
    else:
        _print(settings, open_conflicts, known)
    raise typer.Exit(RunExit.of(_counts_as(held, known[held.id]) for held in open_conflicts).code)


def _counts_as(held: StoredConflict, known: Acknowledgement | None) -> Remaining:
    """Return what a conflict counts as for the exit code; an acknowledged one is only reported."""
    if held.conflict.held:
        return Remaining.CONFLICTS
    return Remaining.DOUBLE_BOOKINGS if known is None else Remaining.REPORTED


def _print(
    settings: Settings,
    open_conflicts: list[StoredConflict],
    known: Mapping[str, Acknowledgement | None],
) -> None:
    for name in sorted({h.conflict.provider for h in open_conflicts}):
        zone = zone_of(settings, name)
        rows = [
            (
                h.id,
                render.conflict(h.conflict.kind) + _kind_suffix(h, known[h.id]),
                render.moment(h.opened_at, zone),
                _values_cell(h, zone),
            )
            for h in open_conflicts
            if h.conflict.provider == name
        ]
        columns = ("conflict", "kind", "since", "values")
        terminal.table(f"{name} · {zone.key}", columns, rows)
    for held in open_conflicts:
        if held.conflict.kind is ConflictKind.GUARD:
            terminal.say(f"if these changes are correct: syncd resync --accept {held.run}")
    if any(held.conflict.kind is not ConflictKind.GUARD for held in open_conflicts):
        terminal.say("to see the choices and their writes: syncd conflicts show ID")
    if any(not held.conflict.held and known[held.id] is None for held in open_conflicts):
        terminal.say("to silence a conflict that is reported only: syncd acknowledge ID")


def find_conflict(settings: Settings, store: Store, start: str) -> StoredConflict:
    """Return the only open conflict whose id begins with ``start``; dismissed ones count as open.

    Raises UsageError if there is none, or more than one.
    """
    matches = store.find_conflicts(start)
    open_matches = [held for held in matches if held.closed_at is None]
    if len(open_matches) == 1:
        return open_matches[0]
    if len(open_matches) > 1:
        ids = ", ".join(held.id for held in open_matches)
        raise UsageError(
            f"the ids of several conflicts begin with {start!r}: {ids}",
            "Write more characters of the id.",
        )
    if matches:
        last = max(matches, key=lambda held: held.closed_at or held.opened_at)
        outcome = render.local_times(last.outcome, zone_of(settings, last.conflict.provider))
        raise UsageError(
            f"conflict {last.id} is closed: {outcome}",
            "To list the open conflicts: syncd conflicts.",
        )
    raise UsageError(
        f"there is no conflict {start!r}", "To list the open conflicts: syncd conflicts."
    )


def _kind_suffix(held: StoredConflict, known: Acknowledgement | None) -> str:
    if held.conflict.held:
        return ""
    return "\n(reported only)" if known is None else "\n(acknowledged)"


def _values_cell(held: StoredConflict, zone: Any) -> str:
    claims = held.conflict.claims
    values = [f"{c.system}: {render.value(c.value, zone)}" for c in claims[:_MAX_CLAIMS]]
    more = [f"… and {len(claims) - _MAX_CLAIMS} more"] if len(claims) > _MAX_CLAIMS else []
    note = [held.conflict.note] if held.conflict.note else []
    return "\n".join(values + more + note)


def conflict_json(held: StoredConflict, known: Acknowledgement | None = None) -> dict[str, Any]:
    """Return a conflict as JSON; times are UTC. ``known`` is its acknowledgement, if any."""
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
