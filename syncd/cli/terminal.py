"""Where output goes: tables of at most 100 columns, JSON, and progress on the side."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.systems.visible import visible

WIDTH = 100
"""No line that syncd prints is wider."""


def console(*, err: bool = False) -> Console:
    """The terminal, or a file or pipe of fixed width."""
    found = Console(stderr=err, highlight=False, soft_wrap=False)
    if not found.is_terminal or found.width > WIDTH:
        found.width = WIDTH
    return found


def plain(text: str) -> Text:
    """A text as it stands: no markup, and nothing in it that the terminal would act upon."""
    return Text(visible(text, keep="\n"))


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a line of plain text."""
    console().print(plain(text), style=style)


def warn(text: str) -> None:
    """Print a line beside the output."""
    console(err=True).print(plain(text), style="yellow")


def print_json(data: Any) -> None:
    """Print one object."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; long cells are folded, never cut."""
    drawn = Table(title=plain(title), box=SIMPLE_HEAD, pad_edge=False)
    drawn.title_justify, drawn.title_style = "left", "bold"
    for name in columns:
        drawn.add_column(plain(name), overflow="fold")
    for row in rows:
        drawn.add_row(*(plain(cell) for cell in row))
    console().print(drawn)


@contextmanager
def progress(first: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal; the yielded function changes the text."""
    screen = console(err=True)
    if quiet or not screen.is_terminal:
        yield lambda _text: None
        return
    with screen.status(plain(first)) as status:
        yield lambda text: status.update(plain(text))


def confirmed(question: str) -> bool:
    """Ask on the terminal; anything but y or yes is a no."""
    console(err=True).print(plain(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
