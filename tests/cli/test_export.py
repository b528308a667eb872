"""`syncd export`: the history for other programs and for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli.export import EXPORT_COLUMNS, csv_of, decided_by, row_of
from syncd.model import HistoryEntry
from tests.cli.conftest import CliHarness
from tests.core.kit import NOW


def lines(cli: CliHarness, *also: str) -> list[dict[str, str]]:
    """Return the lines of a CSV export as dicts."""
    result = cli.run("export", *also)
    assert result.code == 0, result.err
    return list(csv.DictReader(io.StringIO(result.out)))


def test_an_export_has_every_line_of_history_in_both_formats(cli: CliHarness) -> None:
    run = json.loads(cli.run("resync", "--yes", "--json").out)["run"]
    history = json.loads(cli.run("history", "--limit", "1000", "--json").out)
    text = lines(cli)
    assert tuple(text[0]) == EXPORT_COLUMNS
    assert [each["event"] for each in text] == [each["event"] or "" for each in history]
    assert {each["run_kind"] for each in text if each["run"] == run} == {"resync"}
    objects = [json.loads(line) for line in cli.run("export", "--format", "jsonl").out.splitlines()]
    assert [each["after_start"] or "" for each in objects] == [each["after_start"] for each in text]


def test_an_export_says_who_decided(cli: CliHarness) -> None:
    run = json.loads(cli.run("resync", "--yes", "--json").out)["run"]
    cli.run("undo", run, "--yes")
    text = lines(cli)
    decided = {each["what"]: each["decided_by"] for each in text}
    assert decided["seen"] == "outside"
    assert decided["undone"] == "person"
    assert decided["create-block"] == "syncd"


@pytest.mark.parametrize(
    ("what", "rule", "place", "who"),
    [
        ("changed", "one change", "", "outside"),
        ("agreed", "moved_apart = latest", "syncd.toml:41", "policy"),
        ("agreed", "moved_apart = latest", "by default", "policy"),
        ("agreed", "resolved: take clinic", "", "person"),
        ("acknowledged", "by kim", "", "person"),
        ("agreed", "one change", "", "syncd"),
    ],
)
def test_the_rule_shows_who_decided(what: str, rule: str, place: str, who: str) -> None:
    assert decided_by(HistoryEntry(NOW, "r", "alice", what, rule=rule, place=place)) == who


def test_an_export_is_limited_to_days_and_to_a_provider(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    assert {each["provider"] for each in lines(cli, "--provider", "bob")} == {"bob"}
    assert lines(cli, "--since", "2031-01-01") == []
    assert lines(cli, "--until", "2020-01-01") == []
    tomorrow = (cli.world.sandbox.clock.now() + timedelta(days=1)).date()
    assert lines(cli, "--since", "2020-01-01", "--until", str(tomorrow)) == lines(cli)
    result = cli.run("export", "--since", "2026-01-02", "--until", "2026-01-01")
    assert (result.code, "not after --since" in result.err) == (2, True)
    assert cli.run("export", "--since", "soon").code == 2


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"])
def test_no_cell_of_an_export_runs_as_a_formula(start: str) -> None:
    note = HistoryEntry(NOW, "r", start, "seen", event=start, rule=start, detail=start)
    (row,) = csv.reader(io.StringIO(csv_of([list(row_of(note, start).values())]), newline=""))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) for cell in row)
    assert row.count(f"'{start}") == 5


def test_an_export_replaces_no_file_and_leaves_none_when_it_fails(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.run("resync", "--yes")
    assert cli.run("export", "--out", "h.csv").code == 0
    whole = Path("h.csv").read_text()
    assert whole.count("\n") > 50
    assert Path("h.csv").stat().st_mode & 0o777 == 0o600
    again = cli.run("export", "--out", "h.csv")
    assert (again.code, "exists already" in again.err) == (1, True)
    assert Path("h.csv").read_text() == whole

    def full(_handle: int, _text: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("syncd.cli.privileges.os.write", full)
        result = cli.run("export", "--out", "other.csv")
    assert (result.code, "No space left" in result.err) == (1, True)
    assert not Path("other.csv").exists()
    assert cli.run("export", "--out", "third.csv", "--provider", "nobody").code == 2
    assert not Path("third.csv").exists()


@pytest.mark.prove
def test_an_export_to_a_full_device_reports_the_error(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    command = f'"{sys.executable}" -m syncd export > /dev/full'
    done = subprocess.run(["/bin/sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
