"""`syncd export`: the history as CSV or JSON lines, with who decided."""

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
from syncd.cli.history_view import note_json
from syncd.cli.inspect import open_state
from syncd.cli.options import (
    ConfigOption,
    ProviderOption,
    UsageError,
    chosen_providers,
    parse_time,
    settings_of,
)
from syncd.cli.privileges import new_output
from syncd.core.merging import RESOLVED
from syncd.model import HistoryEntry
from syncd.store.exported import history_between, run_kinds

_PART = 500
"""Lines that are written at a time."""

FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet may calculate; the last four are as wide as ideographs."""


class Form(StrEnum):
    """The forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"


class Decided(StrEnum):
    """Who decided what a line of history tells.

    OUTSIDE: nobody here; a system showed it. PERSON: somebody who used syncd. POLICY: a rule that
    the configuration can set. SYNCD: a rule that is syncd's own.
    """

    OUTSIDE = "outside"
    PERSON = "person"
    POLICY = "policy"
    SYNCD = "syncd"


COLUMNS = (
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
        Form, typer.Option("--format", help="CSV with a header, or one JSON object a line.")
    ] = Form.CSV,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a new file, mode 0600.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Export the history as CSV or JSON lines, oldest first, with who decided each change.

    Without --out it goes to the standard output. Times are UTC. In CSV, a cell that a spreadsheet
    would calculate gets an apostrophe in front. No line names a customer: syncd stores no names.
    """
    with nullcontext() if out is None else new_output(out) as fill:
        settings = settings_of(context, config, secrets=False)
        chosen_providers(settings, provider)
        zone = settings.syncd.zone
        first = None if since is None else parse_time("--since", since, zone, last=False)
        end = None if until is None else parse_time("--until", until, zone, last=True)
        if first is not None and end is not None and end <= first:
            raise UsageError("--until is not after --since", "Name the earlier day with --since.")
        store = open_state(settings)
        try:
            kinds = run_kinds(store)
            notes = history_between(store, first, end, provider)
            number = _write(notes, kinds, form, _print if fill is None else fill)
        finally:
            store.close()
    if out is not None:
        terminal.say(f"{render.count(number, 'line')} of history in {out}")


def _write(
    notes: Iterator[HistoryEntry],
    kinds: dict[str, str],
    form: Form,
    put: Callable[[str], object],
) -> int:
    """Write the lines in parts; return how many there are."""
    number = 0
    lines: list[str] = [csv_of([COLUMNS])] if form is Form.CSV else []
    for note in notes:
        row = row_of(note, kinds.get(note.run, ""))
        lines.append(csv_of([list(row.values())]) if form is Form.CSV else json.dumps(row) + "\n")
        number += 1
        if len(lines) >= _PART:
            put("".join(lines))
            lines.clear()
    put("".join(lines))
    return number


def row_of(note: HistoryEntry, run_kind: str) -> dict[str, Any]:
    """Return a line of history as one flat object; its keys are `COLUMNS`."""
    told = note_json(note)
    values = {
        f"{side}_{key}": (told[side] or {}).get(key)
        for side in ("before", "after")
        for key in ("start", "end", "status")
    }
    row = {**told, **values, "run_kind": run_kind, "decided_by": str(decided_by(note))}
    return {name: row[name] for name in COLUMNS}


def decided_by(note: HistoryEntry) -> Decided:
    """Return who decided what a line tells."""
    if note.what in {"seen", "changed"}:
        return Decided.OUTSIDE
    if note.rule.startswith((f"{RESOLVED}: ", "by ", "undo of run ")):
        return Decided.PERSON
    return Decided.POLICY if note.place else Decided.SYNCD


def csv_of(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    # Lines end as RFC 4180 has it; with "\n" alone, a "\r" in a cell would not be quoted.
    csv.writer(text).writerows([[_cell(cell) for cell in r] for r in rows])
    return text.getvalue()


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet calculates."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_START) else text


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        terminal.drop_output(sys.stdout)
