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
from syncd.sandbox import Fault, FaultKind
from tests.cli.conftest import Desk
from tests.cli.typist import Typist

pytestmark = pytest.mark.sockets

QUESTION = "Make these writes? [y/N]"
Start = Callable[..., Typist]


@pytest.fixture
def start(desk: Desk) -> Iterator[Start]:
    """Yield a function that starts commands on a terminal; kill those still running at the end."""
    started: list[Typist] = []

    def begin(*arguments: str, **more: object) -> Typist:
        started.append(Typist(desk.path.parent, *arguments, **more))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for typist in started:
        typist.kill()


OTHERS = 3
"""The number of blocks that existed before syncd ran."""


def made(desk: Desk) -> int:
    """Return the number of blocks that syncd created, in all systems."""
    return sum(len(s.blocks()) for s in desk.world.sandbox.systems.values()) - OTHERS


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
def test_without_a_yes_a_resync_writes_nothing(desk: Desk, start: Start, answer: str) -> None:
    typist = start("resync")
    typist.reads("writes would be made; nothing was written yet")
    typist.reads(QUESTION)
    typist.presses(answer)
    typist.reads("Nothing was written.")
    assert typist.ends() == 4
    assert "dry run" not in typist.screen
    assert "interrupted" not in typist.screen
    assert made(desk) == 0
    assert not (desk.path.parent / "state.db").exists()


@LATER
def test_the_question_shows_signs_totals_and_at_most_twenty_rows(desk: Desk, start: Start) -> None:
    total = len(json.loads(desk.say("plan", "--json").out)["plan"])
    typist = start("resync", TERM="xterm-256color", COLUMNS="80")
    typist.reads(QUESTION)
    shown = typist.screen
    typist.types("n")
    assert typist.ends() == 4
    assert len(re.findall(r"^ ?\+ +(?:crm|clinic|legacy) ", shown, flags=re.MULTILINE)) == 20
    assert f"… and {total - 20} more (--all)" in shown
    assert re.search(rf"^ ?all +{total}\b", shown, flags=re.MULTILINE)
    assert re.search(r"system +\+ created", shown)
    assert "\x1b[32m+" in typist.raw
    assert max(map(len, shown.splitlines())) <= 80


@LATER
def test_the_question_lists_every_row_with_all(desk: Desk, start: Start) -> None:
    total = len(json.loads(desk.say("plan", "--json").out)["plan"])
    typist = start("resync", "--all")
    typist.reads(QUESTION)
    assert "more (--all)" not in typist.screen
    assert len(re.findall(r"block \w{3} ", typist.screen)) == total


def test_moves_and_removals_have_their_own_signs(desk: Desk) -> None:
    desk.say("resync", "--yes")
    crm = desk.world.sandbox.crm
    first, second = [a for a in crm.appointments() if a.start > desk.world.at(0, 0)][:2]
    crm.move(first.id, desk.world.at(4, 20), desk.world.at(4, 21))
    desk.world.sandbox.systems["crm"].delete(second.id)
    desk.say("resync", "--dry-run")
    shown = desk.say("plan").out
    assert re.search(r"^ ?~ +\w+ +move the block", shown, flags=re.MULTILINE)
    assert re.search(r"system .*~ moved", shown)


