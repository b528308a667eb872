"""Consent before a write: the plan, the question, and what counts where nobody can be asked.

All commands that write share this module (docs/design.md#consent). On a terminal the plan is shown
and a question is asked; without one the command needs ``--yes``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import typer

from syncd.cli import render, terminal
from syncd.cli.options import UsageError, zone_of
from syncd.config.settings import Settings
from syncd.engine.run_exit import RunExit
from syncd.model import Action, Operation

MAX_ROWS = 20
"""So many rows of a plan are listed; the rest is counted, unless all are asked for."""

NOTHING_WRITTEN = "Nothing was written."
"""What a command prints after a no; it exits with 4."""


class Sign(StrEnum):
    """What a write does to a calendar. Its meaning does not depend on a colour."""

    MAKE = "+"
    CHANGE = "~"
    FREE = "-"


STYLES = {Sign.MAKE: "green", Sign.CHANGE: "yellow", Sign.FREE: "red"}

SIGNS = {
    Action.CREATE_BLOCK: Sign.MAKE,
    Action.MOVE_BLOCK: Sign.CHANGE,
    Action.REMOVE_BLOCK: Sign.FREE,
    Action.MOVE_APPOINTMENT: Sign.CHANGE,
    Action.SET_STATUS: Sign.CHANGE,
}

_TOTALS = {
    Action.CREATE_BLOCK: "+ made",
    Action.MOVE_BLOCK: "~ moved",
    Action.REMOVE_BLOCK: "- freed",
    Action.MOVE_APPOINTMENT: "~ appointments moved",
    Action.SET_STATUS: "~ statuses set",
}


class PlanRow(NamedTuple):
    """One line of a plan: its sign, then the text of each column."""

    sign: Sign
    cells: tuple[str, ...]


class PlanGroup(NamedTuple):
    """Rows under one title, such as a provider's name and zone."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[PlanRow]


def can_ask() -> bool:
    """Return whether a person can see a question and answer it.

    The question goes to the standard error, so that one has to be a terminal as well as the input:
    a question that nobody sees would wait for ever. Either may be closed.
    """
    return all(_is_terminal(stream) for stream in (sys.stdin, sys.stderr))


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except ValueError:  # closed
        return False


def expect_consent(what: str, *, yes: bool, as_json: bool = False, look: str = "--dry-run") -> None:
    """Refuse to go on without ``--yes`` where nobody can be asked. Raises UsageError.

    Call it before anything is read or locked. ``what`` completes the sentence, as in "a probe makes
    a block in each system"; ``look`` is what shows it without writing, empty where nothing does.
    With ``--json`` nobody is asked, on a terminal neither.
    """
    if yes or (can_ask() and not as_json):
        return
    raise UsageError(
        f"{what}, and nobody can be asked",
        f"Look at it with {look}, then run it with --yes." if look else "Run it with --yes.",
    )


def ask_consent(
    question: str,
    show: Callable[[], object],
    *,
    yes: bool,
    as_json: bool = False,
    what: str = "this command writes",
) -> None:
    """Return if a person agrees, or ``yes`` says that one has. Raises typer.Exit with 4 on a no.

    ``show`` prints what the question is about; it is called only if the question is asked, and
    what it prints goes to the standard error, as the question does. Raises UsageError with ``what``
    where nobody can be asked (see `expect_consent`).
    """
    expect_consent(what, yes=yes, as_json=as_json)
    if yes:
        return
    with terminal.to_stderr():
        show()
    if not terminal.confirmed(question):
        terminal.say(NOTHING_WRITTEN)
        raise typer.Exit(RunExit.UNANSWERED.code)


# --- what is shown ----------------------------------------------------------------------------


def groups_of(settings: Settings, operations: Iterable[Operation], title: str) -> list[PlanGroup]:
    """Return operations as the rows of a plan, by provider and in the provider's zone."""
    by_provider: dict[str, list[Operation]] = {}
    for wanted in operations:
        by_provider.setdefault(wanted.provider, []).append(wanted)
    groups = []
    for provider, found in sorted(by_provider.items()):
        zone = zone_of(settings, provider)
        rows = [
            PlanRow(
                SIGNS[o.action],
                (o.system, render.operation(o, zone), render.local_times(o.reason, zone)),
            )
            for o in sorted(found, key=_by_time)
        ]
        groups.append(PlanGroup(f"{provider} · {zone.key}", ("system", title, "because"), rows))
    return groups


def _by_time(wanted: Operation) -> tuple[datetime, str]:
    value = wanted.after or wanted.before
    return (value.start if value else datetime.max.replace(tzinfo=UTC), wanted.system)


def show_groups(groups: Iterable[PlanGroup], *, every: bool = False) -> None:
    """Print at most `MAX_ROWS` rows in all, and how many more there are; ``every``: print all."""
    groups = list(groups)
    total = sum(len(group.rows) for group in groups)
    left = total if every else MAX_ROWS
    for group in groups:
        shown = group.rows[:left]
        left -= len(shown)
        if shown:
            terminal.table(
                group.title,
                ("", *group.columns),
                [(str(row.sign), *row.cells) for row in shown],
                styles=[STYLES[row.sign] for row in shown],
            )
    if not every and total > MAX_ROWS:
        terminal.say(f"… and {total - MAX_ROWS} more (--all)")


def show_totals(operations: Iterable[Operation]) -> None:
    """Print how many writes of each kind each system gets."""
    counted = Counter((o.system, o.action) for o in operations)
    kinds = [action for action in _TOTALS if any(kind is action for _, kind in counted)]
    systems = sorted({system for system, _ in counted})
    if not systems:
        return
    rows = [[name, *(str(counted[name, kind] or "") for kind in kinds)] for name in systems]
    if len(systems) > 1:
        sums = (sum(counted[name, kind] for name in systems) for kind in kinds)
        rows.append(["all", *(str(number) for number in sums)])
    terminal.table("", ("system", *(_TOTALS[kind] for kind in kinds)), rows)
