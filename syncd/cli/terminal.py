"""Where output goes: tables of at most 100 columns, JSON, and progress on the side.

A terminal's width counts, and so does COLUMNS; a file or pipe has 100 columns otherwise.
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
"""No line that syncd prints is wider."""

_BESIDE, _BETWEEN, _TIGHT = 2, 3, 2
"""What a table takes beside its first and last column together, and between two columns."""

_ID = 40
"""An id, or what is as short, is kept whole in tables."""


class _Console(Console):
    """A console that goes on in silence when whoever read its output had enough."""

    def on_broken_pipe(self) -> None:
        """Drop what follows: what the command does, and its exit code, are the same."""
        drop_output(self.file)


def drop_output(file: IO[str]) -> None:
    """Let everything that is written to a closed pipe from now on go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, file.fileno())
    os.close(nowhere)


def console(*, err: bool = False) -> Console:
    """The terminal, or a file or pipe of fixed width; COLUMNS says of each how wide it is."""
    found = _Console(stderr=err, highlight=False, soft_wrap=False)
    told = os.environ.get("COLUMNS", "")
    known = found.is_terminal or (told.isdecimal() and int(told) > 0)
    # Told that it has no columns, a terminal would show nothing, not even a question.
    found.width = min(found.width or WIDTH, WIDTH) if known else WIDTH
    return found


def plain(text: str) -> Text:
    """A text as it stands: no markup, and nothing in it that the terminal would act upon."""
    return Text(sanitize(text, keep="\n"))


_ASIDE: ContextVar[bool] = ContextVar("aside", default=False)


@contextmanager
def aside() -> Iterator[None]:
    """Print what `say` and `table` are given beside the output, as `warn` does.

    For what is shown before a question: the output may be a file or a pipe.
    """
    token = _ASIDE.set(True)
    try:
        yield
    finally:
        _ASIDE.reset(token)


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a line of plain text."""
    console(err=_ASIDE.get()).print(plain(text), style=style)


def warn(text: str) -> None:
    """Print a line beside the output."""
    console(err=True).print(plain(text), style="yellow")


def print_json(data: Any) -> None:
    """Print one object."""
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
    most: int = WIDTH,
    styles: Sequence[str] = (),
) -> None:
    """Print a table; long cells are folded, between words where that can be, and never cut.

    ``styles`` has one for each row, or is empty.
    """
    drawn = Table(title=plain(title), box=SIMPLE_HEAD, pad_edge=False)
    drawn.title_justify, drawn.title_style = "left", "bold"
    screen = console(err=_ASIDE.get())
    screen.width = min(screen.width, most)
    cells = [[plain(cell) for cell in row] for row in (columns, *rows)]
    needed = [[Measurement.get(screen, screen.options, cell) for cell in row] for row in cells]
    longest = [max(of_it) for of_it in zip(*([m.minimum for m in r] for r in needed), strict=True)]
    lines = [max(of_it) for of_it in zip(*([m.maximum for m in r] for r in needed), strict=True)]
    room = screen.width - _BESIDE - _BETWEEN * (len(columns) - 1)
    tight = screen.width - _BESIDE - _TIGHT * (len(columns) - 1)
    if sum(min(words, _ID) for words in longest) > room or room < sum(lines) <= tight:
        drawn.padding, room = (0, 1, 0, 0), tight
    widths = fitted(longest, lines, room)
    for name, width in zip(cells[0], widths, strict=True):
        drawn.add_column(name, overflow="fold", width=width)
    for row, style in zip_longest(cells[1:], styles):
        drawn.add_row(*row, style=style)
    screen.print(drawn)


def fitted(words: Sequence[int], lines: Sequence[int], room: int) -> list[int]:
    """Share out the room of a table: how wide each column is.

    ``words`` are the longest words of the columns, ``lines`` their longest lines. The widest give
    way first. No word as long as an id is broken while there is room for all; paths may be.
    """
    widths = list(lines)
    while sum(widths) > room and max(widths) > 1:
        loose = [n for n, width in enumerate(widths) if width > min(words[n], _ID)]
        widths[max(loose or range(len(widths)), key=lambda n: widths[n])] -= 1
    return widths


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
    """Ask on the terminal; anything but y or yes is a no, Ctrl-C and the end of input included.

    What was typed before the question stood there is no answer to it.
    """
    try:
        with _signals_heard() as heard:
            _drop_typed()
            console(err=True).print(plain(f"{question} [y/N] "), end="")
            ready, _, _ = select.select([sys.stdin, heard], [], [])
            answer = "" if heard in ready else sys.stdin.readline()
    except (KeyboardInterrupt, UnicodeDecodeError):
        answer = ""
    if not answer.endswith("\n"):
        console(err=True).print()
        return False  # the input ended before the answer did
    return answer.strip().lower() in {"y", "yes"}


@contextmanager
def _signals_heard() -> Iterator[socket.socket]:
    """Yield a socket that can be read once a signal has come.

    A signal just before the answer is read would not end the reading: nobody could stop the
    question but by typing.
    """
    heard, hears = socket.socketpair()
    with heard, hears:
        hears.setblocking(False)
        before = signal.set_wakeup_fd(hears.fileno(), warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(before)


def _drop_typed() -> None:
    with suppress(OSError, ValueError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
