"""The soak keeps the days that it played, continues after a stop, and sums up all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.run_result import RunResult
from syncd.lab.simulate.scenario import EventKind, draw_scenario
from tests.lab.simulate import soak
from tests.lab.simulate.soak import Day, Ledger, main, play_day, rare, report
from tests.prove import HOUSE


def _quick(seed: int, code: str) -> Iterator[Day]:
    """Return a quick result of a day: every tenth seed breaks a promise."""
    broken = ("3: freed time",) if seed % 10 == 0 else ()
    yield Day(seed, code, acts={"book": 2}, faults={"lag": 1}, writes={"move block": 3})
    yield Day(seed, code, acts={"book": 2}, broken=broken, story=("05:00:00 book",))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "days.jsonl")


def test_only_days_missing_in_the_ledger_are_played(ledger: Ledger) -> None:
    for seed in (1, 2):
        ledger.note(Day(seed, "older"))
    soak.soak(ledger, [3, 4, 5], "newer", 2, _quick)
    assert {seed: day.code for seed, day in ledger.read().items()} == {
        1: "older",
        2: "older",
        3: "newer",
        4: "newer",
        5: "newer",
    }


def test_a_line_cut_by_a_kill_loses_only_that_day(ledger: Ledger) -> None:
    ledger.note(Day(1, "c"))
    with ledger.path.open("a") as file:
        file.write('{"seed":2,"code"')
    assert set(ledger.read()) == {1}
    ledger.note(Day(3, "c"))
    assert set(ledger.read()) == {1, 3}


def test_the_last_line_of_a_day_counts(ledger: Ledger) -> None:
    soak.soak(ledger, [10], "c", 1, _quick)
    assert ledger.read()[10].broken == ["3: freed time"]
    ledger.note(Day(10, "mended"))
    assert not ledger.read()[10].broken


def test_the_report_sums_counts_and_shows_broken_days() -> None:
    days = [
        Day(1, "a", acts={"book": 2}, faults={"lag": 1}, writes={"move block": 3}),
        Day(2, "b", acts={"book": 1, "move": 1}, broken=("4: twice",), story=("05:00 book",)),
    ]
    lines = [line for line in report(days) if not line.startswith("rare: ")]
    assert lines == [
        "2 days (48 h), played by 2 states of the code",
        "4 acts: book 3, move 1",
        "1 faults: lag 1",
        "3 writes: move block 3",
        "",
        "seed 2 (b) broke: 4: twice",
        "  05:00 book",
        "",
        "1 days broke a promise",
    ]


def test_rarely_performed_acts_are_reported() -> None:
    every = {str(what): 1 for what in EventKind} | {str(kind): 1 for kind in FaultKind}
    missing = {name: 1 for name in every if name not in {"wipe", "lag"}}
    days = [Day(seed, "a", acts=missing) for seed in range(10)]
    assert list(rare(days)) == ["lag on 0 of 10 days", "wipe on 0 of 10 days"]
    assert list(rare([*days, Day(11, "a", acts=every)])) == []


def test_an_exception_during_a_day_is_kept_as_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raising(*_given: object) -> RunResult:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(soak, "play", raising)
    (day,) = play_day(10_000, "c")
    assert day.broken == ("exception: OverflowError('date value out of range')",)
    assert day.story[-1] == "OverflowError: date value out of range"


def test_broken_days_are_kept_before_and_after_shortening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = draw_scenario(10_000)
    outcome = RunResult(story, ["4: twice"], ["14 05:00:00 book", "  GET /v1"])
    monkeypatch.setattr(soak, "play", lambda _story: outcome)
    monkeypatch.setattr(soak, "shortest", lambda found, *_more: found.scenario)
    first, second = play_day(10_000, "c")
    assert (first.broken, first.story) == (["4: twice"], ())
    assert second.story == ["14 05:00:00 book"]


def test_a_report_exits_with_1_if_a_day_is_broken(ledger: Ledger) -> None:
    args = ["--report", "--ledger", str(ledger.path), "--first", "5", "--seeds", "2"]
    ledger.note(Day(5, "c"))
    assert main(args) == 0
    ledger.note(Day(6, "c", broken=("4: twice",)))
    assert main(args) == 1


def test_broken_days_are_played_again_only_on_request(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[list[int]] = []
    monkeypatch.setattr(soak, "soak", lambda _ledger, left, *_more: played.append(left))
    args = ["--ledger", str(ledger.path), "--first", "5", "--seeds", "3"]
    ledger.note(Day(5, "c"))
    ledger.note(Day(6, "c", broken=("4: twice",)))
    main(args)
    main([*args, "--again"])
    assert played == [[7], [6, 7]]


@pytest.mark.prove
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_soak_continues_where_it_was(tmp_path: Path, by: signal.Signals) -> None:
    ledger = Ledger(tmp_path / "days.jsonl")
    command = [sys.executable, "-m", "tests.lab.simulate.soak", "--seeds", "2", "--jobs", "1"]
    command += ["--ledger", str(ledger.path)]

    def go() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=HOUSE, start_new_session=True)

    # A test run in the background may have been told to ignore SIGINT.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    first = go()
    signal.signal(signal.SIGINT, ignored)
    until = time.monotonic() + 120
    while not ledger.read() and time.monotonic() < until:
        time.sleep(0.1)
    if by is signal.SIGINT:
        os.killpg(first.pid, by)
    else:
        first.send_signal(by)
    first.wait(60)
    before = len(ledger.path.read_text().splitlines())
    assert before >= 1
    assert go().wait(240) in {0, 1}
    assert set(ledger.read()) == {10_000, 10_001}
