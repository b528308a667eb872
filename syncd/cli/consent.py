"""Consent before a write: print the plan, ask, and require ``--yes`` without a terminal.

All commands that write share this module (docs/design.md#consent).
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
from syncd.engine.report.run_exit import RunExit
from syncd.model import Action, Operation

MAX_PLAN_ROWS = 20
"""Maximum number of rows of a plan that are printed; further rows are counted (--all: no limit)."""

NOTHING_WRITTEN = "Nothing was written."
"""The message after the answer no; the command then ends with exit code 4."""


class Sign(StrEnum):
    """The sign of a write in a plan: it carries the meaning without colours."""

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
    Action.CREATE_BLOCK: "+ created",
    Action.MOVE_BLOCK: "~ moved",
    Action.REMOVE_BLOCK: "- removed",
    Action.MOVE_APPOINTMENT: "~ appointments moved",
    Action.SET_STATUS: "~ statuses set",
}


class PlanRow(NamedTuple):
    """One row of a plan: its sign, and the text of each column."""

    sign: Sign
    cells: tuple[str, ...]


class PlanGroup(NamedTuple):
    """The rows of a plan under one title, such as a provider's name and time zone."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[PlanRow]


def can_ask() -> bool:
    """Return true if somebody at a terminal can see a question and answer it.

    Questions go to standard error, so standard error and standard input must both be terminals.
    Either may be closed.
    """
    return all(_is_terminal(stream) for stream in (sys.stdin, sys.stderr))


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except ValueError:  # closed
        return False


def expect_consent(
    what: str, *, yes: bool, as_json: bool = False, preview: str = "--dry-run"
) -> None:
    """Raise UsageError if ``--yes`` is missing and no question can be asked.

    Call this before anything is read or locked. ``what`` is a clause that says what the command
    does, as in "a probe makes a block in each system". ``preview`` is the option that shows this
    without writing; empty if there is none. With ``--json`` no question is asked, even on a
    terminal.
    """
    if yes or (can_ask() and not as_json):
        return
    reason = "--json asks no questions" if can_ask() else "there is no terminal for the question"
    raise UsageError(
        f"{what}, and {reason}",
        f"Check with {preview}, then run the command with --yes."
        if preview
        else "Run the command with --yes.",
    )


def ask_consent(
    question: str,
    show: Callable[[], object],
    *,
    yes: bool,
    as_json: bool = False,
    what: str = "this command writes",
) -> None:
    """Ask the operator a question; return only if the answer is yes, or if ``yes`` is set.

    ``yes`` is the option --yes: nothing is asked. ``show`` prints what the question is about; it is
    called only if the question is asked, and its output goes to standard error with the question.
    Raises typer.Exit with code 4 if the answer is no. Raises UsageError with ``what`` (what the
    command does) if no question can be asked (see `expect_consent`).
    """
    expect_consent(what, yes=yes, as_json=as_json)
    if yes:
        return
    with terminal.to_stderr():
        show()
    if not terminal.confirmed(question):
        terminal.say(NOTHING_WRITTEN)
        raise typer.Exit(RunExit.UNANSWERED.code)


# --- printing a plan --------------------------------------------------------------------------


def groups_of(settings: Settings, operations: Iterable[Operation], title: str) -> list[PlanGroup]:
    """Return operations as rows of a plan, grouped by provider, with times in its time zone.

    ``title`` is the heading of the column with the writes.
    """
    by_provider: dict[str, list[Operation]] = {}
    for wanted in operations:
        by_provider.setdefault(wanted.provider, []).append(wanted)
    groups = []
    for provider, wanted_here in sorted(by_provider.items()):
        zone = zone_of(settings, provider)
        rows = [
            PlanRow(
                SIGNS[o.action],
                (o.system, render.operation(o, zone), render.local_times(o.reason, zone)),
            )
            for o in sorted(wanted_here, key=_by_time)
        ]
        groups.append(PlanGroup(f"{provider} · {zone.key}", ("system", title, "reason"), rows))
    return groups


def _by_time(wanted: Operation) -> tuple[datetime, str]:
    value = wanted.after or wanted.before
    return (value.start if value else datetime.max.replace(tzinfo=UTC), wanted.system)


def show_groups(groups: Iterable[PlanGroup], *, every: bool = False) -> None:
    """Print at most `MAX_PLAN_ROWS` rows in total, and the number of further rows.

    With ``every``, print all rows.
    """
    groups = list(groups)
    total = sum(len(group.rows) for group in groups)
    remaining = total if every else MAX_PLAN_ROWS
    for group in groups:
        shown = group.rows[:remaining]
        remaining -= len(shown)
        if shown:
            terminal.table(
                group.title,
                ("", *group.columns),
                [(str(row.sign), *row.cells) for row in shown],
                styles=[STYLES[row.sign] for row in shown],
            )
    if not every and total > MAX_PLAN_ROWS:
        terminal.say(f"… and {total - MAX_PLAN_ROWS} more (--all)")


def show_totals(operations: Iterable[Operation]) -> None:
    """Print a table with the number of writes of each kind per system."""
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
