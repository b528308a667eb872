"""The tables of `conflicts` and of exposures in a terminal of 80 columns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.cli import render
from syncd.model import ConflictKind
from tests.cli.conftest import CliHarness
from tests.cli.test_slots import later

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch, cli: CliHarness) -> None:
    """Give every output 80 columns, once the `cli` fixture has cleared the environment."""
    assert cli.path
    monkeypatch.setenv("COLUMNS", "80")


def test_the_kind_of_a_conflict_is_in_plain_words_and_raw_in_json(cli: CliHarness) -> None:
    start = cli.world.at(4, 10)
    cli.world.book("clinic", "alice", start)
    cli.world.book("legacy", "alice", start + HOUR / 2)
    cli.run("resync", "--yes")
    (held,) = json.loads(cli.run("conflicts", "--json").out)
    assert held["kind"] == "double_booked"
    shown = cli.run("conflicts").out
    assert ("double booking" in shown, "double_booked" in shown) == (True, False)
    assert held["id"] in shown
    assert max(map(len, shown.splitlines())) <= 80
    first = cli.run("conflicts", "show", held["id"]).out.splitlines()[0]
    assert first == f"conflict {held['id']}: double booking of alice, reported only"


def test_every_kind_of_conflict_has_words_of_its_own() -> None:
    labels = [render.conflict(kind) for kind in ConflictKind]
    assert len({*labels}) == len(ConflictKind)
    assert not any("_" in text for text in labels)


def test_each_exposure_takes_one_line_of_80_columns(cli: CliHarness) -> None:
    clinic = cli.world.sandbox.clinic
    leaky = cli.world.seed_users["clinic", "alice"].calendar
    clinic.calendars[leaky] = replace(clinic.calendars[leaky], ignores_blocks=True)
    cli.run("resync", "--yes")
    later(cli, minutes=1)
    cli.run("resync", "--yes")
    shown = cli.run("status").out
    exposed = json.loads(cli.run("status", "--json").out)["exposed"]
    assert exposed
    lines = [line for line in shown.splitlines() if line.split()[:1] == ["alice"]]
    assert len(lines) == len(exposed)
    assert all("block ignored" in line for line in lines)
    assert "Europe/Berlin" in shown
    assert max(map(len, shown.splitlines())) <= 80
