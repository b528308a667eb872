"""Terminal output: text, tables of at most 100 columns, JSON, progress, and questions.

The width is that of the terminal or of COLUMNS, at most 100; for a file or pipe it is 100 unless
COLUMNS is set.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import zip_longest
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from syncd.systems.sanitize import sanitize

WIDTH = 100
"""The largest width of a printed line, in columns."""

_MARGIN, _GAP, _SMALL_GAP = 2, 3, 2
"""Columns taken by the two margins of a table, by a gap between columns, and by a small gap."""

_ID_WIDTH = 40
"""Words up to this length, such as ids, are not broken in tables."""


class _Console(Console):
    """A console that ignores a closed pipe."""

    def on_broken_pipe(self) -> None:
        """Discard all later output; the work and the exit code of the command stay the same."""
        drop_output(self.file)


def drop_output(file: IO[str]) -> None:
    """Discard everything that is written to a closed pipe from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, file.fileno())
    os.close(null)


def console(*, err: bool = False) -> Console:
    """Return the console of standard output, or of standard error, with its width set."""
    screen = _Console(stderr=err, highlight=False, soft_wrap=False)
    columns = os.environ.get("COLUMNS", "")
    has_width = screen.is_terminal or (columns.isdecimal() and int(columns) > 0)
    # A terminal that reports a width of 0 would show nothing, not even a question.
    screen.width = min(screen.width or WIDTH, WIDTH) if has_width else WIDTH
    return screen


def plain_text(text: str) -> Text:
    """Return a text without markup and without control characters, except line breaks."""
    return Text(sanitize(text, keep="\n"))


_TO_STDERR: ContextVar[bool] = ContextVar("to_stderr", default=False)


@contextmanager
def to_stderr() -> Iterator[None]:
    """Print the output of `say` and `table` to standard error within the block, as `warn` does.

    For text shown before a question, because standard output may be a file or a pipe.
    """
    token = _TO_STDERR.set(True)
    try:
        yield
    finally:
        _TO_STDERR.reset(token)


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a line of text."""
    console(err=_TO_STDERR.get()).print(plain_text(text), style=style)


def warn(text: str) -> None:
    """Print a line to standard error."""
    console(err=True).print(plain_text(text), style="yellow")


def print_json(data: Any) -> None:
    """Print a JSON object to standard output."""
    try:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output(sys.stdout)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int = WIDTH,
    styles: Sequence[str] = (),
) -> None:
    """Print a table of at most ``width`` columns. Long cells are wrapped, never cut.

    Cells are wrapped between words where possible. ``styles`` has a style per row, or is empty.
    """
    grid = Table(title=plain_text(title), box=SIMPLE_HEAD, pad_edge=False)
    grid.title_justify, grid.title_style = "left", "bold"
    screen = console(err=_TO_STDERR.get())
    screen.width = min(screen.width, width)
    cells = [[plain_text(cell) for cell in row] for row in (columns, *rows)]
    needed = [[Measurement.get(screen, screen.options, cell) for cell in row] for row in cells]
    words = [max(column) for column in zip(*([m.minimum for m in r] for r in needed), strict=True)]
    lines = [max(column) for column in zip(*([m.maximum for m in r] for r in needed), strict=True)]
    room = screen.width - _MARGIN - _GAP * (len(columns) - 1)
    tight = screen.width - _MARGIN - _SMALL_GAP * (len(columns) - 1)
    if sum(min(word, _ID_WIDTH) for word in words) > room or room < sum(lines) <= tight:
        grid.padding, room = (0, 1, 0, 0), tight
    widths = fit_columns(words, lines, room)
    for name, column_width in zip(cells[0], widths, strict=True):
        grid.add_column(name, overflow="fold", width=column_width)
    for row, style in zip_longest(cells[1:], styles):
        grid.add_row(*row, style=style)
    screen.print(grid)


def fit_columns(words: Sequence[int], lines: Sequence[int], room: int) -> list[int]:
    """Return the width of each column of a table, so that the sum is at most ``room``.

    ``words`` has the length of the longest word of each column, ``lines`` that of the longest line.
    The widest columns shrink first. Words up to the length of an id are broken last; longer words,
    such as paths, may be broken earlier.
    """
    widths = list(lines)
    while sum(widths) > room and max(widths) > 1:
        shrinkable = [n for n, width in enumerate(widths) if width > min(words[n], _ID_WIDTH)]
        widths[max(shrinkable or range(len(widths)), key=lambda n: widths[n])] -= 1
    return widths


@contextmanager
def progress(first: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a progress text on a terminal; yield a function that changes it."""
    screen = console(err=True)
    if quiet or not screen.is_terminal:
        yield lambda _text: None
        return
    with screen.status(plain_text(first)) as status:
        yield lambda text: status.update(plain_text(text))


def confirmed(question: str) -> bool:
    """Ask on the terminal; return true for y or yes only. Ctrl-C and end of input mean no.

    Input that was typed before the question is discarded.
    """
    try:
        with _signal_socket() as receiver:
            _discard_typed()
            console(err=True).print(plain_text(f"{question} [y/N] "), end="")
            ready, _, _ = select.select([sys.stdin, receiver], [], [])
            answer = "" if receiver in ready else sys.stdin.readline()
    except (KeyboardInterrupt, UnicodeDecodeError):
        answer = ""
    if not answer.endswith("\n"):
        console(err=True).print()
        return False  # the input ended within the answer
    return answer.strip().lower() in {"y", "yes"}


@contextmanager
def _signal_socket() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable when a signal arrives.

    Without this socket, a signal just before the operator's answer is read would not interrupt the
    read, and only typing could end the question.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        try:
            yield receiver
        finally:
            signal.set_wakeup_fd(before)


def _discard_typed() -> None:
    with suppress(OSError, ValueError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
