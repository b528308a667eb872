"""`syncd export`: write the history as CSV or JSON lines, with who decided each change."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd.cli import render, terminal
from syncd.cli.history_view import history_json
from syncd.cli.inspect import open_state
from syncd.cli.options import (
    ConfigOption,
    ProviderOption,
    UsageError,
    chosen_providers,
    parse_time_option,
    settings_of,
)
from syncd.cli.privileges import new_output
from syncd.core.merging.merge import RESOLVED
from syncd.model import HistoryEntry
from syncd.store.queries.exported import history_between, run_kinds

_CHUNK = 500
"""Lines written at a time."""

FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of a cell that a spreadsheet may run; the last four are full-width forms."""


class ExportFormat(StrEnum):
    """The formats of an export."""

    CSV = "csv"
    JSONL = "jsonl"


class DecidedBy(StrEnum):
    """Who decided the change in a line of history.

    OUTSIDE: somebody outside syncd; the change was seen in a system. PERSON: the operator, by a
    command of syncd. POLICY: a rule that the configuration can set. SYNCD: a built-in rule of
    syncd.
    """

    OUTSIDE = "outside"
    PERSON = "person"
    POLICY = "policy"
    SYNCD = "syncd"


EXPORT_COLUMNS = (
    "at",
    "seen_at",
    "run",
    "run_kind",
    "provider",
    "what",
    "booking",
    "system",
    "event",
    "before_start",
    "before_end",
    "before_status",
    "after_start",
    "after_end",
    "after_status",
    "decided_by",
    "rule",
    "place",
    "detail",
)

SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DAY", help="First day, or instant with offset.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Last day, or instant with offset.")
]


def export(
    context: typer.Context,
    *,
    since: SinceOption = None,
    until: UntilOption = None,
    provider: ProviderOption = None,
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="CSV with a header, or one JSON object per line."),
    ] = ExportFormat.CSV,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to a new file, mode 0600.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Export the history as CSV or JSON lines, oldest first, with who decided each change.

    Without --out, writes to the standard output. Times are UTC. In CSV, cells that a spreadsheet
    would run as a formula begin with an apostrophe. No line names a customer: syncd stores no
    names.
    """
    with nullcontext() if out is None else new_output(out) as write_file:
        settings = settings_of(context, config, secrets=False)
        chosen_providers(settings, provider)
        zone = settings.syncd.zone
        first = None if since is None else parse_time_option("--since", since, zone, last=False)
        end = None if until is None else parse_time_option("--until", until, zone, last=True)
        if first is not None and end is not None and end <= first:
            raise UsageError("--until is not after --since", "Give the earlier day to --since.")
        store = open_state(settings)
        try:
            kinds = run_kinds(store)
            notes = history_between(store, first, end, provider)
            number = _write(notes, kinds, form, _print if write_file is None else write_file)
        finally:
            store.close()
    if out is not None:
        terminal.say(f"{render.count(number, 'line')} of history in {out}")


def _write(
    notes: Iterator[HistoryEntry],
    kinds: dict[str, str],
    form: ExportFormat,
    write: Callable[[str], object],
) -> int:
    """Write the history in chunks; return the number of lines."""
    number = 0
    lines: list[str] = [csv_of([EXPORT_COLUMNS])] if form is ExportFormat.CSV else []
    for note in notes:
        row = row_of(note, kinds.get(note.run, ""))
        lines.append(
            csv_of([list(row.values())]) if form is ExportFormat.CSV else json.dumps(row) + "\n"
        )
        number += 1
        if len(lines) >= _CHUNK:
            write("".join(lines))
            lines.clear()
    write("".join(lines))
    return number


def row_of(note: HistoryEntry, run_kind: str) -> dict[str, Any]:
    """Return a line of history as one flat object; its keys are `EXPORT_COLUMNS`.

    ``run_kind`` is the kind of the run to which the line belongs.
    """
    data = history_json(note)
    values = {
        f"{side}_{key}": (data[side] or {}).get(key)
        for side in ("before", "after")
        for key in ("start", "end", "status")
    }
    row = {**data, **values, "run_kind": run_kind, "decided_by": str(decided_by(note))}
    return {name: row[name] for name in EXPORT_COLUMNS}


def decided_by(note: HistoryEntry) -> DecidedBy:
    """Return who decided the change in a line of history."""
    if note.what in {"seen", "changed"}:
        return DecidedBy.OUTSIDE
    if note.rule.startswith((f"{RESOLVED}: ", "by ", "undo of run ")):
        return DecidedBy.PERSON
    return DecidedBy.POLICY if note.place else DecidedBy.SYNCD


def csv_of(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    # RFC 4180 ends lines with "\r\n"; with "\n" alone, a "\r" in a cell would not be quoted.
    csv.writer(text).writerows([[_cell(cell) for cell in r] for r in rows])
    return text.getvalue()


def _cell(value: Any) -> str:
    """Return the text of a cell that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_START) else text


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        terminal.drop_output(sys.stdout)
