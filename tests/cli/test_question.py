"""The question before a write, asked and answered on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import resync_run
from syncd.daemon.lock import StateLock
from syncd.lab.sandbox import Fault, FaultKind
from tests.cli.conftest import CliHarness
from tests.cli.terminal_session import TerminalSession

pytestmark = pytest.mark.sockets

QUESTION = "Make these writes? [y/N]"
Start = Callable[..., TerminalSession]


@pytest.fixture
def start(cli: CliHarness) -> Iterator[Start]:
    """Yield a function that starts commands on a terminal; kill those still running at the end."""
    started: list[TerminalSession] = []

    def begin(*arguments: str, **more: object) -> TerminalSession:
        started.append(TerminalSession(cli.path.parent, *arguments, **more))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for session in started:
        session.kill()


OTHERS = 3
"""The number of blocks that existed before syncd ran."""


def made(cli: CliHarness) -> int:
    """Return the number of blocks that syncd created, in all systems."""
    return sum(len(s.blocks()) for s in cli.world.sandbox.systems.values()) - OTHERS


LATER = pytest.mark.prove


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("n\n", id="no"),
        pytest.param("\x03", id="ctrl-c", marks=LATER),
        pytest.param("\x04", id="end-of-input", marks=LATER),
        pytest.param("y\x04\x04", id="end-of-input-after-a-yes"),
        pytest.param("yess\n", id="a-slip", marks=LATER),
        pytest.param("\n", id="nothing", marks=LATER),
    ],
)
def test_without_a_yes_a_resync_writes_nothing(cli: CliHarness, start: Start, answer: str) -> None:
    session = start("resync")
    session.expect("writes would be made; nothing was written yet")
    session.expect(QUESTION)
    session.press(answer)
    session.expect("Nothing was written.")
    assert session.wait() == 4
    assert "dry run" not in session.screen
    assert "interrupted" not in session.screen
    assert made(cli) == 0
    assert not (cli.path.parent / "state.db").exists()


@LATER
def test_the_question_shows_signs_totals_and_at_most_twenty_rows(
    cli: CliHarness, start: Start
) -> None:
    total = len(json.loads(cli.run("plan", "--json").out)["plan"])
    session = start("resync", TERM="xterm-256color", COLUMNS="80")
    session.expect(QUESTION)
    shown = session.screen
    session.type_line("n")
    assert session.wait() == 4
    assert len(re.findall(r"^ ?\+ +(?:crm|clinic|legacy) ", shown, flags=re.MULTILINE)) == 20
    assert f"… and {total - 20} more (--all)" in shown
    assert re.search(rf"^ ?all +{total}\b", shown, flags=re.MULTILINE)
    assert re.search(r"system +\+ created", shown)
    assert "\x1b[32m+" in session.raw
    assert max(map(len, shown.splitlines())) <= 80


@LATER
def test_the_question_lists_every_row_with_all(cli: CliHarness, start: Start) -> None:
    total = len(json.loads(cli.run("plan", "--json").out)["plan"])
    session = start("resync", "--all")
    session.expect(QUESTION)
    assert "more (--all)" not in session.screen
    assert len(re.findall(r"block \w{3} ", session.screen)) == total


def test_moves_and_removals_have_their_own_signs(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    crm = cli.world.sandbox.crm
    first, second = [a for a in crm.appointments() if a.start > cli.world.at(0, 0)][:2]
    crm.move(first.id, cli.world.at(4, 20), cli.world.at(4, 21))
    cli.world.sandbox.systems["crm"].delete(second.id)
    cli.run("resync", "--dry-run")
    shown = cli.run("plan").out
    assert re.search(r"^ ?~ +\w+ +move the block", shown, flags=re.MULTILINE)
    assert re.search(r"system .*~ moved", shown)


@LATER
@pytest.mark.parametrize(
    ("named", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")], ids=["no-color", "dumb"]
)
def test_the_signs_are_shown_without_colours_in_sixty_columns(
    start: Start, named: str, value: str
) -> None:
    session = start("resync", **{"TERM": "xterm", "COLUMNS": "60", named: value})
    session.expect(QUESTION)
    assert "\x1b[32m" not in session.raw
    assert re.search(r"^ ?\+ ", session.screen, flags=re.MULTILINE)
    assert max(map(len, session.lines)) <= 60


def test_a_question_is_visible_on_a_terminal_of_zero_columns(start: Start) -> None:
    session = start("resync", COLUMNS="0")
    session.answer(QUESTION, "n")
    assert session.wait() == 4


@LATER
def test_the_plan_goes_to_the_terminal_if_the_output_is_a_file(
    cli: CliHarness, start: Start, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("wb") as out:
        session = start("resync", elsewhere={"stdout": out})
    session.expect("+ created")
    session.answer(QUESTION, "y")
    assert session.wait() == 0
    assert "would be" not in (tmp_path / "out").read_text()
    assert "everything agrees" in (tmp_path / "out").read_text()
    assert cli.disagreements() == []


@pytest.mark.parametrize("stream", ["stdin", pytest.param("stderr", marks=LATER)])
def test_without_a_terminal_on_both_streams_nobody_is_asked(
    cli: CliHarness, start: Start, stream: str, tmp_path: Path
) -> None:
    where = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    session = start("resync", elsewhere={stream: where})
    os.close(where)
    assert session.wait() == 2
    text = session.screen + (tmp_path / "other").read_text()
    assert "there is no terminal for the question" in " ".join(text.split())
    assert QUESTION not in text
    assert made(cli) == 0


@LATER
def test_closed_input_is_not_a_terminal(cli: CliHarness) -> None:
    line = f'exec "{sys.executable}" -m syncd resync <&-'
    done = subprocess.run(["/bin/sh", "-c", line], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no terminal for the question" in done.stderr
    assert made(cli) == 0


@LATER
def test_input_typed_before_the_question_is_discarded(cli: CliHarness, start: Start) -> None:
    for system in cli.world.sandbox.systems.values():
        system.faults.add(Fault(FaultKind.SLOW, seconds=1, times=1))
    session = start("resync")
    session.type_line("y")
    session.expect(QUESTION)
    session.type_line("n")
    session.expect("Nothing was written.")
    assert session.wait() == 4
    assert made(cli) == 0


@pytest.mark.parametrize("answer", ["y", "n", pytest.param("SIGTERM", marks=LATER)])
def test_writes_that_were_not_in_the_plan_need_another_yes(
    cli: CliHarness, start: Start, answer: str
) -> None:
    cli.run("resync", "--yes")
    before = made(cli)
    cli.world.book("crm", "alice", cli.world.at(3, 16))
    session = start("resync")
    session.expect("2 writes would be made")
    session.expect(QUESTION)
    cli.world.book("crm", "bob", cli.world.at(3, 17))
    session.type_line("y")
    session.expect("needed now and were not in the plan")
    assert made(cli) == before + 2
    session.expect("bob")
    session.expect("Make these writes, too? [y/N]")
    if answer == "SIGTERM":
        session.terminate()
    else:
        session.type_line(answer)
    assert session.wait() == (0 if answer == "y" else 4)
    assert made(cli) == before + (4 if answer == "y" else 2)
    assert bool(cli.disagreements()) is (answer != "y")


def test_an_empty_plan_is_no_consent_to_later_writes(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.run("resync", "--yes")
    before = made(cli)
    preview = resync_run.preview_resync

    def then_book(*given: Any, **named: Any) -> Any:
        planned = preview(*given, **named)
        cli.world.book("crm", "alice", cli.world.at(3, 16))
        return planned

    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.resync.preview_resync", then_book)
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    result = cli.run("resync")
    assert (result.code, asked, made(cli)) == (4, ["Make these writes, too?"], before)


@LATER
def test_ctrl_c_while_writing_reports_sent_and_unsent_writes(cli: CliHarness, start: Start) -> None:
    for system in cli.world.sandbox.systems.values():
        system.faults.add(Fault(FaultKind.SLOW, seconds=0.5, method="POST"))
    session = start("resync", "--yes", TERM="xterm")
    session.expect("of 53 done")
    session.press("\x03")
    assert session.wait() == 4
    sent, unsent = _counts(session.screen)
    assert unsent > 0
    assert sent <= made(cli) <= 53 - unsent


def _counts(screen: str) -> tuple[int, int]:
    found = re.search(r"interrupted; sent: (\d+) writes?.*; not sent: (\d+)", screen)
    assert found is not None, screen
    return int(found[1]), int(found[2])


def test_ctrl_c_while_the_daemon_works_reports_its_progress(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_state: Path, _what: str, _with: object, tell: Callable[[str], None]) -> None:
        tell("writing: 12 of 53 done")
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.cli.resync_run.send_request", interrupted)
    with StateLock(cli.path.parent / "state.db", role="daemon"):
        result = cli.run("resync")
        data = json.loads(cli.run("resync", "--json").out)
    assert result.code == 4
    assert "writing: 12 of 53 done" in " ".join(result.err.split())
    assert data["error"]["exit"] == 4
