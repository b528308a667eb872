"""Tables fit the terminal: cells are wrapped between words, and ids stay whole."""

from __future__ import annotations

import os
import pty
import signal
import termios
from datetime import timedelta

import pytest

from syncd.cli import terminal
from syncd.cli.system_status import SYSTEM_COLUMNS, SystemRow
from syncd.model import RateAllowance, SystemHealth, SystemState
from tests.core.kit import NOW


@pytest.mark.parametrize(
    ("words", "lines", "room", "widths"),
    [
        ([3, 12], [5, 12], 40, [5, 12]),  # everything fits
        ([3, 12], [30, 12], 30, [18, 12]),  # the id stays whole, the text is wrapped
        ([4, 30], [4, 60], 20, [4, 16]),  # too narrow: the longest word is broken
        ([5, 5, 5], [25, 45, 5], 40, [17, 18, 5]),  # the widest columns shrink first
        ([80, 9], [80, 90], 80, [40, 40]),  # a path is broken before text is
        ([5, 5], [5, 5], 0, [1, 1]),
        ([0], [0], 10, [0]),
    ],
)
def test_column_widths_break_no_word(
    words: list[int], lines: list[int], room: int, widths: list[int]
) -> None:
    assert terminal.fit_columns(words, lines, room) == widths


@pytest.mark.parametrize(
    ("told", "width"), [("80", 80), ("400", 100), ("0", 100), ("wide", 100), ("", 100)]
)
def test_columns_sets_the_width_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, told: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", told)
    assert (terminal.console().width, terminal.console(err=True).width) == (width, width)


def test_the_status_table_has_one_line_per_system_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    since = NOW - timedelta(minutes=58)
    health = SystemHealth("a", SystemState.OK, since)
    calls = RateAllowance("a", NOW, 29.0, 60.0, 900.0, 139.0, 199_870)
    systems = [SystemRow(n * 12, 12, health, since, calls) for n in "ab"]
    terminal.table("", SYSTEM_COLUMNS, [each.row(NOW) for each in systems])
    _, head, rule, *rows = capsys.readouterr().out.rstrip().splitlines()
    assert "read in full  providers  calls/min" in head
    assert max(map(len, (head, rule, *rows))) <= 80
    assert [row.split()[0] for row in rows] == ["a" * 12, "b" * 12]
    assert all("58 min ago" in row and "29.0 of 139" in row for row in rows)


def test_a_table_in_80_columns_breaks_no_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "WIDTH", 80)
    ids = ["0f8fad5b-d9cb-469f-a165-70867728950e", "pv6vxgdkqlwh"]
    text = "why it is so, in many words that take more than a line of eighty columns to say"
    terminal.table("", ("event", "run", "why", "create-block"), [[*ids, text, ""]])
    printed = capsys.readouterr().out
    assert all(name in printed for name in [*ids, "create-block"])
    assert max(map(len, printed.splitlines())) <= 80


def test_a_signal_while_the_question_is_printed_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that is lost before the answer is read would leave the command waiting."""
    master, slave = pty.openpty()
    before = signal.signal(signal.SIGTERM, lambda *_: None)

    def then_signal() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.write(master, b"y\n")

    # The prompt is printed after what was typed before it is discarded.
    monkeypatch.setattr(termios, "tcflush", lambda *_given: then_signal())
    try:
        with os.fdopen(slave, "r") as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert not terminal.confirmed("Write this?")
            monkeypatch.setattr(termios, "tcflush", lambda *_given: os.write(master, b"y\n"))
            assert terminal.confirmed("Write this?")
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(master)