@LATER
@pytest.mark.parametrize(
    ("named", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")], ids=["no-color", "dumb"]
)
def test_the_signs_are_shown_without_colours_in_sixty_columns(
    start: Start, named: str, value: str
) -> None:
    typist = start("resync", **{"TERM": "xterm", "COLUMNS": "60", named: value})
    typist.reads(QUESTION)
    assert "\x1b[32m" not in typist.raw
    assert re.search(r"^ ?\+ ", typist.screen, flags=re.MULTILINE)
    assert max(map(len, typist.screen.splitlines())) <= 60


def test_a_question_is_visible_on_a_terminal_of_zero_columns(start: Start) -> None:
    typist = start("resync", COLUMNS="0")
    typist.answers(QUESTION, "n")
    assert typist.ends() == 4


@LATER
def test_the_plan_goes_to_the_terminal_if_the_output_is_a_file(
    desk: Desk, start: Start, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("wb") as out:
        typist = start("resync", elsewhere={"stdout": out})
    typist.reads("+ made")
    typist.answers(QUESTION, "y")
    assert typist.ends() == 0
    assert "would be" not in (tmp_path / "out").read_text()
    assert "everything agrees" in (tmp_path / "out").read_text()
    assert desk.wrong() == []


@pytest.mark.parametrize("stream", ["stdin", pytest.param("stderr", marks=LATER)])
def test_without_a_terminal_on_both_streams_nobody_is_asked(
    desk: Desk, start: Start, stream: str, tmp_path: Path
) -> None:
    where = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    typist = start("resync", elsewhere={stream: where})
    os.close(where)
    assert typist.ends() == 2
    told = typist.screen + (tmp_path / "other").read_text()
    assert "there is no terminal to ask on" in " ".join(told.split())
    assert QUESTION not in told
    assert made(desk) == 0


@LATER
def test_closed_input_is_not_a_terminal(desk: Desk) -> None:
    line = f'exec "{sys.executable}" -m syncd resync <&-'
    done = subprocess.run(["/bin/sh", "-c", line], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no terminal to ask on" in done.stderr
    assert made(desk) == 0


@LATER
def test_input_typed_before_the_question_is_discarded(desk: Desk, start: Start) -> None:
    for system in desk.world.sandbox.systems.values():
        system.faults.add(Fault(FaultKind.SLOW, seconds=1, times=1))
    typist = start("resync")
    typist.types("y")
    typist.reads(QUESTION)
    typist.types("n")
    typist.reads("Nothing was written.")
    assert typist.ends() == 4
    assert made(desk) == 0


@pytest.mark.parametrize("answer", ["y", "n", pytest.param("SIGTERM", marks=LATER)])
def test_writes_that_were_not_in_the_plan_need_another_yes(
    desk: Desk, start: Start, answer: str
) -> None:
    desk.say("resync", "--yes")
    before = made(desk)
    desk.world.book("crm", "alice", desk.world.at(3, 16))
    typist = start("resync")
    typist.reads("2 writes would be made")
    typist.reads(QUESTION)
    desk.world.book("crm", "bob", desk.world.at(3, 17))
    typist.types("y")
    typist.reads("needed now and were not in the plan")
    assert made(desk) == before + 2
    typist.reads("bob")
    typist.reads("Make these writes, too? [y/N]")
    if answer == "SIGTERM":
        typist.terminate()
    else:
        typist.types(answer)
    assert typist.ends() == (0 if answer == "y" else 4)
    assert made(desk) == before + (4 if answer == "y" else 2)
    assert bool(desk.wrong()) is (answer != "y")


def test_an_empty_plan_is_no_consent_to_later_writes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.say("resync", "--yes")
    before = made(desk)
    preview = resync_run.preview_resync

    def then_book(*given: Any, **named: Any) -> Any:
        planned = preview(*given, **named)
        desk.world.book("crm", "alice", desk.world.at(3, 16))
        return planned

    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.resync.preview_resync", then_book)
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    said = desk.say("resync")
    assert (said.code, asked, made(desk)) == (4, ["Make these writes, too?"], before)


@LATER
def test_ctrl_c_while_writing_reports_sent_and_unsent_writes(desk: Desk, start: Start) -> None:
    for system in desk.world.sandbox.systems.values():
        system.faults.add(Fault(FaultKind.SLOW, seconds=0.5, method="POST"))
    typist = start("resync", "--yes", TERM="xterm")
    typist.reads("of 53 done")
    typist.presses("\x03")
    assert typist.ends() == 4
    sent, unsent = _counts(typist.screen)
    assert unsent > 0
    assert sent <= made(desk) <= 53 - unsent


def _counts(screen: str) -> tuple[int, int]:
    found = re.search(r"interrupted; sent: (\d+) writes?.*; not sent: (\d+)", screen)
    assert found is not None, screen
    return int(found[1]), int(found[2])


def test_ctrl_c_while_the_daemon_works_reports_its_progress(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_state: Path, _what: str, _with: object, tell: Callable[[str], None]) -> None:
        tell("writing: 12 of 53 done")
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.cli.resync_run.send_request", interrupted)
    with StateLock(desk.path.parent / "state.db", role="daemon"):
        said = desk.say("resync")
        data = json.loads(desk.say("resync", "--json").out)
    assert said.code == 4
    assert "writing: 12 of 53 done" in " ".join(said.err.split())
    assert data["error"]["exit"] == 4
